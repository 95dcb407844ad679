"""ICMP and ICMPv6: as `sensors.talks.icmp`."""

from __future__ import annotations

import numpy as np

from sensors.kernel import FAMILY
from sensors.loops.documents import (
    ICMP,
    ICMPV6,
    begin_event,
    put_ends,
    put_related,
    put_source,
    tell_line,
)
from sensors.loops.octets import Bytes, u8, u16
from sensors.loops.slots import BYTES_PER_TELLING, next_ordinal
from sensors.loops.text import put, put_address, put_bytes, put_int
from sensors.loops.world import OUT, S_ALLOWANCE, S_AREA, S_ORDINALS, S_OWN, TAKEN, UNUSUAL, World

#: Names of message types, by version and number: sixteen bytes each, padded with zeros.
_ICMP_NAME = 32
_NAMES_V4 = {
    0: "echo-reply", 3: "destination-unreachable", 4: "source-quench", 5: "redirect", 8: "echo-request",
    9: "router-advertisement", 10: "router-solicitation", 11: "time-exceeded", 12: "parameter-problem",
    13: "timestamp", 14: "timestamp-reply",
}  # fmt: skip
_NAMES_V6 = {
    1: "destination-unreachable", 2: "packet-too-big", 3: "time-exceeded", 4: "parameter-problem",
    128: "echo-request", 129: "echo-reply", 130: "multicast-listener-query", 131: "multicast-listener-report",
    132: "multicast-listener-done", 133: "router-solicitation", 134: "router-advertisement",
    135: "neighbor-solicitation", 136: "neighbor-advertisement", 137: "redirect", 143: "multicast-listener-report-v2",
}  # fmt: skip


def _table() -> bytes:
    names = [table.get(kind, "") for table in (_NAMES_V4, _NAMES_V6) for kind in range(256)]
    return b"".join(name.encode().ljust(_ICMP_NAME, b"\0") for name in names)


_ICMP_NAMES = np.frombuffer(_table(), np.int8).copy()

# --- a slot's own: how many echoes wait. Its area holds them as numbers, the oldest first, in the order of their
#: first columns here: identifier and sequence, type and code, packet, time, bytes, ordinal.
S_WAITING = S_OWN
ECHO_KEY, ECHO_KIND, ECHO_POSITION, ECHO_NS, ECHO_SIZE, ECHO_ORDINAL = 0, 1, 2, 3, 4, 5
ECHO_COLUMNS = 6
#: Echoes of one flow that wait for a reply; past it the flow is the engine's.
MAX_ECHOES = 40


def icmp_version(w: World, flow: int) -> int:
    return ICMP if w.flows[flow, FAMILY] == 4 else ICMPV6


def icmp_hears(
    w: World, flow: int, slot: int, side: int, data: Bytes, at: int, end: int, position: int, ns: int
) -> int:
    """One message, from its type octet on (RFC 792, RFC 4443)."""
    if end - at < 4:
        return UNUSUAL
    v4 = w.flows[flow, FAMILY] == 4
    kind, code = u8(data, at), u8(data, at + 1)
    request, reply = (8, 0) if v4 else (128, 129)
    if (kind != request and kind != reply) or end - at < 8:
        ordinal = next_ordinal(w, slot, S_ORDINALS, position)
        icmp_tell(w, flow, slot, kind, code, max(0, end - at - 8), position, ns, ordinal, -1, -1, -1, data, at, end)
        return TAKEN
    key, size = u16(data, at + 4) << 16 | u16(data, at + 6), end - at - 8
    state, area = w.slots[slot], w.pool.view(np.int64)
    base = int(state[S_AREA]) >> 3
    count = int(state[S_WAITING])
    if count >= MAX_ECHOES:
        return UNUSUAL
    found = -1
    for n in range(count):
        if area[base + n * ECHO_COLUMNS + ECHO_KEY] == key:
            found = n
            break
    if found >= 0:
        icmp_tell_echo(w, flow, slot, base + found * ECHO_COLUMNS, ns if kind == reply else -1, size)
        for n in range(found * ECHO_COLUMNS, (count - 1) * ECHO_COLUMNS):
            area[base + n] = area[base + n + ECHO_COLUMNS]
        count -= 1
        state[S_WAITING] = count
        if kind == reply:
            return TAKEN
    ordinal = next_ordinal(w, slot, S_ORDINALS, position)
    if kind == reply:
        icmp_tell(w, flow, slot, kind, code, size, position, ns, ordinal, key, -1, -1, data, at, at)
        return TAKEN
    echo = base + count * ECHO_COLUMNS
    area[echo + ECHO_KEY], area[echo + ECHO_KIND] = key, kind << 8 | code
    area[echo + ECHO_POSITION], area[echo + ECHO_NS] = position, ns
    area[echo + ECHO_SIZE], area[echo + ECHO_ORDINAL] = size, ordinal
    state[S_WAITING] = count + 1
    return TAKEN


def icmp_ends(w: World, flow: int, slot: int) -> int:
    """The echoes that nobody answered."""
    base = int(w.slots[slot, S_AREA]) >> 3
    for n in range(int(w.slots[slot, S_WAITING])):
        icmp_tell_echo(w, flow, slot, base + n * ECHO_COLUMNS, -1, 0)
    return TAKEN


