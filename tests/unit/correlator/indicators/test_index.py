"""The index against a naive scan over the same indicators, one value at a time and many at once."""

from __future__ import annotations

from datetime import timedelta
from ipaddress import IPv4Address, IPv4Network, ip_address, ip_network
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from correlator.engine import Correlator, State, make_program, step
from correlator.indicators import IndicatorSet, canonical
from correlator.indicators.columns import Columns
from correlator.indicators.networks import Networks
from tests.unit.correlator.samples import START, event
from vonggac.domain.event import Document, observables
from vonggac.domain.indicator import Indicator, IndicatorKind
from vonggac.domain.marking import Tlp

LABELS = st.lists(st.sampled_from(["a", "b", "example", "co"]), min_size=1, max_size=4).map(".".join)
ADDRESSES = st.one_of(
    st.integers(0, 40).map(lambda number: f"192.0.2.{number}"),
    st.integers(0, 9).map(lambda number: f"2001:db8::{number:x}"),
)
NETWORKS = st.one_of(
    st.builds("192.0.2.{}/{}".format, st.integers(0, 40), st.sampled_from([0, 8, 16, 24, 26, 27, 29, 31, 32])),
    st.builds("2001:db8::{:x}/{}".format, st.integers(0, 9), st.sampled_from([0, 32, 64, 125, 127, 128])),
)
HASHES = st.integers(0, 5).map(lambda number: f"{number:032X}") | st.just("t13d1516h2_8daaf6152771_02713d6af862")
URLS = st.builds("http://{}/{}".format, LABELS, st.sampled_from(["", "x", "x?y=1"]))
VALUES = {
    IndicatorKind.IP: ADDRESSES,
    IndicatorKind.CIDR: NETWORKS,
    IndicatorKind.DOMAIN: LABELS,
    IndicatorKind.HASH: HASHES,
    IndicatorKind.URL: URLS,
}
EDGES = st.none() | st.integers(-2, 2).map(lambda seconds: START + timedelta(seconds=seconds))
INDICATORS = st.lists(
    st.sampled_from(list(VALUES)).flatmap(
        lambda kind: st.builds(
            Indicator,
            id=st.sampled_from("ijk"),
            kind=st.just(kind),
            value=VALUES[kind],
            name=st.sampled_from(["", "A", "Đ"]),
            valid_from=EDGES,
            valid_until=EDGES,
            tlp=st.sampled_from(Tlp),
            confidence=st.none() | st.integers(0, 100),
            labels=st.sampled_from([(), ("phishing",)]),
            source=st.sampled_from(["", "s"]),
            seen=st.none() | st.integers(0, 900).map(lambda days: START - timedelta(days=days)),
        )
    ),
    max_size=12,
)
EVENTS = st.builds(
    lambda address, others, name, digest, url: event(
        source__ip=address, related__ip=others, dns__question__name=name, related__hash=[digest], url__full=url
    ),
    ADDRESSES,
    st.lists(ADDRESSES, max_size=2),
    LABELS,
    HASHES,
    URLS,
)


REQUESTS = st.builds(
    lambda host, path: event(url__domain=host, url__original=path), LABELS, st.sampled_from(["/", "/x", "/x?y=1"])
)


def names(indicator: Indicator, kind: str, value: str) -> bool:
    """Whether an indicator names an observable, by the definition."""
    match indicator.kind:
        case IndicatorKind.CIDR:
            return kind == "ip" and ip_address(value) in ip_network(indicator.value, strict=False)
        case IndicatorKind.DOMAIN:
            bad = indicator.value.lower()
            return kind == "domain" and (value == bad or ("." in bad and value.endswith(f".{bad}")))
        case _:
            same = kind == str(indicator.kind)
            return same and canonical(indicator.kind, value) == canonical(indicator.kind, indicator.value)


def looked_for(indicator: Indicator) -> bool:
    fades = indicator.fades_at
    return indicator.valid_at(START) and (fades is None or fades > START)


