import csv
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from vonggac.comparison import answer_data
from vonggac.connected import HEARTBEAT
from vonggac.coverage import CoverageLog
from vonggac.definitions import definitions
from vonggac.directory import load_directory
from vonggac.domain.access import Principal, UserRole, visible_to
from vonggac.domain.agency import Agency, Directory, Level, Predecessor, System
from vonggac.domain.stats import By
from vonggac.domain.times import parse_instant
from vonggac.errors import NotFound, UsageRefused
from vonggac.old_cases import IMPORT_COLUMNS, import_cases
from vonggac.ports import Store
from vonggac.reports import figures
from vonggac.statistics import Question, answer, ask

GOOD = {
    "incident_id": "1",
    "occurred_at": "05/02/2020 10:00",
    "recorded_at": "2020-02-06T08:00:00+07:00",
    "category": "phishing",
    "severity": "high",
    "agency_code": "H40",
    "role": "victim",
    "title": "Trang giả mạo",
    "source_system": "sổ giấy",
    "test": "false",
}


def write(path: Path, *rows: dict[str, str]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, IMPORT_COLUMNS)
        writer.writeheader()
        writer.writerows({**GOOD, **row} for row in rows)
    return path


NOW = datetime(2026, 11, 1, tzinfo=UTC)


def answered(
    store: Store, question: Question, lang: str = "vi", directory: Directory | None = None, now: datetime = NOW
) -> dict[str, Any]:
    return answer_data(answer(store, directory or Directory(), question, now=now), lang)


def totals(store: Store, period: str = "2020", **options: str) -> tuple[int, int]:
    question = ask(period, **options)  # type: ignore[arg-type]
    total = answered(store, question)["total"]
    return total["current"], total["previous"]


def test_january_to_april_2020_prints_minus_51_4_percent(store: Store, tmp_path: Path) -> None:
    counts = {"2020": {"phishing": 553, "deface": 280, "malware": 223}, "2019": {"other": 2173}}
    rows = [
        {
            "incident_id": f"{year}-{category}-{at}",
            "category": category,
            "occurred_at": f"{at % 28 + 1:02}/{at % 4 + 1:02}/{year}",
            "recorded_at": f"01/06/{year}",
        }
        for year, categories in counts.items()
        for category, count in categories.items()
        for at in range(count)
    ]
    import_cases(store.incidents, write(tmp_path / "a.csv", *rows), definitions())
    question = ask("2020-M1..M4")
    body = answered(store, question)
    assert (body["total"]["current"], body["total"]["previous"]) == (1056, 2173)
    assert figures.change(body["total"]["current"], body["total"]["previous"], "vi") == "−51,4 %"
    assert figures.change(body["total"]["current"], body["total"]["previous"], "en") == "−51.4 %"
    assert body["total"]["verdict"] == "reduction"
    english = answered(store, question, "en")
    assert english["digest"] == body["digest"]


@pytest.mark.parametrize(
    "options",
    [
        {"period": "soon"},
        {"period": "2020", "against": "2019-M13"},
        {"period": "2020", "known_at": "?"},
        {"period": "2020-02-28T18:00:00+07:00/2020-02-29T12:00:00+07:00"},
        {"period": "0002"},
        {"period": "tt20-0001"},
    ],
)
def test_a_question_that_cannot_be_asked_is_refused(options: dict[str, str]) -> None:
    with pytest.raises(UsageRefused):
        ask(**options)  # type: ignore[arg-type]


def test_unknown_definitions_are_named() -> None:
    with pytest.raises(NotFound) as refused:
        definitions("qd99")
    assert "qd05-2017" in str(refused.value.facts["known"])


def test_an_instant_is_read_in_both_forms() -> None:
    question = ask("2020", known_at="2020-05-01T00:00:00Z")
    assert question.known_at == parse_instant("2020-05-01T00:00:00Z")


def many(year: int, **changes: Any) -> Iterator[dict[str, str]]:
    """Rows of incidents, so many of each agency, on one day of a year."""
    day, agencies = changes.pop("day", "15/08"), changes.pop("agencies")
    for code, number in agencies.items():
        for at in range(number):
            identity = f"{year}-{day}-{code}-{at}"
            when = {"occurred_at": f"{day}/{year}", "recorded_at": f"05/01/{year + 1}"}
            yield {"incident_id": identity, "agency_code": code, **when, **changes}