def icmp_tell_echo(w: World, flow: int, slot: int, echo: int, answered_ns: int, answer: int) -> None:
    """An echo that waited, with the size of its reply where that came."""
    row = w.pool.view(np.int64)[echo : echo + ECHO_COLUMNS]
    kind, begun = int(row[ECHO_KIND]), int(row[ECHO_NS])
    icmp_tell(
        w, flow, slot, kind >> 8, kind & 255, int(row[ECHO_SIZE]), int(row[ECHO_POSITION]), begun,
        int(row[ECHO_ORDINAL]), int(row[ECHO_KEY]), answered_ns - begun if answered_ns >= 0 else -1,
        answer if answered_ns >= 0 else -1, w.pool, 0, 0,
    )  # fmt: skip


def icmp_tell(
    w: World,
    flow: int,
    slot: int,
    kind: int,
    code: int,
    size: int,
    position: int,
    ns: int,
    ordinal: int,
    key: int,
    took: int,
    answer: int,
    data: Bytes,
    at_message: int,
    end: int,
) -> None:
    """The event of a message; `key` is -1 where it is no echo, `answer` where there is no reply."""
    out, begin = w.out, int(w.numbers[OUT])
    version = icmp_version(w, flow)
    at = begin_event(w, begin, b"icmp", b'"category":["network"],"type":["protocol"]', position, ns, ordinal)
    if answer >= 0:
        at = put(out, at, b',"duration":')
        at = put_int(out, at, took)
    at = put_ends(w, at, flow, version, 0, 0)
    at = put_source(w, at, position)
    at = put(out, at, b',"icmp":{"type":')
    at = put_int(out, at, kind)
    at = put(out, at, b',"code":')
    at = put_int(out, at, code)
    at = put(out, at, b',"payload_bytes":')
    at = put_int(out, at, size)
    at = icmp_put_name(w, at, version, kind)
    if key >= 0:
        at = put(out, at, b',"id":')
        at = put_int(out, at, key >> 16)
        at = put(out, at, b',"sequence":')
        at = put_int(out, at, key & 0xFFFF)
    elif is_icmp_error(version, kind):
        at = icmp_put_original(w, at, data, at_message + 8, end)
    if answer >= 0:
        at = put(out, at, b',"reply":{"payload_bytes":')
        at = put_int(out, at, answer)
        at = put(out, at, b"}")
    at = put(out, at, b"}}")
    at = put_related(w, at, flow)
    at = put(out, at, b"]}}")
    tell_line(w, begin, at)
    w.slots[slot, S_ALLOWANCE] -= BYTES_PER_TELLING


def icmp_put_name(w: World, at: int, version: int, kind: int) -> int:
    begin = ((256 if version == ICMPV6 else 0) + kind) * _ICMP_NAME
    size = 0
    while _ICMP_NAMES[begin + size]:
        size += 1
    if not size:
        return at
    at = put(w.out, at, b',"name":"')
    at = put_bytes(w.out, at, _ICMP_NAMES, begin, begin + size)
    return put(w.out, at, b'"')


def is_icmp_error(version: int, kind: int) -> bool:
    """Whether it quotes the packet it is about from its IP header on (RFC 792; RFC 4443 §2.1)."""
    if version == ICMP:
        return 3 <= kind <= 5 or kind == 11 or kind == 12
    return 1 <= kind <= 4


def icmp_put_original(w: World, at: int, data: Bytes, quoted: int, end: int) -> int:
    """Whose packet an error is about; nothing where what is quoted is no IP header."""
    version = u8(data, quoted) >> 4 if end > quoted else 0
    if version == 4 and end - quoted >= 20:
        protocol, source, size = u8(data, quoted + 9), quoted + 12, 4
        ports = quoted + (u8(data, quoted) & 15) * 4 if u16(data, quoted + 6) & 0x1FFF == 0 else end
    elif version == 6 and end - quoted >= 40:
        protocol, source, size = u8(data, quoted + 6), quoted + 8, 16
        ports = quoted + 40
    else:
        return at
    out = w.out
    at = put(out, at, b',"original":{"transport":"')
    if protocol == 6:
        at = put(out, at, b"tcp")
    elif protocol == 17:
        at = put(out, at, b"udp")
    elif protocol == 1:
        at = put(out, at, b"icmp")
    elif protocol == 58:
        at = put(out, at, b"ipv6-icmp")
    elif protocol == 132:
        at = put(out, at, b"sctp")
    else:
        at = put_int(out, at, protocol)
    has_ports = (protocol == 6 or protocol == 17 or protocol == 132) and end >= ports + 4
    for side in range(2):
        at = put(out, at, b'","source":{"ip":"') if side == 0 else put(out, at, b',"destination":{"ip":"')
        at = put_address(out, at, data, source + side * size, size)
        at = put(out, at, b'"')
        if has_ports:
            at = put(out, at, b',"port":')
            at = put_int(out, at, u16(data, ports + 2 * side))
        at = put(out, at, b"}")
    return put(out, at, b"}")


LOOPS = (
    icmp_version, icmp_put_name, is_icmp_error, icmp_put_original, icmp_tell, icmp_tell_echo, icmp_hears, icmp_ends,
)  # fmt: skip
