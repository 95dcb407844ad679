"""Builds everything from settings, each part when it is first asked for, so that a small command stays small.

Importing this module reads no environment and opens nothing.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import orjson

from vonggac.accounts import Accounts
from vonggac.directory import load_directory
from vonggac.domain.access import EVERYTHING, Principal, Scope
from vonggac.domain.agency import Directory
from vonggac.domain.indicator import Indicator
from vonggac.domain.suppression import Known
from vonggac.duties.acts import Reporting
from vonggac.errors import UsageRefused, VonggacError
from vonggac.ports import Store
from vonggac.settings import Settings, span_of
from vonggac.stores import open_store
from vonggac.suppressions.acts import Suppressing

if TYPE_CHECKING:
    from correlator.behaviour.watch import Behaviours
    from correlator.engine import Correlator
    from correlator.indicators import IndicatorSet
    from correlator.indicators.files import IndicatorFiles
    from correlator.sigma.load import LoadedRules
    from sensors.base import Origin
    from sharing.exchange import Exchange
    from sharing.outbox import Outbox, Schedule
    from sharing.subscribe import Subscriber
    from vonggac.pipeline import Pipeline
    from vonggac.publishing import Publisher

#: How long a node reads the directory from memory before it asks the store again.
DIRECTORY_SECONDS = 10.0


def utc_now() -> datetime:
    return datetime.now(UTC)


def new_id() -> str:
    return secrets.token_hex(16)


@dataclass
class Node:
    """One node: its settings and, made on first use, its parts. `close` closes what was opened."""

    settings: Settings

    clock = staticmethod(utc_now)
    ids = staticmethod(new_id)

    @cached_property
    def store(self) -> Store:
        return open_store(self.settings, clock=self.clock)

    @cached_property
    def accounts(self) -> Accounts:
        return Accounts(self.store.records, self.clock)

    def directory(self) -> Directory:
        """The agency directory, at most DIRECTORY_SECONDS old."""
        now = time.monotonic()
        if not self._directory_read or now - self._directory_read > DIRECTORY_SECONDS:
            self._directory = load_directory(self.store.records)
            self._directory_read = now
        return self._directory

    _directory: Directory = field(default_factory=Directory, init=False)
    _directory_read: float = field(default=0.0, init=False)  # monotonic seconds; 0: never

    def origin(self, sensor: str | None = None, agency: str | None = None) -> Origin:
        """Who saw it, from flags or settings; the agency's name from the directory where there is one."""
        from sensors.base import Origin

        code = agency or self.settings.sensor_agency or None
        unit = self.directory().latest(code) if code else None
        return Origin(sensor or self.settings.sensor_name, code, unit.name if unit else None)

    def received_indicators(self) -> list[Indicator]:
        """The indicators that feeds and hand-overs brought and that are not withdrawn."""
        from correlator.indicators.files import parse_indicators

        bodies = [record.body["object"] for record in self.store.records.list("indicator")]
        content = orjson.dumps([body for body in bodies if not body.get("revoked")])
        return list(parse_indicators(content, "store").indicators)

    def all_indicators(self, paths: Sequence[str] = ()) -> IndicatorSet:
        """Those of these files, else of the settings', and those received."""
        return load_indicators(self.settings, paths, self.received_indicators())[0]

    def pipeline(self, correlator: Correlator) -> Pipeline:
        from vonggac.pipeline import Pipeline

        return Pipeline(
            self.store,
            correlator,
            self.directory,
            self.clock,
            incident_window=timedelta(minutes=self.settings.incident_window_minutes),
            origin=self.settings.node_name,
            catch_up=span_of(self.settings.correlator_catch_up),
        )

    def suppressing(self, principal: Principal) -> Suppressing:
        """What this principal may do to suppressions."""
        longest = timedelta(days=self.settings.suppression_max_days)
        return Suppressing(self.store.records, self.clock, self.ids, self.directory(), principal, longest)

    def reporting(self, principal: Principal, scope: Scope = EVERYTHING) -> Reporting:
        """What this principal may say of duties to report."""
        return Reporting(self.store, self.clock, self.ids, self.directory(), principal, scope)

    @cached_property
    def publisher(self) -> Publisher:
        """Freezes tables under this node's key."""
        from vonggac.publishing import Publisher, signing_key

        return Publisher(self.store, signing_key(self.settings.data_dir / "publishing.key"))

    @cached_property
    def outbox(self) -> Outbox:
        """What goes to the national reporting system of the settings."""
        from sharing.outbox import Outbox, Receiver

        chosen = self.settings
        receiver = Receiver(chosen.reporting_url, chosen.reporting_token, chosen.reporting_day, chosen.reporting_hour)
        return Outbox(self.store, receiver, self.clock)

    @cached_property
    def schedule(self) -> Schedule:
        """Which tables of each month go there by themselves."""
        from sharing.outbox import Schedule

        tables = tuple(self.settings.reporting_tables.split(","))
        return Schedule(self.outbox, lambda: self.publisher, self.directory, tables)

    @cached_property
    def exchange(self) -> Exchange:
        from sharing.exchange import Exchange
        from sharing.stix import NodeIdentity

        identity = NodeIdentity(self.settings.node_name, self.settings.node_agency or None)
        return Exchange(self.store, self.clock, identity)

    @cached_property
    def subscriber(self) -> Subscriber:
        from sharing.subscribe import Subscriber

        return Subscriber(self.store.records, self.exchange, self.clock)

    def uuid(self) -> str:
        return str(UUID(hex=self.ids(), version=4))

    def close(self) -> None:
        if "store" in self.__dict__:
            self.store.close()


