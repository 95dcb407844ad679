"""The way of a batch through the node: stored, matched, made into incidents, and accounted for at every stage.

Each step is idempotent by id, so a batch that is taken again after a crash, or five times over, adds nothing twice; a
source's position moves only after all of its batch is stored or refused with a reason, and the rules' watermark only
after what they detect is.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from correlator.engine import Correlator
from correlator.incidents import MAX_MERGES, correlation_key, plan
from correlator.indicators import IndicatorSet
from correlator.judging import Terms
from sensors.base import Batch
from vonggac.connected import Speakers
from vonggac.coverage import CoverageLog
from vonggac.dated import in_force, kind_maps, severity_tables
from vonggac.domain.account import Refusal, Tally
from vonggac.domain.agency import Directory
from vonggac.domain.detection import Detection
from vonggac.domain.event import Document, put
from vonggac.domain.event import field as value_at
from vonggac.domain.fold import advance
from vonggac.domain.incident import Entry, Incident
from vonggac.domain.suppression import Known
from vonggac.domain.times import day_in_vietnam, parse_instant
from vonggac.errors import Conflict, NotFound
from vonggac.matching import Found, Matching
from vonggac.ports import Added, Clock, IncidentQuery, RecordStore, Store
from vonggac.suppressions.suppressor import Suppressor
from vonggac.watermarks import Watermarks

#: How often an append is tried again when somebody else changed the incident meanwhile.
MAX_ATTEMPTS = 20
#: How far back rules begin that are new to a store.
CATCH_UP = timedelta(hours=24)
ACCOUNT = "account"
#: Why a detection is in no incident.
SUPPRESSED = "suppressed"


@dataclass(frozen=True, slots=True)
class Summary:
    """What came of an `ingest`. `stages` hold each stage's balanced account."""

    events: int = 0
    duplicates: int = 0
    detections: int = 0
    incidents_new: int = 0
    incidents_updated: int = 0
    rejected: int = 0
    refusals: tuple[Refusal, ...] = ()
    stages: Mapping[str, Tally] = field(default_factory=dict)

    def __add__(self, other: Summary) -> Summary:
        stages = dict(self.stages)
        for name, tally in other.stages.items():
            stages[name] = stages.get(name, Tally()) + tally
        return Summary(
            self.events + other.events,
            self.duplicates + other.duplicates,
            self.detections + other.detections,
            self.incidents_new + other.incidents_new,
            self.incidents_updated + other.incidents_updated,
            self.rejected + other.rejected,
            (*self.refusals, *other.refusals),
            stages,
        )

    def data(self) -> dict[str, Any]:
        """The summary object of the contract, with the accounts beside it."""
        return {
            "events": self.events,
            "duplicates": self.duplicates,
            "detections": self.detections,
            "incidents_new": self.incidents_new,
            "incidents_updated": self.incidents_updated,
            "rejected": self.rejected,
            "stages": {name: tally_data(tally) for name, tally in self.stages.items()},
        }


def tally_data(tally: Tally) -> dict[str, Any]:
    return {
        "taken": tally.taken,
        "passed": tally.passed,
        "duplicates": tally.duplicates,
        "refused": dict(tally.refused),
    }


