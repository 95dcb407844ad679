"""Units as rows: what export writes, import reads."""

from __future__ import annotations

import csv
import io
from datetime import date, timedelta
from fractions import Fraction
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vonggac.domain.agency import Agency, Level, LineageKind, Predecessor
from vonggac.domain.text import nfc
from vonggac.tables import RowRefused
from vonggac.units import agency_data, agency_from, agency_row, write_units

texts = st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters=";"), min_size=1, max_size=8)
words = texts.map(nfc).filter(lambda text: text == text.strip() != "" and ";" not in text)
codes = words.filter(lambda text: ":" not in text)
days = st.dates(date(1900, 1, 1), date(2100, 1, 1))
shares = st.none() | st.fractions(Fraction(1, 1_000), 1, max_denominator=1_000)
networks = st.integers(0, 255).map(lambda number: ip_network(f"10.{number}.0.0/16")) | st.just(
    ip_network("2001:db8::/32")
)


@st.composite
def units(draw: st.DrawFn) -> Agency:
    first = draw(days)
    length = draw(st.none() | st.integers(1, 9_000))
    return Agency(
        code=draw(codes),
        name=draw(words),
        level=draw(st.sampled_from(Level)),
        parent=draw(st.none() | codes),
        valid_from=first,
        valid_to=None if length is None else first + timedelta(days=length),
        name_en=draw(words | st.just("")),
        predecessors=tuple(
            draw(st.lists(st.builds(Predecessor, codes, st.sampled_from(LineageKind), shares), max_size=3))
        ),
        networks=tuple(draw(st.lists(networks, max_size=2))),
        domains=tuple(draw(st.lists(words, max_size=2))),
        contacts=tuple(draw(st.lists(words, max_size=2))),
        outside_scope=draw(st.booleans()),
    )


@given(st.lists(units(), max_size=4))
def test_what_export_writes_import_reads(given_units: list[Agency]) -> None:
    file = io.StringIO()
    write_units(given_units, file)
    rows = csv.DictReader(io.StringIO(file.getvalue(), newline=""))
    assert [agency_from(row) for row in rows] == sorted(given_units, key=lambda unit: unit.key)


def row(**cells: str) -> dict[str, str]:
    return {"code": "25", "name": "Phú Thọ", "level": "province", **cells}


def test_predecessors_that_are_only_named_passed_on_everything() -> None:
    unit = agency_from(row(predecessors="26;17;25"))
    assert unit.predecessors == (Predecessor("26"), Predecessor("17"), Predecessor("25"))
    assert agency_row(unit)["predecessors"] == "26;17;25"


@pytest.mark.parametrize(
    ("cell", "kind", "share"),
    [
        ("701:split:0.4", LineageKind.SPLIT, Fraction(2, 5)),
        ("701:split:1/3", LineageKind.SPLIT, Fraction(1, 3)),
        ("701:split:?", LineageKind.SPLIT, None),
        ("701:split", LineageKind.SPLIT, None),
        ("701:abolished", LineageKind.ABOLISHED, None),
        ("701:merged:?", LineageKind.MERGED, None),
        (" 701 : renamed ", LineageKind.RENAMED, Fraction(1)),
        ("701:moved", LineageKind.MOVED, Fraction(1)),
    ],
)
def test_a_predecessor_has_a_kind_and_a_share(cell: str, kind: LineageKind, share: Fraction | None) -> None:
    assert agency_from(row(predecessors=cell)).predecessors == (Predecessor("701", kind, share),)


@pytest.mark.parametrize(
    "cell",
    [
        "701:splt",
        "701:split:0",
        "701:split:1.1",
        "701:split:-1",
        "701:split:1/0",
        "701:split:0,4",
        "701:split:1e9",
        ":split",
        "701:split:1:2",
        "701:split:nan",
        "701:split:",
        "701:split:0/0",
        "701:split:99999999999999999999",
    ],
)
def test_a_predecessor_that_cannot_be_read_is_refused_and_shown(cell: str) -> None:
    with pytest.raises(RowRefused) as refused:
        agency_from(row(predecessors=f"26;{cell}"))
    assert (refused.value.key, refused.value.facts["value"]) == ("row_value", cell)
    assert "split" in refused.value.facts["wanted"]


@pytest.mark.parametrize(
    ("cells", "key"),
    [
        ({"code": ""}, "row_empty"),
        ({"name": " "}, "row_empty"),
        ({"code": "a;b"}, "row_code"),
        ({"code": "a:b"}, "row_code"),
        ({"outside_scope": "yes"}, "row_value"),
        ({"level": "tỉnh"}, "row_value"),
        ({"valid_from": "01/07/2025"}, "row_value"),
        ({"networks": "10.0.0.1/8"}, "row_value"),
        ({"valid_from": "2025-07-01", "valid_to": "2025-07-01"}, "row_backwards"),
    ],
)
def test_a_row_that_cannot_be_a_unit_is_refused(cells: dict[str, str], key: str) -> None:
    with pytest.raises(RowRefused) as refused:
        agency_from(row(**cells))
    assert refused.value.key == key


def test_the_listing_names_predecessors_and_how_they_came() -> None:
    said = agency_data(agency_from(row(predecessors="26;701:split:0.4;702:split:?", contacts="+84 24 1;a@b.vn")))
    assert said["predecessors"] == ["26", "701", "702"]
    assert said["lineage"] == [
        {"code": "26", "kind": "merged", "share": "1"},
        {"code": "701", "kind": "split", "share": "2/5"},
        {"code": "702", "kind": "split", "share": None},
    ]
    assert said["contacts"] == ["+84 24 1", "a@b.vn"]
