"""The DNS loop beside the DNS talk: the same bytes, or left to the talk."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sensors import kernel
from sensors.base import Origin
from sensors.decode.dns import CLASSES, EDNS_OPTIONS, OPCODES, RCODES, type_name
from sensors.decode.fault import Undecodable
from sensors.decode.rdata import _SVCB_KEYS
from sensors.document import Scribe
from sensors.flows import Flow, FlowTable
from sensors.inlays import Inlays
from sensors.listener import Listener
from sensors.loops import dns, dns_names, documents, slots, world
from sensors.loops.world import World
from sensors.streams import Moment
from sensors.takeover.dns import take_over
from sensors.talks.dns import DnsTalk
from sensors.talks.known.web import datagram
from sensors.talks.talk import Found

CLIENT, SERVER = bytes((192, 0, 2, 10)), bytes((198, 51, 100, 20))
CLIENT6, SERVER6 = bytes.fromhex("20010db8" + "00" * 11 + "01"), bytes.fromhex("20010db8" + "00" * 11 + "02")
SCRIBE = Scribe(Origin("sensor-1", "BTC", "Bộ Tài chính"), "f" * 16)
INLAYS = Inlays()
BEGUN = 1_700_000_000_123_456_789
SECOND = 10**9


@cache
def made_world() -> World:
    """A world with two flows, over IPv4 and over IPv6."""
    w = Listener(FlowTable(limit=2), SCRIBE, kernel).world
    for number, (src, dst) in enumerate(((CLIENT, SERVER), (CLIENT6, SERVER6))):
        row, key, size = w.flows[number], w.keys[number], len(src)
        row[[kernel.PROTOCOL, kernel.FAMILY, kernel.SPORT, kernel.DPORT]] = (17, 4 if size == 4 else 6, 40_000, 53)
        row[[kernel.VLAN, kernel.INNER_VLAN, kernel.BEGUN_NS]] = (-1, -1, BEGUN)
        ends = np.frombuffer(src + dst, np.int8)
        turned = kernel.fill_key(key, ends, 0, size, int(row[kernel.FAMILY]), 17, 40_000, 53)
        row[kernel.TURNED] = int(turned)
    return w


class Loop:
    """One flow heard by the loop; `lines` are its events."""

    def __init__(self, number: int = 0, functions: Any = dns) -> None:
        self.w = w = made_world()
        self.functions = functions
        self.number = number
        w.numbers[[world.FREE_SLOTS, world.FREE_LARGE]] = world.SLOTS, world.LARGE_AREAS
        self.slot = slots.take_slot(w, number, documents.DNS, 0, BEGUN)
        self.flow = Flow(w.flows[number].tolist(), w.keys[number].tobytes())
        self.flow.id = SCRIBE.id(BEGUN, 0, "flow", 0)
        self.flow.label = "dns"

    def hear(self, side: int, data: bytes, at: Moment) -> tuple[int, list[bytes]]:
        # What lies around the payload must not be read.
        around = b"\x3fabc" + data + b"\3com\0\xff\xff"
        payload = np.frombuffer(around, np.int8)
        return self._told(
            lambda: self.functions.dns_hears(self.w, self.number, self.slot, side, payload, 4, 4 + len(data), *at)
        )

    def end(self) -> tuple[int, list[bytes]]:
        return self._told(lambda: self.functions.dns_ends(self.w, self.number, self.slot))

    def _told(self, call: Any) -> tuple[int, list[bytes]]:
        w, row = self.w, self.w.slots[self.slot]
        w.numbers[[world.OUT, world.TELLS]] = 0
        before = self.kept()
        allowance = int(row[world.S_ALLOWANCE])
        verdict = call()
        lines = [*self._lines()]
        assert row[world.S_ALLOWANCE] == allowance - 96 * len(lines)
        if verdict == world.UNUSUAL:
            assert not lines
            assert self.kept() == before
        return verdict, lines

    def _lines(self) -> Iterator[bytes]:
        w = self.w
        for kind, _, begin, end, *_ in w.tells[: w.numbers[world.TELLS]].tolist():
            assert kind == world.T_LINE
            assert w.numbers[world.OUT] == end + 1
            yield from INLAYS.fill(w.out[begin:end].tobytes()).splitlines()

    def kept(self) -> tuple[Any, ...]:
        row = self.w.slots[self.slot].tolist()
        at = row[world.S_AREA]
        area = self.w.pool[at : at + row[world.S_USED]].tobytes()
        return row[world.S_USED], row[world.S_ALLOWANCE], row[world.S_OWN :], area

    def talk(self) -> DnsTalk:
        """The talk that goes on in its place."""
        row = self.w.slots[self.slot].tolist()
        at = row[world.S_AREA]
        return take_over(row, self.w.pool[at : at + row[world.S_CAPACITY]].tobytes()) or DnsTalk(stream=False)


def same(turns: Iterable[tuple[int, bytes, int]], number: int = 0, functions: Any = dns) -> list[int]:
    """Hear messages (side, bytes, seconds) with the loop and with the talk; what the loop said of each, and at the end.

    Where the loop leaves a message, the talk that takes over must be in the state of the one that heard all.
    """
    loop, talk = Loop(number, functions), DnsTalk(stream=False)
    verdicts = []
    for position, (side, data, seconds) in enumerate(turns):
        at = Moment(position + 7, BEGUN + seconds * SECOND)
        verdict, lines = loop.hear(side, data, at)
        verdicts.append(verdict)
        if verdict == world.UNUSUAL:
            assert [*rest(loop.talk(), side, data, at)] == [*rest(talk, side, data, at)]
            return verdicts
        assert lines == [SCRIBE.found(loop.flow, it) for it in talk.data(side, data, at)]
    verdict, lines = loop.end()
    verdicts.append(verdict)
    expected = [SCRIBE.found(loop.flow, it) for it in talk.close(True)]
    if verdict == world.UNUSUAL:
        assert [SCRIBE.found(loop.flow, it) for it in loop.talk().close(True)] == expected
    else:
        assert lines == expected
    return verdicts


def rest(talk: DnsTalk, side: int, data: bytes, at: Moment) -> Iterator[Found | str]:
    """What a talk says of a message and then at its end."""
    try:
        yield from talk.data(side, data, at)
    except Undecodable as fault:
        yield str(fault)
    yield from talk.close(True)


# --- messages


def name(text: str) -> bytes:
    return b"".join(bytes((len(label),)) + label.encode() for label in text.split(".") if label) + b"\0"


def message(bits: int, *sections: Iterable[bytes], ident: int = 0x1234, counts: tuple[int, ...] | None = None) -> bytes:
    """Questions, answers, authorities, additionals as bytes."""
    parts = [[*section] for section in sections] + [[]] * (4 - len(sections))
    return struct.pack("!HHHHHH", ident, bits, *(counts or map(len, parts))) + b"".join(b"".join(it) for it in parts)


def question(text: str = "www.Example.co.uk", kind: int = 1, class_: int = 1) -> bytes:
    return name(text) + struct.pack("!HH", kind, class_)


def record(kind: int, data: bytes, owner: bytes = b"\xc0\x0c", class_: int = 1, ttl: int = 300) -> bytes:
    return owner + struct.pack("!HHIH", kind, class_, ttl, len(data)) + data


def option(code: int, data: bytes) -> bytes:
    return struct.pack("!HH", code, len(data)) + data


def opt(*options: bytes, ttl: int = 0x8000, size: int = 1232) -> bytes:
    return record(41, b"".join(options), b"\0", size, ttl)


ASKED = message(0x0100, [question()])
TO = b"\xc0\x0c"
EDNS = opt(
    option(10, bytes(8)),
    option(8, b"\0\1\x18\0\xc0\0\2"),
    option(12, bytes(20)),
    option(15, b"\0\x12"),
    option(77, b""),
)
#: Data of records by type, each of which the loop writes itself.
RECORDS = [
    (1, bytes((192, 0, 2, 1))), (1, b"\1\2"), (1, b""), (28, SERVER6), (28, bytes(10) + b"\xff\xff\1\2\3\4"),
    (28, bytes(16)), (5, name("A.Host-1.Example")), (5, b"\3Foo" + TO), (2, b"\2nS" + TO), (12, b"\0"), (12, TO),
    (39, name("x.y")), (6, b"\2ns" + TO + b"\4mail" + TO + struct.pack("!IIIII", 1, 2, 3, 4, 0xFFFFFFFF)), (6, b"\1"),
    (15, b"\0\x0a\4mail" + TO), (15, b"\0"), (16, b'\5a"b\\c\3\t\n\x1f'), (16, "\5Việ".encode()), (16, b"\x7f~a"),
    (16, b""), (99, b"\1a\0\1b"), (13, b"\3RFC\0"), (13, b"\1a\1b\1c"), (33, struct.pack("!HHH", 1, 2, 443) + TO),
    (43, b"\1\2\3\4\5\6"), (48, b"\1\1\3\x0d" + bytes(range(70))), (48, b"\1"),
    (46, struct.pack("!HBBIIIH", 1, 13, 2, 300, 1, 2, 3) + name("Example") + bytes(64)),
    (46, struct.pack("!HBBIIIH", 4711, 13, 2, 300, 1, 2, 3) + b"\0" * 5),
    (47, name("b.Example") + b"\0\7\x62\1\x80\x08\0\3\x80\1\1\x40"),
    (47, b"\0"), (50, b"\1\0\0\5\2\xab\xcd\3\1\2\3\0\1\x40"), (50, b"\1\0\0\0\0\3\1\2\3"), (51, b"\1\0\0\x0a\0"),
    (51, b"\1\0\0\x0a\2\1\2"), (52, b"\3\1\1\xab\xcd"), (44, b"\1\2\xff"), (257, b"\0\5issueletsencrypt.org"),
    (257, b"\x80\3abc"), (35, b"\0\1\0\2\1S\7SIP+D2U\0" + name("a.B")), (10, bytes(range(30))), (10, b""),
    (4711, b"\1"),
    (64, b"\0\0" + TO), (65, b"\0\1\0" + option(1, b"\2h3\2h2") + option(4, bytes(8)) + option(6, bytes(32))),
    (65, b"\0\1\0" + option(0, b"\0\1\0\x63") + option(3, b"\1\xbb") + option(2, b"") + option(7, b"/q")),
    (65, b"\0\1\0" + option(5, b"ech") + option(3, b"\1") + option(77, b"")),
    (65, b"\0\1\0\0\1\0\x10\2h2"), (32769, b"\0\1\2\3\4"), (255, b""),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "data"), RECORDS)
def test_records(kind, data):
    """Each kind of record, in each section, told as the talk tells it."""
    answer = message(
        0x8180, [question()], [record(kind, data)], [record(kind, data, class_=3)], [record(kind, data), EDNS]
    )
    assert same([(0, ASKED, 0), (1, answer, 1)]) == [0, 0, 0]
    assert same([(0, ASKED, 0), (1, answer, 1)], 1) == [0, 0, 0]


@pytest.mark.parametrize(
    ("kind", "data"),
    [(16, b"\2\xff\xff"), (35, b"\0\1\0\2\1S\7SI"),
     (6, name("a" * 30) + b"\1"), (257, b"\0\xffissue"), (5, b"\xc0\xff"),
     (50, b"\1\0\0\5\xff\0"),
     (5, b"\4B\xc3\xa9e\0"), (17, b"\0\0\0"), (65, b"\0\1\0" + option(7, "é".encode())), (13, b"\1\xff")],
)  # fmt: skip
def test_records_that_are_left(kind, data):
    answer = message(0x8180, [question()], [record(kind, data)])
    assert same([(0, ASKED, 0), (1, answer, 1)]) == [0, 1]
    answer = message(0x8180, [question()], [], [record(kind, data)])
    assert same([(0, ASKED, 0), (1, answer, 1)]) == [0, 1]


def test_one_address_or_host_is_named_once():
    answers = [record(5, b"\3WWW\7example\2co\2uk\0"), record(5, name("x.Y.z"))]
    answers += [record(1, address) for address in (bytes((1, 1, 1, 1)), SERVER, bytes((1, 1, 1, 1)), CLIENT, bytes(4))]
    answers += [
        record(2, name("X.y.z")),
        record(12, b"\0"),
        record(28, CLIENT6),
        record(28, SERVER6),
        record(28, CLIENT6),
    ]
    answer = message(0x8580, [question()], answers)
    assert same([(0, ASKED, 0), (1, answer, 0)]) == [0, 0, 0]
    assert same([(0, ASKED, 0), (1, answer, 0)], 1) == [0, 0, 0]


@pytest.mark.parametrize(
    "text", ["", "com", "localhost", "a_b.c d.example.com", "x.co.uk", 'qu"ote.example.com', "co.uk", "UPPER.Case.ORG"]
)
def test_question_names(text):
    asked, answer = (message(bits, [question(text, 15)]) for bits in (0x0100, 0x8183))
    assert same([(0, asked, 0), (1, answer, 0)]) == [0, 0, 0]
    assert same([(0, asked, 0)]) == [0, 0]


@pytest.mark.parametrize(
    "label",
    [
        b"a.b",
        b"a\\b",
        b"a\0b c",
        b'"\x7f"',
        b"\xff\xfe",
        b"\xe9A",
        b"a\xc3",
        b"\xed\xa0\x80",
        b"\xc0\x80",
        b"\xf5\x80\x80\x80",
    ],
)
def test_labels_with_escapes(label):
    owner = bytes((len(label),)) + label + b"\7Example\3com\0"
    asked, answer = (
        message(bits, [owner + b"\0\1\0\1"], [record(5, b"\3www" + TO)] if bits & 0x8000 else [])
        for bits in (0x0100, 0x8180)
    )
    assert same([(0, asked, 0), (1, answer, 0)]) == [0, 0, 0]


@pytest.mark.parametrize("label", ["é", "ệ", "a日", "\x80", "😀"])
def test_labels_in_utf8_are_left(label):
    assert same([(0, message(0x0100, [question(label)]), 0)]) == [1]


def test_words():
    """Types, classes, codes and options have the decoder's names."""
    out = np.zeros(64, np.uint8)
    for number in range(65_536):
        assert out[: dns_names.dns_type(out, 0, number)].tobytes().decode() == type_name(number)
        expected = CLASSES.get(number & 0x7FFF) or f"CLASS{number & 0x7FFF}"
        assert out[: dns_names.dns_class(out, 0, number)].tobytes().decode() == expected
    for number in range(40):
        expected = _SVCB_KEYS.get(number, f"key{number}")
        assert out[: dns_names.dns_key(out, 0, number)].tobytes().decode() == expected
    for kinds, names, limit in (
        (dns_names.DNS_OPTIONS, EDNS_OPTIONS, 20),
        (dns_names.DNS_RCODES, RCODES, 24),
        (dns_names.DNS_OPCODES, OPCODES, 16),
    ):
        for number in range(limit):
            end = dns_names.dns_word(out, 0, kinds + number, number, b"")
            assert out[:end].tobytes().decode() == names.get(number, str(number))
        assert max(names) < limit