def keyed(body: dict[str, Any]) -> dict[str, tuple[float, float]]:
    return {row["key"]: (row["current"], row["previous"]) for row in body["rows"]}


@pytest.fixture
def vietnam(store: Store) -> Directory:
    return load_directory(store.records)


@pytest.mark.parametrize(("month", "counts"), [("2020-M4", (43, 89, 71, 203)), ("2020-M8", (199, 160, 158, 517))])
def test_a_month_is_the_sum_of_its_triad(store: Store, tmp_path: Path, month: str, counts: tuple[int, ...]) -> None:
    rows = [
        row
        for category, number in zip(("phishing", "deface", "malware"), counts[:3], strict=True)
        for row in many(2020, day=f"03/{month[-1]:0>2}", agencies={f"X-{category}": number}, category=category)
    ]
    import_cases(store.incidents, write(tmp_path / "a.csv", *rows), definitions())
    body = answered(store, ask(month))
    assert body["total"]["current"] == counts[3]
    assert keyed(body) == {
        name: (number, 0) for name, number in zip(("phishing", "deface", "malware"), counts[:3], strict=True)
    }
    assert answered(store, ask(month, definitions="triad-2017"))["total"]["current"] == counts[3]


def test_phu_tho_is_compared_with_the_three_provinces_it_was_made_of(
    store: Store, vietnam: Directory, tmp_path: Path
) -> None:
    rows = [
        *many(2024, agencies={"26": 40, "17": 30, "25": 50, "01": 7}),
        *many(2025, agencies={"25": 60, "01": 5}),
    ]
    import_cases(store.incidents, write(tmp_path / "a.csv", *rows), definitions())
    carried = answered(store, ask("2025-M7..M12", by="agency", units="2025-07-01"), directory=vietnam)
    assert keyed(carried) == {"25": (60, 120), "01": (5, 7)}
    as_then = answered(store, ask("2025-M7..M12", by="agency"), directory=vietnam)
    [(old, counts)] = [(key, value) for key, value in keyed(as_then).items() if key.startswith("25@")]
    assert counts == (0, 50)
    assert keyed(as_then) == {"25": (60, 0), old: (0, 50), "26": (0, 40), "17": (0, 30), "01": (5, 7)}
    assert any("01/07/2025" in sentence for sentence in as_then["sentences"]["vi"])
    assert carried["total"] == as_then["total"]


def test_the_first_half_of_2025_has_one_total_in_63_and_in_34_units(
    store: Store, vietnam: Directory, tmp_path: Path
) -> None:
    provinces = [unit for unit in vietnam.agencies if unit.level is Level.PROVINCE and unit.valid_on(date(2025, 6, 30))]
    assert len(provinces) == 63
    rows = list(many(2025, day="30/06", agencies={unit.code: at % 4 + 1 for at, unit in enumerate(provinces)}))
    import_cases(store.incidents, write(tmp_path / "a.csv", *rows), definitions())
    then, today = (
        answered(store, ask("2025-M1..M6", by="agency", units=units), directory=vietnam)
        for units in ("as-then", "2025-07-01")
    )
    assert then["total"] == today["total"]
    assert then["total"]["current"] == len(rows)
    assert (len(then["rows"]), len(today["rows"])) == (63, 34)
    for body in (then, today):
        assert sum(row["current"] for row in body["rows"]) == len(rows)
        assert body["overlap"] == {"current": 0, "previous": 0}


def test_a_period_across_the_merger_counts_each_incident_in_the_unit_of_its_day(
    store: Store, vietnam: Directory, tmp_path: Path
) -> None:
    rows = [*many(2025, day="30/06", agencies={"15": 3}), *many(2025, day="01/07", agencies={"15": 4})]
    import_cases(store.incidents, write(tmp_path / "a.csv", *rows), definitions())
    body = answered(store, ask("2025", by="agency"), "vi", directory=vietnam)
    labels = {row["label"]: row["current"] for row in body["rows"]}
    assert labels.pop("Lào Cai") == 4
    [(old, number)] = labels.items()
    assert old.startswith("Yên Bái (đến 30/06/2025")
    assert number == 3


