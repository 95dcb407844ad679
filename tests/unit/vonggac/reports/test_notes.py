"""The monthly note and the yearly report over a real store, held to what the authorities published for 2020."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from itertools import pairwise
from typing import Any

import orjson
import pytest

from tests.conftest import SteppingClock
from tests.unit.vonggac.reports.bodies import comparison, row
from tests.unit.vonggac.reports.test_table import pdf_text
from tests.unit.vonggac.test_statistics import answered, write
from vonggac.definitions import definitions
from vonggac.domain.agency import Agency, Directory, Level, Predecessor, System
from vonggac.domain.times import parse_instant
from vonggac.old_cases import import_cases
from vonggac.ports import Store
from vonggac.reports.asking import FORMS, Compare, Report, months_of
from vonggac.reports.document import Notes
from vonggac.reports.monthly import monthly, parts, sentence
from vonggac.reports.table import render
from vonggac.reports.yearly import last_day, yearly
from vonggac.settings import Settings
from vonggac.statistics import Question, ask
from vonggac.stores import open_store
from vonggac.units import shipped_units

#: (year, month) -> phishing, deface, malware. April 2020, its four months and the totals of 2019 are as published;
#: the months between are shared out so that the sums hold.
PUBLISHED = {
    (2020, 1): (180, 60, 40),
    (2020, 2): (170, 70, 50),
    (2020, 3): (160, 61, 62),
    (2020, 4): (43, 89, 71),
    (2019, 1): (510, 0, 0),
    (2019, 2): (510, 0, 0),
    (2019, 3): (515, 0, 0),
    (2019, 4): (638, 0, 0),
}
AT = SteppingClock()()
SHIPPED = Directory(shipped_units())


def old_cases() -> Iterator[dict[str, str]]:
    for (year, month), counts in PUBLISHED.items():
        for category, count in zip(("phishing", "deface", "malware"), counts, strict=True):
            for at in range(count):
                yield {
                    "incident_id": f"{year}-{month}-{category}-{at}",
                    "category": category,
                    "occurred_at": f"{at % 28 + 1:02}/{month:02}/{year}",
                    "recorded_at": f"01/06/{year}",
                    "agency_code": ("48", "56", "01")[at % 3],
                }
    yield {"incident_id": "2020-1-phishing-0", "agency_code": "56", "role": "handler", "category": "phishing"} | {
        "occurred_at": "01/01/2020",
        "recorded_at": "01/06/2020",
    }


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store that holds PUBLISHED, loaded once."""
    folder = tmp_path_factory.mktemp("published")
    store = open_store(Settings(data_dir=folder / "data"), clock=SteppingClock())
    assert not import_cases(store.incidents, write(folder / "a.csv", *old_cases()), definitions()).refused
    yield store
    store.close()


def asker(store: Store, lang: str) -> Compare:
    return lambda question: answered(store, question, lang, SHIPPED)


def note(store: Store, lang: str = "vi") -> Report:
    return monthly(asker(store, lang), ask("2020-M4"), lang, now=AT)


def year(store: Store, lang: str = "vi") -> Report:
    return yearly(asker(store, lang), in_units_of_its_last_day("2020"), lang, now=AT, directory=SHIPPED)


def in_units_of_its_last_day(text: str) -> Question:
    asked = ask(text)
    return replace(asked, units=last_day(asked))


def as_json(made: Report) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(made.render("json"))
    return found


def test_january_to_april_2020_reads_as_published_in_page_and_pdf(published: Store) -> None:
    body = asker(published, "vi")(ask("2020-M1..M4"))
    assert "1.056 sự cố, giảm 51,4 % so với cùng kỳ năm 2019" in render(body, "html", "vi").decode()
    assert "1.056 sự cố, giảm 51,4 % so với cùng kỳ năm 2019" in pdf_text(render(body, "pdf", "vi"))


def test_the_note_for_april_2020_has_the_form_of_the_published_one(published: Store) -> None:
    lead = note(published).document.blocks[0].text  # type: ignore[union-attr]
    assert lead.startswith("Tháng 4/2020: 203 sự cố (43 Phishing, 89 Deface, 71 Malware); giảm 28,3 % so với tháng 3")
    assert "giảm 68,2 % so với cùng kỳ năm 2019 (203 so với 638 sự cố; độ phủ giám sát không được ghi)" in lead
    assert lead in pdf_text(note(published).render("pdf"))