class Pipeline:
    """One correlator's state over one store. Safe to call from several threads: batches are taken one at a time."""

    def __init__(
        self,
        store: Store,
        correlator: Correlator,
        directory: Callable[[], Directory],
        clock: Clock,
        *,
        incident_window: timedelta,
        origin: str,
        catch_up: timedelta | None = CATCH_UP,
    ) -> None:
        """`catch_up`: how far back rules begin that are new to the store (see `vonggac.matching`); None: with the first
        event."""
        self._store = store
        self._matching = Matching(store.events, Watermarks(store.records, clock), correlator, clock, catch_up)
        self._coverage = CoverageLog(store.records)
        self._speakers = Speakers(store.records)
        self._directory = directory
        self._clock = clock
        self._window = incident_window
        self._origin = origin
        self._lock = threading.Lock()
        self._suppressor = Suppressor(store.records, directory)

    def take(self, batch: Batch) -> Summary:
        """The batch is stored, matched and made into incidents. Raises StoreUnavailable; then take it again."""
        with self._lock, self._or_forget():
            total = Summary() if self._matching.begun else self._caught_up()
            directory = self._directory()
            told = list(batch.events)
            events = [with_agency(event, directory) for event in told]
            stored = self._store.events.add_events(events)
            refused = {refusal.offset for refusal in stored.refused}
            kept = (event for at, event in enumerate(events) if at not in refused)
            self._coverage.note(kept, self._matching.correlator.rules)
            self._speakers.note(told)
            new = [events[at] for at in stored.arrival.offsets] if stored.arrival else []
            total += self._settled(self._matching.take(stored.arrival, new))
            refusals = (*batch.refused, *stored.refused)
            intake = Tally(len(events), stored.created, stored.duplicates, _reasons(stored.refused))
            known = stored.created + stored.duplicates
            return total + Summary(
                events=stored.created,
                duplicates=stored.duplicates,
                rejected=len(refusals),
                refusals=refusals,
                stages={
                    "sensor": batch.tally,
                    "intake": intake,
                    # What was stored before was matched then, or is caught up.
                    "correlate": Tally(known, stored.created, stored.duplicates),
                },
            )

    def use_indicators(self, known: IndicatorSet) -> None:
        """These are looked for from the next batch on; windows and their state stay."""
        with self._lock:
            self._matching.correlator.use_indicators(known)

    @property
    def rules(self) -> int:
        """How many rules are matched."""
        return self._matching.correlator.rules

    @property
    def told(self) -> Known:
        """How all that may be detected is told."""
        return self._matching.correlator.told

    def matching(self) -> Mapping[str, int]:
        """What matching could not evaluate, use or keep since it last began from a watermark, by reason."""
        with self._lock:
            own = self._matching.correlator
            return {**own.faults, **own.window_counts, **own.indicator_counts, **own.behaviour_counts}

    def catch_up(self) -> Summary:
        """What arrived in the store and was not matched is matched: after a crash, an outage, by rules that are new, or
        stored by a process that did not get further. Raises StoreUnavailable; then nothing is lost."""
        with self._lock, self._or_forget():
            return self._caught_up()

    def detected(self, detections: Sequence[Detection]) -> Summary:
        """Detections that were found by looking back are stored and made into incidents."""
        with self._lock:
            return self._settle(detections)

    def conclude(self) -> Summary:
        """What windows and behaviours wait to decide is told as if no more came. They go on waiting, as later input may
        reach further back; what they then decide has the same ids."""
        with self._lock:
            correlator = self._matching.correlator
            ending = correlator.anew()
            ending.restore(correlator.snapshot())
            return self._settle(ending.finish())

    def save(self) -> None:
        """The next start need not read again what is matched."""
        with self._lock:
            self._matching.save()

    def _caught_up(self) -> Summary:
        return self._settled(self._matching.catch_up())

    @contextmanager
    def _or_forget(self) -> Iterator[None]:
        """What was matched and could not be stored is matched again."""
        try:
            yield
        except BaseException:
            self._matching.forget()
            raise

    def _settled(self, findings: Iterable[Found]) -> Summary:
        total = Summary()
        for found in findings:
            total += self._settle(found.detections)
            if found.from_store:
                total += Summary(stages={"catch-up": Tally(found.events, found.events)})
        return total

    def _settle(self, detections: Sequence[Detection]) -> Summary:
        """Detections stored, then incidents opened or joined by those that no suppression holds back."""
        marked = self._suppressor.marked(detections)
        stored = self._store.events.add_detections(marked)
        free = [detection for detection in self._standing(marked, stored) if detection.suppressed_by is None]
        opened, joined, repeated = self._open_and_join(free)
        updated = {identity for identity in joined if identity not in opened}
        held = len(detections) - len(free)
        suppressed = {SUPPRESSED: held} if held else {}
        return Summary(
            detections=stored.created,
            incidents_new=len(opened),
            incidents_updated=len(updated),
            stages={
                "detection": Tally(len(detections), stored.created, stored.duplicates, _reasons(stored.refused)),
                "incident": Tally(len(detections), len(free) - repeated, repeated, suppressed),
            },
        )

    def _standing(self, marked: Sequence[Detection], stored: Added) -> Sequence[Detection]:
        """The detections as they stand in the store: what stood there before stays as it was settled then."""
        if not (stored.duplicates and self._suppressor.ever):
            return marked
        known = {each.id: each for each in self._store.events.detections([each.id for each in marked])}
        return [known.get(detection.id, detection) for detection in marked]

    def _open_and_join(self, detections: Sequence[Detection]) -> tuple[set[str], set[str], int]:
        """(ids of incidents opened, ids of incidents that got evidence, detections that stood in one already)."""
        by_key: dict[str, list[Detection]] = {}
        for detection in detections:
            by_key.setdefault(correlation_key(detection), []).append(detection)
        opened: set[str] = set()
        joined: set[str] = set()
        repeated = 0
        for key, group in by_key.items():
            for _ in range(MAX_ATTEMPTS):
                try:
                    new, more, again = self._append_group(key, group)
                except Conflict:
                    continue
                break
            else:
                raise Conflict("incident_contended", correlation=key)
            opened |= new
            joined |= more
            repeated += again
        return opened, joined, repeated

    def _append_group(self, key: str, group: Iterable[Detection]) -> tuple[set[str], set[str], int]:
        """One key's detections, appended to each incident at once against the version that was read."""
        known = self._with_wholes({incident.id: incident for incident in self._candidates(key)})
        versions = {identity: incident.version for identity, incident in known.items()}
        directory = self._directory()
        pending: dict[str, list[Entry]] = {}
        repeated = 0
        for detection in group:
            terms = terms_of(detection, directory)
            planned = plan(detection, tuple(known.values()), self._clock(), self._window, terms, origin=self._origin)
            if planned is None:
                repeated += 1
                continue
            identity, planned_entries = planned
            pending.setdefault(identity, []).extend(planned_entries)
            grown = advance(identity, known.get(identity), planned_entries)
            if grown is not None:
                known[identity] = grown
        for identity, entries in pending.items():
            self._store.incidents.append(identity, entries, expected_version=versions.get(identity, 0))
        return set(pending) - set(versions), set(pending), repeated

    def _with_wholes(self, known: dict[str, Incident]) -> dict[str, Incident]:
        """With what these are or were part of: there further evidence goes, or went."""
        for _ in range(MAX_MERGES):
            missing = {whole for incident in known.values() for whole in incident.wholes} - set(known)
            if not missing:
                break
            for whole in sorted(missing):
                with suppress(NotFound):
                    known[whole] = self._store.incidents.get(whole)
        return known

    def _candidates(self, key: str) -> Iterator[Incident]:
        cursor: str | None = None
        while True:
            page = self._store.incidents.find(IncidentQuery(key=key, limit=100, cursor=cursor))
            yield from page.items
            cursor = page.next
            if cursor is None:
                return