def test_a_district_that_was_abolished_keeps_its_count_and_this_is_said(
    store: Store, vietnam: Directory, tmp_path: Path
) -> None:
    rows = list(many(2025, day="01/03", agencies={"001": 12}))
    import_cases(store.incidents, write(tmp_path / "a.csv", *rows), definitions())
    body = answered(store, ask("2025", by="agency", units="2025-07-01"), "en", directory=vietnam)
    assert list(keyed(body).values()) == [(12, 0)]
    assert any("Not carried over" in sentence and "12" in sentence for sentence in body["sentences"]["en"])


def test_months_stand_beside_those_of_the_year_before(store: Store, tmp_path: Path) -> None:
    rows = [
        *many(2019, day="31/12", agencies={"A": 2}),
        *many(2020, day="01/01", agencies={"A": 3}),
        *many(2020, day="29/02", agencies={"A": 4}),
        *many(2020, day="31/12", agencies={"A": 5}),
    ]
    import_cases(store.incidents, write(tmp_path / "a.csv", *rows), definitions())
    body = answered(store, ask("2020", by="month"))
    assert keyed(body) == {"2020-01": (3, 0), "2020-02": (4, 0), "2020-12": (5, 2)}
    assert [row["label"] for row in body["rows"]] == ["01/2020", "02/2020", "12/2020"]
    assert keyed(answered(store, ask("2020-01-15/2020-03-10", by="month"))) == {"2020-02": (4, 0)}


def test_the_last_second_of_a_year_belongs_to_it(store: Store, tmp_path: Path) -> None:
    edge = {"occurred_at": "2020-12-31T23:59:59+07:00", "recorded_at": "2021-01-05T00:00:00+07:00"}
    import_cases(store.incidents, write(tmp_path / "a.csv", edge), definitions())
    assert totals(store) == (1, 0)
    assert totals(store, "2021") == (0, 1)


@pytest.mark.parametrize("by", list(By))
def test_every_way_of_counting_has_the_same_total(store: Store, tmp_path: Path, by: By) -> None:
    rows = [*many(2020, agencies={"A": 3, "B": 2}), {"incident_id": "t", "test": "true"}]
    import_cases(store.incidents, write(tmp_path / "a.csv", *rows), definitions())
    body = answered(store, ask("2020", by=str(by)))
    assert body["total"]["current"] == 5
    assert sum(row["current"] for row in body["rows"]) == (0 if by is By.NONE else 5)


def test_other_definitions_count_what_they_have_a_row_for(store: Store, tmp_path: Path) -> None:
    rows = [
        *many(2020, agencies={"A": 3}, category="fraud"),
        *many(2020, agencies={"B": 2}, category="dos"),
        *many(2020, agencies={"C": 1}, category="deface"),
    ]
    import_cases(store.incidents, write(tmp_path / "a.csv", *rows), definitions())
    assert keyed(answered(store, ask("2020", definitions="triad-2017"))) == {"phishing": (3, 0), "deface": (1, 0)}
    assert keyed(answered(store, ask("2020", definitions="rsit-2017"))) == {
        "fraud": (3, 0),
        "availability": (2, 0),
        "intrusions": (1, 0),
    }


def test_a_named_reporting_year_is_cut_where_the_law_cuts_it(store: Store, tmp_path: Path) -> None:
    rows = [
        *many(2024, day="14/12", agencies={"A": 1}),
        *many(2024, day="15/12", agencies={"A": 2}),
        *many(2025, day="19/06", agencies={"A": 4}),
        *many(2025, day="20/06", agencies={"A": 8}),
        *many(2025, day="14/12", agencies={"B": 16}),
        *many(2025, day="15/12", agencies={"B": 32}),
    ]
    import_cases(store.incidents, write(tmp_path / "a.csv", *rows), definitions())
    assert totals(store, "tt20-2025") == (30, 1)
    assert totals(store, "tt20-2025-H1") == (6, 0)
    assert totals(store, "tt20-2025-H2") == (24, 1)