@settings(max_examples=400, deadline=None)
@given(indicators=INDICATORS, one=EVENTS)
def test_the_index_finds_what_a_scan_of_all_indicators_finds(indicators: list[Indicator], one: Document):
    seen = list(observables(one))
    expected = {
        each.id for each in indicators if looked_for(each) and any(names(each, kind, value) for kind, value in seen)
    }
    assert {hit.indicator.id for hit in IndicatorSet(indicators).match(one, START)} == expected


@settings(max_examples=200, deadline=None)
@given(INDICATORS, st.lists(EVENTS | REQUESTS, min_size=1, max_size=6))
def test_a_batch_is_detected_as_its_events_one_by_one(indicators: list[Indicator], events: list[Document]):
    known, batch = IndicatorSet(indicators), events * 16
    program = make_program((), known)
    state, one_by_one = State(program), []
    for each in batch:
        state, found = step(program, state, each, ())
        one_by_one += found
    at_once = Correlator((), known)
    assert at_once.feed(batch) == one_by_one
    assert at_once.indicator_counts == state.watch.counts


def test_events_that_name_no_indicator_are_no_suspects():
    blocks = [Indicator(f"b{n}", IndicatorKind.CIDR, f"198.51.100.{n}/32") for n in range(9)]
    names = [Indicator(f"n{n}", IndicatorKind.DOMAIN, f"bad{n}.example") for n in range(9)]
    events = [event(source__ip=f"192.0.2.{n}", url__domain=f"h{n}.good.example") for n in range(200)]
    bad = [event(source__ip="198.51.100.3"), event(url__domain="a.b.bad4.example")]
    suspects = IndicatorSet([*blocks, *names]).suspects([*events, *bad])
    assert sum(suspects[:-2]) < 50  # some values share their bit with an indicator
    assert suspects[-2:] == [True, True]


def test_one_text_that_is_no_address_hides_no_other():
    known = IndicatorSet([Indicator("b", IndicatorKind.CIDR, "198.51.100.0/24")])
    events = [event(source__ip="1.2.3"), *(event(source__ip=f"198.51.100.{n}") for n in range(20))]
    assert len(Correlator((), known).feed(events)) == 20


@settings(max_examples=100, deadline=None)
@given(INDICATORS)
def test_an_indicator_comes_out_as_it_went_in_but_for_the_form_of_its_value(indicators: list[Indicator]):
    columns = Columns()
    added = [(columns.add(each, canonical(each.kind, each.value)), each) for each in indicators]
    columns.close()
    for row, each in added:
        form = canonical(each.kind, each.value)
        found = columns.indicator(row)
        assert row in columns.rows(each.kind, form)
        assert (each.id, form, each.name, each.tlp, each.confidence, each.seen) == (
            found.id,
            found.value,
            found.name,
            found.tlp,
            found.confidence,
            found.seen,
        )


NO_ADDRESSES = [
    "1.2.3",
    "1.2.3.4.5",
    "256.1.1.1",
    "01.2.3.4",
    "a.1.1.1",
    "1..2.3",
    "",
    "::1",
    "1.2.3.4\n",
    "1.2.\ud800",
]


@pytest.mark.parametrize("worth", [0, 10_000])
@settings(max_examples=60, deadline=None)
@given(
    blocks=st.lists(st.builds(lambda base, size: (base, size), st.integers(0, (1 << 32) - 1), st.integers(0, 32))),
    addresses=st.lists(st.integers(0, (1 << 32) - 1).map(lambda number: str(IPv4Address(number)))),
    strange=st.lists(st.sampled_from(NO_ADDRESSES), max_size=3),
    chance=st.randoms(use_true_random=False),
)
def test_addresses_in_networks_and_what_is_no_address_are_told_by_their_places(
    worth: int, blocks: list[tuple[int, int]], addresses: list[str], strange: list[str], chance: Random
):
    networks = [IPv4Network(block, strict=False) for block in blocks]
    held = Networks(worth=worth)
    for row, network in enumerate(networks):
        held.add(network, row)
    held.close()
    edges = [str(network[place]) for network in networks for place in (0, -1)]
    asked = [*addresses, *strange, *edges]
    chance.shuffle(asked)
    expected = [
        place
        for place, text in enumerate(asked)
        if text in NO_ADDRESSES or any(IPv4Address(text) in network for network in networks)
    ]
    assert held.suspects(asked) == expected
