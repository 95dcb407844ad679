from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from correlator.behaviour.parameters import Parameters, read_parameters
from vonggac.errors import UsageRefused

PAGE = Path(__file__).resolve().parents[4] / "docs" / "behaviour.md"


def test_a_table_changes_what_it_names_and_nothing_else():
    found = read_parameters(
        {
            "beacon": {"beats": 30, "deviation": 1},
            "look_alike": {"allowed_names": ["a.vn"]},
            "dga": {"plausibility": -5},
        },
        "x.toml",
    )
    assert (found.beacon.beats, found.beacon.deviation, found.dga.plausibility) == (30, 1.0, -5.0)
    assert found.look_alike.allowed_names == ("a.vn",)
    assert found.scan == Parameters().scan
    assert read_parameters({}, "x.toml") == Parameters()


@pytest.mark.parametrize(
    ("table", "key", "name"),
    [
        ({"becon": {}}, "unknown_setting", "behaviour.becon"),
        ({"beacon": {"beat": 3}}, "unknown_setting", "behaviour.beacon.beat"),
        ({"beacon": 3}, "bad_setting", "behaviour.beacon"),
        ({"beacon": {"beats": 0}}, "bad_setting", "behaviour.beacon.beats"),
        ({"beacon": {"beats": 2.5}}, "bad_setting", "behaviour.beacon.beats"),
        ({"beacon": {"beats": True}}, "bad_setting", "behaviour.beacon.beats"),
        ({"beacon": {"deviation": float("nan")}}, "bad_setting", "behaviour.beacon.deviation"),
        ({"dga": {"plausibility": 2.0}}, "bad_setting", "behaviour.dga.plausibility"),
        ({"look_alike": {"allowed_names": "a.vn"}}, "bad_setting", "behaviour.look_alike.allowed_names"),
    ],
)
def test_what_is_unknown_or_unusable_is_refused_by_its_name(table, key, name):
    with pytest.raises(UsageRefused) as caught:
        read_parameters(table, "x.toml")
    assert (caught.value.key, caught.value.facts["name"]) == (key, name)


def test_every_parameter_stands_in_its_page_with_its_default():
    rows = dict(re.findall(r"^\| `([\w.]+)` \| `(.*?)` \|", PAGE.read_text("utf-8"), re.M))
    wanted = {}
    for part in fields(Parameters):
        values = getattr(Parameters(), part.name)
        wanted |= {f"{part.name}.{each.name}": getattr(values, each.name) for each in fields(values)}
    assert set(rows) == set(wanted)
    for name, value in wanted.items():
        shown = ", ".join(value) if isinstance(value, tuple) else str(value)
        assert rows[name] == shown, name
