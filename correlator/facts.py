"""An event as rules see it: each field's values found once, as they are, as text, and as text in lower case."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from vonggac.domain.event import field
from vonggac.domain.text import caseless
from vonggac.domain.times import parse_instant

#: What is nested deeper than this is not looked into, so that a hostile record cannot exhaust the stack.
MAX_DEPTH = 64

#: Fields that our sensors add and no log says: a keyword is not looked for in them.
ADDED_FIELDS = frozenset({"ecs.version", "event.id", "event.dataset", "observer.name", "flow.id"})
#: Stands between the texts of `everything`; no value is taken to hold it.
SEPARATOR = "\0"

Paths = tuple[str, ...]

_NONE: tuple[Any, ...] = ()


class Facts:
    """The values of one event by dotted path; a list's items stand together, and so does a path in a list's objects.

    What stands under a name that itself holds dots stands there too. Absent, null and empty lists are all absence.
    """

    __slots__ = ("_everything", "_folded", "_joined", "_texts", "_time", "_values", "document")

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.document = document
        self._values: dict[str, Sequence[Any]] = {}
        self._joined: dict[Paths, Sequence[Any]] = {}
        self._texts: dict[Paths, Sequence[str]] = {}
        self._folded: dict[Paths, Sequence[str]] = {}
        self._everything: tuple[str, str] | None = None
        self._time: datetime | None = None

    @property
    def id(self) -> str:
        return str(field(self.document, "event.id") or "")

    @property
    def time(self) -> datetime:
        """When it happened. Raises ValueError for an event without a time."""
        if self._time is None:
            self._time = parse_instant(str(self.document.get("@timestamp", "")))
        return self._time

    def get(self, path: str) -> Sequence[Any]:
        """The values at one path."""
        found = self._values.get(path)
        if found is None:
            found = self._values[path] = _find(self.document, path)
        return found

    def at(self, paths: Paths) -> Sequence[Any]:
        """The values at any of the paths."""
        found = self._joined.get(paths)
        if found is None:
            found = self.get(paths[0])
            for path in paths[1:]:
                more = self.get(path)
                if more:
                    found = [*found, *more] if found else more
            self._joined[paths] = found
        return found

    def texts(self, paths: Paths) -> Sequence[str]:
        """The values as text."""
        found = self._texts.get(paths)
        if found is None:
            values = self.at(paths)
            found = self._texts[paths] = [text_of(value) for value in values] if values else _NONE
        return found

    def folded(self, paths: Paths) -> Sequence[str]:
        """The values as text in lower case: Sigma compares without regard to case."""
        found = self._folded.get(paths)
        if found is None:
            texts = self.texts(paths)
            found = self._folded[paths] = [caseless(text) for text in texts] if texts else _NONE
        return found

    def said(self) -> Iterator[str]:
        """Every text that the log itself holds."""
        return _said(self.document, "", 0)

    def everything(self, cased: bool) -> str:
        """All of `said` in one string with SEPARATOR between, as it is or in lower case."""
        if self._everything is None:
            text = SEPARATOR.join(self.said())
            self._everything = text, caseless(text)
        return self._everything[not cased]


def text_of(value: object) -> str:
    """A value as a log line would write it: true and false in lower case, numbers plain."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def encodable(text: str) -> str:
    """The text with halves of surrogate pairs, which no rule can look for, as question marks; as long as before."""
    return text.encode("utf-8", "replace").decode()


def _find(document: Mapping[str, Any], path: str) -> Sequence[Any]:
    found: Sequence[Any] = _NONE
    here: Any = document
    for rest, name in _steps(path):
        if type(here) is dict:
            if rest is not name and rest in here:
                found = _joined(found, _values(here[rest]))
            here = here.get(name)
        elif isinstance(here, (list, tuple)):
            return _joined(found, _in_list(here, rest))
        else:
            return found
    return _joined(found, _values(here))


@lru_cache(maxsize=4096)
def _steps(path: str) -> tuple[tuple[str, str], ...]:
    """For each name of a path, what is left of the path from it on, and the name: `a.b` -> (`a.b`, `a`), (`b`, `b`)."""
    rest, steps = path, []
    while "." in rest:
        name, _, below = rest.partition(".")
        steps.append((rest, name))
        rest = below
    return (*steps, (rest, rest))


def _values(here: Any) -> Sequence[Any]:
    if here is None or type(here) is dict:
        return _NONE
    return list(leaves_of(here)) if isinstance(here, (list, tuple)) else (here,)


def _joined(one: Sequence[Any], other: Sequence[Any]) -> Sequence[Any]:
    return [*one, *other] if one and other else one or other


def _in_list(items: Sequence[Any], rest: str) -> Sequence[Any]:
    return [value for item in items if isinstance(item, dict) for value in _find(item, rest)]


def leaves_of(items: Sequence[Any], depth: int = 0) -> Iterator[Any]:
    """The values of a list and of the lists in it; objects and nulls are left out."""
    for item in items:
        if isinstance(item, (list, tuple)):
            if depth < MAX_DEPTH:
                yield from leaves_of(item, depth + 1)
        elif item is not None and not isinstance(item, dict):
            yield item


def _said(value: Any, path: str, depth: int) -> Iterator[str]:
    if depth == MAX_DEPTH:
        return
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _said(inner, f"{path}.{name}" if path else str(name), depth + 1)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _said(inner, path, depth + 1)
    elif value is not None and path not in ADDED_FIELDS:
        yield text_of(value)
