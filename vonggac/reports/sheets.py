"""A comparison for spreadsheets and programs: CSV and XLSX, with the total and the overlap as rows of their own.

No cell is one that a spreadsheet would run: in CSV a text that begins like a formula gets an apostrophe before it
(OWASP, CSV Injection), in XLSX every text is stored as a text.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from vonggac.messages import say
from vonggac.reports import claims, comparison, figures

if TYPE_CHECKING:
    from xlsxwriter.format import Format
    from xlsxwriter.workbook import Workbook
    from xlsxwriter.worksheet import Worksheet

COLUMNS = ("key", "label", "current", "previous", "change_percent", "verdict")
_CHANGE = COLUMNS.index("change_percent")
_RUNS = ("=", "+", "-", "@", "\t", "\r", "\n")

#: Thousands and decimals appear with the separators of the reader's own settings, in Vietnam a dot and a comma.
_WHOLE, _PARTS, _PERCENT = "#,##0", "#,##0.0", '+0.0" %";−0.0" %";0.0" %"'
_SHARE, _TIME = '0.0" %"', "[h]:mm"


def as_csv(body: Mapping[str, Any], lang: str) -> bytes:
    """UTF-8 with a header row; figures are written for programs, with a decimal point and whole precision."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for line in _lines(body, lang):
        writer.writerow([inert(cell) if isinstance(cell, str) else cell for cell in line])
    return out.getvalue().encode()


def inert(text: str) -> str:
    """The text with an apostrophe before it where a spreadsheet would take it for a formula."""
    return f"'{text}" if text.startswith(_RUNS) else text


def as_xlsx(body: Mapping[str, Any], lang: str, at: datetime | None, made: datetime) -> bytes:
    """A workbook: the figures, the question with what must be read with them, and the other measures where the body has
    some. `at` is when they were counted, `made` the time of making that the file keeps."""
    from xlsxwriter import Workbook

    out = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with Workbook(out, options) as book:
        title = say(lang, "report.comparison_title")
        # The format keeps naive times that are taken for UTC.
        book.set_properties(
            {"title": title, "author": "Vọng Gác", "created": made.astimezone(UTC).replace(tzinfo=None)}
        )
        _figures(book, body, lang)
        _question(book, body, lang, at)
        if body.get("measures"):
            _measures(book, body, lang)
    return out.getvalue()


def _figures(book: Workbook, body: Mapping[str, Any], lang: str) -> None:
    sheet = book.add_worksheet(say(lang, "report.sheet_figures"))
    bold = book.add_format({"bold": True, "top": 1})
    head = book.add_format(
        {"bold": True, "text_wrap": True, "valign": "vcenter", "bg_color": "#D9E6F2", "bottom": 1, "align": "center"}
    )
    names = comparison.periods(body, lang)
    titles = (
        say(lang, "report.key"),
        say(lang, f"report.by_{body['by']}"),
        figures.capitalised(names.current),
        figures.capitalised(names.previous),
        say(lang, "stats.change"),
        say(lang, "report.judged"),
    )
    for column, title in enumerate(titles):
        sheet.write_string(0, column, title, head)
    formats = {
        (kind, strong): book.add_format({"num_format": kind, **({"bold": True, "top": 1} if strong else {})})
        for kind in (_WHOLE, _PARTS, _PERCENT)
        for strong in (False, True)
    }
    lines = [(*line[:-1], claims.verdict_word(line[-1], lang)) for line in _lines(body, lang)]
    for row, line in enumerate(lines, start=1):
        strong = row > len(body["rows"])
        for column, cell in enumerate(line):
            _write(sheet, row, column, cell, formats, bold if strong else None)
    _lay_out(sheet, widest=max(len(str(line[1])) for line in lines))


def _lay_out(sheet: Worksheet, widest: int) -> None:
    """Columns as wide as what is in them, the head and the names in view, A4 in breadth."""
    for column, width in enumerate((22, min(60, max(24, widest + 2)), 18, 18, 14, 24)):
        sheet.set_column(column, column, width)
    sheet.set_row(0, 32)
    sheet.freeze_panes(1, 2)
    sheet.repeat_rows(0)
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 0)


