"""The loop over TLS beside the talk, which knows all of it: the same lines, or the loop says that it is unusual."""

from __future__ import annotations

import ssl
from typing import NamedTuple

import numpy as np
import orjson
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from sensors import kernel
from sensors.decode.address import address_text
from sensors.decode.fault import Undecodable
from sensors.decode.tls_names import CIPHERS, GROUPS
from sensors.decode.x509 import decode_certificate
from sensors.document import KINDS, instant_text
from sensors.inlays import Inlays
from sensors.loops import digest, documents, slots, tls, tls_chain, tls_names, world
from sensors.loops.world import DONE, TAKEN, UNUSUAL, World
from sensors.streams import Moment
from sensors.takeover.tls import take_over
from sensors.talks.recognise import recognise_stream
from sensors.talks.talk import Found
from sensors.talks.tls import TlsTalk
from tests.unit.sensors.handshake import handshake
from vonggac.domain.event import ECS_VERSION, event_id

_SENSOR, _FINGERPRINT = "cam-bien", "f" * 16
_ENDS = (bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2]))
_PORTS = (40000, 443)
_BEGUN_NS = 1_700_000_000_123_456_789
_INLAYS = Inlays()


class Told(NamedTuple):
    verdict: int
    lines: list[bytes]


def _make() -> World:
    """A world of one flow, with few slots: plain Python has no need of more."""
    fixed = f"{_SENSOR}\x1f{_FINGERPRINT}\x1f".encode()
    observer = b'"observer":' + orjson.dumps({"name": _SENSOR, "type": "sensor"})
    source = f',"vonggac":{{"source":{{"fingerprint":"{_FINGERPRINT}","position":'.encode()
    numbers = np.zeros(world.NUMBERS, np.int64)
    numbers[world.ID_END] = len(fixed)
    numbers[world.OBSERVER_END] = len(fixed + observer)
    numbers[world.SOURCE_END] = len(fixed + observer + source)
    numbers[world.FREE_SLOTS], numbers[world.FREE_LARGE] = 2, 2
    free = np.zeros(world.SLOTS + world.LARGE_AREAS, np.int64)
    free[:2] = free[world.SLOTS : world.SLOTS + 2] = (1, 0)
    made = World(
        flows=np.zeros((1, kernel.COLUMNS), np.int64),
        keys=np.zeros((1, kernel.KEY_WORDS), np.uint64),
        heads=np.zeros(kernel.HEADS, np.int64),
        unused=np.zeros(1, np.int64),
        names=np.zeros((1, documents.NAME_COLUMNS), np.uint8),
        slots=np.zeros((2, world.SLOT_COLUMNS), np.int64),
        pool=np.zeros(slots.POOL, np.int8),
        past=np.zeros(world.LARGE_AREA, np.int8),
        free=free,
        numbers=numbers,
        fixed=np.frombuffer(fixed + observer + source, np.int8).copy(),
        firsts=np.zeros(1, np.int64),
        hashes=np.zeros((1, 64), np.uint8),
        ports=np.zeros(65_536, np.uint8),
        out=np.zeros(2 * world.MAX_EVENT, np.uint8),
        tells=np.zeros((64, world.TELL_COLUMNS), np.int64),
        scratch=np.zeros(65_536, np.uint8),
        clock=np.full(4, -1, np.int64),
        work=np.zeros(digest.WORK, np.int64),
    )
    row, key = made.flows[0], made.keys[0].view(np.uint8)
    row[kernel.PROTOCOL], row[kernel.FAMILY], row[kernel.SPORT], row[kernel.DPORT] = 6, 4, *_PORTS
    row[kernel.BEGUN], row[kernel.BEGUN_NS] = 3, 1_699_999_999_000_000_000
    row[kernel.VLAN] = row[kernel.INNER_VLAN] = -1
    for side in (0, 1):
        key[16 * side : 16 * side + 4] = list(_ENDS[side])
        key[32 + 2 * side : 34 + 2 * side] = list(_PORTS[side].to_bytes(2))
    key[36], key[37] = 6, 4
    return made