@pytest.mark.parametrize(
    ("period", "against", "days"),
    [
        ("2020-M4", "2019", "30 and 365 days"),
        ("2020-01-01/2020-01-01T12:00:00+07:00", "2020-M1", "0.5 and 31 days"),
        ("2020-M4", "2020-M3", ""),
        ("2020-M2", "previous-year", ""),
    ],
)
def test_periods_of_unlike_lengths_are_told(store: Store, period: str, against: str, days: str) -> None:
    told = [each for each in answered(store, ask(period, against))["sentences"]["en"] if "length" in each]
    assert [days in each for each in told] == [True] * bool(days)


def test_a_period_that_has_not_begun_is_refused_and_one_that_is_not_over_says_so(store: Store) -> None:
    with pytest.raises(UsageRefused):
        answered(store, ask("2027"))
    body = answered(store, ask("2026"), "en")
    assert any("not over" in sentence and "01/11/2026" in sentence for sentence in body["sentences"]["en"])


def test_a_period_that_was_not_over_when_it_was_known_is_reckoned_up_to_then(store: Store, tmp_path: Path) -> None:
    days = [f"{day:02d}/08/{year}" for year in (2019, 2020) for day in range(1, 31)]
    rows = [{"incident_id": day, "occurred_at": day, "recorded_at": f"{day} 01:00"} for day in days]
    import_cases(store.incidents, write(tmp_path / "a.csv", *rows), definitions())
    half = answered(store, ask("2020-M8", known_at="16/08/2020"), "en")
    assert (half["total"]["current"], half["total"]["previous"]) == (15, 30)
    assert half["total"]["rate_ratio"] == pytest.approx(15 / 30 * 31 / 15)
    assert half["total"]["verdict"] == "no-significant-change"
    assert any("up to 16/08/2020" in sentence for sentence in half["sentences"]["en"])
    before = answered(store, ask("2020-M8", known_at="01/07/2020"), "en")
    assert (before["total"]["current"], before["total"]["previous"]) == (0, 30)
    assert (before["total"]["verdict"], before["total"]["reason"]) == ("not-comparable", "not-begun-then")


def test_dark_sensors_take_the_claim_of_a_fall_away(store: Store, tmp_path: Path) -> None:
    for sensor in range(10):
        watch(store, f"s{sensor}", 2019, *([2020] if sensor < 7 else []))
    rows = [*many(2019, agencies={"A": 200}), *many(2020, agencies={"A": 100})]
    import_cases(store.incidents, write(tmp_path / "a.csv", *rows), definitions())
    total = answered(store, ask("2020-08-01/2020-09-01"), "en")["total"]
    assert (total["verdict"], total["reason"]) == ("not-comparable", "coverage-fell")
    assert total["coverage"]["current"] == pytest.approx(0.7 * total["coverage"]["previous"])


def test_fewer_rules_take_the_claim_of_a_fall_away_and_a_sentence_says_so(store: Store, tmp_path: Path) -> None:
    watch(store, "s", 2019, rules=1_000)
    watch(store, "s", 2020, rules=300)
    rows = [*many(2019, agencies={"A": 200}), *many(2020, agencies={"A": 100})]
    import_cases(store.incidents, write(tmp_path / "a.csv", *rows), definitions())
    body = answered(store, ask("2020-08-01/2020-09-01"), "en")
    assert (body["total"]["verdict"], body["total"]["reason"]) == ("not-comparable", "coverage-fell")
    assert body["total"]["coverage"] == {"current": pytest.approx(1, abs=0.02), "previous": pytest.approx(1, abs=0.02)}
    assert body["coverage_parts"]["rules_loaded"] == {"current": 300, "previous": 1_000, "fell": True}
    assert not body["coverage_parts"]["sensors"]["fell"]
    assert "Fell by more than a tenth: rules loaded." in body["sentences"]["en"]
    assert any("số luật đang nạp 300 (kỳ trước 1.000)" in sentence for sentence in body["sentences"]["vi"])


def watch(store: Store, sensor: str, *years: int, rules: int = 100) -> None:
    """The sensor watched every hour of August of these years."""
    hours = (
        {"@timestamp": f"{year}-08-{day:02d}T{hour:02d}:00:00Z", "observer": {"name": sensor}}
        for year in years
        for day in range(1, 32)
        for hour in range(24)
    )
    CoverageLog(store.records).note(hours, rules)


