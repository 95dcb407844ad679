"""What the cases of one incident come to: the entries of its history, and which of them contradict it.

An incident is what the case recorded first says of it or, where a store has it already, what its opening there says. A
case that says otherwise of when it happened, its category, severity, test or cause is refused; so is one that says
otherwise of when it was contained or closed than the first that says it. An entry is made of what was not known yet, or
not yet so early; so it does not matter which of two files comes first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from vonggac.domain.incident import Entry, EntryKind, Status, entry_id
from vonggac.domain.times import to_epoch_us
from vonggac.old_cases.case import OldCase

_ENDS = {"contained_at": Status.CONTAINED, "closed_at": Status.CLOSED}


@dataclass(frozen=True, slots=True)
class Clash:
    """`line` says otherwise of `column` than line `first`, or than the store where `first` is 0."""

    line: int
    column: str
    first: int


@dataclass(frozen=True, slots=True)
class Judged:
    """The entries that the history lacks, the cases that were taken, and those that were not."""

    entries: tuple[Entry, ...]
    taken: tuple[OldCase, ...]
    clashes: tuple[Clash, ...]


def judge(identity: str, cases: Sequence[OldCase], present: Sequence[Entry]) -> Judged:
    """What becomes of the cases of one incident, in the order of `Sorted`, beside what a store has of its history."""
    history = _History(identity)
    for entry in present:
        history.recall(entry)
    taken: list[OldCase] = []
    clashes: list[Clash] = []
    for case in cases:
        clash = history.contradicted(case)
        if clash is None:
            history.add(case)
            taken.append(case)
        else:
            clashes.append(clash)
    return Judged(history.entries(), tuple(taken), tuple(clashes))


@dataclass(slots=True)
class _History:
    """`said` is what cases must agree with, and the line that said it first; `known` since when what is known."""

    identity: str
    number: str = ""
    said: dict[str, tuple[Any, int]] = field(default_factory=dict)
    known: dict[tuple[str, ...], datetime] = field(default_factory=dict)
    opened: list[Entry] = field(default_factory=list)
    involved: list[Entry] = field(default_factory=list)
    ends: list[Entry] = field(default_factory=list)

    def recall(self, entry: Entry) -> None:
        """An entry that a store has."""
        data = entry.data
        if entry.kind is EntryKind.OPENED:
            self.number = self.number or data.get("number", "")
            facts = {name: data.get(name) for name in ("category", "severity", "test", "cause")}
            self._say({"occurred_at": entry.happened_at, **facts}, 0)
            self._learn(("opened",), entry.known_at)
        elif entry.kind is EntryKind.INVOLVED:
            self._learn(("involved", data["agency"], data["role"]), entry.known_at)
        elif entry.kind is EntryKind.TRANSITIONED:
            column = next((name for name, status in _ENDS.items() if status == data["to"]), "")
            if column == "closed_at":  # what is closed already cannot be contained before
                self._say({"contained_at": None}, 0)
            if column:
                self._say({column: entry.happened_at}, 0)
                self._learn((column,), entry.known_at)

    def contradicted(self, case: OldCase) -> Clash | None:
        for column, value in _says(case).items():
            said, line = self.said.get(column, (value, 0))
            if said != value:
                return Clash(case.line, column, line)
        return None

    def add(self, case: OldCase) -> None:
        actor = f"import:{case.system}" if case.system else "import"
        recorded = case.recorded_at
        self._say(_says(case), case.line)
        if self._learn(("opened",), recorded):
            number = entry_id(self.identity, "opened", to_epoch_us(recorded))
            data = _opening(case, self.number)
            self.opened.append(Entry(number, EntryKind.OPENED, case.occurred_at, recorded, actor, data))
        key = ("involved", case.agency, str(case.role))
        if self._learn(key, recorded):
            number = entry_id(self.identity, *key, to_epoch_us(recorded))
            data = {"agency": case.agency, "role": str(case.role)}
            self.involved.append(Entry(number, EntryKind.INVOLVED, case.occurred_at, recorded, actor, data))
        for column, status in _ENDS.items():
            at: datetime | None = getattr(case, column)
            if at is None:
                continue
            known = max(at, recorded)  # a register that was written on does not say when
            if self._learn((column,), known):
                number = entry_id(self.identity, column, to_epoch_us(known))
                data = {"to": str(status), "reason": ""}
                self.ends.append(Entry(number, EntryKind.TRANSITIONED, at, known, actor, data))

    def entries(self) -> tuple[Entry, ...]:
        """The new ones, in the order in which things happen: it is contained before it is closed."""
        order = list(map(str, _ENDS.values()))
        ends = sorted(self.ends, key=lambda entry: order.index(entry.data["to"]))
        return (*self.opened, *self.involved, *ends)

    def _say(self, values: dict[str, Any], line: int) -> None:
        for name, value in values.items():
            self.said.setdefault(name, (value, line))

    def _learn(self, key: tuple[str, ...], instant: datetime) -> bool:
        """Whether it was not known, or only later."""
        before = self.known.get(key)
        if before is not None and before <= instant:
            return False
        self.known[key] = instant
        return True


def _says(case: OldCase) -> dict[str, Any]:
    said = {
        "occurred_at": case.occurred_at,
        "category": case.category,
        "severity": case.severity,
        "test": case.test,
        "cause": case.cause,
    }
    for name in _ENDS:
        if (at := getattr(case, name)) is not None:
            said[name] = at
    return said


def _opening(case: OldCase, number: str) -> dict[str, Any]:
    data = {
        "title": case.title,
        "title_vi": case.title,
        "category": case.category,
        "severity": str(case.severity),
        "status": str(case.status),
        "test": case.test,
        "cause": str(case.cause),
        "origin": f"{case.system}/{case.incident}",
    }
    return {**data, "number": number} if number else data
