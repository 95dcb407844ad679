"""An event as rules see it: each field's values, flat and in order, with their text in lower case made once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from vonggac.domain.event import field
from vonggac.domain.times import parse_instant

#: Events nested deeper than this are refused, so that a hostile record cannot exhaust the stack.
MAX_DEPTH = 64

Values = Sequence[Any]
_NONE: tuple[str, ...] = ()

_instant = lru_cache(maxsize=4096)(parse_instant)


class Facts:
    """The values of one event by dotted path. A list's items, and the same path in a list's objects, stand together.

    Absent, null and empty lists are all absence. Raises ValueError for an event nested deeper than MAX_DEPTH.
    """

    __slots__ = ("_folded", "_texts", "document", "values")

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.document = document
        self.values: dict[str, list[Any]] = {}
        self._texts: dict[str, tuple[str, ...]] = {}
        self._folded: dict[str, tuple[str, ...]] = {}
        for name, value in document.items():
            _collect(name, value, self.values, 1)

    @property
    def id(self) -> str:
        return str(field(self.document, "event.id") or "")

    @property
    def time(self) -> datetime:
        """The event's own time. Raises ValueError where it has none."""
        return _instant(str(self.document.get("@timestamp", "")))

    def get(self, path: str) -> Values:
        return self.values.get(path, _NONE)

    def texts(self, path: str) -> tuple[str, ...]:
        """The values as text."""
        found = self._texts.get(path)
        if found is None:
            found = self._texts[path] = tuple(text_of(value) for value in self.values.get(path, _NONE))
        return found

    def folded(self, path: str) -> tuple[str, ...]:
        """The values as text in lower case: Sigma compares without regard to case."""
        found = self._folded.get(path)
        if found is None:
            found = self._folded[path] = tuple(text.lower() for text in self.texts(path))
        return found


def text_of(value: object) -> str:
    """A value as a log line would write it: true and false in lower case, numbers plain."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _collect(path: str, value: Any, into: dict[str, list[Any]], depth: int) -> None:
    if value is None:
        return
    if isinstance(value, dict):
        if depth > MAX_DEPTH:
            raise ValueError(f"event nested deeper than {MAX_DEPTH}")
        for name, inner in value.items():
            _collect(f"{path}.{name}", inner, into, depth + 1)
    elif isinstance(value, (list, tuple)):
        if depth > MAX_DEPTH:
            raise ValueError(f"event nested deeper than {MAX_DEPTH}")
        for inner in value:
            _collect(path, inner, into, depth + 1)
    else:
        into.setdefault(path, []).append(value)