class Loop:
    """The loop on the world's one flow."""

    _world: World | None = None

    def __init__(self) -> None:
        if Loop._world is None:
            Loop._world = _make()
        self.w = w = Loop._world
        w.numbers[world.FREE_SLOTS], w.numbers[world.FREE_LARGE] = 2, 2
        w.free[world.SLOTS : world.SLOTS + 2] = (1, 0)
        self.slot = slots.take_slot(w, 0, documents.TLS, 5, _BEGUN_NS)

    def hears(self, side: int, payload: bytes, moment: Moment) -> Told:
        # Bytes around the payload that would be missed, were they read.
        data = np.frombuffer(b"\x16\x03\x01" + payload + b"\x17\x03\x03", np.int8)
        state = self._state()
        verdict = tls.tls_hears(self.w, 0, self.slot, side, data, 3, 3 + len(payload), *moment)
        if verdict == UNUSUAL:
            assert state == self._state()
        return Told(verdict, self._lines())

    def ends(self) -> Told:
        return Told(tls.tls_ends(self.w, 0, self.slot), self._lines())

    def talk(self) -> TlsTalk:
        row, area = self._state()
        return take_over(row, area)

    def _state(self) -> tuple[list[int], bytes]:
        """Without where the area is: that may change."""
        row = self.w.slots[self.slot].tolist()
        area = self.w.pool[row[world.S_AREA] : row[world.S_AREA] + row[world.S_USED]].tobytes()
        row[world.S_AREA] = row[world.S_CAPACITY] = 0
        return row, area

    def _lines(self) -> list[bytes]:
        w = self.w
        lines = []
        for kind, _, begin, end, *_ in w.tells[: w.numbers[world.TELLS]].tolist():
            assert kind == world.T_LINE
            lines += _INLAYS.fill(w.out[begin:end].tobytes()).splitlines()
        assert w.numbers[world.OUT] <= world.MAX_EVENT
        w.numbers[world.TELLS] = w.numbers[world.OUT] = 0
        return lines


def _flow_ids() -> tuple[str, str]:
    w = Loop._world
    assert w is not None
    documents.name_flow(w, 0)
    community = bytearray(32)
    end = documents.put_base64(np.frombuffer(community, np.uint8), 0, w.names[0], 0, 20)
    return w.names[0, documents.N_ID :].tobytes().hex(), "1:" + community[:end].decode()


def _line(found: Found) -> bytes:
    """What the engine makes of a thing found on the world's flow."""
    at = found.begun
    category, kind = KINDS[found.dataset]
    flow_id, community_id = _flow_ids()
    ips = [address_text(end) for end in _ENDS]
    fields = dict(found.fields)
    line = {
        "@timestamp": instant_text(at.ns),
        "ecs": {"version": ECS_VERSION},
        "event": {
            "id": event_id(_SENSOR, _FINGERPRINT, at.position, found.dataset, found.ordinal, at.ns),
            "dataset": found.dataset,
            "kind": "event",
            "category": [*category],
            "type": [*kind],
        },
        "observer": {"name": _SENSOR, "type": "sensor"},
        "source": {"ip": ips[0], "port": _PORTS[0]},
        "destination": {"ip": ips[1], "port": _PORTS[1], **fields.pop("destination", {})},
        "network": {
            "type": "ipv4",
            "transport": "tcp",
            "iana_number": "6",
            "community_id": community_id,
            "protocol": "tls",
        },
        "flow": {"id": flow_id},
    }
    extra = fields.pop("vonggac", {})
    source = {"fingerprint": _FINGERPRINT, "position": at.position}
    line |= {**fields, "vonggac": {"source": source, **extra}, "related": {"ip": ips}}
    if found.hosts:
        line["related"]["hosts"] = [*dict.fromkeys(found.hosts)]
    if found.hashes:
        line["related"]["hash"] = [*dict.fromkeys(found.hashes)]
    return orjson.dumps(line)


Turns = list[tuple[int, bytes]]


def _same_state(loop: TlsTalk, talk: TlsTalk) -> None:
    """A body that no talk looks at may differ."""
    told = {name: value for name, value in vars(loop).items() if name != "_records"}
    assert told == {name: value for name, value in vars(talk).items() if name != "_records"}
    for side in (0, 1):
        mine, theirs = bytes(loop._records[side]), bytes(talk._records[side])
        assert (len(mine), mine[:5]) == (len(theirs), theirs[:5])
        if theirs[:1] == b"\x16" and not talk._sealed[side]:
            assert mine == theirs