def test_headers():
    for bits in (*range(0, 0x10000, 0x800), 0x0100, 0x07B0, 0x8210, *range(0x8000, 0x8010)):
        asked = message(bits & 0x7FFF, [question(class_=0x8001)])
        assert same([(0, asked, 0), (1, message(bits | 0x8000, [question(class_=255)]), 0)]) == [0, 0, 0]


@pytest.mark.parametrize(
    "data",
    [
        opt(), opt(ttl=0x01FF7FFF, size=65535), opt(option(8, b"\0\2\x38\0" + SERVER6[:7])), opt(option(8, b"\0\1")),
        opt(option(8, b"\0\1\x20\0" + bytes(range(9)))), opt(option(15, b"\0\6bogus\0")), opt(option(15, b"\1")),
        opt(b"\0\x0a\0\x09abc"),
        opt(*[option(n, b"x") for n in range(40)]), opt(option(15, b"\0\1"), option(8, b"\0\1\0\0")),
    ],
)  # fmt: skip
def test_edns(data):
    asked = message(0x0120, [question()], [], [], [data])
    answer = message(0x8182, [question()], [], [record(2, name("ns.x"))], [data, record(1, CLIENT, name("ns.x"))])
    assert same([(0, asked, 0), (1, answer, 0)]) == [0, 0, 0]
    assert same([(0, asked, 0)]) == [0, 0]


