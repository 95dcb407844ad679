"""ECS documents as JSON lines: what every event has, and the events of flows. `sensors.document` writes the same."""

from __future__ import annotations

import numpy as np

from sensors.kernel import (
    BEGUN,
    BEGUN_NS,
    BYTES,
    CLOSED,
    DEPTH,
    DPORT,
    EVICTED,
    FAMILY,
    FLAGS,
    IDLE,
    INNER_VLAN,
    LAST_NS,
    NAMED,
    PACKETS,
    PROTOCOL,
    RST_BY,
    SPORT,
    TURNED,
    VLAN,
)
from sensors.loops.digest import SHA1, SHA256, digest
from sensors.loops.frames import icmp_reply
from sensors.loops.octets import Out
from sensors.loops.text import put, put_address, put_base64, put_bytes, put_hex, put_instant, put_int, put_json
from sensors.loops.world import ID_END, OBSERVER_END, OUT, SEGMENTS, SOURCE_END, T_LINE, TELLS, World

# --- a row of `names`: Community ID's SHA-1, the flow's id
N_COMMUNITY, N_ID = 0, 20
NAME_COLUMNS = 36

# --- `scratch`: texts of ids, and their digests behind them
_DIGEST = 1_024

#: Why a flow ended, beyond the kernel's reasons: a long one's report, and the end of the input.
R_ACTIVE, R_END_OF_INPUT = 3, 4
#: Numbers of the protocols whose talks are loops, as `network.protocol` names them.
DNS, HTTP, TLS, ICMP, ICMPV6, FTP, SSH, DCERPC, SMB = 1, 2, 3, 4, 5, 6, 7, 8, 9
_TCP, _UDP, _ICMP = 6, 17, 1
_FIN, _SYN, _ACK = 1, 2, 16

# --- ids


def identify(w: World, dataset: bytes, position: int, ns: int, ordinal: int) -> None:
    """`vonggac.domain.event.event_id`: its 16 bytes to scratch[_DIGEST:]."""
    text = w.scratch
    at = put_bytes(text, 0, w.fixed, 0, w.numbers[ID_END])
    at = put_int(text, at, position)
    text[at] = 31
    at = put(text, at + 1, dataset)
    text[at] = 31
    at = put_int(text, at + 1, ordinal)
    text[at] = 31
    at = put_int(text, at + 1, ns)
    digest(SHA256, text, 0, at, _DIGEST, w.work)


def name_flow(w: World, flow: int) -> None:
    """The flow's id and Community ID are in its row of `names`."""
    row = w.flows[flow]
    if row[NAMED]:
        return
    row[NAMED] = 1
    identify(w, b"flow", int(row[BEGUN]), int(row[BEGUN_NS]), int(row[DEPTH]))
    for n in range(16):
        w.names[flow, N_ID + n] = w.scratch[_DIGEST + n]
    text, key = w.scratch, w.keys[flow].view(np.uint8)
    size = 4 if row[FAMILY] == 4 else 16
    text[0] = text[1] = 0
    protocol, sport, dport = int(row[PROTOCOL]), int(row[SPORT]), int(row[DPORT])
    # A message without an answer keeps its direction; all others stand as in the key, the lower end first.
    alone = protocol != _TCP and protocol != _UDP and not is_paired(protocol, sport)
    turned = int(row[TURNED]) if alone else 0
    at = put_bytes(text, 2, key, 16 * turned, 16 * turned + size)
    at = put_bytes(text, at, key, 16 - 16 * turned, 16 - 16 * turned + size)
    text[at] = protocol
    text[at + 1] = 0
    if alone:
        text[at + 2], text[at + 3], text[at + 4], text[at + 5] = sport >> 8, sport & 255, dport >> 8, dport & 255
    else:
        put_bytes(text, at + 2, key, 32, 36)
    digest(SHA1, text, 0, at + 6, _DIGEST, w.work)
    for n in range(20):
        w.names[flow, N_COMMUNITY + n] = text[_DIGEST + n]


def is_paired(protocol: int, kind: int) -> bool:
    """Whether an ICMP message type has another that answers it."""
    return icmp_reply(protocol, kind, -1) >= 0


# --- what every event has