def same(turns: Turns) -> bool:
    """Hold the loop to what the talk says, piece by piece; whether the loop took all of it."""
    loop, talk = Loop(), TlsTalk()
    for n, (side, payload) in enumerate(turns):
        moment = Moment(5 + n, _BEGUN_NS + 1_000 * n)
        told = loop.hears(side, payload, moment)
        if told.verdict == UNUSUAL:
            assert not told.lines
            talk._begun = talk._begun or moment  # as it will once it hears this piece
            _same_state(loop.talk(), talk)
            return False
        expected = [_line(found) for found in talk.data(side, payload, moment)]
        assert told.lines == expected
        assert told.verdict == (DONE if talk.done else TAKEN)
        if talk.done:
            return True
        _same_state(loop.talk(), talk)
    told = loop.ends()
    assert (told.verdict, told.lines) == (TAKEN, [_line(found) for found in talk.close(True)])
    return True


def cut(turns: Turns, size: int) -> Turns:
    return [(side, data[at : at + size]) for side, data in turns for at in range(0, len(data), size)]


# --- handshakes


def record(kind: int, body: bytes, minor: int = 3) -> bytes:
    return bytes([kind, 3, minor]) + len(body).to_bytes(2) + body


def message(kind: int, body: bytes) -> bytes:
    return bytes([kind]) + len(body).to_bytes(3) + body


def words(*values: int) -> bytes:
    return b"".join(value.to_bytes(2) for value in values)


def sized(data: bytes, octets: int = 2) -> bytes:
    return len(data).to_bytes(octets) + data


def extension(kind: int, value: bytes) -> bytes:
    return words(kind) + sized(value)


def sni(name: bytes) -> bytes:
    return extension(0, sized(b"\0" + sized(name)))


def alpn(*names: bytes) -> bytes:
    return extension(16, sized(b"".join(sized(name, 1) for name in names)))


def client_hello(
    extensions: bytes = b"", ciphers: bytes = words(0xC02F, 0x1301, 0x0A0A), version: int = 0x0303, session: bytes = b""
) -> bytes:
    body = words(version) + bytes(32) + sized(session, 1) + sized(ciphers) + b"\1\0"
    return message(1, body + (sized(extensions) if extensions else b""))


def server_hello(extensions: bytes = b"", cipher: int = 0xC02F, version: int = 0x0303, session: bytes = b"") -> bytes:
    body = words(version) + bytes(32) + sized(session, 1) + words(cipher) + b"\0"
    return message(2, body + (sized(extensions) if extensions else b""))


def chain(*certificates: bytes) -> bytes:
    return message(11, sized(b"".join(sized(der, 3) for der in certificates), 3))


def der(tag: int, *values: bytes) -> bytes:
    data = b"".join(values)
    octets = (len(data).bit_length() + 7) // 8
    size = bytes([len(data)]) if len(data) < 128 else bytes([0x80 | octets]) + len(data).to_bytes(octets)
    return bytes([tag]) + size + data


def named(text: bytes, tag: int = 0x0C) -> bytes:
    return der(0x30, der(0x31, der(0x30, der(6, bytes.fromhex("550403")), der(tag, text))))


def certificate(
    subject: bytes = b"may-chu.example.vn", *alternatives: bytes, tag: int = 0x0C, more: bytes = b""
) -> bytes:
    names = b"".join(der(0x82, name) for name in alternatives)
    extensions = der(0x30, der(6, bytes.fromhex("551d0f")), der(4, b"\3\2\7\x80"))
    if alternatives:
        extensions += der(0x30, der(6, bytes.fromhex("551d11")), der(4, der(0x30, names, der(0x87, bytes(4)))))
    body = (
        der(0xA0, der(2, b"\2")),
        der(2, b"\0\x81" + subject[:6]),
        der(0x30, der(6, b"\x2a")),
        named(b"CA <goc>"),
        der(0x30, der(0x17, b"250101000000Z"), der(0x18, b"20350101000000Z")),
        named(subject, tag),
        der(0x30, der(6, b"\x2a"), der(3, bytes(40))),
        der(0xA3, der(0x30, extensions)),
    )
    return der(0x30, der(0x30, *body, more), der(0x30, der(6, b"\x2a")), der(3, bytes(64)))


SEAL, APPLIED, FINISHED = record(20, b"\1"), record(23, bytes(40)), record(22, bytes(range(40)))
LEAF = certificate(b"may-chu.example.vn", b"*.example.vn", b"MAY-chu.example.vn", b"www.example.vn")
MODERN = client_hello(
    extension(0x1A1A, b"")
    + sni(b"Cong.Example.VN")
    + extension(10, sized(words(0x2A2A, 29, 4588)))
    + extension(11, b"\1\0")
    + alpn(b"h2", b"http/1.1")
    + extension(13, sized(words(0x0403, 0x0804)))
    + extension(43, sized(words(0x3A3A, 0x0304, 0x0303), 1))
    + extension(51, sized(words(29) + sized(bytes(32)))),
    words(0x4A4A, 0x1302, 0x1301, 0xC02B, 0x9999),
    session=bytes(range(32)),
)
CHOSEN = extension(43, words(0x0304))
SHARED = server_hello(CHOSEN + extension(51, words(29) + sized(bytes(32))), 0x1301)
EPHEMERAL = message(12, b"\3" + words(29) + bytes(60))


