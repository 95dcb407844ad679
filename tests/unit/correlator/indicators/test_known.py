"""What finds an indicator: the value itself, a parent domain, a network, another form of a URL."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from correlator.engine import Correlator
from correlator.facts import Facts
from correlator.indicators import IndicatorSet, canonical
from tests.unit.correlator.samples import START, event
from vonggac.domain.event import Document
from vonggac.domain.indicator import Indicator, IndicatorKind
from vonggac.domain.marking import Tlp


def found(kind: IndicatorKind, value: str, one: Document) -> bool:
    return bool(IndicatorSet([Indicator("i", kind, value)]).match(one, START))


@pytest.mark.parametrize(
    ("kind", "value", "fields", "expected"),
    [
        (IndicatorKind.IP, "192.0.2.1", {"source__ip": "192.0.2.1"}, True),
        (IndicatorKind.IP, "192.0.2.1", {"dns__resolved_ip": ["192.0.2.9", "192.0.2.1"]}, True),
        (IndicatorKind.IP, "192.0.2.1", {"source__ip": "192.0.2.10"}, False),
        (IndicatorKind.IP, "2001:DB8:0::1", {"destination__ip": "2001:db8::1"}, True),
        (IndicatorKind.CIDR, "192.0.2.0/24", {"source__ip": "192.0.2.200"}, True),
        (IndicatorKind.CIDR, "192.0.2.0/24", {"source__ip": "192.0.3.0"}, False),
        (IndicatorKind.CIDR, "2001:db8::/33", {"source__ip": "2001:db8:7fff::1"}, True),
        (IndicatorKind.CIDR, "2001:db8::/33", {"source__ip": "2001:db8:8000::1"}, False),
        (IndicatorKind.CIDR, "0.0.0.0/0", {"source__ip": "2001:db8::1"}, False),
        (IndicatorKind.DOMAIN, "Evil.Example.", {"dns__question__name": "evil.example"}, True),
        (IndicatorKind.DOMAIN, "evil.example", {"tls__client__server_name": "a.b.EVIL.example"}, True),
        (IndicatorKind.DOMAIN, "evil.example", {"url__domain": "notevil.example"}, False),
        (IndicatorKind.DOMAIN, "a.evil.example", {"url__domain": "evil.example"}, False),
        (IndicatorKind.DOMAIN, "example", {"url__domain": "evil.example"}, False),
        (IndicatorKind.URL, "http://Evil.example:80/x?y=1#z", {"url__original": "https://evil.example/x?y=1"}, True),
        (IndicatorKind.URL, "http://evil.example/x", {"url__original": "/x", "url__domain": "evil.example"}, True),
        (IndicatorKind.URL, "http://evil.example/x", {"url__original": "/X", "url__domain": "evil.example"}, False),
        (IndicatorKind.URL, "http://evil.example:8080/x", {"url__full": "http://evil.example/x"}, False),
        (IndicatorKind.URL, "http://evil.example", {"url__full": "http://evil.example/"}, True),
        (IndicatorKind.HASH, "AB" * 16, {"file__hash__md5": "ab" * 16}, True),
        (IndicatorKind.HASH, "ab" * 16, {"file__hash__md5": "ac" * 16}, False),
    ],
)
def test_an_indicator_names_what_it_should_and_nothing_else(
    kind: IndicatorKind, value: str, fields: dict[str, object], expected: bool
):
    assert found(kind, value, event(**fields)) is expected


def test_one_indicator_is_found_once_in_an_event():
    one = Indicator("i", IndicatorKind.IP, "192.0.2.1")
    both = event(source__ip="192.0.2.1", destination__ip="192.0.2.1", related__ip=["192.0.2.1"])
    assert len(IndicatorSet([one]).match(both, START)) == 1


def test_two_indicators_of_one_value_are_both_found():
    two = [Indicator("i", IndicatorKind.IP, "192.0.2.1"), Indicator("j", IndicatorKind.CIDR, "192.0.2.0/30")]
    assert {hit.indicator.id for hit in IndicatorSet(two).match(event(source__ip="192.0.2.1"), START)} == {"i", "j"}


def test_a_value_that_is_not_of_its_kind_is_refused_by_itself():
    known = IndicatorSet([Indicator("i", IndicatorKind.IP, "x"), Indicator("j", IndicatorKind.IP, "192.0.2.1")])
    assert len(known) == 1
    assert [indicator.id for indicator, _ in known.refused] == ["i"]


@pytest.mark.parametrize("url", ["http://[", "http://h:99999/", "//", "http:///x"])
def test_a_broken_url_is_refused(url: str):
    with pytest.raises(ValueError):
        canonical(IndicatorKind.URL, url)


def test_a_strange_value_in_an_event_does_no_harm():
    known = IndicatorSet([Indicator("i", IndicatorKind.URL, "http://evil.example/")])
    assert known.match(event(url__original="http://[", source__ip="no address"), START) == []


def counted(indicator: Indicator, one: Document) -> dict[str, int]:
    known = IndicatorSet([indicator])
    watch = known.watch()
    assert list(known.hits(Facts(one), watch)) == []
    return dict(watch.counts)


def test_what_is_out_of_force_makes_no_hit_and_is_counted_by_reason():
    one = event(source__ip="192.0.2.1")
    bad = Indicator("i", IndicatorKind.IP, "192.0.2.1")
    assert counted(replace(bad, valid_from=START + timedelta(seconds=1)), one) == {"indicator not valid yet": 1}
    assert counted(replace(bad, valid_until=START), one) == {"indicator no longer valid": 1}
    old = replace(bad, confidence=80, valid_from=START - timedelta(days=360))
    assert old.fades_at == START
    assert counted(old, one) == {"indicator decayed": 1}
    assert IndicatorSet([replace(old, seen=START - timedelta(days=1))]).match(one, START)


@pytest.mark.parametrize(
    ("confidence", "kind", "days"),
    [
        (80, IndicatorKind.IP, 360),
        (40, IndicatorKind.DOMAIN, 365),
        (20, IndicatorKind.URL, 0),
        (10, IndicatorKind.URL, 0),
        (None, IndicatorKind.IP, None),
        (80, IndicatorKind.HASH, None),
    ],
)
def test_confidence_halves_with_the_half_life_of_its_kind(
    confidence: int | None, kind: IndicatorKind, days: int | None
):
    one = Indicator("i", kind, "x", confidence=confidence, valid_from=START)
    assert one.fades_at == (None if days is None else START + timedelta(days=days))
    assert replace(one, valid_from=None).fades_at is None


PATTERN = "([ipv4-addr:value = '192.0.2.1'] FOLLOWEDBY [domain-name:value = 'a.example']) WITHIN 60 SECONDS"


def test_a_pattern_of_two_events_names_both_and_keeps_its_id_in_a_replay():
    known = IndicatorSet([Indicator("i", IndicatorKind.PATTERN, PATTERN, tlp=Tlp.GREEN)])
    correlator = Correlator((), known)
    first, second = event("e1", 0, source__ip="192.0.2.1"), event("e2", 30, dns__question__name="a.example")
    assert correlator.feed([first]) == []
    (found,) = correlator.feed([second])
    assert (found.rule.id, found.evidence) == ("indicator:pattern", ("e1", "e2"))
    assert (found.indicator_id, found.tlp) == ("i", "green")
    assert correlator.horizon == timedelta(seconds=60) + timedelta(minutes=10)
    assert [one.id for one in Correlator((), known).feed([first, second])] == [found.id]
    (late,) = Correlator((), known).feed([second, first])
    assert late.evidence == ("e1", "e2")


def test_a_pattern_that_remains_when_indicators_change_keeps_what_it_has_seen():
    one, other = Indicator("i", IndicatorKind.PATTERN, PATTERN), Indicator("j", IndicatorKind.IP, "192.0.2.77")
    correlator = Correlator((), IndicatorSet([one]))
    correlator.feed([event("e1", 0, source__ip="192.0.2.1")])
    correlator.use_indicators(IndicatorSet([other, one]))
    assert len(correlator.feed([event("e2", 30, dns__question__name="a.example")])) == 1


def test_an_expired_pattern_is_counted():
    expired = Indicator("i", IndicatorKind.PATTERN, "[file:name = 'x.exe']", valid_until=START)
    assert counted(expired, event(file__name="x.exe")) == {"indicator no longer valid": 1}