def test_questions_and_answers_are_joined_as_the_talk_joins_them():
    a, b = message(0x0100, [question("a.b")]), message(0x0100, [question("a.c")], ident=9)
    upper, other = message(0x8180, [question("A.B")]), message(0x8180, [question("a.b", 28)])
    bare, last = message(0x8182, ident=9), message(0x8180, [question("a.c")], ident=9)
    assert same([(0, a, 0), (0, b, 0), (0, a, 1), (1, other, 2), (0, upper, 3), (1, upper, 4), (1, bare, 5)]) == [0] * 8
    assert same([(0, a, 0), (0, b, 1), (1, last, 2), (1, last, 2), (1, upper, 2), (1, upper, 3)]) == [0] * 7
    assert (
        same([(1, bare, 0), (0, message(0), 1), (1, message(0x8000, [question()]), 2), (1, message(0x8000), 2)])
        == [0] * 5
    )
    nameless = message(0x8400, [], [record(1, CLIENT, name("Some.Example.org")), record(5, b"\xc0\x0c", b"\xc0\x0c")])
    assert same([(0, nameless, 0)]) == [0, 0]


def test_questions_are_given_up():
    asked = [(0, message(0x0100, [question(f"n{n}.example.com")], ident=n % 7), n) for n in range(24)]
    answer = message(0x8180, [question("n14.example.com")], [record(1, CLIENT)], ident=0)
    assert same([*asked[:15], (1, answer, 40)]) == [0] * 17
    assert same([*asked[:15], (1, answer, 100)]) == [0] * 17
    assert same([*asked, (1, answer, 36)])[:-1] == [0] * 25
    assert same([*asked, (0, ASKED, 90)]) == [0] * 24 + [1]
    assert same(asked) == [0] * 24 + [1]
    assert same([asked[3], asked[2]]) == [0, 1]
    many = [(0, message(0x0100, [question(f"n{n}.example.com")], ident=n), 0) for n in range(140)]
    assert same(many) == [0] * 140 + [1]


