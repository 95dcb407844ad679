"""STIX, MISP, CSV and plain lists: good records load, bad ones are named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from correlator.indicators.files import LoadedIndicators, parse_indicators, read_indicators
from correlator.indicators.reading import refang
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
