"""A file of old cases into a store: read and sorted first, so that its order does not matter, then loaded."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from vonggac.domain.definitions import Definitions
from vonggac.domain.incident import Entry
from vonggac.domain.text import sort_key
from vonggac.errors import InvalidRecord
from vonggac.old_cases.case import OldCase, Terms
from vonggac.old_cases.exports import Defaults
from vonggac.old_cases.files import open_cases
from vonggac.old_cases.histories import Clash, Judged, judge
from vonggac.old_cases.sorting import Sorted
from vonggac.ports import IncidentStore

#: Incidents loaded in one call of the store.
_AT_ONCE = 2_000

_OBJECTS_BETWEEN_COLLECTIONS = 200_000

#: How many unknown agencies are named.
NAMED = 20

#: Told now and then: what is being done (`reading`, `loading`), how much of it is done (0 to 1), and how many rows.
Progress = Callable[[str, float, int], None]


@dataclass(frozen=True, slots=True)
class Imported:
    """Rows = loaded + refused; `repeated` of the loaded say what another says. Incidents are new to the store, have
    grown by the file, or were known as they are. `unknown_agencies`: how many rows name a code that no unit bears."""

    rows: int
    incidents_new: int
    incidents_known: int
    refused: tuple[InvalidRecord, ...]
    incidents_grown: int = 0
    repeated: int = 0
    unknown_agencies: Mapping[str, int] = field(default_factory=dict)


def import_data(imported: Imported, rejected: int) -> dict[str, Any]:
    """The summary object of `incident import`; of the unknown agencies' codes at most NAMED are named, sorted."""
    unknown = imported.unknown_agencies
    return {
        "rows": imported.rows,
        "incidents_new": imported.incidents_new,
        "incidents_known": imported.incidents_known,
        "incidents_grown": imported.incidents_grown,
        "repeated": imported.repeated,
        "rejected": rejected,
        "unknown_agencies": {
            "codes": len(unknown),
            "rows": sum(unknown.values()),
            "named": sorted(unknown, key=sort_key)[:NAMED],
        },
    }


def import_cases(
    store: IncidentStore,
    path: Path,
    terms: Definitions,
    *,
    now: datetime | None = None,
    units: Collection[str] | None = None,
    defaults: Defaults | None = None,
    dry_run: bool = False,
    refuse: Callable[[InvalidRecord], None] | None = None,
    progress: Progress = lambda doing, share, rows: None,
) -> Imported:
    """The file's incidents stand in the store, each with all its involvements; a second time changes nothing. After a
    dry run nothing has changed, and the answer is the same.

    `now`: what was recorded later is refused (None: nothing is). `units` are the codes that agencies may have (None:
    any), `defaults` what cases of an export have that it does not say. Refused rows are given to `refuse` as they are
    found, else they stand in the answer. Raises UnknownInput when the file is of no known kind.
    """
    loading = _Loading(store, path, dry_run, units, refuse)
    with _seldom_collected(), Sorted() as ordered, open_cases(path, Terms(terms, now), defaults or Defaults()) as cases:
        for found in cases:
            loading.rows += 1
            if isinstance(found, InvalidRecord):
                loading.refuse(found)
            else:
                ordered.add(found)
            if not loading.rows % 1_000:
                progress("reading", cases.share(), loading.rows)
        incidents, total, rows = ordered.incidents(), ordered.count(), 0
        for at in range(0, total, _AT_ONCE):
            chunk = dict(islice(incidents, _AT_ONCE))
            loading.load(chunk)
            rows += sum(map(len, chunk.values()))
            progress("loading", min(1.0, (at + _AT_ONCE) / total), rows)
    return loading.done()


@contextmanager
def _seldom_collected() -> Iterator[None]:
    """Python looks for cycles less often: rows make millions of small objects and hardly one cycle, and looking took a
    fifth of the time."""
    before = gc.get_threshold()
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


class _Loading:
    """What became of the rows so far."""

    def __init__(
        self,
        store: IncidentStore,
        path: Path,
        dry_run: bool,
        units: Collection[str] | None,
        refuse: Callable[[InvalidRecord], None] | None,
    ) -> None:
        self._store, self._path, self._dry_run, self._units = store, path, dry_run, units
        self._refused: list[InvalidRecord] = []
        self.refuse = refuse or self._refused.append
        self._new = self._known = self._grown = self._repeated = 0
        self._unknown: Counter[str] = Counter()
        self.rows = 0

    def load(self, incidents: Mapping[str, Sequence[OldCase]]) -> None:
        present = self._store.histories(list(incidents))
        missing = []
        for identity, cases in incidents.items():
            before = present.get(identity, ())
            judged = judge(identity, cases, before)
            self._count(judged, before)
            if judged.entries:
                missing.append((identity, judged.entries))
        if missing and not self._dry_run:
            for fault in self._store.load(missing).refused:
                self.refuse(InvalidRecord("bad_row", location=self._path, line=0, reason=fault.reason))

    def _count(self, judged: Judged, before: Sequence[Entry]) -> None:
        if not before:
            self._new += 1
        elif judged.entries:
            self._grown += 1
        else:
            self._known += 1
        for clash in judged.clashes:
            self.refuse(_refusal(self._path, clash))
        self._repeated += len(judged.taken) - len({_saying(case) for case in judged.taken})
        if self._units is not None:
            self._unknown.update(case.agency for case in judged.taken if case.agency not in self._units)

    def done(self) -> Imported:
        return Imported(
            rows=self.rows,
            incidents_new=self._new,
            incidents_known=self._known,
            refused=tuple(self._refused),
            incidents_grown=self._grown,
            repeated=self._repeated,
            unknown_agencies=self._unknown,
        )


def _refusal(path: Path, clash: Clash) -> InvalidRecord:
    if not clash.first:
        return InvalidRecord("row_clash_store", location=path, line=clash.line, column=clash.column)
    return InvalidRecord("row_clash", location=path, line=clash.line, column=clash.column, first=clash.first)


def _saying(case: OldCase) -> tuple[object, ...]:
    return case.agency, case.role, case.contained_at, case.closed_at
