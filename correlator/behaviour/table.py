"""The memory of an analytic: rows by key, at most so many; the row longest untouched goes, and is counted."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import astuple, fields
from typing import Any, Generic, TypeVar

Key = tuple[str, ...]
Row = TypeVar("Row")


class Table(Generic[Row]):
    """Rows are dataclasses whose fields have defaults and hold only what JSON holds (dicts with text as keys)."""

    __slots__ = ("_limit", "_make", "_rows", "evicted")

    def __init__(self, make: type[Row], limit: int) -> None:
        self._make = make
        self._limit = limit
        self._rows: OrderedDict[Key, Row] = OrderedDict()
        self.evicted = 0

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[tuple[Key, Row]]:
        yield from self._rows.items()

    def get(self, key: Key) -> Row | None:
        """The row as it is, None where there is none; it does not count as touched."""
        return self._rows.get(key)

    def row(self, key: Key) -> Row:
        """The row of the key, made where there was none."""
        row = self._rows.get(key)
        if row is not None:
            self._rows.move_to_end(key)
            return row
        return self.put(key)

    def put(self, key: Key) -> Row:
        """An empty row in the key's place."""
        row = self._rows[key] = self._make()
        self._rows.move_to_end(key)
        if len(self._rows) > self._limit:
            self._rows.popitem(last=False)
            self.evicted += 1
        return row

    def snapshot(self) -> dict[str, Any]:
        rows = [[list(key), list(astuple(row))] for key, row in self]  # type: ignore[call-overload]
        return {"fields": self._fields(), "evicted": self.evicted, "rows": rows}

    def fits(self, kept: dict[str, Any] | None) -> bool:
        """Whether a snapshot is of rows like these."""
        return kept is not None and kept["fields"] == self._fields()

    def restore(self, kept: dict[str, Any]) -> None:
        """Put the rows of a snapshot that fits, in their order, in place of what is there."""
        self.evicted = kept["evicted"]
        self._rows = OrderedDict((tuple(key), self._make(*values)) for key, values in kept["rows"])

    def _fields(self) -> list[str]:
        return [each.name for each in fields(self._make)]  # type: ignore[arg-type]