def test_the_note_gives_the_year_to_date_and_january_none(published: Store) -> None:
    html = note(published).render("html").decode()
    assert "Lũy kế từ đầu năm" in html
    assert "giảm 51,4 %" in html
    january = monthly(asker(published, "vi"), ask("2020-M1"), "vi", now=AT).render("html").decode()
    assert "Lũy kế" not in january
    assert "tháng 12/2019" in january


def test_a_note_against_a_december_asks_for_the_year_before(published: Store) -> None:
    found = as_json(monthly(asker(published, "en"), ask("2020-M1"), "en", now=AT))
    assert found["bodies"]["month_before"]["against"]["text"] == "2019-M12"


def test_what_is_in_none_of_the_three_series_is_counted_as_others() -> None:
    rows = [row("phishing", 3, 0), row("fraud", 2, 0), row("dos", 4, 0), row("other", 1, 0)]
    assert parts(comparison(rows=rows), "vi") == " (5 Phishing, 5 loại khác)"
    assert parts(comparison(rows=[]), "vi") == ""
    strange = comparison(rows=[row("x", 2, 0, "Loại lạ")], definitions="of-elsewhere")
    assert parts(strange, "vi") == " (2 Loại lạ)"


def test_a_note_on_months_that_cannot_be_compared_calls_nothing_a_fall() -> None:
    dark = comparison(verdict="not-comparable", reason="coverage-fell", coverage=(0.6, 0.9))
    said = sentence(dark, dark, "vi")
    assert "giảm" not in said.replace("giám sát", "")
    assert said.count("độ phủ giám sát 60,0 % so với 90,0 %") == 2


def test_the_yearly_report_has_its_tables_its_map_and_its_digests(published: Store) -> None:
    made = year(published)
    html, pdf = made.render("html").decode(), pdf_text(made.render("pdf"))
    found = as_json(made)["bodies"]
    bodies = [found["category"], found["level"], found["agency"], *found["months"]]
    assert len(found["months"]) == 12
    for said in ("giảm 51,4 %", "Hoàng Sa", "Trường Sa", "Tháng 12", "Các dòng đếm lượt liên quan: 1 lượt kỳ này"):
        assert said in html
        assert said in pdf
    for body in bodies:
        assert body["digest"] in html
        assert body["digest"] in pdf


@pytest.mark.parametrize("made", [note, year])
@pytest.mark.parametrize("lang", ["vi", "en"])
def test_the_same_records_give_the_same_bytes(
    published: Store, made: Callable[[Store, str], Report], lang: str
) -> None:
    first, second = made(published, lang), made(published, lang)
    assert all(first.render(form) == second.render(form) for form in FORMS)


def test_the_json_of_a_report_holds_every_body(published: Store) -> None:
    found = as_json(note(published, "en"))
    assert found["report"] == "monthly"
    assert found["bodies"]["year_to_date"]["total"]["current"] == 1056
    assert [body["total"]["current"] for body in found["bodies"]["months"]] == [280, 290, 283, 203]


def test_units_below_a_province_count_in_its_tile(published: Store) -> None:
    unit = Agency("01", "Sở", Level.UNIT, parent="48")
    directory = Directory((unit, *(each for each in SHIPPED.agencies if each.code != "01")))
    made = yearly(asker(published, "vi"), in_units_of_its_last_day("2020"), "vi", now=AT, directory=directory)
    html = made.render("html").decode()
    current = {each["key"]: each["current"] for each in as_json(made)["bodies"]["agency"]["rows"]}
    here, below = current["48@1900-01-01"], current["01"]
    assert f"Đà Nẵng: {here + below};" in html
    assert "Hà Nội: không có bản ghi;" in html


def test_a_province_that_was_merged_later_has_its_figure_on_the_map_of_its_time(published: Store) -> None:
    html = year(published).render("html").decode()
    assert "Đà Nẵng: 357;" in html
    assert "Khánh Hòa: không có bản ghi;" not in html


def test_with_units_of_the_time_of_each_incident_the_map_says_which_day_it_is_of(published: Store) -> None:
    made = yearly(asker(published, "vi"), ask("2020"), "vi", now=AT, directory=SHIPPED)
    said = "Bản đồ vẽ theo các đơn vị của ngày 31/12/2020"
    bodies = as_json(made)["bodies"]
    assert said in made.render("html").decode()
    assert said not in year(published).render("html").decode()
    assert bodies["map"]["digest"] in made.render("html").decode()


def test_units_of_a_given_day_have_the_map_of_that_day(published: Store) -> None:
    asked = ask("2020", units="2025-07-01")
    html = yearly(asker(published, "vi"), asked, "vi", now=AT, directory=SHIPPED).render("html").decode()
    assert "Bình Dương" not in html
    assert "Đà Nẵng: 357;" in html