def bootstrap(settings: Settings) -> Node:
    """The node that these settings describe; nothing is opened yet."""
    return Node(settings)


def split_paths(text: str) -> list[str]:
    """The places of an os.pathsep-separated setting."""
    return [part for part in text.split(os.pathsep) if part]


def load_rules(settings: Settings, paths: Sequence[str]) -> LoadedRules:
    """The rules of these places, else of the settings, else the shipped ones."""
    from correlator.sigma.load import load_rules as load
    from correlator.sigma.placeholders import read_placeholders
    from rules import SHIPPED
    from vonggac.rule_cache import RuleCache

    places = list(paths) or split_paths(settings.rules_paths) or [str(SHIPPED)]
    placeholders = read_placeholders(Path(settings.rules_placeholders)) if settings.rules_placeholders else {}
    cache = RuleCache(settings.data_dir / "cache" / "rules.json")
    loaded = load([Path(place) for place in places], placeholders, cache.documents)
    if settings.data_dir.exists():
        cache.save()
    return loaded


def known_rules(settings: Settings, directory: Directory) -> Known:
    """How all that this node may detect is told; faults of rules are not told here."""
    from correlator.engine import told_of

    return told_of(load_rules(settings, ()).rules, load_behaviours(settings, directory))


def load_behaviours(settings: Settings, directory: Directory) -> Behaviours:
    """The behaviours with the settings' numbers, for the networks and names of the directory. Raises UsageRefused."""
    from correlator.behaviour.parameters import make_behaviours, read_parameters
    from correlator.behaviour.place import place_of

    table = dict(settings.behaviour or {})
    names = table.pop("names", [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise UsageRefused("bad_setting", name="behaviour.names", value=names, origin="[behaviour]", wanted='["…"]')
    return make_behaviours(read_parameters(table, "[behaviour]"), place_of(directory, names))


def load_indicators(
    settings: Settings, paths: Sequence[str], others: Iterable[Indicator] = ()
) -> tuple[IndicatorSet, list[VonggacError]]:
    """The indicators of these files, or of the settings', with others, and what in them could not be used."""
    from correlator.indicators import IndicatorSet
    from correlator.indicators.warning_lists import read_warning_lists

    files = indicator_files(settings, paths)
    lists, list_faults = read_warning_lists([Path(place) for place in split_paths(settings.indicators_warning_lists)])
    known = IndicatorSet(chain(files, others), lists)
    return known, [*list_faults, *files.faults]


def indicator_files(settings: Settings, paths: Sequence[str]) -> IndicatorFiles:
    """The indicators of these files, or of the settings', to be gone through once."""
    from correlator.indicators.files import IndicatorFiles

    return IndicatorFiles(Path(place) for place in list(paths) or split_paths(settings.indicators_paths))