def begin_event(w: World, at: int, dataset: bytes, kinds: bytes, position: int, ns: int, ordinal: int) -> int:
    """From the line's beginning into `event`, which stays open. `kinds` are its category and type as JSON."""
    identify(w, dataset, position, ns, ordinal)
    out = w.out
    at = put(out, at, b'{"@timestamp":"')
    at = put_instant(out, at, ns, w.clock)
    at = put(out, at, b'","ecs":{"version":"9.0.0"},"event":{"id":"')
    at = put_hex(out, at, w.scratch, _DIGEST, _DIGEST + 16)
    at = put(out, at, b'","dataset":"')
    at = put(out, at, dataset)
    at = put(out, at, b'","kind":"event",')
    return put(out, at, kinds)


def put_end(w: World, at: int, flow: int, side: int) -> int:
    """Address and port of the flow's one end: `{"ip":…,"port":…` without the brace behind it."""
    out, row = w.out, w.flows[flow]
    at = put(out, at, b'{"ip":"')
    at = put_flow_address(w, at, flow, side)
    at = put(out, at, b'"')
    if row[PROTOCOL] == _TCP or row[PROTOCOL] == _UDP:
        at = put(out, at, b',"port":')
        at = put_int(out, at, int(row[DPORT] if side else row[SPORT]))
    return at


def put_flow_address(w: World, at: int, flow: int, side: int) -> int:
    row = w.flows[flow]
    key = w.keys[flow].view(np.uint8)
    end = int(row[TURNED]) ^ side
    return put_address(w.out, at, key, 16 * end, 4 if row[FAMILY] == 4 else 16)


def put_network(w: World, at: int, flow: int) -> int:
    """`"network":{` with its first fields, as far as network.protocol, which comes next."""
    name_flow(w, flow)
    out, row = w.out, w.flows[flow]
    protocol = int(row[PROTOCOL])
    at = put(out, at, b'"network":{"type":"ipv4","transport":"' if row[FAMILY] == 4 else
             b'"network":{"type":"ipv6","transport":"')  # fmt: skip
    if protocol == _TCP:
        at = put(out, at, b'tcp","iana_number":"6')
    elif protocol == _UDP:
        at = put(out, at, b'udp","iana_number":"17')
    elif protocol == _ICMP:
        at = put(out, at, b'icmp","iana_number":"1')
    else:
        at = put(out, at, b'ipv6-icmp","iana_number":"58')
    at = put(out, at, b'","community_id":"1:')
    at = put_base64(out, at, w.names[flow], N_COMMUNITY, N_COMMUNITY + 20)
    return put(out, at, b'"')


def put_vlans(w: World, at: int, flow: int) -> int:
    out, row = w.out, w.flows[flow]
    if row[VLAN] < 0:
        return at
    at = put(out, at, b',"vlan":{"id":"')
    at = put_int(out, at, int(row[VLAN]))
    at = put(out, at, b'"}')
    if row[INNER_VLAN] >= 0:
        at = put(out, at, b',"inner":{"vlan":{"id":"')
        at = put_int(out, at, int(row[INNER_VLAN]))
        at = put(out, at, b'"}}')
    return at


def put_flow_id(w: World, at: int, flow: int) -> int:
    at = put(w.out, at, b',"flow":{"id":"')
    at = put_hex(w.out, at, w.names[flow], N_ID, N_ID + 16)
    return put(w.out, at, b'"}')


def put_ends(w: World, at: int, flow: int, protocol: int, domain: int, size: int) -> int:
    """Behind the open `event`: observer, both ends, network and flow. `destination.domain` is what `scratch` has at
    `domain`, where `size` is not 0 (bytes of valid UTF-8)."""
    out = w.out
    at = put(out, at, b"},")
    at = put_bytes(out, at, w.fixed, w.numbers[ID_END], w.numbers[OBSERVER_END])
    at = put(out, at, b',"source":')
    at = put_end(w, at, flow, 0)
    at = put(out, at, b'},"destination":')
    at = put_end(w, at, flow, 1)
    if size:
        at = put(out, at, b',"domain":"')
        at = put_json(out, at, w.scratch, domain, domain + size)
        at = put(out, at, b'"')
    at = put(out, at, b"},")
    at = put_network(w, at, flow)
    at = put_protocol(out, at, protocol)
    at = put_vlans(w, at, flow)
    at = put(out, at, b"}")
    return put_flow_id(w, at, flow)


