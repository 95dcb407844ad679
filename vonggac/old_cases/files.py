"""Files of old cases, told apart by what is in them: the contract's CSV, the same as JSON, or exports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from io import BufferedReader, TextIOWrapper
from pathlib import Path
from types import TracebackType
from typing import Any, cast

from vonggac.errors import InvalidRecord, UnknownInput
from vonggac.old_cases.case import COLUMNS, IMPORT_COLUMNS, OldCase, Terms, case_from, cell
from vonggac.old_cases.exports import EXPORTS, Defaults, Export
from vonggac.old_cases.values import Broken, json_values
from vonggac.tables import RowRefused, open_text, rows_in

Found = OldCase | InvalidRecord


class Cases(AbstractContextManager["Cases"]):
    """The cases of an open file, each or the reason why it is refused."""

    def __init__(self, text: TextIOWrapper, size: int, found: Iterator[Found]) -> None:
        self._text, self._size, self._found = text, size, found

    def __iter__(self) -> Iterator[Found]:
        return self._found

    def share(self) -> float:
        """How much of the file has been read, 0 to 1."""
        return min(1.0, cast(BufferedReader, self._text.buffer).tell() / self._size) if self._size else 1.0

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._text.close()


def open_cases(path: Path, terms: Terms, defaults: Defaults) -> Cases:
    """Raises UnknownInput when the file is not there, not UTF-8, or of none of the kinds, also later on, when it is
    read."""
    text = open_text(path)
    try:
        begins = next((piece.lstrip()[:1] for piece in iter(lambda: text.read(4_096), "") if piece.strip()), "")
        text.seek(0)
        found = _json(text, path, terms, defaults) if begins in ("[", "{") else _csv(text, path, terms)
        return Cases(text, path.stat().st_size, found)
    except BaseException:
        text.close()
        raise


def _csv(text: TextIOWrapper, path: Path, terms: Terms) -> Iterator[Found]:
    def read(row: Mapping[Any, Any], line: int) -> OldCase:
        if None in row:
            raise RowRefused("row_too_long")
        cells = {}
        for name in COLUMNS:
            value = row.get(name, "")
            if value is None:
                raise RowRefused("row_too_short", column=name)
            cells[name] = cell(value)
        return case_from(cells, line, terms)

    return rows_in(text, path, IMPORT_COLUMNS, read)


def _json(text: TextIOWrapper, path: Path, terms: Terms, defaults: Defaults) -> Iterator[Found]:
    """Of the kind that its first object is of. Raises UnknownInput where that is none."""
    kind: Export | None = None
    for value in json_values(text):
        if isinstance(value, Broken):
            yield InvalidRecord("bad_row", location=path, line=value.line, reason=value.reason)
            continue
        for item in _items(value.content):
            kind = kind or next((each for each in EXPORTS if isinstance(item, dict) and each.fits(item)), None)
            if kind is None:
                raise UnknownInput("cases_unknown", location=path, line=value.line)
            yield from _rows(kind, item, Place(path, value.line), terms, defaults)


def _rows(kind: Export, item: Any, place: Place, terms: Terms, defaults: Defaults) -> Iterator[Found]:
    """The involvements of one object; one that is bad is refused by itself."""
    if not isinstance(item, dict) or not kind.fits(item):
        yield place.refused(RowRefused("row_kind", kind=kind.name))
        return
    try:
        rows = list(kind.rows(item, defaults))
    except RowRefused as refused:
        yield place.refused(refused)
        return
    for cells, status in rows:
        try:
            yield case_from(cells, place.line, terms, status)
        except RowRefused as refused:
            yield place.refused(refused)


@dataclass(frozen=True, slots=True)
class Place:
    path: Path
    line: int

    def refused(self, why: RowRefused) -> InvalidRecord:
        return InvalidRecord(why.key, location=self.path, line=self.line, **why.facts)


def _items(content: Any) -> Iterator[Any]:
    """What an answer of a program's interface holds, or the content itself."""
    if isinstance(content, dict):
        inner = next((content[name] for name in ("response", "data", "cases") if name in content), None)
        if isinstance(inner, (list, dict)):
            yield from _items(inner)
            return
    yield from content if isinstance(content, list) else (content,)
