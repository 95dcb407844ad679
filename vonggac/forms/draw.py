"""A sheet as DOCX, in the dress of Vietnam's administrative papers (NĐ 30/2020/NĐ-CP, Phụ lục I): A4, Times New Roman,
the country's name and motto above.

The same sheet gives the same bytes: every time in the file is the sheet's own.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from datetime import UTC
from typing import Any

import docx
from docx.enum.text import WD_ALIGN_PARAGRAPH, WD_TAB_ALIGNMENT, WD_TAB_LEADER
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Cm, Pt

from vonggac.domain.times import VIETNAM
from vonggac.forms.sheet import Block, Grid, Heading, Line, Sheet, Ticks

FONT = "Times New Roman"
_WIDTH = 16.0  # cm between the margins
_CENTRE = WD_ALIGN_PARAGRAPH.CENTER
_EMPTY, _TICKED, _UNBROKEN = "☐", "☒", "\u00a0"
#: What a form shows of a text that came from elsewhere.
MOST = 2_000


def draw(sheet: Sheet) -> bytes:
    """The DOCX file."""
    document = docx.Document()
    _dress(document)
    _head(document, sheet)
    for block in sheet.blocks:
        _draw(document, block)
    _foot(document, sheet)
    _stamp(document, sheet)
    out = io.BytesIO()
    document.save(out)
    return _timeless(out.getvalue(), sheet)


def _dress(document: Any) -> None:
    page = document.sections[0]
    page.page_width, page.page_height = Cm(21), Cm(29.7)
    page.left_margin, page.right_margin, page.top_margin, page.bottom_margin = Cm(3), Cm(2), Cm(2), Cm(2)
    normal = document.styles["Normal"]
    normal.font.name, normal.font.size = FONT, Pt(13)
    for script in ("w:ascii", "w:hAnsi", "w:eastAsia", "w:cs"):
        normal.element.rPr.rFonts.set(qn(script), FONT)
    normal.paragraph_format.space_after = Pt(4)
    normal.paragraph_format.space_before = Pt(0)
    language = OxmlElement("w:lang")
    language.set(qn("w:val"), "vi-VN")
    normal.element.rPr.append(language)


def _head(document: Any, sheet: Sheet) -> None:
    _write(document.add_paragraph(), f"{sheet.number} ({sheet.circular})", size=11, italic=True, align=2)
    left, right = _pair(document, 6.5)
    _write(left.paragraphs[0], sheet.sender.upper(), bold=True, align=_CENTRE, size=12)
    _write(left.add_paragraph(), "Số: ……/…………", align=_CENTRE)
    _write(right.paragraphs[0], "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM", bold=True, align=_CENTRE, size=12)
    motto = right.add_paragraph()
    _write(motto, "Độc lập - Tự do - Hạnh phúc", bold=True, align=_CENTRE, underline=True)
    day = sheet.made_at.astimezone(VIETNAM)
    _write(right.add_paragraph(), f"…………, ngày {day:%d} tháng {day:%m} năm {day:%Y}", italic=True, align=_CENTRE)
    title = document.add_paragraph()
    title.paragraph_format.space_before = Pt(14)
    _write(title, sheet.title.upper(), bold=True, align=_CENTRE)
    if sheet.under_title:
        _write(document.add_paragraph(), sheet.under_title, align=_CENTRE, bold=True)
    to = document.add_paragraph()
    to.paragraph_format.space_before, to.paragraph_format.space_after = Pt(8), Pt(8)
    _write(to, f"Kính gửi: {sheet.addressee}", align=_CENTRE)


def _draw(document: Any, block: Block) -> None:
    if isinstance(block, Heading):
        paragraph = document.add_paragraph()
        paragraph.paragraph_format.space_before = Pt(8)
        paragraph.paragraph_format.keep_with_next = True
        _write(paragraph, block.text, bold=True)
    elif isinstance(block, Line):
        _line(document, block)
    elif isinstance(block, Ticks):
        boxes = "  ".join(_box(each, each in block.ticked) for each in block.options)
        _write(document.add_paragraph(), f"{block.label}:  {boxes}" if block.label else boxes)
    elif isinstance(block, Grid):
        _grid(document, block)
    else:
        _write(document.add_paragraph(), block.text, italic=True, size=11)


def _box(text: str, ticked: bool) -> str:
    """Kept on one line."""
    return f"{_TICKED if ticked else _EMPTY} {text}".replace(" ", _UNBROKEN)


def _line(document: Any, line: Line) -> None:
    paragraph = document.add_paragraph()
    paragraph.add_run(f"{_clean(line.label)}: ")
    if line.value is not None:
        paragraph.add_run(_clean(line.value))
        return
    for each in range(line.dotted):
        dotted = paragraph if each == 0 else document.add_paragraph()
        dotted.paragraph_format.tab_stops.add_tab_stop(Cm(_WIDTH), WD_TAB_ALIGNMENT.RIGHT, WD_TAB_LEADER.DOTS)
        dotted.add_run("\t")


def _grid(document: Any, grid: Grid) -> None:
    table = document.add_table(rows=1, cols=len(grid.header), style="Table Grid")
    table.autofit = False
    for cell, text in zip(table.rows[0].cells, grid.header, strict=True):
        _write(cell.paragraphs[0], text, bold=True, align=_CENTRE, size=11)
    _repeats(table.rows[0])
    for number, row in enumerate(grid.rows, 1):
        cells = table.add_row().cells
        last = grid.total and number == len(grid.rows)
        for cell, value in zip(cells, row, strict=True):
            centred = value is not None and value.replace(".", "").isdigit()
            _write(cell.paragraphs[0], value or "", bold=last, size=11, align=_CENTRE if centred else None)
    _widen(table, [_WIDTH * part / sum(grid.widths) for part in grid.widths])
    for row in table.rows:
        _whole(row)
    document.add_paragraph().paragraph_format.space_after = Pt(0)


def _foot(document: Any, sheet: Sheet) -> None:
    document.add_paragraph()
    _, right = _pair(document, 7.0)
    _write(right.paragraphs[0], sheet.signer.upper(), bold=True, align=_CENTRE)
    _write(right.add_paragraph(), "(Ký, ghi rõ họ tên, đóng dấu)", italic=True, align=_CENTRE, size=11)


def _pair(document: Any, left: float) -> tuple[Any, Any]:
    """Two cells side by side without lines; `left` in cm."""
    table = document.add_table(rows=1, cols=2)
    table.autofit = False
    _widen(table, (left, _WIDTH - left))
    _whole(table.rows[0])
    first, second = table.rows[0].cells
    return first, second


def _widen(table: Any, widths: Sequence[float]) -> None:
    """In cm; Word goes by the cells, LibreOffice by the columns."""
    for column, width in zip(table.columns, widths, strict=True):
        column.width = Cm(width)
        for cell in column.cells:
            cell.width = Cm(width)


def _write(
    paragraph: Any,
    text: str,
    *,
    bold: bool = False,
    italic: bool = False,
    underline: bool = False,
    size: int | None = None,
    align: int | None = None,
) -> None:
    run = paragraph.add_run(_clean(text))
    run.bold, run.italic, run.underline = bold, italic, underline
    if size is not None:
        run.font.size = Pt(size)
    if align is not None:
        paragraph.alignment = align


def _clean(text: str) -> str:
    """No controls, which XML cannot hold, and none that turn the direction of writing."""
    cut = text if len(text) <= MOST else text[:MOST] + "…"
    return "".join(char if char.isprintable() or char == _UNBROKEN else " " for char in cut)


def _whole(row: Any) -> None:
    """The row is not split between two pages."""
    row._tr.get_or_add_trPr().append(OxmlElement("w:cantSplit"))


def _repeats(row: Any) -> None:
    """The row stands again on each page that the table goes on to."""
    row._tr.get_or_add_trPr().append(OxmlElement("w:tblHeader"))


def _stamp(document: Any, sheet: Sheet) -> None:
    made = sheet.made_at.astimezone(UTC).replace(tzinfo=None, microsecond=0)
    properties = document.core_properties
    properties.author = properties.last_modified_by = "Vọng Gác"
    properties.title, properties.subject, properties.language = sheet.title, sheet.number, "vi-VN"
    properties.comments = properties.keywords = ""
    properties.created = properties.modified = made
    properties.revision = 1


def _timeless(content: bytes, sheet: Sheet) -> bytes:
    """The package with the sheet's time on each part instead of the machine's."""
    day = sheet.made_at.astimezone(VIETNAM)
    stamp = (day.year, day.month, day.day, day.hour, day.minute, day.second // 2 * 2)
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as drawn, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as package:
        for name in _parts(drawn.namelist()):
            part = zipfile.ZipInfo(name, stamp)
            part.compress_type, part.create_system = zipfile.ZIP_DEFLATED, 3
            package.writestr(part, drawn.read(name))
    return out.getvalue()


def _parts(names: Sequence[str]) -> list[str]:
    """The table of content types first (ECMA-376-2, 10.1.2), the rest by name."""
    return sorted(names, key=lambda name: (name != "[Content_Types].xml", name))