def test_what_is_left():
    two = message(0x0100, [question(), question("b.c")])
    cut = message(0x8180, [question()], counts=(1, 1, 0, 0))
    loop = message(0x8180, [question()], [record(1, CLIENT, b"\xc0\x23")])
    large = message(
        0x8180, [question()], [record(16, b"\xff" + b"x" * 255) for _ in range(20)], [record(10, bytes(7_000))]
    )
    for data in (two, cut, loop, large, b"", ASKED[:11], message(0x8180, [question()], [record(1, CLIENT)] * 65)):
        assert same([(0, ASKED, 0), (1, data, 1)]) == [0, 1]


def test_long_messages():
    many = [record(kind, name("a.b" * 20) if kind == 5 else bytes([n]) * 4) for n, kind in enumerate([1, 5] * 30)]
    answer = message(
        0x8180, [question()], many, [record(2, name("c." * 60))] * 20, [record(2, name("c." * 60), b"\xc0\x10")] * 17
    )
    assert same([(0, ASKED, 0), (1, answer, 1)]) == [0, 0, 0]
    update = message(0x2800, [question("x.y", 6)], [record(5, b"", class_=254)], [record(1, CLIENT), record(28, b"")])
    assert same([(0, update, 0), (1, message(0xA800, [question("x.y", 6)]), 1)]) == [0, 0, 0]


