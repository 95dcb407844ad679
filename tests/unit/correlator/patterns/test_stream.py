"""Patterns over a stream of ECS events: what an event is in STIX, and which event completes a pattern."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from correlator.facts import Facts
from correlator.patterns.cyber import objects_of
from correlator.patterns.pattern import compile_pattern
from correlator.patterns.stream import MAX_KEPT, PatternWatch
from tests.unit.correlator.patterns.observed import match_observed
from tests.unit.correlator.samples import event

MINUTE = 60_000_000


def matches(pattern: str, **fields: Any) -> bool:
    return bool(compile_pattern(pattern).singles(objects_of(Facts(event(**fields)))))


FLOW = {
    "source__ip": "192.0.2.1",
    "source__port": 40_000,
    "destination__ip": "2001:db8::1",
    "destination__port": 443,
    "destination__as__number": 64_500,
    "destination__mac": "00-11-22-AA-BB-CC",
    "network__transport": "tcp",
    "source__bytes": 10,
}
WEB = {
    "destination__ip": "192.0.2.9",
    "url__original": "/a?b=1",
    "url__domain": "x.example",
    "http__request__method": "POST",
    "user_agent__original": "curl/8",
}
FILE = {"file__name": "a.exe", "file__size": 5, "file__hash__sha256": "AB" * 32, "related__hash": ["ab" * 32]}
PROCESS = {"process__pid": 7, "process__executable": "C:\\Temp\\a.exe", "process__parent__command_line": "cmd /c a"}
MAIL = {"email__from__address": ["a@x.example"], "email__to__address": ["b@y.example"], "email__subject": "Hoá đơn"}
TLS = {
    "tls__server__subject": "CN=x",
    "tls__server__hash__sha1": "AA",
    "tls__server__not_after": "2026-01-01T00:00:00Z",
}


@pytest.mark.parametrize(
    ("pattern", "fields"),
    [
        ("[ipv4-addr:value = '192.0.2.1']", FLOW),
        ("[ipv6-addr:belongs_to_refs[*].number = 64500]", FLOW),
        ("[mac-addr:value = '00:11:22:aa:bb:cc']", FLOW),
        ("[network-traffic:src_ref.value = '192.0.2.1' AND network-traffic:dst_port = 443]", FLOW),
        ("[network-traffic:protocols[*] = 'tcp' AND network-traffic:src_byte_count < 11]", FLOW),
        ("[network-traffic:dst_ref.type = 'ipv6-addr']", FLOW),
        ("[url:value = 'http://x.example/a?b=1']", WEB),
        ("[network-traffic:extensions.'http-request-ext'.request_method = 'post']", WEB),
        ("[network-traffic:extensions.'http-request-ext'.request_header.'User-Agent' LIKE 'curl%']", WEB),
        ("[domain-name:value = 'x.example']", WEB),
        (f"[file:hashes.'SHA-256' = '{'ab' * 32}' AND file:size = 5 AND file:name = 'a.exe']", FILE),
        ("[process:image_ref.name = 'a.exe' AND process:parent_ref.command_line LIKE 'cmd%']", PROCESS),
        ("[email-message:from_ref.value = 'a@x.example' AND email-message:to_refs[0].value = 'b@y.example']", MAIL),
        ("[email-message:subject MATCHES '^Hoá']", MAIL),
        ("[email-addr:value = 'b@y.example']", MAIL),
        ("[x509-certificate:hashes.'SHA-1' = 'aa' AND x509-certificate:subject = 'CN=x']", TLS),
        ("[x509-certificate:validity_not_after < t'2026-02-01T00:00:00Z']", TLS),
        ("[user-account:account_login = 'root']", {"user__name": "root"}),
        ("[windows-registry-key:key LIKE 'HKLM%']", {"registry__path": "HKLM\\Run"}),
        ("[network-traffic:extensions.'icmp-ext'.icmp_type_hex = h'08']", {**FLOW, "vonggac__icmp__type": 8}),
        (
            "[domain-name:value = 'x.example' AND domain-name:resolves_to_refs[*].value = '192.0.2.7']",
            {"dns__question__name": "X.example.", "dns__resolved_ip": ["192.0.2.7"]},
        ),
    ],
)
def test_an_event_is_seen_as_the_objects_it_speaks_of(pattern: str, fields: dict[str, Any]):
    assert matches(pattern, **fields)


def test_what_stands_in_two_events_is_not_one_observation():
    assert not matches("[ipv4-addr:value = '192.0.2.1' AND ipv4-addr:value = '192.0.2.2']", source__ip="192.0.2.1")


def watch(pattern: str) -> PatternWatch:
    return PatternWatch({"p": compile_pattern(pattern)}, 10 * MINUTE)


def object_of(name: str) -> dict[str, Any]:
    return {"0": {"type": "x", "id": "0", "n": name}}


def taken(watched: PatternWatch, *seen: tuple[str, int]) -> list[list[str]]:
    """The ids bound by each event that completes the pattern; an event is named for its object and minute."""
    return [
        sorted(each.id for each in binding)
        for name, minute in seen
        for _, binding in watched.take(f"{name}{minute}", minute * MINUTE, object_of(name))
    ]


def test_a_pattern_is_found_by_the_event_that_completes_it_in_any_order():
    pattern = "[x:n = 'a'] FOLLOWEDBY [x:n = 'b'] WITHIN 300 SECONDS"
    assert taken(watch(pattern), ("a", 1), ("b", 3)) == [["a1", "b3"]]
    assert taken(watch(pattern), ("b", 3), ("a", 1)) == [["a1", "b3"]]
    assert taken(watch(pattern), ("b", 1), ("a", 3)) == []
    within = "([x:n = 'a'] AND [x:n = 'b']) WITHIN 300 SECONDS"
    assert taken(watch(within), ("b", 1), ("a", 6)) == [["a6", "b1"]]
    assert taken(watch(within), ("b", 1), ("a", 7)) == []


def test_an_event_that_comes_again_completes_nothing():
    assert taken(watch("[x:n = 'a'] REPEATS 2 TIMES"), ("a", 1), ("a", 1), ("a", 2)) == [["a1", "a2"]]


def test_what_is_too_old_to_matter_goes_and_what_mattered_is_counted():
    within = watch("([x:n = 'a'] AND [x:n = 'b']) WITHIN 60 SECONDS")
    taken(within, *[("a", minute) for minute in range(MAX_KEPT + 50)])
    assert not within.counts
    endless = watch("[x:n = 'a'] AND [x:n = 'b']")
    taken(endless, *[("a", minute) for minute in range(MAX_KEPT + 50)])
    assert endless.counts == {"observations of a pattern let go": 50}


def test_a_value_that_is_no_time_is_counted_and_does_not_end_the_watch():
    watched = watch("[x:n = t'2026-01-01T00:00:00Z']")
    assert taken(watched, ("soon", 1)) == []
    assert watched.counts.total() == 1


SEEN = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 12)), max_size=8, unique=True)
PATTERN = st.sampled_from(
    [
        "[x:n = 'a'] FOLLOWEDBY [x:n = 'b']",
        "([x:n = 'a'] FOLLOWEDBY [x:n = 'b'] FOLLOWEDBY [x:n = 'c']) WITHIN 240 SECONDS",
        "([x:n = 'a'] REPEATS 3 TIMES) WITHIN 300 SECONDS",
        "([x:n IN ('a', 'b')] AND [x:n = 'a']) WITHIN 120 SECONDS OR [x:n = 'c'] REPEATS 2 TIMES",
        "(([x:n = 'a'] AND [x:n = 'b']) WITHIN 60 SECONDS) REPEATS 2 TIMES",
    ]
)


@settings(max_examples=200, deadline=None)
@given(pattern=PATTERN, seen=SEEN)
def test_a_pattern_is_found_in_a_stream_if_and_only_if_it_is_found_in_all_of_it(
    pattern: str, seen: list[tuple[str, int]]
):
    compiled = compile_pattern(pattern)
    found = bool(taken(PatternWatch({"p": compiled}, 60 * MINUTE), *seen))
    pool = [
        {
            "type": "observed-data",
            "first_observed": f"2026-01-01T00:{minute:02}:00Z",
            "last_observed": f"2026-01-01T00:{minute:02}:00Z",
            "number_observed": 1,
            "objects": object_of(name),
        }
        for name, minute in seen
    ]
    assert found is (match_observed(compiled, pool) is not None)
