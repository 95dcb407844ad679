"""A set of indicators, asked by the engine what of it an event names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from ipaddress import ip_address, ip_network
from types import MappingProxyType
from typing import Any

from correlator.facts import Facts
from correlator.indicators.columns import Columns
from correlator.indicators.forms import canonical, with_parents
from correlator.indicators.networks import Networks
from correlator.indicators.warning_lists import WarningLists
from correlator.patterns.bind import stretch_of
from correlator.patterns.cyber import objects_of
from correlator.patterns.pattern import Pattern, compile_pattern
from correlator.patterns.stream import PatternWatch
from correlator.patterns.tree import PatternError
from vonggac.domain.event import field, observables
from vonggac.domain.indicator import Indicator, IndicatorKind
from vonggac.domain.times import to_epoch_us

#: How far behind the newest event one may come and still complete a pattern together with earlier ones.
LATENESS = timedelta(minutes=10)
#: A pattern without WITHIN is looked for again in the events of this long before a restart.
LONGEST_PATTERN = timedelta(days=1)
#: The most compiled patterns, and refused indicators that are named; values are not limited.
MAX_PATTERNS = 20_000
MAX_REFUSED = 1_000

#: So few events are asked one by one.
_FEW = 16

#: Logs repeat addresses, and to write one as RFC 5952 has it costs more than to look it up.
_address = lru_cache(maxsize=65_536)(ip_address)


@dataclass(frozen=True, slots=True)
class IndicatorHit:
    """An indicator, the value of the event that it names, and the other events that its pattern needed."""

    indicator: Indicator
    kind: str  # the observable's kind: ip domain url hash, or pattern
    value: str
    evidence: tuple[str, ...] = ()


class IndicatorWatch:
    """What a set remembers between events: what its patterns have seen so far, and what it passed over by reason."""

    def __init__(
        self, patterns: Mapping[str, Pattern] = MappingProxyType({}), before: IndicatorWatch | None = None
    ) -> None:
        self._passed_over: Counter[str] = before._passed_over if before else Counter()
        lateness_us = LATENESS // timedelta(microseconds=1)
        self.patterns: PatternWatch = PatternWatch(patterns, lateness_us, before.patterns if before else None)

    @property
    def counts(self) -> Mapping[str, int]:
        """Reason -> how often: hits that a list, validity or decay suppressed, and state that was let go."""
        return self._passed_over + self.patterns.counts

    def pass_over(self, reason: str) -> None:
        self._passed_over[f"indicator {reason}"] += 1


class IndicatorSet:
    """An immutable set of indicators. Values are compared in canonical form: see `canonical`.

    `refused` names the first MAX_REFUSED that cannot be used, with the reason.
    """

    def __init__(self, indicators: Iterable[Indicator] = (), warning_lists: WarningLists | None = None) -> None:
        self._columns, self._networks = Columns(), Networks()
        self._kinds: Counter[IndicatorKind] = Counter()
        self._patterns: dict[str, tuple[Indicator, Pattern]] = {}
        self._warnings = warning_lists or WarningLists()
        self.refused: list[tuple[Indicator, str]] = []
        for indicator in indicators:
            try:
                self._add(indicator)
            except (ValueError, PatternError) as error:
                if len(self.refused) < MAX_REFUSED:
                    self.refused.append((indicator, str(error)))
        self._columns.close()
        self._networks.close()
        held = {str(kind) for kind in self._kinds}
        self._held = frozenset(held | {"ip"} if "cidr" in held else held)

    def __len__(self) -> int:
        return self._kinds.total()

    def _add(self, indicator: Indicator) -> None:
        if indicator.kind is IndicatorKind.PATTERN:
            if len(self._patterns) >= MAX_PATTERNS:
                raise ValueError(f"more than {MAX_PATTERNS} patterns")
            self._patterns[f"{indicator.id} {indicator.value}"] = indicator, compile_pattern(indicator.value)
        else:
            form = canonical(indicator.kind, indicator.value)
            row = self._columns.add(indicator, form)
            if indicator.kind is IndicatorKind.CIDR:
                self._networks.add(ip_network(form), row)
        self._kinds[indicator.kind] += 1

    # --- one event at a time

    def watch(self, before: IndicatorWatch | None = None) -> IndicatorWatch:
        """A state in which nothing has been seen yet, or what the patterns have seen that were there before."""
        return IndicatorWatch({name: pattern for name, (_, pattern) in self._patterns.items()}, before)

    @property
    def horizon(self) -> timedelta:
        """How far before an event others may matter to it."""
        longest = timedelta(0)
        for _, pattern in self._patterns.values():
            reach = stretch_of(pattern.plan)
            span = LONGEST_PATTERN if reach is None else timedelta(microseconds=reach)
            longest = max(longest, min(span, LONGEST_PATTERN))
        return longest + LATENESS if longest else longest

    def hits(self, facts: Facts, watch: IndicatorWatch, suspect: bool = True) -> Iterator[IndicatorHit]:
        """What the event names, and the patterns that it completes; what is passed over is counted in the watch.
        `suspect` False: `suspects` has said that it names nothing."""
        if suspect and self._columns:
            yield from self.match(facts.document, facts.time, watch)
        if self._patterns:
            yield from self._completed(facts, watch)

    def match(self, event: Mapping[str, Any], at: datetime, watch: IndicatorWatch | None = None) -> list[IndicatorHit]:
        """Every indicator in force at that instant that names one of the event's observables, each once."""
        watch = watch or IndicatorWatch()
        found: dict[str, IndicatorHit] = {}
        for seen in observables(event):
            kind, value = _located(event, seen)
            for row in self._rows(kind, value):
                if self._columns.id(row) in found:
                    continue
                indicator = self._columns.indicator(row)
                reason = self._columns.standing(row, to_epoch_us(at)) or self._warned(indicator, kind, value)
                if reason:
                    watch.pass_over(reason)
                else:
                    found[indicator.id] = IndicatorHit(indicator, kind, value)
        return list(found.values())

    def _rows(self, kind: str, value: str) -> Sequence[int]:
        if kind not in self._held:
            return ()
        if kind == "ip":
            return self._rows_of_address(value)
        if kind == "domain":
            return [row for name in with_parents(value) for row in self._columns.rows(kind, name)]
        try:
            form = canonical(IndicatorKind.URL, value) if kind == "url" else value.strip().lower()
        except ValueError:
            return ()
        return self._columns.rows(kind, form)

    def _rows_of_address(self, value: str) -> Sequence[int]:
        """An IPv4 address has one form only, so without networks it need not be read."""
        if not self._networks and ":" not in value:
            return self._columns.rows("ip", value)
        try:
            address = _address(value)
        except ValueError:
            return ()
        exact = self._columns.rows("ip", str(address) if address.version == 6 else value)
        return [*exact, *self._networks.rows(address)] if self._networks else exact

    def _warned(self, indicator: Indicator, kind: str, value: str) -> str:
        """By which warning list the indicator or the value is known as harmless; empty where by none."""
        try:
            form = canonical(IndicatorKind(kind), value)
        except ValueError:
            form = value
        name = self._warnings.naming(kind, form) or self._warnings.naming(indicator.kind, indicator.value)
        return f"on warning list {name}" if name else ""

    def _completed(self, facts: Facts, watch: IndicatorWatch) -> Iterator[IndicatorHit]:
        at = to_epoch_us(facts.time)
        for name, binding in watch.patterns.take(facts.id, at, objects_of(facts)):
            indicator = self._patterns[name][0]
            reason = _standing(indicator, facts.time)
            if reason:
                watch.pass_over(reason)
            else:
                events = tuple(seen.id for seen in sorted(binding, key=lambda seen: seen.first))
                yield IndicatorHit(indicator, "pattern", "", events)

    # --- many events at a time

    def suspects(self, events: Sequence[Mapping[str, Any]]) -> Sequence[bool]:
        """For each event whether it may name an indicator, told for all of them together: nearly all name none, and
        values recur."""
        if not self._columns:
            return [False] * len(events)
        if len(events) < _FEW:
            return [True] * len(events)
        places: dict[tuple[str, str], int] = {}
        held = [
            [
                places.setdefault(each if each[1][0] != "/" else _located(event, each), len(places))
                for each in observables(event)
            ]
            for event in events
        ]
        possible = self._possible(list(places))
        return [any(map(possible.__getitem__, own)) for own in held]

    def _possible(self, seen: Sequence[tuple[str, str]]) -> bytearray:
        """1 for each (kind, value) that an indicator may name, 0 for those that surely none does."""
        possible = bytearray(len(seen))
        forms: list[str] = []
        owners: list[int] = []
        inside: list[int] = []
        for place, (kind, value) in enumerate(seen):
            if kind not in self._held:
                continue
            before = len(forms)
            if kind == "domain":
                forms += with_parents(value)
            elif kind == "ip" and ":" not in value:
                forms.append(value)
                inside.append(place)
            elif kind == "hash":
                forms.append(value.strip().lower())
            elif self._rows(kind, value):  # URLs and IPv6 addresses have many spellings
                possible[place] = 1
            owners += [place] * (len(forms) - before)
        for found in self._columns.maybe(forms).tolist():
            possible[owners[found]] = 1
        if self._networks:
            for place in self._networks.suspects([seen[place][1] for place in inside]):
                possible[inside[place]] = 1
        return possible


def _located(event: Mapping[str, Any], seen: tuple[str, str]) -> tuple[str, str]:
    """The observable; before a request line, which names no host, stands the host of the event."""
    kind, value = seen
    if kind != "url" or value[0] != "/":
        return seen
    return kind, f"{field(event, 'url.domain') or field(event, 'destination.ip') or ''}{value}"


def _standing(indicator: Indicator, at: datetime) -> str:
    """Why the indicator is not looked for at that instant; empty where it is."""
    if indicator.valid_from is not None and at < indicator.valid_from:
        return "not valid yet"
    if not indicator.valid_at(at):
        return "no longer valid"
    return "decayed" if indicator.fades_at is not None and at >= indicator.fades_at else ""