def test_each_unit_is_judged_by_what_its_own_sensors_watched(store: Store, tmp_path: Path) -> None:
    for agency, years in (("A", (2019, 2020)), ("B", (2019,)), ("C", (2019, 2020)), ("D", (2019, 2020))):
        store.records.put(HEARTBEAT, f"s-{agency}", {"agency": agency, "at": "2020-09-01T00:00:00Z"})
        watch(store, f"s-{agency}", *years)
    rows = [*many(2019, agencies={"A": 200, "B": 200, "X": 200}), *many(2020, agencies={"A": 100, "B": 100, "X": 100})]
    import_cases(store.incidents, write(tmp_path / "a.csv", *rows), definitions())
    directory = Directory((Agency("A", "A", Level.UNIT), Agency("B", "B", Level.UNIT), Agency("X", "X", Level.UNIT)))
    body = answered(store, ask("2020-08-01/2020-09-01", by="agency"), directory=directory)
    found = {row["key"]: (row["verdict"], row.get("coverage", {}).get("current")) for row in body["rows"]}
    assert found["A"] == ("reduction", pytest.approx(1, abs=0.02))
    assert found["B"] == ("not-comparable", 0)
    assert found["X"] == ("not-comparable", None)  # no sensor of its own: judged by all of them
    assert body["total"]["coverage"]["current"] == pytest.approx(0.75, abs=0.02)


def test_a_merged_unit_is_judged_by_the_sensors_of_all_that_it_was_made_of(store: Store, tmp_path: Path) -> None:
    for agency, years in (("A", (2019, 2020)), ("B", (2019,)), ("C", (2019, 2020))):
        store.records.put(HEARTBEAT, f"s-{agency}", {"agency": agency, "at": "2020-09-01T00:00:00Z"})
        watch(store, f"s-{agency}", *years)
    rows = [*many(2019, agencies={"A": 200}), *many(2020, agencies={"A": 100})]
    import_cases(store.incidents, write(tmp_path / "a.csv", *rows), definitions())
    day = date(2020, 1, 1)
    merged = Agency("A", "A", Level.UNIT, valid_from=day, predecessors=(Predecessor("A"), Predecessor("B")))
    old = (Agency("A", "A", Level.UNIT, valid_to=day), Agency("B", "B", Level.UNIT, valid_to=day))
    directory = Directory((*old, Agency("B-1", "Phòng", Level.UNIT, "B", valid_to=day), merged))
    store.records.put(HEARTBEAT, "s-C", {"agency": "B-1", "at": "2020-09-01T00:00:00Z"})
    [row] = answered(store, ask("2020-M8", by="agency", units="2020-01-01"), directory=directory)["rows"]
    assert row["coverage"]["current"] == pytest.approx(2 / 3, abs=0.02)
    assert (row["key"], row["verdict"], row["reason"]) == ("A", "not-comparable", "coverage-fell")


def test_systems_at_the_end_of_each_period_are_a_denominator(store: Store) -> None:
    outside = Agency("BQP", "Bộ Quốc phòng", Level.MINISTRY, outside_scope=True)
    directory = Directory(
        (Agency("A", "A", Level.UNIT), outside),
        (
            System("s1", "Cổng", 3, "A", date(2010, 1, 1)),
            System("s2", "Thư", 2, "A", date(2020, 5, 1)),
            System("s3", "Kín", 5, "BQP", date(2010, 1, 1)),
        ),
    )
    assert answered(store, ask("2020"), directory=directory)["total"]["systems"] == {"current": 2, "previous": 1}


def test_an_answer_for_an_agency_says_that_it_is_not_of_the_whole(store: Store, tmp_path: Path) -> None:
    import_cases(
        store.incidents, write(tmp_path / "a.csv", {}, {"incident_id": "2", "agency_code": "H41"}), definitions()
    )
    directory = Directory((Agency("H40", "H40", Level.UNIT),))
    told = {}
    for agency in (None, "H40"):
        scope = visible_to(Principal("a", UserRole.VIEWER, agency), directory)
        body = answer_data(answer(store, directory, ask("2020"), now=NOW, scope=scope), "en")
        told[agency] = body["total"]["current"], any("may see" in each for each in body["sentences"]["en"])
    assert told == {None: (2, False), "H40": (1, True)}