def old(
    hello: bytes = MODERN, answer: bytes = server_hello(alpn(b"h2") + extension(0xFF01, b"\0")), *more: bytes
) -> Turns:
    """A handshake up to TLS 1.2."""
    return [
        (0, record(22, hello, 1)),
        (1, record(22, answer) + b"".join(record(22, each) for each in more) + record(22, message(14, b""))),
        (0, record(22, message(16, bytes(66))) + SEAL + FINISHED),
        (1, SEAL + FINISHED),
    ]


HANDSHAKES = {
    "certificate": old(MODERN, server_hello(alpn(b"h2")), chain(LEAF, certificate(b"CA")), EPHEMERAL),
    "one record": [
        (0, record(22, MODERN)),
        (1, record(22, server_hello() + chain(LEAF, LEAF) + EPHEMERAL + message(14, b""))),
        (0, SEAL + FINISHED),
        (1, SEAL),
    ],
    "both certificates": [
        (0, record(22, MODERN)),
        (1, record(22, server_hello()) + record(22, chain(LEAF))),
        (0, record(22, chain(LEAF, LEAF)) + SEAL),
        (1, SEAL),
    ],
    "other client certificate": [
        (0, record(22, MODERN)),
        (1, record(22, server_hello()) + record(22, chain(LEAF))),
        (0, record(22, chain(certificate("cán bộ, số 1".encode(), b"can-bo.example.vn"))) + SEAL),
        (1, SEAL),
    ],
    "no client certificate": [
        (0, record(22, MODERN)),
        (1, record(22, server_hello()) + record(22, chain(LEAF))),
        (0, record(22, chain()) + SEAL),
        (1, SEAL),
    ],
    "resumed": old(MODERN, server_hello(session=bytes(range(32)))),
    "1.3": [(0, record(22, MODERN)), (1, record(22, SHARED) + SEAL + APPLIED * 3), (0, SEAL + APPLIED), (0, APPLIED)],
    "1.3 resumed": [
        (0, record(22, MODERN)),
        (1, record(22, server_hello(CHOSEN + extension(41, b"\0\0"), 0x1302)) + APPLIED),
        (0, APPLIED),
    ],
    "retry": [
        (0, record(22, MODERN)),
        (1, record(22, SHARED)),
        (0, record(22, MODERN)),
        (1, record(22, server_hello(CHOSEN, 0x1303)) + APPLIED),
        (0, APPLIED),
    ],
    "draft": [
        (0, record(22, client_hello(extension(43, sized(words(0x7F1C), 1))))),
        (1, record(22, server_hello(extension(43, words(0x7F1C)), 0x1301)) + APPLIED),
        (0, APPLIED),
    ],
    "bare draft": [
        (0, record(22, MODERN)),
        (1, record(22, message(2, words(0x7F12) + bytes(32) + words(0x1301) + sized(extension(51, words(29)))))),
        (1, APPLIED),
        (0, APPLIED),
    ],
    "alert": [(0, record(22, MODERN)), (1, record(21, b"\2\x28"))],
    "warning": [(0, record(22, MODERN)), (1, record(21, b"\1\x70"))],
    "late alert": [*old()[:2], (0, record(21, b"\2\x2a"))],
    "ssl": old(client_hello(b"", words(4, 5, 0x99), 0x0300, bytes(4)), server_hello(b"", 5, 0x0300)),
    "server alone": [(1, data) for side, data in old(MODERN, server_hello(), chain(LEAF)) if side],
    "certificate alone": [(1, record(22, chain(LEAF))), (0, SEAL), (1, SEAL)],
    "client certificate alone": [(0, record(22, chain(LEAF))), (0, SEAL), (1, SEAL)],
    "nothing": [(0, record(22, MODERN)[:100])],
    "no ciphers": old(client_hello(b"", b""), server_hello(b"", 0x4A4A)),
    "odd version": old(client_hello(b"", words(1), 0x0002), server_hello(b"", 1, 0x0505)),
    "odd names": old(
        client_hello(sni(b"a.vn...") + alpn(b"", "vọng".encode(), b'"\\\n\0', b"-")), server_hello(alpn(b"\xff"))
    ),
    "no dot": old(client_hello(sni(b"may-chu") + alpn(b""))),
    "dots": old(client_hello(sni(b"...") + alpn(b"\xabx"))),
    "two of a kind": old(client_hello(sni(b"mot.vn") + sni(b"hai.vn") + alpn(b"h3") + alpn(b"h2") + sni(b""))),
    "many": old(client_hello(alpn(*[b"a"] * 70), words(*range(0xC000, 0xC064)))),
    "heartbeat": [(0, record(22, MODERN)), (0, record(24, b"\1")), (1, record(22, server_hello()) + SEAL), (0, SEAL)],
    "empty records": [(0, record(22, MODERN) + record(22, b"")), (1, record(23, b"")), (0, record(23, b""))],
    "asked again": [(1, record(22, message(0, b""))), (0, record(22, MODERN)), (1, record(22, server_hello()) + SEAL)],
    "other curves": old(MODERN, server_hello(extension(51, words(24))), message(12, b"\3" + words(0x1234) + bytes(9))),
    "no curve": old(MODERN, server_hello(), message(12, b"\1" + words(29) + bytes(9))),
    "no ephemeral": old(MODERN, server_hello(b"", 0x2F), EPHEMERAL),
}  # fmt: skip