def terms_of(detection: Detection, directory: Directory) -> Terms:
    """By what a detection is judged: the tables in force when it began."""
    day = day_in_vietnam(detection.start)
    return Terms(day, in_force(kind_maps(), day), in_force(severity_tables(), day), directory)


def with_agency(event: Document, directory: Directory) -> Document:
    """The event with `organization.id`: as its sensor said, else the owner of the destination's or source's address."""
    if value_at(event, "organization.id") is not None or not directory.has_networks:
        return event
    day = day_in_vietnam(parse_instant(event["@timestamp"]))
    for path in ("destination.ip", "source.ip"):
        address = value_at(event, path)
        unit = directory.owner_of(address, day) if isinstance(address, str) else None
        if unit is not None:
            known = {**event, "organization": dict(event.get("organization", {}))}
            put(known, "organization.id", unit.code)
            put(known, "organization.name", unit.name)
            return known
    return event


def _reasons(refusals: Iterable[Refusal]) -> dict[str, int]:
    reasons: dict[str, int] = {}
    for refusal in refusals:
        reasons[refusal.reason] = reasons.get(refusal.reason, 0) + 1
    return reasons


# --- accounts kept in the store ------------------------------------------------------------------------------------


def keep_accounts(records: RecordStore, stages: Mapping[str, Tally]) -> None:
    """The stages' tallies are added to the node's accounts, which `/metrics` shows."""
    for name, tally in stages.items():
        for _ in range(MAX_ATTEMPTS):
            record = records.get(ACCOUNT, name)
            kept = tally_from(record.body) if record else Tally()
            try:
                records.put(ACCOUNT, name, tally_data(kept + tally), expected_version=record.version if record else 0)
            except Conflict:
                continue
            break


def accounts(records: RecordStore) -> dict[str, Tally]:
    """Each stage's account since the store was made."""
    return {record.key: tally_from(record.body) for record in records.list(ACCOUNT)}


def tally_from(body: Mapping[str, Any]) -> Tally:
    return Tally(body["taken"], body["passed"], body["duplicates"], dict(body["refused"]))