def put_source(w: World, at: int, position: int) -> int:
    """`,"vonggac":{"source":{…}`: where the event began. `vonggac` stays open."""
    out = w.out
    at = put_bytes(out, at, w.fixed, w.numbers[OBSERVER_END], w.numbers[SOURCE_END])
    at = put_int(out, at, position)
    low, high = 0, int(w.numbers[SEGMENTS])  # the segment is the last that begins at or before the position
    while low < high:
        middle = (low + high) >> 1
        if w.firsts[middle] <= position:
            low = middle + 1
        else:
            high = middle
    if low:
        at = put(out, at, b',"segment":"')
        at = put_bytes(out, at, w.hashes[low - 1], 0, 64)
        at = put(out, at, b'"')
    return put(out, at, b"}")


def put_related(w: World, at: int, flow: int) -> int:
    """`,"related":{"ip":[…` with both ends; list and object stay open."""
    at = put(w.out, at, b',"related":{"ip":["')
    begin = at
    at = put_flow_address(w, at, flow, 0)
    end = at
    at = put(w.out, at, b'","')
    second = at
    at = put_flow_address(w, at, flow, 1)
    if at - second == end - begin:
        same = True
        for n in range(end - begin):
            if w.out[begin + n] != w.out[second + n]:
                same = False
                break
        if same:
            at = end
    return put(w.out, at, b'"')


def tell_row(w: World, kind: int, flow: int) -> int:
    """The number of a new row for the engine."""
    number = int(w.numbers[TELLS])
    w.numbers[TELLS] = number + 1
    w.tells[number, 0] = kind
    w.tells[number, 1] = flow
    return number


def tell_line(w: World, begin: int, end: int) -> None:
    """What stands there is an event; text goes on behind it."""
    w.out[end] = 10
    w.numbers[OUT] = end + 1
    number = int(w.numbers[TELLS])
    if number:
        last = w.tells[number - 1]
        if last[0] == T_LINE and last[3] + 1 == begin:
            last[3] = end
            last[4] += 1
            return
    row = w.tells[number]
    row[0] = T_LINE
    row[1] = 0
    row[2] = begin
    row[3] = end
    row[4] = 1
    w.numbers[TELLS] = number + 1


# --- flows


def put_flags(w: World, at: int, flags: int) -> int:
    for bit in range(8):
        if flags >> bit & 1:
            w.out[at] = (70, 83, 82, 80, 65, 85, 69, 67)[bit]  # F S R P A U E C
            at += 1
    return at


def put_state(w: World, at: int, flow: int) -> int:
    """`sensors.flows.tcp_state`."""
    out, row = w.out, w.flows[flow]
    opener, other = int(row[FLAGS]), int(row[FLAGS + 1])
    opened = opener & _SYN or (other & _SYN and other & _ACK and opener & _ACK)
    answered = other & _SYN
    if row[RST_BY] == 1:
        if not opened:
            return put(out, at, b"RSTRH")
        return put(out, at, b"RSTR") if answered else put(out, at, b"REJ")
    if row[RST_BY] == 0:
        return put(out, at, b"RSTO") if answered else put(out, at, b"RSTOS0")
    if opener & _FIN and other & _FIN:
        return put(out, at, b"SF")
    if opener & _FIN:
        return put(out, at, b"S2") if answered else put(out, at, b"SH")
    if other & _FIN:
        return put(out, at, b"S3") if opened else put(out, at, b"SHR")
    if opened and answered:
        return put(out, at, b"S1")
    return put(out, at, b"S0") if opened and not row[PACKETS + 1] else put(out, at, b"OTH")


def put_protocol(out: Out, at: int, protocol: int) -> int:
    at = put(out, at, b',"protocol":"')
    if protocol == DNS:
        at = put(out, at, b"dns")
    elif protocol == HTTP:
        at = put(out, at, b"http")
    elif protocol == TLS:
        at = put(out, at, b"tls")
    elif protocol == ICMP:
        at = put(out, at, b"icmp")
    elif protocol == ICMPV6:
        at = put(out, at, b"ipv6-icmp")
    elif protocol == FTP:
        at = put(out, at, b"ftp")
    elif protocol == SSH:
        at = put(out, at, b"ssh")
    elif protocol == DCERPC:
        at = put(out, at, b"dcerpc")
    else:
        at = put(out, at, b"smb")
    return put(out, at, b'"')


