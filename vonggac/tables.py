"""CSV as people bring it: each row read, or refused with its line and reason."""

from __future__ import annotations

import codecs
import csv
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import Any, TypeVar

from vonggac.errors import InvalidRecord, UnknownInput

Row = TypeVar("Row")

_PIECE_BYTES = 1 << 20


class RowRefused(ValueError):
    """Why a row cannot be used: the key of its sentence (`error.<key>`, which also gets `location` and `line`)."""

    def __init__(self, key: str, **facts: Any) -> None:
        super().__init__(key, facts)
        self.key = key
        self.facts = facts


def csv_rows(
    path: Path, needed: Sequence[str], read: Callable[[Mapping[str, Any], int], Row]
) -> Iterator[Row | InvalidRecord]:
    """Each row of a UTF-8 CSV as `read` makes it of the row and its line, or as the reason it is refused.

    Raises UnknownInput when the file is not there, not UTF-8, or lacks one of the columns or names one twice.
    """
    with open_text(path) as text:
        yield from rows_in(text, path, needed, read)


def rows_in(
    text: TextIOWrapper, path: Path, needed: Sequence[str], read: Callable[[Mapping[str, Any], int], Row]
) -> Iterator[Row | InvalidRecord]:
    """The rows of a CSV that is open, as `csv_rows` gives them. The cells that a row has beyond the header are its
    value of None, those that it lacks are None. A line is that on which the row begins."""
    rows = csv.reader(text)
    header = _header(rows)
    _check(header, needed, path)
    while True:
        line = rows.line_num + 1
        try:
            cells = next(rows)
            if cells:
                yield read(_named(header, cells), line)
        except StopIteration:
            return
        except RowRefused as refused:
            yield InvalidRecord(refused.key, location=path, line=line, **refused.facts)
        except csv.Error as error:
            if str(error).startswith("field larger"):
                yield InvalidRecord("row_cell_long", location=path, line=line, limit=csv.field_size_limit())
            else:
                yield InvalidRecord("bad_row", location=path, line=line, reason=error)
        except ValueError as error:
            yield InvalidRecord("bad_row", location=path, line=line, reason=error)


def header_of(path: Path) -> Sequence[str]:
    """The names of the columns; none where there is no header. Raises UnknownInput as `csv_rows` does."""
    with open_text(path) as text:
        return _header(csv.reader(text))


def open_text(path: Path) -> TextIOWrapper:
    """The file from its beginning, without a byte order mark, its line ends as they are.

    Raises UnknownInput when it is not there or cannot be opened, or is not UTF-8 up to its end: so nobody has used the
    first half of a file when the second turns out to be none.
    """
    try:
        with path.open("rb") as file:
            decoder, read = codecs.getincrementaldecoder("utf-8")(), 0
            while piece := file.read(_PIECE_BYTES):
                before = len(decoder.getstate()[0])
                try:
                    decoder.decode(piece, final=len(piece) < _PIECE_BYTES)
                except UnicodeDecodeError as error:
                    raise UnknownInput("csv_not_utf8", location=path, offset=read - before + error.start) from error
                read += len(piece)
        return path.open(encoding="utf-8-sig", newline="")
    except OSError as error:
        key = "input_missing" if isinstance(error, FileNotFoundError) else "input_unopenable"
        raise UnknownInput(key, location=path, reason=error.strerror) from error


def _header(rows: Iterator[list[str]]) -> Sequence[str]:
    try:
        return next(([cell.strip() for cell in cells] for cells in rows if cells), ())
    except csv.Error:
        return ()


def _check(header: Sequence[str], needed: Sequence[str], path: Path) -> None:
    missing = [name for name in needed if name not in header]
    if missing and len(header) == 1:  # as spreadsheets write it where the comma parts decimals
        for separator, name in ((";", ";"), ("\t", "TAB")):
            if separator in header[0]:
                raise UnknownInput("csv_separator", location=path, separator=name)
    if missing:
        raise UnknownInput("csv_columns_missing", location=path, columns=", ".join(missing))
    twice = [name for name, count in Counter(filter(None, header)).items() if count > 1]
    if twice:
        raise UnknownInput("csv_columns_twice", location=path, columns=", ".join(twice))


def _named(header: Sequence[str], cells: Sequence[str]) -> dict[Any, Any]:
    named: dict[Any, Any] = dict(zip(header, cells, strict=False))
    if len(cells) > len(header):
        named[None] = cells[len(header) :]
    elif len(cells) < len(header):
        named.update(dict.fromkeys(header[len(cells) :]))
    return named