def test_nothing_is_taken_over_before_a_message():
    """Whether a flow that began with something broken is one of DNS is still to be said."""
    loop = Loop()
    row = loop.w.slots[loop.slot].tolist()
    assert take_over(row, b"") is None
    loop.hear(1, message(0x8180, [question()]), Moment(1, BEGUN))
    row = loop.w.slots[loop.slot].tolist()
    assert take_over(row, b"") is not None


def test_ports():
    for sport in (0, 53, 137, 5353, 5355, 40_000):
        for dport in (0, 53, 137, 5353, 5355, 40_000):
            if dns.is_dns_port(sport, dport):
                for payload in (b"x", ASKED, bytes(12) + b"\x20" + b"A" * 40):
                    talk = datagram(payload, sport, dport).talk
                    assert talk is not None and talk().name == "dns"
    assert dns.is_dns_port(53, 53) and dns.is_dns_port(5, 53) and dns.is_dns_port(53, 5)
    assert not dns.is_dns_port(53, 137) and not dns.is_dns_port(53, 5353)


WHOLE = [
    message(
        0x8180, [question()], [record(kind, data) for kind, data in RECORDS[n : n + 5]], [record(*RECORDS[n])], [EDNS]
    )
    for n in range(len(RECORDS))
]


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_broken_messages(data):
    """Whatever comes, the loop tells what the talk tells, or leaves it with nothing changed."""
    turns = [(0, ASKED, 0)]
    for _ in range(data.draw(st.integers(1, 3))):
        broken = bytearray(data.draw(st.sampled_from(WHOLE)))
        for _ in range(data.draw(st.integers(0, 3))):
            at = data.draw(st.integers(2, len(broken) - 1))
            broken[at] = data.draw(st.one_of(st.integers(0, 255), st.sampled_from((0xC0, 0, 1, 0x3F, 0x22))))
        if data.draw(st.booleans()):
            del broken[data.draw(st.integers(0, len(broken))) :]
        turns.append((data.draw(st.integers(0, 1)), bytes(broken), data.draw(st.sampled_from((0, 1, 40)))))
    same(turns)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 2), st.booleans(), st.integers(0, 20)), max_size=30))
def test_any_order(turns):
    """Questions and answers of three names in any order and at any time."""
    names = ("a.example", "A.example", "b.example")
    now, heard = 0, []
    for side, which, answers, later in turns:
        now += later
        heard.append((side, message(0x8180 if answers else 0x0100, [question(names[which])], ident=which // 2), now))
    same(heard)
