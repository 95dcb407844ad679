"""An incident's history in words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from api.pages.judgement import because, conditions_of, grounds_of
from api.pages.words import Words
from vonggac.domain.fold import undone_ids
from vonggac.domain.incident import CORRELATOR, Entry, EntryKind
from vonggac.domain.severity import grade_of

#: So many detections in a row are told one by one; more are told as a number.
TOLD_ONE_BY_ONE = 3


@dataclass(frozen=True, slots=True)
class Line:
    """`text` says what happened; `body` is what a person wrote; a line that no longer counts is `undone`. The node
    itself has no `actor`."""

    at: datetime
    actor: str
    text: str
    body: str = ""
    undone: bool = False


def lines(history: Sequence[Entry], words: Words, collections: Mapping[str, str]) -> Iterator[Line]:
    """The oldest first."""
    undone = undone_ids(history)
    kinds = {entry.id: entry.kind for entry in history}
    for kind, group in groupby(history, key=lambda entry: entry.kind):
        entries = list(group)
        if kind is EntryKind.DETECTED and len(entries) > TOLD_ONE_BY_ONE:
            last = entries[-1]
            yield Line(last.known_at, _actor(last), words.say("history.detected_many", count=len(entries)))
            continue
        for entry in entries:
            yield _line(entry, words, collections, kinds, entry.id in undone)


def _line(
    entry: Entry, words: Words, collections: Mapping[str, str], kinds: Mapping[str, EntryKind], undone: bool
) -> Line:
    key = _sentence(entry)
    facts = {name: fact(entry.data, words, collections, kinds) for name, fact in _FACTS.get(key, {}).items()}
    body = str(entry.data.get("text") or entry.data.get("reason") or "")
    return Line(entry.known_at, _actor(entry), words.say(f"history.{key}", **facts), body, undone)


def _sentence(entry: Entry) -> str:
    """Which sentence tells of it: what the correlator decided is told with its reason."""
    data = entry.data
    if entry.kind is EntryKind.ASSIGNED and not data["to"]:
        return "unassigned"
    if entry.kind is EntryKind.OPENED and "rating" in data:
        return "opened_because"
    if entry.actor == CORRELATOR and entry.kind in (EntryKind.CATEGORISED, EntryKind.RATED):
        return f"{entry.kind}_kept" if "kept_by" in data else f"{entry.kind}_because"
    if entry.kind is EntryKind.TRANSITIONED and "detection" in data:
        return "reopened_because"
    return str(entry.kind)


def _actor(entry: Entry) -> str:
    return "" if entry.actor == CORRELATOR else entry.actor


_Fact = Callable[[Mapping[str, Any], Words, Mapping[str, str], Mapping[str, EntryKind]], str]


def _title(data: Mapping[str, Any], words: Words, *_: object) -> str:
    return str(data.get("title" if words.lang == "en" else "title_vi") or data.get("title", ""))


def _collection(data: Mapping[str, Any], words: Words, collections: Mapping[str, str], *_: object) -> str:
    return collections.get(str(data["collection"]), str(data["collection"]))


def _other(data: Mapping[str, Any], *_: object) -> str:
    """The other incident of an entry, by its number."""
    return str(data["number"])


_CLASS: Mapping[str, _Fact] = {
    "category": lambda data, words, *_: words.category(data["category"]),
    "rsit": lambda data, *_: str(data["rsit"]),
    "because": lambda data, words, *_: because(data["because"], data["map"], words),
}
_RATING: Mapping[str, _Fact] = {
    "severity": lambda data, words, *_: words.say(f"severity.{data['severity']}"),
    "grounds": lambda data, words, *_: grounds_of(data.get("rating", data), words),
}
_KEPT: Mapping[str, _Fact] = {"person": lambda data, *_: str(data["kept_by"])}

#: What each sentence is filled with.
_FACTS: Mapping[str, Mapping[str, _Fact]] = {
    EntryKind.OPENED: {"title": _title},
    "opened_because": {"title": _title, **_CLASS, **_RATING},
    EntryKind.DETECTED: {
        "title": _title,
        "level": lambda data, words, *_: words.say(f"level.{data['level']}"),
    },
    EntryKind.INVOLVED: {
        "agency": lambda data, words, *_: words.agency(data["agency"]),
        "role": lambda data, words, *_: words.say(f"involved.{data['role']}"),
    },
    EntryKind.CATEGORISED: {"category": _CLASS["category"]},
    "categorised_because": _CLASS,
    "categorised_kept": {**_CLASS, **_KEPT},
    EntryKind.RATED: {"severity": _RATING["severity"]},
    "rated_because": _RATING,
    "rated_kept": {**_RATING, **_KEPT},
    "reopened_because": {"title": _title, "detection": lambda data, *_: str(data["detection"])},
    EntryKind.MARKED: {"tlp": lambda data, *_: f"TLP:{str(data['tlp']).upper()}"},
    EntryKind.TRANSITIONED: {"status": lambda data, words, *_: words.say(f"status.{data['to']}")},
    EntryKind.ASSIGNED: {"to": lambda data, *_: str(data["to"])},
    EntryKind.SHARED: {"collection": _collection},
    EntryKind.RETRACTED: {"collection": _collection},
    EntryKind.ATTRIBUTED: {"cause": lambda data, words, *_: words.say(f"cause.{data['cause']}")},
    EntryKind.GRADED: {
        "grade": lambda data, words, *_: words.say(f"grade.{grade_of(data['conditions'], data['beyond_owner'])}"),
        "basis": lambda data, *_: str(data["basis"]),
        "conditions": lambda data, words, *_: conditions_of(data, words),
    },
    EntryKind.LIKENED: {"incident": _other},
    EntryKind.MERGED: {"into": _other},
    EntryKind.ABSORBED: {"incident": _other},
    EntryKind.SPLIT: {"count": lambda data, *_: str(len(data["detections"])), "into": _other},
    EntryKind.UNDONE: {
        "what": lambda data, words, collections, kinds: (
            words.say(f"act.{kinds[data['entry']]}") if data["entry"] in kinds else str(data["entry"])
        )
    },
}
