from __future__ import annotations

import csv
import io
import re
import zipfile
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree

import orjson
import pypdf
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.vonggac.reports.bodies import GOLDEN_ROWS, comparison, row
from tests.unit.vonggac.reports.trees import tree
from vonggac.errors import UsageRefused
from vonggac.reports.sheets import inert
from vonggac.reports.table import FORMS, render

FULL: dict[str, Any] = {
    "measures": {
        "incidents": {"current": 1056, "previous": 2173, "change_percent": -51.4},
        "found_by_ourselves": {"current": 0.523, "previous": None},
        "time_to_close": {
            "current": {"median_s": 7320.0, "p90_s": 90000.0, "n": 120},
            "previous": {"median_s": None, "p90_s": None, "n": 0},
        },
    },
    "breaks": [{"at": "2025-07-01", "what": "63 tỉnh còn 34", "basis": "NQ 202/2025/QH15"}],
    "sentences": {"vi": ["Câu tiếng Việt."], "en": ["An English sentence."]},
}
HOSTILE = "=cmd|'/C calc'!A0 <script>alert(1)</script> #heading[x] 中\x07"


def pdf_text(pdf: bytes) -> str:
    """The words of a PDF, one blank between two."""
    pages = pypdf.PdfReader(io.BytesIO(pdf)).pages
    return " ".join(" ".join(page.extract_text() for page in pages).split())


def sheet(xlsx: bytes, number: int) -> ElementTree.Element:
    with zipfile.ZipFile(io.BytesIO(xlsx)) as book:
        return tree(book.read(f"xl/worksheets/sheet{number}.xml"))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("lang", ["vi", "en"])
def test_the_same_body_gives_the_same_bytes(form: str, lang: str) -> None:
    body = comparison(**FULL)
    assert render(body, form, lang) == render(body, form, lang)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("lang", ["vi", "en"])
def test_a_period_without_any_incident_can_be_written(form: str, lang: str) -> None:
    body = comparison(0, 0, rows=[], verdict="not-comparable", reason="too-few-cases", by="none")
    assert render(body, form, lang)


@pytest.mark.parametrize("form", ["html", "pdf"])
def test_a_page_says_giam_51_4_percent(form: str) -> None:
    made = render(comparison(**FULL), form, "vi")
    text = pdf_text(made) if form == "pdf" else made.decode()
    for said in ("giảm 51,4 %", "1.056", "2.173", "Câu tiếng Việt.", "2 giờ 2 phút", "52,3 %", "63 tỉnh còn 34"):
        assert said in text
    assert "An English sentence." in pdf_text(render(comparison(**FULL), "pdf", "en"))


# --- HTML


class Page(HTMLParser):
    """What a page is made of."""

    def __init__(self, html: bytes) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_a_page_loads_nothing_and_runs_nothing() -> None:
    html = render(comparison(rows=[row(HOSTILE, 3, 2)]), "html", "vi")
    tags = Page(html).tags
    assert not {tag for tag, _ in tags} & {"script", "link", "img", "iframe", "object", "embed"}
    assert not [name for _, attributes in tags for name in attributes if name in ("src", "href") or name[:2] == "on"]
    assert b"url(" not in html.replace(b"url(#", b"")
    assert b"@import" not in html


def test_a_page_can_be_read_without_seeing_it() -> None:
    tags = Page(render(comparison(**FULL), "html", "vi")).tags
    assert ("html", {"lang": "vi"}) in tags
    heads = [attributes.get("scope") for tag, attributes in tags if tag == "th"]
    assert heads
    assert set(heads) == {"col", "row"}
    assert sum(tag == "caption" for tag, _ in tags) == sum(tag == "table" for tag, _ in tags)
    drawings = [attributes for tag, attributes in tags if tag == "svg"]
    assert [drawing["role"] for drawing in drawings] == ["img"]
    assert {"title", "desc", "main", "h1", "figcaption"} <= {tag for tag, _ in tags}


# --- PDF


def test_a_pdf_is_tagged_and_bears_the_time_given() -> None:
    at = datetime(2026, 1, 5, 3, 4, tzinfo=UTC)
    reader = pypdf.PdfReader(io.BytesIO(render(comparison(), "pdf", "vi", at=at)))
    assert reader.metadata is not None
    assert reader.metadata.creation_date == at
    assert reader.metadata.title == "So sánh số sự cố an toàn thông tin mạng"
    assert str(reader.root_object["/Lang"]) == "vi"
    assert "/StructTreeRoot" in reader.root_object
    assert b"pdfuaid:part" in reader.xmp_metadata.stream.get_data()  # type: ignore[union-attr]


def test_a_name_in_a_pdf_is_text_and_never_markup() -> None:
    assert "<script>alert(1)</script> #heading[x]" in pdf_text(
        render(comparison(rows=[row("a", 3, 2, HOSTILE)]), "pdf", "vi")
    )


