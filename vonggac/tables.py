"""CSV as people bring it: each row read, or refused with its line and reason."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from vonggac.errors import InvalidRecord, UnknownInput

Row = TypeVar("Row")


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

    Raises UnknownInput when the file is not there, not UTF-8, or lacks one of the columns.
    """
    rows = _open_csv(path)
    header = _header(rows)
    missing = [name for name in needed if name not in header]
    if missing:
        raise UnknownInput("csv_columns_missing", location=path, columns=", ".join(missing))
    while True:
        try:
            yield read(next(rows), rows.line_num)
        except StopIteration:
            return
        except RowRefused as refused:
            yield InvalidRecord(refused.key, location=path, line=rows.line_num, **refused.facts)
        except (ValueError, csv.Error) as error:
            yield InvalidRecord("bad_row", location=path, line=rows.line_num, reason=error)


def header_of(path: Path) -> Sequence[str]:
    """The names of the columns; none where there is no header. Raises UnknownInput as `csv_rows` does."""
    return _header(_open_csv(path))


def _open_csv(path: Path) -> csv.DictReader[str]:
    try:
        text = path.read_text("utf-8-sig")
    except OSError as error:
        key = "input_missing" if isinstance(error, FileNotFoundError) else "input_unopenable"
        raise UnknownInput(key, location=path, reason=error.strerror) from error
    except UnicodeDecodeError as error:
        raise UnknownInput("csv_not_utf8", location=path, offset=error.start) from error
    return csv.DictReader(io.StringIO(text, newline=""))


def _header(rows: csv.DictReader[str]) -> Sequence[str]:
    try:
        return rows.fieldnames or ()
    except csv.Error:
        return ()
