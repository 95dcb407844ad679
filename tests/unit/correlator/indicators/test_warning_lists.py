"""What a warning list names makes no alarm, and the list is named and counted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from correlator.facts import Facts
from correlator.indicators import IndicatorSet
from correlator.indicators.warning_lists import WarningLists, parse_warning_list, read_warning_lists
from tests.unit.correlator.samples import event
from vonggac.domain.indicator import Indicator, IndicatorKind
from vonggac.errors import UnknownInput


def listed(kind: str, *entries: str, about: tuple[str, ...] = ()) -> WarningLists:
    data = {"name": "Known", "type": kind, "list": list(entries), "matching_attributes": list(about)}
    return WarningLists([parse_warning_list(data)])


@pytest.mark.parametrize(
    ("lists", "kind", "value", "named"),
    [
        (listed("string", "Dns.Example"), "domain", "dns.example", True),
        (listed("string", "dns.example"), "domain", "a.dns.example", False),
        (listed("string", "http://x.example/a"), "url", "x.example/a", True),
        (listed("hostname", ".dyn.example"), "domain", "a.dyn.example", True),
        (listed("hostname", "dyn.example"), "url", "a.dyn.example:8080/x", True),
        (listed("hostname", "dyn.example"), "domain", "notdyn.example", False),
        (listed("substring", "portal."), "domain", "my.portal.example", True),
        (listed("cidr", "192.0.2.0/25", "192.0.2.128/25"), "cidr", "192.0.2.0/24", True),
        (listed("cidr", "192.0.2.0/25"), "cidr", "192.0.2.0/24", False),
        (listed("cidr", "2001:DB8::/32"), "ip", "2001:db8::1", True),
        (listed("cidr", "::/0"), "ip", "192.0.2.1", False),
        (listed("regex", r"/\.EXAMPLE$/i"), "domain", "a.example", True),
        (listed("regex", r"^a\."), "domain", "b.a.example", False),
        (listed("string", "aa", about=("md5",)), "domain", "aa", False),
        (listed("string", "aa", about=("md5", "ip-src")), "hash", "aa", True),
    ],
)
def test_a_list_names_values_by_its_type(lists: WarningLists, kind: str, value: str, named: bool):
    assert (lists.naming(kind, value) == "Known") is named


@pytest.mark.parametrize(
    ("bad", "named", "fields"),
    [
        (Indicator("i", IndicatorKind.CIDR, "192.0.0.0/8"), "192.0.2.53/32", {"destination__ip": "192.0.2.53"}),
        (Indicator("i", IndicatorKind.IP, "192.0.2.53"), "192.0.2.0/24", {"destination__ip": "192.0.2.53"}),
    ],
)
def test_a_hit_on_a_harmless_value_is_suppressed_and_counted_by_list(
    bad: Indicator, named: str, fields: dict[str, Any]
):
    known = IndicatorSet([bad], listed("cidr", named))
    watch = known.watch()
    assert list(known.hits(Facts(event(**fields)), watch)) == []
    assert watch.counts == {"indicator on warning list Known": 1}
    assert len(list(known.hits(Facts(event(destination__ip="192.9.9.9")), watch))) == (bad.kind is IndicatorKind.CIDR)


@pytest.mark.parametrize(
    "data",
    [7, {"name": "n"}, {"name": "n", "type": "x", "list": []}, {"name": "n", "type": "cidr", "list": ["x"]},
     {"name": "n", "type": "regex", "list": ["(?=x)"]}, {"name": "n", "type": "substring", "list": ["x"] * 10_001}],
)  # fmt: skip
def test_a_broken_list_is_named_and_the_others_are_used(tmp_path: Path, data: Any):
    (tmp_path / "bad.json").write_text(json.dumps(data), "utf-8")
    (tmp_path / "good.json").write_text(json.dumps({"name": "Good", "type": "string", "list": ["a.example"]}), "utf-8")
    lists, faults = read_warning_lists([tmp_path])
    assert [Path(str(fault.facts["location"])).name for fault in faults] == ["bad.json"]
    assert lists.naming("domain", "a.example") == "Good"


def test_a_path_where_nothing_is_is_an_unknown_input(tmp_path: Path):
    with pytest.raises(UnknownInput):
        read_warning_lists([tmp_path / "none"])


@pytest.mark.shared
def test_every_list_of_misp_that_is_here_is_read(shared_data: Path):
    lists, faults = read_warning_lists([shared_data / "misp-warninglists"])
    assert not faults
    assert lists.naming("ip", "10.1.2.3") == "List of RFC 1918 CIDR blocks"
    assert lists.naming("hash", "d41d8cd98f00b204e9800998ecf8427e") is not None
    assert lists.naming("domain", "clearly-not-there.example") is None
