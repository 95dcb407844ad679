"""STIX, MISP, CSV and plain lists: good records load, bad ones are named."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from stix2patterns.exceptions import ParseException
from stix2patterns.v21.pattern import Pattern as ReferencePattern

from correlator.indicators.files import LoadedIndicators, parse_indicators, read_indicators
from correlator.indicators.reading import kind_of, refang
from vonggac.domain.indicator import IndicatorKind
from vonggac.domain.marking import Tlp
from vonggac.errors import UnknownInput
from vonggac.messages import explain

AMBER = "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421"
GREEN1 = "marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da"


def stix(*patterns: str, **fields: Any) -> LoadedIndicators:
    objects = [
        {
            "type": "indicator",
            "id": f"indicator--{number}",
            "pattern": pattern,
            "pattern_type": "stix",
            "valid_from": "2026-01-01T00:00:00Z",
            **fields,
        }
        for number, pattern in enumerate(patterns, 1)
    ]
    return parse_indicators(json.dumps({"type": "bundle", "id": "bundle--1", "objects": objects}).encode(), "b.json")


def values(loaded: LoadedIndicators) -> list[tuple[str, str]]:
    return [(str(indicator.kind), indicator.value) for indicator in loaded.indicators]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("[ipv4-addr:value = '192.0.2.1']", [("ip", "192.0.2.1")]),
        ("[ipv4-addr:value = '192.0.2.0/24']", [("cidr", "192.0.2.0/24")]),
        ("[ipv4-addr:value ISSUBSET '192.0.2.0/24']", [("cidr", "192.0.2.0/24")]),
        ("[ipv6-addr:value='2001:db8::1']", [("ip", "2001:db8::1")]),
        (
            "[domain-name:value = 'a.example' OR domain-name:value = 'b.example']",
            [("domain", "a.example"), ("domain", "b.example")],
        ),
        (
            "[domain-name:value = 'a.example'] OR [url:value = 'http://x.example/']",
            [("domain", "a.example"), ("url", "http://x.example/")],
        ),
        ("[domain-name:value IN ('a.example', 'b.example')]", [("domain", "a.example"), ("domain", "b.example")]),
        ("[file:hashes.'SHA-256' = '" + "a" * 64 + "']", [("hash", "a" * 64)]),
        (
            "[file:hashes.MD5 = '" + "a" * 32 + "' OR file:hashes.'SHA-1' = '" + "b" * 40 + "']",
            [("hash", "a" * 32), ("hash", "b" * 40)],
        ),
        (r"[url:value = 'http://x.example/\'a\\b']", [("url", "http://x.example/'a\\b")]),
    ],
)
def test_a_plain_pattern_gives_its_values(pattern: str, expected: list[tuple[str, str]]):
    loaded = stix(pattern)
    assert not loaded.faults
    assert values(loaded) == expected


@pytest.mark.parametrize(
    "pattern",
    [
        "[ipv4-addr:value = '192.0.2.1' AND domain-name:value = 'a.example']",
        "[ipv4-addr:value = '192.0.2.1'] FOLLOWEDBY [domain-name:value = 'a.example']",
        "[ipv4-addr:value = '192.0.2.1'] WITHIN 5 SECONDS",
        "[ipv4-addr:value = '192.0.2.1'] START t'2026-01-01T00:00:00Z' STOP t'2026-02-01T00:00:00Z'",
        "[domain-name:value LIKE '%.example']",
        "[domain-name:value != 'a.example']",
        "[domain-name:value NOT IN ('a.example')]",
        "[NOT EXISTS domain-name:value]",
        "[file:name = 'x.exe']",
        "[file:hashes.'SHA-256' = 'aa' OR file:name = 'x.exe']",
    ],
)
def test_any_other_pattern_stays_one_to_evaluate(pattern: str):
    loaded = stix(pattern)
    assert not loaded.faults
    assert values(loaded) == [("pattern", pattern)]


@pytest.mark.parametrize(
    "pattern",
    [
        "[NOT domain-name:value = 'a.example']",
        "[ipv4-addr:value = ",
        "nonsense",
        "",
        "[" * 400,
        "[a:b MATCHES '(']",
        "[a:b = 1] REPEATS 1000000000 TIMES",
    ],
)
def test_what_is_no_pattern_is_refused_with_its_place_and_the_rest_load(pattern: str):
    loaded = stix(pattern, "[ipv4-addr:value = '192.0.2.7']")
    assert values(loaded) == [("ip", "192.0.2.7")]
    (fault,) = loaded.faults
    assert fault.facts["line"] == 1
    assert "at character" in str(fault.facts["reason"])
    assert "b.json" in explain(fault, "vi")


def test_a_stix_indicator_keeps_its_validity_marking_and_labels():
    loaded = stix(
        "[domain-name:value = 'a.example']",
        name="A",
        valid_until="2026-06-01T00:00:00.5Z",
        object_marking_refs=[GREEN1, AMBER],
        indicator_types=["phishing"],
        labels=["x"],
        confidence=80,
    )
    (one,) = loaded.indicators
    assert (one.id, one.name, one.tlp, one.labels, one.confidence) == (
        "indicator--1",
        "A",
        Tlp.AMBER,
        ("phishing", "x"),
        80,
    )
    assert one.valid_from is not None
    assert one.valid_until is not None
    assert one.valid_until.microsecond == 500_000


def test_a_marking_that_is_not_known_is_taken_as_the_strictest():
    (one,) = stix("[domain-name:value = 'a.example']", object_marking_refs=["marking-definition--x"]).indicators
    assert one.tlp is Tlp.RED


def test_a_revoked_indicator_is_left_out_and_counted():
    loaded = stix("[domain-name:value = 'a.example']", revoked=True)
    assert (loaded.indicators, loaded.skipped) == ((), {"revoked": 1})


def test_a_misp_event_gives_its_attributes_and_those_of_its_objects():
    event = {
        "info": "Campaign",
        "Tag": [{"name": "tlp:green"}],
        "Attribute": [
            {"uuid": "u1", "type": "ip-dst|port", "value": "192.0.2.1|443", "to_ids": True},
            {
                "uuid": "u2",
                "type": "domain|ip",
                "value": "a.example|192.0.2.2",
                "to_ids": True,
                "Tag": [{"name": "tlp:red"}],
            },
            {"uuid": "u3", "type": "url", "value": "http://x.example/", "to_ids": False},
            {"uuid": "u4", "type": "comment", "value": "hello"},
            {"uuid": "u5", "type": "ip-src", "value": "300.0.0.1", "to_ids": True},
        ],
        "Object": [
            {"Attribute": [{"uuid": "u6", "type": "filename|sha256", "value": "x.exe|" + "c" * 64, "to_ids": True}]}
        ],
    }
    loaded = parse_indicators(json.dumps({"Event": event}).encode(), "m.json")
    assert values(loaded) == [("ip", "192.0.2.1"), ("domain", "a.example"), ("ip", "192.0.2.2"), ("hash", "c" * 64)]
    assert [indicator.tlp for indicator in loaded.indicators] == [Tlp.GREEN, Tlp.RED, Tlp.RED, Tlp.GREEN]
    assert [fault.facts["line"] for fault in loaded.faults] == [5]
    assert sum(loaded.skipped.values()) == 2


def test_a_csv_names_its_bad_rows():
    text = (
        "type,value,name,tlp,valid_until\r\n"
        'domain,evil[.]example,"Bad, very",green,31/12/2026\r\n'
        "ip,192.0.2.0/24,,,\r\n"
        "ip,999.1.1.1,,,\r\n"
        "colour,red,,,\r\n"
        "hash,abc,,,\r\n"
        "url,hxxps://x[.]example/a,,,yesterday\r\n"
        "url,hxxps://x[.]example/a,,,\r\n"
    )
    loaded = parse_indicators(text.encode(), "i.csv")
    assert values(loaded) == [("domain", "evil.example"), ("cidr", "192.0.2.0/24"), ("url", "https://x.example/a")]
    assert [fault.facts["line"] for fault in loaded.faults] == [4, 5, 6, 7]
    assert loaded.indicators[0].name == "Bad, very"
    assert loaded.indicators[0].tlp is Tlp.GREEN


def test_a_plain_list_is_read_with_remarks_and_defanged_values():
    text = (
        "# bad things\n192.0.2[.]1  # one\n\nhxxp://evil(.)example/a#b\nevil[dot]example\n2001:db8::/32\n"
        + "d" * 64
        + "\nwhat is this\n"
    )
    loaded = parse_indicators(text.encode(), "list.txt")
    assert values(loaded) == [
        ("ip", "192.0.2.1"),
        ("url", "http://evil.example/a#b"),
        ("domain", "evil.example"),
        ("cidr", "2001:db8::/32"),
        ("hash", "d" * 64),
    ]
    assert [fault.facts["line"] for fault in loaded.faults] == [8]


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b'{"type": "bundle",\n "objects": [}', 2),
        (b'{"a": 1}', 1),
        (b"[1, 2]", 1),
        (b'{"type": "bundle", "objects": 7}', 1),
    ],
)
def test_a_broken_file_is_named_with_its_place(content: bytes, line: int):
    loaded = parse_indicators(content, "x")
    assert loaded.indicators == ()
    assert [fault.facts["line"] for fault in loaded.faults] == [line]


def test_a_line_that_is_not_utf_8_is_named_and_the_others_load():
    loaded = parse_indicators(b"a.example\n\xff\xfe\nb.example\n", "x")
    assert [one.value for one in loaded.indicators] == ["a.example", "b.example"]
    assert [fault.facts["line"] for fault in loaded.faults] == [2]


def test_the_same_list_gives_the_same_ids():
    first, second = (parse_indicators(b"EVIL.example\n192.0.2.1\n", name) for name in ("a.txt", "b.txt"))
    assert [one.id for one in first.indicators] == [one.id for one in second.indicators]
    assert first.indicators[0].kind is IndicatorKind.DOMAIN


def test_a_folder_is_read_file_by_file(tmp_path: Path):
    (tmp_path / "a.txt").write_text("192.0.2.1\n", "utf-8")
    (tmp_path / "b.json").write_text("{", "utf-8")
    loaded = read_indicators(tmp_path)
    assert len(loaded.indicators) == 1
    assert len(loaded.faults) == 1


def test_a_file_that_is_not_there_is_an_unknown_input(tmp_path: Path):
    with pytest.raises(UnknownInput):
        read_indicators(tmp_path / "nowhere")


@pytest.mark.parametrize("value", ["hxxps[://]a[.]example", "hXXps://a(dot)example", "https://a{.}example"])
def test_defanged_values_are_made_whole(value: str):
    assert refang(value) == "https://a.example"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("hxxp://a[.]example/x", "http://a.example/x"),
        ("hxxps[:]//a.example", "https://a.example"),
        ("h**p://a.example", "http://a.example"),
        ("fxp://a.example", "ftp://a.example"),
        ("a[dot]example", "a.example"),
        ("a (dot) example", "a.example"),
        ("a dot example", "a.example"),
        ("a{.}example", "a.example"),
        ("a\\.example", "a.example"),
        ("192[.]0[.]2[.]1", "192.0.2.1"),
        ("2001[:]db8[:][:]1", "2001:db8::1"),
        ("x[at]a[.]example", "x@a.example"),
        ('"a.example"', "a.example"),
        ("<http://a.example/>", "http://a.example/"),
        ("http://a.example/h**p", "http://a.example/h**p"),
    ],
)
def test_every_way_of_defanging_is_undone(written: str, meant: str):
    assert refang(written) == meant


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("a" * 128, "hash"),
        ("t13d1516h2_8daaf6152771_02713d6af862", "hash"),
        ("192.0.2.0/24", "cidr"),
        ("::1", "ip"),
        ("a.example/x", "url"),
        ("a.example:8080/x", "url"),
        ("tên.vn", "domain"),
    ],
)
def test_a_bare_value_is_what_it_looks_like(value: str, kind: str):
    assert kind_of(value) == kind


def test_a_mail_address_becomes_a_pattern_of_one():
    (one,) = parse_indicators(b"it's[at]a.example # spear\n", "x").indicators
    assert (one.kind, one.value) == (IndicatorKind.PATTERN, "[email-addr:value = 'it\\'s@a.example']")


def test_a_csv_says_all_that_its_columns_can():
    text = (
        "value,type,id,confidence,labels,valid_from,last_seen\n"
        "a.example,domain,my-1,80,phishing; bank,2026-01-01T00:00:00Z,2026-02-01\n"
        "\"[file:name = 'x'] OR [ipv4-addr:value = '192.0.2.1']\",pattern,my-2,,,,\n"
        "[url:value = 'http://a.example/'],pattern,my-3,,,,\n"
        "b.example,domain,,101,,,\n"
        "[file:name = ],pattern,,,,,\n"
        "x,md5,,,,,\n"
    )
    loaded = parse_indicators(text.encode(), "i.csv")
    assert [(one.id, str(one.kind)) for one in loaded.indicators] == [
        ("my-1", "domain"),
        ("my-2", "pattern"),
        ("my-3", "url"),
    ]
    first = loaded.indicators[0]
    assert (first.confidence, first.labels) == (80, ("phishing", "bank"))
    assert first.valid_from is not None
    assert first.seen is not None
    assert [fault.facts["line"] for fault in loaded.faults] == [5, 6, 7]


def misp(*attributes: dict[str, Any], **fields: Any) -> LoadedIndicators:
    return parse_indicators(json.dumps({"Event": {"Attribute": list(attributes), **fields}}).encode(), "m.json")


def test_a_misp_attribute_keeps_its_confidence_and_when_it_was_seen():
    tag = {"name": 'misp:confidence-level="usually-confident"'}
    loaded = misp(
        {"type": "ip-dst", "value": "192.0.2.1", "last_seen": "2026-02-01T00:00:00.5+00:00", "timestamp": "1"},
        {"type": "ip-dst", "value": "192.0.2.2", "timestamp": "1767225600", "Tag": [{"name": "tlp:white"}]},
        {"type": "sha512", "value": "A" * 128, "last_seen": "yesterday"},
        Tag=[tag],
    )
    first, second = loaded.indicators
    assert (first.confidence, second.confidence, second.tlp) == (75, 75, Tlp.CLEAR)
    assert str(first.seen) == "2026-02-01 00:00:00.500000+00:00"
    assert str(second.seen) == "2026-01-01 00:00:00+00:00"
    assert len(loaded.faults) == 1


def test_what_misp_says_is_deleted_or_decayed_is_left_out_and_counted():
    bad = {"type": "ip-dst", "value": "192.0.2.1"}
    loaded = misp(
        {**bad, "deleted": True},
        {**bad, "decay_score": [{"decayed": True}]},
        {**bad, "to_ids": "0"},
        Object=[{"deleted": True, "Attribute": [bad]}, 7, {"Attribute": None}],
    )
    assert loaded.indicators == ()
    assert loaded.skipped == {
        "deleted": 1,
        "decayed by the sender's model": 1,
        "not for detection (to_ids is off)": 1,
    }


@pytest.mark.shared
def test_the_indicators_that_misp_made_of_its_own_events_are_all_read(shared_data: Path):
    for path in sorted((shared_data / "stix/misp-stix").glob("test_*stix21.json")):
        loaded = read_indicators(path)
        assert loaded.indicators, path.name
        assert not loaded.faults, [fault.facts for fault in loaded.faults[:3]]
    table = json.loads((shared_data / "stix/misp-stix/misp_attributes_to_stix21.json").read_text("utf-8"))
    patterns = list(_patterns(table))
    assert len(patterns) > 50
    refused = {int(str(fault.facts["line"])) for fault in stix(*patterns).faults}
    assert refused == {number for number, pattern in enumerate(patterns, 1) if not _valid(pattern)}


def _valid(pattern: str) -> bool:
    try:
        ReferencePattern(pattern)
    except ParseException:
        return False
    return True


def _patterns(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for inner in value:
            yield from _patterns(inner)
    elif isinstance(value, dict):
        if "pattern" in value and value.get("type") == "indicator":
            yield value["pattern"]
        for inner in value.values():
            yield from _patterns(inner)