def put_reason(out: Out, at: int, reason: int) -> int:
    if reason == CLOSED:
        return put(out, at, b"closed")
    if reason == IDLE:
        return put(out, at, b"idle")
    if reason == EVICTED:
        return put(out, at, b"evicted")
    if reason == R_ACTIVE:
        return put(out, at, b"active")
    return put(out, at, b"end-of-input")


def put_counts(w: World, at: int, size: int, packets: int) -> int:
    at = put(w.out, at, b',"bytes":')
    at = put_int(w.out, at, size)
    at = put(w.out, at, b',"packets":')
    return put_int(w.out, at, packets)


def write_flow(w: World, flow: int, reason: int, protocol: int) -> tuple[int, int, int]:
    """The event of a flow that ended for that reason, with the protocol of this number (0: none; -1: left open): its
    begin in `out`, where network.protocol goes, and its end."""
    out, row = w.out, w.flows[flow]
    begin = int(w.numbers[OUT])
    name_flow(w, flow)
    at = put(out, begin, b'{"@timestamp":"')
    at = put_instant(out, at, int(row[LAST_NS]), w.clock)
    at = put(out, at, b'","ecs":{"version":"9.0.0"},"event":{"id":"')
    at = put_hex(out, at, w.names[flow], N_ID, N_ID + 16)
    at = put(out, at, b'","dataset":"flow","kind":"event","category":["network"],"type":["connection","end"],"start":"')
    at = put_instant(out, at, int(row[BEGUN_NS]), w.clock)
    at = put(out, at, b'","end":"')
    at = put_instant(out, at, int(row[LAST_NS]), w.clock)
    at = put(out, at, b'","duration":')
    at = put_int(out, at, max(0, int(row[LAST_NS] - row[BEGUN_NS])))
    at = put(out, at, b"},")
    at = put_bytes(out, at, w.fixed, w.numbers[ID_END], w.numbers[OBSERVER_END])
    sent, received = int(row[BYTES]), int(row[BYTES + 1])
    asked, answered = int(row[PACKETS]), int(row[PACKETS + 1])
    at = put(out, at, b',"source":')
    at = put_counts(w, put_end(w, at, flow, 0), sent, asked)
    at = put(out, at, b'},"destination":')
    at = put_counts(w, put_end(w, at, flow, 1), received, answered)
    at = put(out, at, b"},")
    at = put_network(w, at, flow)
    hole = at
    if protocol > 0:
        at = put_protocol(out, at, protocol)
    at = put_vlans(w, at, flow)
    at = put_counts(w, at, sent + received, asked + answered)
    at = put(out, at, b"}")
    at = put_flow_id(w, at, flow)
    at = put_source(w, at, int(row[BEGUN]))
    at = put(out, at, b',"flow":{"end_reason":"')
    at = put_reason(out, at, reason)
    if row[PROTOCOL] == _TCP:
        at = put(out, at, b'","state":"')
        at = put_state(w, at, flow)
        at = put(out, at, b'","tcp_flags":{"source":"')
        at = put_flags(w, at, int(row[FLAGS]))
        at = put(out, at, b'","destination":"')
        at = put_flags(w, at, int(row[FLAGS + 1]))
        at = put(out, at, b'"}}}')
    elif row[PROTOCOL] == _UDP:
        at = put(out, at, b'"}}')
    else:
        at = put(out, at, b'","icmp_type":')
        at = put_int(out, at, int(row[SPORT]))
        at = put(out, at, b',"icmp_answer":')
        at = put_int(out, at, int(row[DPORT]))
        at = put(out, at, b"}}")
    at = put_related(w, at, flow)
    at = put(out, at, b"]}}")
    w.numbers[OUT] = at
    return begin, hole, at


LOOPS = (
    identify, is_paired, name_flow, begin_event, put_flow_address, put_end, put_network, put_vlans, put_flow_id,
    put_protocol, put_ends, put_source, put_related, tell_row, tell_line, put_flags, put_state, put_reason, put_counts,
    write_flow,
)  # fmt: skip