@pytest.mark.parametrize("turns", HANDSHAKES.values(), ids=HANDSHAKES)
@pytest.mark.parametrize("size", [100_000, 1_448, 400, 61])
def test_a_handshake_is_told_in_the_talks_bytes(turns, size):
    assert same(cut(turns, size))


@pytest.mark.parametrize("turns", HANDSHAKES.values(), ids=HANDSHAKES)
def test_a_handshake_in_single_bytes_is_told_or_left(turns):
    assert same(cut(turns, 1)) or any(data[:1] == b"\x15" or b"\x15\3\3\0\2" in data for _, data in turns)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("size", [100_000, 300, 7])
def test_a_real_handshake_is_told_in_the_talks_bytes(version, size):
    turns = handshake(version)
    for count in range(1, len(turns) + 1):
        assert same(cut(turns[:count], size))


@pytest.mark.parametrize(
    "turns",
    [
        [(0, record(22, MODERN)), (1, b"GET / HTTP/1.1\r\n")],
        [(0, record(22, MODERN)), (1, b"\x16\3\3\xff\xff")],
        [(0, record(22, b"\1\xff\xff\xff"))],
        [(0, record(22, message(1, bytes(20))))],
        [(0, record(22, client_hello(extension(43, b""))))],
        [(0, record(22, client_hello(sni("vọng.vn".encode()))))],
        [(0, record(22, client_hello(sni(b'"'))))],
        [(0, record(22, client_hello(b"", words(*range(300)))))],
        [(0, record(22, MODERN)), (1, record(22, server_hello() + chain(LEAF[:-70])))],
        [(0, record(22, MODERN)[:50]), (1, record(22, server_hello()))],
    ],
)
def test_what_the_loop_does_not_know_it_leaves_as_it_was(turns):
    assert not same(turns)


def test_an_area_that_is_full_leaves_the_flow():
    turns = [(0, record(22, MODERN)), *[(1, record(22, message(2, server_hello()[4:])) * 16)] * 60]
    assert not same(turns)


# --- what may come from anywhere


def _altered(draw, turns: Turns) -> Turns:
    at = draw(st.integers(0, len(turns) - 1))
    side, data = turns[at]
    place = draw(st.integers(0, max(0, len(data) - 1)))
    kind = draw(st.sampled_from(("change", "cut", "insert", "drop")))
    if kind == "change":
        data = data[:place] + bytes([draw(st.integers(0, 255))]) + data[place + 1 :]
    elif kind == "cut":
        data = data[:place]
    elif kind == "insert":
        data = data[:place] + draw(st.binary(min_size=1, max_size=4)) + data[place:]
    else:
        data = data[:place] + data[place + draw(st.integers(1, 8)) :]
    return [*turns[:at], (side, data), *turns[at + 1 :]]


@st.composite
def altered_handshakes(draw) -> Turns:
    turns = draw(st.sampled_from([*HANDSHAKES.values()]))
    for _ in range(draw(st.integers(1, 3))):
        turns = _altered(draw, turns)
    turns = cut(turns, draw(st.sampled_from((100_000, 700, 90))))
    turns = [turn for turn in turns if turn[1]]
    assume(turns)
    return turns


