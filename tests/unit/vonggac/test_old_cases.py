"""Old cases from files: each row taken or named, in whatever order, once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.vonggac.test_statistics import GOOD, answered, totals, write
from vonggac.call import Call
from vonggac.cli import run
from vonggac.commands.load_progress import LoadProgress
from vonggac.definitions import definitions
from vonggac.domain.states import Span
from vonggac.domain.times import parse_record_time
from vonggac.errors import InvalidRecord, UnknownInput
from vonggac.messages import explain
from vonggac.old_cases import Imported, import_cases
from vonggac.old_cases.load import import_data
from vonggac.ports import IncidentQuery, StateQuery, Store
from vonggac.settings import Settings
from vonggac.statistics import ask
from vonggac.stores import open_store


def loaded(store: Store, path: Path, **options: Any) -> Imported:
    return import_cases(store.incidents, path, definitions(), **options)


def told(imported: Imported) -> list[tuple[object, str]]:
    """Line and key of each refused row."""
    return [(fault.facts["line"], fault.key) for fault in imported.refused]


def text(tmp_path: Path, content: str | bytes, name: str = "a.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


HALF = Fraction(1, 2)
HEADER = ",".join(GOOD)
ROW = ",".join(GOOD.values())


def test_rows_of_one_incident_are_its_involvements(store: Store, tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", {}, {"agency_code": "H41", "role": "handler"}, {"incident_id": "2"})
    imported = import_cases(store.incidents, path, definitions())
    assert (imported.rows, imported.incidents_new, imported.refused) == (3, 2, ())
    assert totals(store) == (2, 0)
    body = answered(store, ask("2020", by="agency"))
    assert {row["key"]: row["current"] for row in body["rows"]} == {"H40": 2, "H41": 1}
    assert body["overlap"] == {"current": 1, "previous": 0}


def test_loading_twice_changes_nothing(store: Store, tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", {}, {"incident_id": "2"})
    import_cases(store.incidents, path, definitions())
    again = import_cases(store.incidents, path, definitions())
    assert (again.incidents_new, again.incidents_known) == (0, 2)
    assert totals(store) == (2, 0)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"category": "lừa đảo"}, "category"),
        ({"severity": "very high"}, "severity"),
        ({"role": "bystander"}, "role"),
        ({"test": "maybe"}, "test"),
        ({"occurred_at": "30/02/2020"}, "occurred_at"),
        ({"recorded_at": "01/01/2020"}, "recorded_at is before occurred_at"),
        ({"incident_id": " "}, "incident_id"),
        ({"agency_code": ""}, "agency_code"),
    ],
)
def test_a_bad_row_is_named_with_its_line_and_the_rest_load(
    store: Store, tmp_path: Path, change: dict[str, str], told: str
) -> None:
    path = write(tmp_path / "a.csv", {}, {"incident_id": "2", **change}, {"incident_id": "3"})
    imported = import_cases(store.incidents, path, definitions())
    assert imported.incidents_new == 2
    [fault] = imported.refused
    assert isinstance(fault, InvalidRecord)
    assert fault.facts["line"] == 3
    assert told in explain(fault, "en")
    assert explain(fault, "vi") != explain(fault, "en")


def test_a_row_that_contradicts_its_incident_is_refused(store: Store, tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", {}, {"category": "malware", "recorded_at": "01/03/2020"})
    [fault] = import_cases(store.incidents, path, definitions()).refused
    assert "category differs from line 2" in explain(fault, "en")


def test_tests_are_loaded_and_never_counted(store: Store, tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", {"test": "true"}, {"incident_id": "2", "category": "test"}, {"incident_id": "3"})
    assert import_cases(store.incidents, path, definitions()).incidents_new == 3
    assert totals(store) == (1, 0)


def test_known_at_counts_what_was_recorded_then(store: Store, tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", {}, {"incident_id": "2", "recorded_at": "01/06/2020"})
    import_cases(store.incidents, path, definitions())
    assert totals(store, known_at="2020-05-01T00:00:00+07:00") == (1, 0)
    assert totals(store, known_at="02/06/2020") == (2, 0)


def test_a_file_that_is_no_such_csv_is_an_unknown_input(store: Store, tmp_path: Path) -> None:
    broken = tmp_path / "b.csv"
    broken.write_bytes(b"\xff\xfe\x00")
    short = tmp_path / "c.csv"
    short.write_text("incident_id,category\n1,phishing\n", "utf-8")
    for path in (tmp_path / "missing.csv", broken, short):
        with pytest.raises(UnknownInput):
            import_cases(store.incidents, path, definitions())


# --- the file itself


@pytest.mark.parametrize("begin", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_marks_and_line_ends_of_other_systems_are_read(store: Store, tmp_path: Path, begin: str, end: str) -> None:
    imported = loaded(store, text(tmp_path, begin + HEADER + end + ROW + end))
    assert (imported.rows, imported.incidents_new, imported.refused) == (1, 1, ())


def test_blanks_around_names_of_columns_and_columns_without_a_name_do_no_harm(store: Store, tmp_path: Path) -> None:
    imported = loaded(store, text(tmp_path, f"{HEADER.replace(',', ' , ')},,\n{ROW},,\n"))
    assert (imported.incidents_new, imported.refused) == (1, ())


def test_a_file_with_only_a_header_holds_no_rows(store: Store, tmp_path: Path) -> None:
    assert loaded(store, text(tmp_path, HEADER + "\n")) == Imported(0, 0, 0, ())


@pytest.mark.parametrize(
    ("content", "key"),
    [
        ("", "csv_columns_missing"),
        ("incident_id,title\n1,x\n", "csv_columns_missing"),
        (f"{HEADER}\n{ROW}\n".replace(",", ";"), "csv_separator"),
        (f"{HEADER}\n{ROW}\n".replace(",", "\t"), "csv_separator"),
        (f"{HEADER},category\n{ROW},malware\n", "csv_columns_twice"),
        (f"{HEADER}\n{ROW}\n".encode("utf-16"), "csv_not_utf8"),
        ('{"a": 1}\n', "cases_unknown"),
        ("[1, 2]", "cases_unknown"),
    ],
)
def test_what_holds_no_cases_is_an_unknown_input(store: Store, tmp_path: Path, content: str | bytes, key: str) -> None:
    with pytest.raises(UnknownInput) as refused:
        loaded(store, text(tmp_path, content))
    assert refused.value.key == key


def test_what_is_not_utf8_anywhere_is_told_by_its_place_and_nothing_is_loaded(store: Store, tmp_path: Path) -> None:
    good = f"{HEADER}\n{ROW}\n".encode() * 20_000
    with pytest.raises(UnknownInput) as refused:
        loaded(store, text(tmp_path, good + b"\xe1\xbb"))
    assert refused.value.facts["offset"] == len(good)
    assert store.incidents.count(IncidentQuery()) == 0


def test_quotes_commas_and_line_ends_stand_in_a_title_and_a_line_is_where_a_row_begins(
    store: Store, tmp_path: Path
) -> None:
    title = 'Trang "giả",\nhai dòng'
    imported = loaded(store, write(tmp_path / "a.csv", {"title": title}, {"severity": "?"}))
    assert told(imported) == [(4, "row_value")]
    assert store.incidents.find(IncidentQuery()).items[0].title == title


@pytest.mark.parametrize(
    ("row", "key"),
    [
        (ROW + ",more", "row_too_long"),
        (ROW.rpartition(",")[0], "row_too_short"),
        (ROW.replace("sổ giấy", "sổ\0giấy"), "row_nul"),
        (ROW.replace("sổ giấy", "x" * 1_000_000), "row_cell_long"),
        (ROW.replace("05/02/2020 10:00", "01/01/0001"), "row_value"),
    ],
)
def test_a_row_out_of_shape_is_named_and_the_rest_load(store: Store, tmp_path: Path, row: str, key: str) -> None:
    imported = loaded(store, text(tmp_path, f"{HEADER}\n{row}\n\n{ROW}\n"))
    assert told(imported) == [(2, key)]
    assert (imported.rows, imported.incidents_new) == (2, 1)
    assert explain(imported.refused[0], "vi") != explain(imported.refused[0], "en") != imported.refused[0].key


def test_a_row_that_stands_twice_counts_once(store: Store, tmp_path: Path) -> None:
    imported = loaded(store, write(tmp_path / "a.csv", {}, {}, {"role": "handler"}))
    assert (imported.rows, imported.incidents_new, imported.repeated) == (3, 1, 1)
    assert len(store.incidents.find(IncidentQuery()).items[0].involvements) == 2


# --- times


def test_what_is_recorded_later_than_now_is_refused(store: Store, tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", {}, {"incident_id": "2", "recorded_at": "07/02/2020"})
    imported = loaded(store, path, now=parse_record_time("06/02/2020 12:00"))
    assert told(imported) == [(3, "row_future")]
    assert imported.incidents_new == 1


def test_an_involvement_recorded_later_is_known_only_then(store: Store, tmp_path: Path) -> None:
    late = {"agency_code": "H41", "recorded_at": "01/06/2020"}
    loaded(store, write(tmp_path / "a.csv", {}, late))
    parts = [
        {row["key"] for row in answered(store, ask("2020", by="agency", known_at=day))["rows"]}
        for day in ("31/05/2020", "02/06/2020")
    ]
    assert parts == [{"H40"}, {"H40", "H41"}]


def test_an_incident_is_known_from_its_earliest_row_wherever_it_stands(store: Store, tmp_path: Path) -> None:
    loaded(store, write(tmp_path / "a.csv", {"agency_code": "H41", "recorded_at": "01/06/2020"}, {}))
    assert totals(store, known_at="07/02/2020") == (1, 0)
    assert totals(store, known_at="05/02/2020 23:00") == (0, 0)


def ends(store: Store) -> dict[Span, int]:
    """How long the one incident of 2020 took, in days."""
    query = StateQuery(datetime(2020, 1, 1, tzinfo=UTC), datetime(2021, 1, 1, tzinfo=UTC))
    tally = store.incidents.tally(query)
    found = tally.quantiles(set(tally.facts()[0]), (HALF,))
    return {span: lengths[0] // 86_400 for span, (count, lengths) in found.items() if count}


def test_when_it_was_contained_and_closed_is_counted_where_it_is_said(store: Store, tmp_path: Path) -> None:
    said = {"recorded_at": "05/03/2020 10:00", "contained_at": "07/02/2020 10:00", "closed_at": "05/03/2020 10:00"}
    path = text(tmp_path, json.dumps([{**GOOD, **said}]), "a.json")
    assert loaded(store, path).refused == ()
    assert ends(store) == {Span.DETECT: 29, Span.CONTAIN: 2, Span.CLOSE: 29}
    assert loaded(store, path).incidents_known == 1


def test_an_old_case_that_does_not_say_when_it_was_closed_has_no_time_to_close(store: Store, tmp_path: Path) -> None:
    loaded(store, write(tmp_path / "a.csv", {}))
    assert ends(store) == {Span.DETECT: 0}
    [incident] = store.incidents.find(IncidentQuery()).items
    assert (str(incident.status), incident.closed_at) == ("closed", None)


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"closed_at": "04/02/2020"}, "row_ends"),
        ({"contained_at": "10/02/2020", "closed_at": "09/02/2020"}, "row_ends"),
        ({"closed_at": "hôm qua"}, "row_value"),
        ({"cause": "trời"}, "row_value"),
        ({"involvements": []}, "row_value"),
        ({"involvements": [{"agency_code": "H40", "role": "?"}]}, "row_value"),
    ],
)
def test_optional_cells_are_checked_too(store: Store, tmp_path: Path, change: dict[str, Any], key: str) -> None:
    path = text(tmp_path, json.dumps({**GOOD, **change}) + "\n" + json.dumps({**GOOD, "incident_id": 2}), "a.json")
    imported = loaded(store, path)
    assert told(imported) == [(1, key)]
    assert imported.incidents_new == 1


def test_a_csv_may_have_the_optional_columns(store: Store, tmp_path: Path) -> None:
    path = text(tmp_path, f"{HEADER},cause,closed_at\n{ROW},disaster,\n")
    assert loaded(store, path).refused == ()
    [incident] = store.incidents.find(IncidentQuery()).items
    assert str(incident.cause) == "disaster"


# --- JSON


@pytest.mark.parametrize("indent", [None, 2])
def test_an_array_and_lines_and_a_csv_say_the_same(tmp_path: Path, indent: int | None) -> None:
    rows: list[dict[str, Any]] = [{**GOOD, "test": False}, {**GOOD, "test": False, "role": "handler"}]
    other = {**GOOD, "incident_id": 2, "involvements": [{"agency_code": "H40", "role": "victim"}]}
    array = text(tmp_path, json.dumps([*rows, other], indent=indent, ensure_ascii=False), "array.json")
    lines = text(tmp_path, "\n".join(json.dumps(row) for row in (*rows, other)), "lines.json")
    table = write(tmp_path / "a.csv", {}, {"role": "handler"}, {"incident_id": "2"})
    assert len({counts(path) for path in (array, lines, table)}) == 1


def test_a_bad_line_of_json_is_named_and_the_rest_load(store: Store, tmp_path: Path) -> None:
    path = text(tmp_path, f"{json.dumps(GOOD)}\n{{bad\n\n{json.dumps({**GOOD, 'incident_id': 2})}\n", "a.json")
    imported = loaded(store, path)
    assert told(imported) == [(2, "bad_row")]
    assert imported.incidents_new == 2


def test_an_array_that_breaks_off_is_told_and_what_stood_before_loads(store: Store, tmp_path: Path) -> None:
    many = ",\n".join(json.dumps({**GOOD, "incident_id": at}) for at in range(1_000))
    imported = loaded(store, text(tmp_path, f'[{many},\n{{"incident', "a.json"))
    assert told(imported) == [(1_001, "bad_row")]
    assert imported.incidents_new == 1_000


# --- the order of rows


def counts(*paths: Path) -> str:
    """What a store counts on each day after these files were loaded one after another."""
    with TemporaryDirectory() as folder:
        store = open_store(Settings(data_dir=Path(folder)), clock=lambda: datetime(2026, 1, 1, tzinfo=UTC))
        for path in paths:
            loaded(store, path)
        seen: list[object] = []
        for day in range(5, 11):
            instant = datetime(2020, 2, day, tzinfo=UTC)
            states = StateQuery(datetime(2000, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC), known_at=instant)
            facts = set(store.incidents.tally(states).facts()[0])
            seen.append(sorted(map(repr, store.incidents.counted_in(states, facts, limit=500).items)))
            seen.append(store.incidents.tally(states).quantiles(facts, (HALF,)))
        store.close()
        return repr(seen)


_CELLS = st.fixed_dictionaries(
    {
        "incident_id": st.sampled_from("12"),
        "recorded_at": st.sampled_from(["06/02/2020", "07/02/2020", "08/02/2020"]),
        "agency_code": st.sampled_from(["H40", "H41"]),
        "role": st.sampled_from(["victim", "handler"]),
    }
)
_CLASHING = st.fixed_dictionaries(
    {}, optional={"severity": st.sampled_from(["low", "high"]), "category": st.just("dos"), "test": st.just("true")}
)
_ROWS = st.lists(st.builds(lambda cells, other: {**cells, **other}, _CELLS, _CLASHING), min_size=1, max_size=7)
_SLOW = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@_SLOW
@given(_ROWS, st.randoms(use_true_random=False))
def test_any_order_of_the_rows_gives_the_same_states_and_refuses_the_same_rows(rows: list[Any], chance: Any) -> None:
    shuffled = list(rows)
    chance.shuffle(shuffled)
    with TemporaryDirectory() as folder:
        results = [outcome(Path(folder) / f"{at}.csv", order) for at, order in enumerate((rows, shuffled))]
    assert results[0] == results[1]


def outcome(path: Path, rows: Sequence[dict[str, str]]) -> tuple[str, list[str], int]:
    write(path, *rows)
    with TemporaryDirectory() as folder:
        store = open_store(Settings(data_dir=Path(folder)), clock=lambda: datetime(2026, 1, 1, tzinfo=UTC))
        imported = loaded(store, path)
        store.close()
    lines = [int(str(fault.facts["line"])) for fault in imported.refused]
    refused = sorted(json.dumps(rows[line - 2], sort_keys=True) for line in lines)
    return counts(path), refused, imported.repeated


@_SLOW
@given(st.lists(_CELLS, min_size=2, max_size=7), st.integers(1, 6))
def test_two_files_that_agree_come_to_the_same_in_either_order_and_in_one(rows: list[Any], cut: int) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        one = write(folder / "1.csv", *rows[:cut])
        two = write(folder / "2.csv", *rows[cut:])
        whole = write(folder / "3.csv", *rows)
        assert counts(one, two) == counts(two, one) == counts(whole) == counts(one, two, one, whole)


def test_a_later_file_cannot_contradict_the_store(store: Store, tmp_path: Path) -> None:
    loaded(store, write(tmp_path / "a.csv", {}))
    earlier = {"recorded_at": "05/02/2020 11:00", "severity": "low", "agency_code": "H41"}
    imported = loaded(store, write(tmp_path / "b.csv", earlier, {"role": "source"}))
    assert told(imported) == [(2, "row_clash_store")]
    assert (imported.incidents_new, imported.incidents_grown) == (0, 1)
    [incident] = store.incidents.find(IncidentQuery()).items
    assert (str(incident.severity), incident.agencies) == ("high", frozenset({"H40"}))


# --- the command


def test_a_dry_run_says_what_would_be_and_changes_nothing(store: Store, tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", {}, {"incident_id": "2", "severity": "?"})
    dry = loaded(store, path, dry_run=True)
    assert store.incidents.count(IncidentQuery()) == 0
    real = loaded(store, path)
    assert (dry.rows, dry.incidents_new, told(dry)) == (real.rows, real.incidents_new, told(real))
    grown = write(tmp_path / "b.csv", {}, {"role": "handler"})
    assert loaded(store, grown, dry_run=True).incidents_grown == 1
    assert loaded(store, path, dry_run=True).incidents_known == 1
    assert store.incidents.find(IncidentQuery()).items[0].version == 2


def test_what_was_broken_off_is_completed_by_loading_again(store: Store, tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", *({"incident_id": str(at)} for at in range(2_700)))

    def interrupt(doing: str, share: float, rows: int) -> None:
        if doing == "loading":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        loaded(store, path, progress=interrupt)
    assert store.incidents.count(IncidentQuery()) == 2_000
    again = loaded(store, path)
    assert (again.incidents_new, again.incidents_known) == (700, 2_000)


def test_unknown_agencies_are_loaded_and_at_most_twenty_are_named(store: Store, tmp_path: Path) -> None:
    rows = [{"incident_id": f"x{at}", "agency_code": f"X{at:02}"} for at in range(25)]
    imported = loaded(store, write(tmp_path / "a.csv", {}, *rows, rows[0]), units={"H40"})
    unknown = import_data(imported, 0)["unknown_agencies"]
    assert (unknown["codes"], unknown["rows"], unknown["named"]) == (25, 26, [f"X{at:02}" for at in range(20)])
    assert imported.incidents_new == 26


def test_the_command_says_what_became_of_the_rows(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "a.csv", {}, {"incident_id": "2", "severity": "?"})
    command = ["--data-dir", str(tmp_path / "kho"), "--lang", "en", "incident", "import", str(path)]
    assert run([*command, "--dry-run"]) == 1
    assert run(command) == 1
    dry, real = map(json.loads, capfd.readouterr().out.splitlines())
    assert dry == real
    assert {name: real[name] for name in ("rows", "incidents_new", "incidents_known", "rejected")} == {
        "rows": 2,
        "incidents_new": 1,
        "incidents_known": 0,
        "rejected": 1,
    }
    assert run([*command[:-1], str(tmp_path / "missing.csv")]) == 3
    assert run([*command[:-1], str(text(tmp_path, "{}", "other.json"))]) == 3


def test_progress_is_told_every_ten_seconds_and_not_to_the_quiet(capfd: pytest.CaptureFixture[str]) -> None:
    moment = [0.0]
    for quiet in (False, True):
        progress = LoadProgress(Call(Settings(), quiet=quiet, _languages=("en",)), lambda: moment[0])
        for second in range(25):
            moment[0] += 1
            progress.show("reading", second / 100, second * 50)
        progress.done()
    lines = capfd.readouterr().err.splitlines()
    assert lines == ["Reading: 9 %, 50 rows/s, 1:31 left.", "Reading: 19 %, 50 rows/s, 1:21 left."]