def _write(
    sheet: Worksheet, row: int, column: int, cell: Any, formats: Mapping[tuple[str, bool], Format], bold: Format | None
) -> None:
    if isinstance(cell, str):
        sheet.write_string(row, column, cell, bold)
    elif cell is None:
        sheet.write_blank(row, column, None, bold)
    else:
        kind = _PERCENT if column == _CHANGE else _WHOLE if cell == int(cell) else _PARTS
        sheet.write_number(row, column, cell, formats[kind, bold is not None])


def _question(book: Workbook, body: Mapping[str, Any], lang: str, at: datetime | None) -> None:
    sheet = book.add_worksheet(say(lang, "report.sheet_question"))
    wrapped = book.add_format({"text_wrap": True, "valign": "top"})
    name = book.add_format({"bold": True, "valign": "top", "text_wrap": True})
    said = [(say(lang, "report.summary"), claims.headline(body, lang))]
    said += [(say(lang, "report.note"), each) for each in claims.notes(body, lang)]
    for row, (key, value) in enumerate((*said, *comparison.question(body, lang, at))):
        sheet.write_string(row, 0, key, name)
        sheet.write_string(row, 1, value, wrapped)
    sheet.set_column(0, 0, 26)
    sheet.set_column(1, 1, 100)


def _measures(book: Workbook, body: Mapping[str, Any], lang: str) -> None:
    """Counts as counts, shares in per cent, times as hours and minutes that a spreadsheet can reckon with."""
    sheet = book.add_worksheet(say(lang, "report.sheet_measures"))
    bold = book.add_format({"bold": True, "bottom": 1})
    names = comparison.periods(body, lang)
    for column, title in enumerate((say(lang, "report.measure"), names.current, names.previous)):
        sheet.write_string(0, column, figures.capitalised(title), bold)
    formats = {kind: book.add_format({"num_format": kind}) for kind in (_WHOLE, _PARTS, _SHARE, _TIME)}
    for row, (name, kind, *values) in enumerate(_measured(body["measures"], lang), start=1):
        sheet.write_string(row, 0, name)
        for column, value in enumerate(values, start=1):
            if value is not None:
                sheet.write_number(row, column, value, formats[kind])
    sheet.set_column(0, 0, 44)
    sheet.set_column(1, 2, 22)
    sheet.freeze_panes(1, 1)


def _measured(measures: Mapping[str, Any], lang: str) -> Iterator[tuple[Any, ...]]:
    """(name, number format, this period, the other) of each measure; a time in days, and how many it is of."""
    for key, pair in measures.items():
        name = comparison.measure_name(key, lang)
        sides = (pair.get("current"), pair.get("previous"))
        if any(isinstance(side, Mapping) for side in sides):
            kept = [side or {} for side in sides]
            for which in ("median_s", "p90_s"):
                days = (None if (s := side.get(which)) is None else s / 86_400 for side in kept)
                yield say(lang, f"report.{which}", measure=name), _TIME, *days
            yield say(lang, "report.measured_of", measure=name), _WHOLE, *(side.get("n") for side in kept)
        elif key == comparison.SHARE:
            yield name, _SHARE, *(None if side is None else 100 * side for side in sides)
        else:
            whole = all(side is None or side == int(side) for side in sides)
            yield name, _WHOLE if whole else _PARTS, *sides


def _lines(body: Mapping[str, Any], lang: str) -> Iterator[tuple[Any, ...]]:
    """Rows, total and overlap, each as COLUMNS."""
    for row in body["rows"]:
        name = comparison.label(row, body["by"], lang)
        yield row["key"], name, row["current"], row["previous"], row["change_percent"], row.get("verdict")
    total, overlap = body["total"], body.get("overlap") or {}
    sums = (total["current"], total["previous"], total["change_percent"], total["verdict"])
    yield "total", say(lang, "stats.total"), *sums
    yield "overlap", say(lang, "report.overlap_row"), overlap.get("current", 0), overlap.get("previous", 0), None, None