# --- XLSX


def test_figures_in_a_workbook_are_numbers_and_percentages_exact() -> None:
    xlsx = render(comparison(overlap=(3, 0)), "xlsx", "vi")
    cells = {cell.get("r"): (cell.get("t", "n"), cell.findtext("{*}v")) for cell in sheet(xlsx, 1).iterfind(".//{*}c")}
    assert cells["C2"] == ("n", "553")
    assert cells["D5"] == ("n", "2173")
    kind, exact = cells["E5"]
    assert kind == "n"
    assert float(exact or 0) == pytest.approx(100 * (1056 - 2173) / 2173, rel=1e-14)
    assert cells["C6"] == ("n", "3")
    with zipfile.ZipFile(io.BytesIO(xlsx)) as book:
        styles = book.read("xl/styles.xml").decode()
    assert "#,##0" in styles
    assert "0.0&quot; %&quot;" in styles


def test_a_workbook_keeps_its_head_in_view_and_its_question_beside() -> None:
    xlsx = render(comparison(**FULL), "xlsx", "vi")
    pane = sheet(xlsx, 1).find(".//{*}pane")
    assert pane is not None
    assert (pane.get("state"), pane.get("topLeftCell")) == ("frozen", "C2")
    assert sheet(xlsx, 1).find(".//{*}cols") is not None
    with zipfile.ZipFile(io.BytesIO(xlsx)) as book:
        words = book.read("xl/sharedStrings.xml").decode()
        assert {item.date_time for item in book.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    for said in ("giảm 51,4 %", "Câu tiếng Việt.", "qd05-2017", "723abb94" * 8, "63 tỉnh còn 34"):
        assert said in words


def test_a_workbook_holds_no_formula() -> None:
    xlsx = render(comparison(rows=[row("=1+1", 3, 2, HOSTILE), row("http://x", 1, 1, "@SUM(A1)")]), "xlsx", "vi")
    for number in (1, 2):
        assert sheet(xlsx, number).find(".//{*}f") is None
        assert sheet(xlsx, number).find(".//{*}hyperlink") is None


def test_measures_in_a_workbook_are_numbers_too() -> None:
    rows = sheet(render(comparison(**FULL), "xlsx", "vi"), 3).findall(".//{*}row")
    cells = [[float(cell.findtext("{*}v") or "nan") for cell in row if cell.get("t", "n") == "n"] for row in rows[1:]]
    assert cells == [[1056, 2173], [52.3], [pytest.approx(7320 / 86400)], [pytest.approx(90000 / 86400)], [120, 0]]
    with zipfile.ZipFile(io.BytesIO(render(comparison(), "xlsx", "vi"))) as book:
        assert "xl/worksheets/sheet3.xml" not in book.namelist()


# --- CSV and JSON


def test_a_csv_ends_with_total_and_overlap() -> None:
    text = render(comparison(overlap=(77, 165)), "csv", "vi").decode()
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [each["key"] for each in rows] == ["phishing", "deface", "malware", "total", "overlap"]
    assert [float(each["change_percent"]) for each in rows[:1]] == [GOLDEN_ROWS[0]["change_percent"]]
    assert list(rows[-1].values())[2:] == ["77", "165", "", ""]
    assert rows[-2]["verdict"] == "reduction"


@given(st.text(max_size=12), st.text(max_size=12))
def test_no_text_of_a_csv_begins_as_a_formula(key: str, label: str) -> None:
    text = render(comparison(rows=[row(key, 1, 1, label)]), "csv", "vi").decode("utf-8", "strict")
    _, found, *_ = csv.reader(io.StringIO(text, newline=""))
    assert not any(re.match(r"[=+\-@\t\r\n]", cell) for cell in found[:2])
    assert inert(key) in (key, f"'{key}")


def test_json_is_the_body_itself() -> None:
    body = comparison(**FULL)
    assert orjson.loads(render(body, "json", "vi")) == body


@pytest.mark.parametrize("form", ["html", "pdf"])
def test_a_page_says_as_of_when_its_records_are(form: str) -> None:
    def text(body: dict[str, Any], at: datetime | None) -> str:
        made = render(body, form, "vi", at=at)
        return pdf_text(made) if form == "pdf" else made.decode()

    at = datetime(2026, 1, 5, 3, 4, tzinfo=UTC)
    assert "05/01/2026 10:04" in text(comparison(), at)
    assert "lúc lập bảng" in text(comparison(), None)
    assert "01/06/2020 07:00" in text(comparison(known_at="2020-06-01T00:00:00.000000Z"), at)


def test_a_form_that_is_not_known_is_refused() -> None:
    with pytest.raises(UsageRefused):
        render(comparison(), "docx", "vi")