def _faults_or_same(turns: Turns) -> None:
    try:
        same(turns)
    except Undecodable as fault:
        raise AssertionError(f"the loop took what the talk cannot decode: {fault}") from fault


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(altered_handshakes())
def test_an_altered_handshake_is_told_in_the_talks_bytes_or_left(turns):
    _faults_or_same(turns)


_EXTENSIONS = st.one_of(
    st.builds(extension, st.sampled_from((0, 10, 11, 13, 16, 21, 41, 43, 51, 0x1A1A)), st.binary(max_size=12)),
    st.builds(sni, st.text("aB.-_ ", max_size=9).map(str.encode)),
    st.lists(st.binary(max_size=5), max_size=4).map(lambda names: alpn(*names)),
    st.lists(st.integers(0, 65_535), max_size=6).map(lambda n: extension(43, sized(words(*n), 1))),
    st.lists(st.sampled_from((0x0304, 0x0303, 0x7F12, 0x0300, 0x2A2A)), max_size=2).map(
        lambda n: extension(43, words(*n))
    ),
)
_VERSIONS = st.sampled_from((0x0002, 0x0300, 0x0301, 0x0302, 0x0303, 0x0304, 0x7F12, 0x7F1C, 0x2A2A))


@settings(max_examples=400, deadline=None)
@given(
    st.lists(_EXTENSIONS, max_size=6).map(b"".join),
    st.lists(st.integers(0, 65_535), max_size=70).map(lambda n: words(*n)),
    _VERSIONS,
    st.binary(max_size=32),
    st.lists(_EXTENSIONS, max_size=4).map(b"".join),
    st.sampled_from([*CIPHERS, 0x9999]),
    _VERSIONS,
)
def test_any_hellos_are_told_in_the_talks_bytes_or_left(asked, ciphers, version, session, answered, cipher, chosen):
    hello = client_hello(asked, ciphers, version, session)
    _faults_or_same(old(hello, server_hello(answered, cipher, chosen, session), EPHEMERAL))


@st.composite
def altered_certificates(draw) -> bytes:
    names = draw(st.lists(st.sampled_from((b"a.vn", b"*.b.vn", b"C.vn", b"\xff")), max_size=4))
    tag = draw(st.sampled_from((0x0C, 0x1E, 0x14)))
    made = certificate(draw(st.binary(max_size=9)), *names, tag=tag, more=draw(st.sampled_from((b"", der(0xA3, b"")))))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(made) - 1))
        made = made[:at] + draw(st.binary(max_size=2)) + made[at + draw(st.integers(0, 2)) :]
    return made


@settings(max_examples=2_000, deadline=None)
@given(altered_certificates())
def test_what_the_walk_holds_for_whole_the_decoder_decodes(data):
    walked = tls_chain.der_certificate_holds(np.frombuffer(b"\x30\x80" + data + b"\x30\1\0", np.int8), 2, 2 + len(data))
    try:
        decode_certificate(data)
        decoded = True
    except Undecodable:
        decoded = False
    assert walked == decoded


@settings(max_examples=300, deadline=None)
@given(altered_certificates(), altered_certificates())
def test_any_certificates_are_told_in_the_talks_bytes_or_left(data, other):
    _faults_or_same(old(MODERN, server_hello(), chain(data, other), EPHEMERAL))


@settings(max_examples=1_000, deadline=None)
@given(
    st.binary(max_size=8),
    st.sampled_from((b"", b"\x16\3\1\0\5\1", b"\x16\3\4\0\5\2", b"\x16\3\1\0\5")),
    st.integers(0, 1),
)
def test_what_begins_a_connection_is_what_the_recogniser_knows(data, start, side):
    data = start + data
    assume(data)
    begins = tls.begins_tls(np.frombuffer(b"\x16" + data + b"\1", np.int8), 1, 1 + len(data))
    assert begins == (recognise_stream(data, side).talk is TlsTalk)


def test_every_cipher_and_group_has_its_name():
    out = np.zeros(100, np.uint8)
    for number in range(0x10000):
        end = tls_names.put_tls_name(out, 0, number)
        assert out[:end].tobytes().decode() == CIPHERS.get(number, f"0x{number:04X}")
        end = tls_names.put_tls_name(out, 0, 0x10000 + number)
        assert out[:end].tobytes().decode() == GROUPS.get(number, f"0x{number:04X}")