def test_what_stands_under_no_province_is_told_beside_the_map(published: Store) -> None:
    ministry = Agency("48", "Bộ", Level.MINISTRY)
    directory = Directory((ministry, *(each for each in SHIPPED.agencies if each.code != "48")))
    made = yearly(asker(published, "vi"), in_units_of_its_last_day("2020"), "vi", now=AT, directory=directory)
    assert "357 lượt liên quan của các cơ quan không thuộc tỉnh" in made.render("html").decode()


def test_a_province_that_the_map_does_not_know_is_told_beside_it(published: Store) -> None:
    unit = Agency("48", "Tỉnh Mới", Level.PROVINCE, valid_to=date(2021, 1, 1))
    later = Agency("48x", "Tỉnh Mới", Level.PROVINCE, valid_from=date(2021, 1, 1), predecessors=(Predecessor("48"),))
    directory = Directory((unit, later, *(each for each in SHIPPED.agencies if each.code != "48")))
    made = yearly(asker(published, "en"), ask("2020", units="2021-01-01"), "en", now=AT, directory=directory)
    assert "357 involvements of agencies that stand under no province of the map" in made.render("html").decode()


def rated(store: Store, systems: tuple[System, ...], lang: str = "vi") -> Report:
    directory = Directory(SHIPPED.agencies, systems)
    return yearly(asker(store, lang), in_units_of_its_last_day("2020"), lang, now=AT, directory=directory)


def test_the_rate_map_stands_on_the_systems_of_the_periods_last_day(published: Store) -> None:
    systems = [System(f"s{at}", "", 2, "48") for at in range(8)]
    systems += [System("later", "", 2, "48", valid_from=date(2021, 1, 1)), System("s", "", 2, "79")]
    made = rated(published, tuple(systems))
    html, pdf = made.render("html").decode(), pdf_text(made.render("pdf"))
    assert "Đà Nẵng: 4.462,5;" in html
    for said in ("hệ thống có bản ghi ngày 31/12/2020", "Lượt liên quan trên 100 hệ thống thông tin"):
        assert said in html
        assert said in pdf
    rows = {each["key"]: each for each in as_json(made)["bodies"]["rate"]["rows"]}
    assert (rows["48"]["current"], rows["48"]["systems"], rows["48"]["rate"]) == (357, 8, 4462.5)
    assert (rows["79"]["current"], rows["79"]["systems"], rows["79"]["rate"]) == (None, 1, None)
    assert (rows["01"]["systems"], rows["01"]["rate"]) == (0, None)


def test_without_any_system_on_record_a_sentence_takes_the_place_of_the_rate_map(published: Store) -> None:
    html = rated(published, (System("s", "", 2, "BTC"),)).render("html").decode()
    assert "Ngày 31/12/2020 không có bản ghi nào về hệ thống thông tin" in html
    assert "trên 100 hệ thống" not in html


def test_months_to_come_are_left_out_of_a_years_report(published: Store) -> None:
    at = parse_instant("2020-04-30T17:00:00Z")
    made = yearly(asker(published, "vi"), ask("2020"), "vi", now=at, directory=SHIPPED)
    months = as_json(made)["bodies"]["months"]
    assert [body["period"]["text"] for body in months] == ["2020-M1", "2020-M2", "2020-M3", "2020-M4"]


def test_a_note_says_which_claim_a_sentence_belongs_to_and_common_ones_once() -> None:
    bodies = [
        comparison(asked="2020-M4", against=against, sentences={"vi": [f"Câu {at}.", "Câu chung."]})
        for at, against in enumerate(("2020-M3", "2019-M4"))
    ]
    answers = iter([*bodies, *[comparison()] * 5])
    [notes, *_] = [
        block
        for block in monthly(lambda _: next(answers), ask("2020-M4"), "vi", now=AT).document.blocks
        if isinstance(block, Notes)
    ]
    assert notes.items == ("So với tháng 3/2020: Câu 0.", "So với cùng kỳ năm 2019: Câu 1.", "Câu chung.")


@pytest.mark.parametrize("text", ["2020", "2019-12-15/2020-12-15"])
def test_the_months_of_a_year_share_it_out_without_gap(text: str) -> None:
    question: Question = ask(text)
    months = [each.period for each in months_of(question)]
    assert (months[0].start, months[-1].end) == (question.period.start, question.period.end)
    assert all(one.end == next_one.start for one, next_one in pairwise(months))
