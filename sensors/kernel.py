"""The loops over packets: record walk, headers, flow table, time-outs. Numbers and arrays only.

The same functions run as plain Python for the first packets of a source, and compiled by Numba (`sensors.compiled`) for
the rest: state lives in arrays, so the change can come between any two calls. What they do not understand (fragments,
broken headers, rare links) they leave to `sensors.decode.frame`, packet by packet; so too the first packet of a flow
that comes through a tunnel, as the engine is to know through which.
"""

from __future__ import annotations

import numpy as np

from sensors.loops.frames import (
    L_ACK,
    L_BUCKET,
    L_DEPTH,
    L_DPORT,
    L_DST,
    L_FAMILY,
    L_FLAGS,
    L_FLOW,
    L_INNER_VLAN,
    L_LENGTH,
    L_MISSING,
    L_PACKETS,
    L_PAYLOAD,
    L_PROTOCOL,
    L_SEQ,
    L_SIZE,
    L_SPORT,
    L_SRC,
    L_TURNED,
    L_VLAN,
    segments_of,
)
from sensors.loops.octets import Bytes, Ints, Words, little32, u8, u32

# --- columns of a flow's row. Pairs hold side 0, then side 1.
PROTOCOL, FAMILY, TURNED, SPORT, DPORT = 0, 1, 2, 3, 4  # TURNED: side 0 is the second end of the key
DEPTH, BEGUN, BEGUN_NS, LAST_NS = 5, 6, 7, 8
PACKETS, BYTES, FLAGS, FIRST_BYTE = 9, 11, 13, 15  # FIRST_BYTE: the sequence number after the SYN, or -1
RST_BY, FIRST_SEQ, WANTED = 17, 18, 19
QUEUE, BEFORE, AFTER, CHAIN, BUCKET = 20, 21, 22, 23, 24
VLAN, INNER_VLAN = 25, 26
NAMED, TALK, APPLICATION = 27, 28, 29  # of `sensors.loops.listen`
COLUMNS = 30

#: A key: both addresses (16 bytes each, IPv4 in the first four), both ports, protocol, family; lower end first.
KEY_WORDS = 5

# --- what a run of the kernel tells, in packet order: rows of `told`.
DATA, END, ACTIVE, ARP = 0, 1, 2, 3
# kind, flow, side | reason | copy, packet, payload offset, payload length, missing | VLAN, seq | inner VLAN,
# first byte, acknowledged
TOLD_COLUMNS = 10
CLOSED, IDLE, EVICTED = 0, 1, 2

# --- the table's own numbers: `heads`. Queues hold flows by their last packet, longest idle first.
Q_TCP, Q_CLOSED, Q_OTHER = 1, 2, 3
FIRST, LAST = 0, 4  # + queue number
FREE, LIVE, LIMIT, TOLD, SECOND, NOW_NS, WANTS, LIMIT_EVICTED = 8, 9, 10, 11, 12, 13, 14, 15
HEADS = 16

TCP_IDLE_NS = 300 * 10**9
CLOSED_IDLE_NS = 10 * 10**9
OTHER_IDLE_NS = 60 * 10**9
ACTIVE_NS = 1_800 * 10**9
#: A segment of a capture ends at so many packets, or behind so many bytes.
SEGMENT_PACKETS = 4_096
SEGMENT_BYTES = 4 << 20
#: A captured packet longer than this is taken for a broken length (libpcap's MAXIMUM_SNAPLEN).
MAX_PACKET = 262_144

_TCP, _UDP, _ICMP, _ICMPV6 = 6, 17, 1, 58
_FIN, _SYN, _RST, _ACK = 1, 2, 4, 16
_NS = 1_000_000_000
_C1 = np.uint64(0x9E3779B97F4A7C15)
_C2 = np.uint64(0xBF58476D1CE4E5B9)
_R31 = np.uint64(31)
_R47 = np.uint64(47)


def walk(
    data: Bytes, at: int, little: int, unit_ns: int, header: int, starts: Ints, lengths: Ints, wires: Ints, times: Ints
) -> tuple[int, int]:
    """The records of a pcap file from `at` on: how many are whole, and where the first that is not begins.

    It stops behind SEGMENT_BYTES, and before a packet longer than MAX_PACKET.
    """
    count, end, enough = 0, len(data), at + SEGMENT_BYTES
    while count < len(starts) and at + header <= end and at < enough:
        if little:
            seconds, fraction = little32(data, at), little32(data, at + 4)
            length, wire = little32(data, at + 8), little32(data, at + 12)
        else:
            seconds, fraction = u32(data, at), u32(data, at + 4)
            length, wire = u32(data, at + 8), u32(data, at + 12)
        if length > MAX_PACKET or at + header + length > end:
            break
        starts[count] = at + header
        lengths[count] = length
        wires[count] = max(wire, length)
        times[count] = seconds * _NS + fraction * unit_ns
        at += header + length
        count += 1
    return count, at


# --- queues and index


def link(flows: Ints, heads: Ints, flow: int, queue: int) -> None:
    last = heads[LAST + queue]
    flows[flow, QUEUE] = queue
    flows[flow, BEFORE] = last
    flows[flow, AFTER] = -1
    if last >= 0:
        flows[last, AFTER] = flow
    else:
        heads[FIRST + queue] = flow
    heads[LAST + queue] = flow


def unlink(flows: Ints, heads: Ints, flow: int) -> None:
    queue, before, after = flows[flow, QUEUE], flows[flow, BEFORE], flows[flow, AFTER]
    if before >= 0:
        flows[before, AFTER] = after
    else:
        heads[FIRST + queue] = after
    if after >= 0:
        flows[after, BEFORE] = before
    else:
        heads[LAST + queue] = before


def remove(flows: Ints, buckets: Ints, heads: Ints, flow: int) -> None:
    """Out of the index and its queue; the row stays until it is released."""
    unlink(flows, heads, flow)
    bucket = flows[flow, BUCKET]
    here = buckets[bucket]
    if here == flow:
        buckets[bucket] = flows[flow, CHAIN]
    else:
        while flows[here, CHAIN] != flow:
            here = flows[here, CHAIN]
        flows[here, CHAIN] = flows[flow, CHAIN]
    heads[LIVE] -= 1


def tell(told: Ints, heads: Ints, kind: int, flow: int, detail: int, packet: int) -> None:
    n = heads[TOLD]
    told[n, 0] = kind
    told[n, 1] = flow
    told[n, 2] = detail
    told[n, 3] = packet
    heads[TOLD] = n + 1


def is_closed(flows: Ints, flow: int) -> bool:
    return bool(flows[flow, RST_BY] >= 0 or flows[flow, FLAGS] & flows[flow, FLAGS + 1] & _FIN)


def expire_queue(
    flows: Ints, buckets: Ints, heads: Ints, told: Ints, queue: int, limit: int, reason: int, packet: int
) -> None:
    flow = heads[FIRST + queue]
    while flow >= 0 and heads[NOW_NS] - flows[flow, LAST_NS] >= limit:
        remove(flows, buckets, heads, flow)
        tell(told, heads, END, flow, reason, packet)
        flow = heads[FIRST + queue]


def pass_time(flows: Ints, buckets: Ints, heads: Ints, told: Ints, ns: int, packet: int) -> None:
    """It is (at least) this late; looked at once a second."""
    heads[NOW_NS] = max(heads[NOW_NS], ns)
    second = heads[NOW_NS] // _NS
    if second != heads[SECOND]:
        heads[SECOND] = second
        expire_queue(flows, buckets, heads, told, Q_CLOSED, CLOSED_IDLE_NS, CLOSED, packet)
        expire_queue(flows, buckets, heads, told, Q_OTHER, OTHER_IDLE_NS, IDLE, packet)
        expire_queue(flows, buckets, heads, told, Q_TCP, TCP_IDLE_NS, IDLE, packet)


def evict(flows: Ints, buckets: Ints, heads: Ints, told: Ints, packet: int) -> None:
    """Past the limit, the longest idle ends: among the closed, then the datagram flows, then TCP."""
    while heads[LIVE] > heads[LIMIT]:
        flow = heads[FIRST + Q_CLOSED]
        if flow < 0:
            flow = heads[FIRST + Q_OTHER]
        if flow < 0:
            flow = heads[FIRST + Q_TCP]
        remove(flows, buckets, heads, flow)
        heads[LIMIT_EVICTED] += 1
        tell(told, heads, END, flow, EVICTED, packet)


# --- one segment into the table


def fill_key(words: Words, data: Bytes, src: int, dst: int, family: int, protocol: int, sport: int, dport: int) -> int:
    """The key of a segment whose addresses stand in `data` at `src` and `dst`; 1 when the sender is its second end."""
    first, second = u32(data, src), u32(data, dst)
    if family == 6:
        n = 4
        while first == second and n < 16:
            first, second = u32(data, src + n), u32(data, dst + n)
            n += 4
    turned = 1 if first > second or (first == second and sport > dport) else 0
    if turned:
        src, dst, sport, dport = dst, src, dport, sport
    words[0] = little32(data, src)
    words[2] = little32(data, dst)
    words[1] = words[3] = 0
    if family == 6:
        words[0] = little32(data, src + 4) << 32 | little32(data, src)
        words[1] = little32(data, src + 12) << 32 | little32(data, src + 8)
        words[2] = little32(data, dst + 4) << 32 | little32(data, dst)
        words[3] = little32(data, dst + 12) << 32 | little32(data, dst + 8)
    ports = sport >> 8 | (sport & 255) << 8 | (dport >> 8) << 16 | (dport & 255) << 24
    words[4] = family << 40 | protocol << 32 | ports
    return turned


def mix(words: Words, begin: np.uint64) -> np.uint64:
    mixed = begin
    for n in range(KEY_WORDS):
        mixed = (mixed ^ words[n]) * _C1
        mixed ^= mixed >> _R31
    return mixed * _C2


def bucket_of(words: Words, seed: Words, size: int) -> int:
    return int(mix(words, seed[0]) >> _R47) & (size - 1)


def mark_of(words: Words) -> np.uint64:
    """The same for a flow's packets on every day: what the ring of packets is searched by."""
    return mix(words, _C1)


def find(flows: Ints, keys: Words, buckets: Ints, words: Words, bucket: int) -> int:
    flow = int(buckets[bucket])
    while flow >= 0:
        same = True
        for n in range(KEY_WORDS):
            if keys[flow, n] != words[n]:
                same = False
                break
        if same:
            return flow
        flow = int(flows[flow, CHAIN])
    return -1


def starts_anew(flows: Ints, flow: int, flags: int, seq: int) -> bool:
    """Whether a segment of a known flow's endpoints opens the next connection between them."""
    if flags & (_SYN | _ACK | _RST | _FIN) != _SYN:
        return False
    if is_closed(flows, flow):
        return True
    return bool(seq != flows[flow, FIRST_SEQ] and flows[flow, FLAGS + 1] & _SYN)


def open_flow(
    flows: Ints, keys: Words, buckets: Ints, free: Ints, heads: Ints, words: Words, bucket: int, protocol: int
) -> int:
    heads[FREE] -= 1
    flow = int(free[heads[FREE]])
    for n in range(COLUMNS):
        flows[flow, n] = 0
    for n in range(KEY_WORDS):
        keys[flow, n] = words[n]
    flows[flow, PROTOCOL] = protocol
    flows[flow, FIRST_BYTE] = -1
    flows[flow, FIRST_BYTE + 1] = -1
    flows[flow, RST_BY] = -1
    flows[flow, WANTED] = heads[WANTS]
    flows[flow, BUCKET] = bucket
    flows[flow, CHAIN] = buckets[bucket]
    buckets[bucket] = flow
    link(flows, heads, flow, Q_TCP if protocol == _TCP else Q_OTHER)
    heads[LIVE] += 1
    return flow


def is_due(flows: Ints, flow: int, ns: int) -> bool:
    return bool(ns - flows[flow, BEGUN_NS] > ACTIVE_NS)


def report_active(
    flows: Ints, keys: Words, free: Ints, heads: Ints, told: Ints, flow: int, position: int, ns: int, packet: int
) -> None:
    """What the flow was so far goes into a row of its own; what follows counts as its next part."""
    heads[FREE] -= 1
    copy = int(free[heads[FREE]])
    for n in range(COLUMNS):
        flows[copy, n] = flows[flow, n]
    for n in range(KEY_WORDS):
        keys[copy, n] = keys[flow, n]
    tell(told, heads, ACTIVE, flow, copy, packet)
    flows[flow, BEGUN] = position
    flows[flow, BEGUN_NS] = ns
    flows[flow, NAMED] = flows[copy, NAMED] = 0  # the id tells where it began, and names stand by row
    for side in range(2):
        flows[flow, PACKETS + side] = 0
        flows[flow, BYTES + side] = 0


def count(flows: Ints, heads: Ints, flow: int, side: int, segment: Ints, ns: int) -> None:
    """The flow had this segment just now."""
    flows[flow, PACKETS + side] += segment[L_PACKETS]
    flows[flow, BYTES + side] += segment[L_SIZE]
    flows[flow, LAST_NS] = max(flows[flow, LAST_NS], ns)
    queue = flows[flow, QUEUE]
    if segment[L_PROTOCOL] == _TCP:
        flags = segment[L_FLAGS]
        flows[flow, FLAGS + side] |= flags
        if flags & _RST and flows[flow, RST_BY] < 0:
            flows[flow, RST_BY] = side
        if flags & _SYN and flows[flow, FIRST_BYTE + side] < 0:
            flows[flow, FIRST_BYTE + side] = segment[L_SEQ] + 1 & 0xFFFFFFFF
        if queue == Q_TCP and is_closed(flows, flow):
            queue = Q_CLOSED
    if heads[LAST + queue] != flow:
        unlink(flows, heads, flow)
        link(flows, heads, flow, queue)


def answers(data: Bytes, segment: Ints) -> int:
    """Whether the first segment of a flow comes from the answering side (a capture that began in the middle)."""
    protocol, sport, dport = segment[L_PROTOCOL], segment[L_SPORT], segment[L_DPORT]
    if protocol == _TCP:
        if segment[L_FLAGS] & _SYN:
            return 1 if segment[L_FLAGS] & _ACK else 0
        return 1 if sport < 1024 <= dport else 0
    if protocol == _UDP:
        dns = sport == 53 and dport != 53 and segment[L_LENGTH] > 2
        return 1 if dns and u8(data, segment[L_PAYLOAD] + 2) >= 0x80 else 0
    if protocol == _ICMP:
        return 1 if sport == 0 or sport == 9 or sport == 14 or sport == 16 or sport == 18 else 0
    if protocol == _ICMPV6:
        return 1 if sport == 129 or sport == 134 or sport == 136 or sport == 140 or sport == 145 else 0
    return 0


def locate(flows: Ints, keys: Words, buckets: Ints, words: Words, seed: Words, data: Bytes, segment: Ints) -> int:
    """The flow of a segment, whose key stands in `words` then; -1 where it is a new one."""
    segment[L_TURNED] = fill_key(
        words, data, int(segment[L_SRC]), int(segment[L_DST]), int(segment[L_FAMILY]), int(segment[L_PROTOCOL]),
        int(segment[L_SPORT]), int(segment[L_DPORT]),
    )  # fmt: skip
    segment[L_BUCKET] = bucket_of(words, seed, len(buckets))
    segment[L_FLOW] = find(flows, keys, buckets, words, int(segment[L_BUCKET]))
    return int(segment[L_FLOW])


def enter(
    flows: Ints,
    keys: Words,
    buckets: Ints,
    free: Ints,
    heads: Ints,
    told: Ints,
    words: Words,
    data: Bytes,
    segment: Ints,
    position: int,
    ns: int,
    packet: int,
) -> int:
    """A segment that was located last counts in its flow, or in a new one: flow * 2 + side."""
    flow, protocol = int(segment[L_FLOW]), int(segment[L_PROTOCOL])
    if flow >= 0 and protocol == _TCP and starts_anew(flows, flow, int(segment[L_FLAGS]), int(segment[L_SEQ])):
        remove(flows, buckets, heads, flow)
        tell(told, heads, END, flow, CLOSED, packet)
        flow = -1
    if flow < 0:
        flow = open_flow(flows, keys, buckets, free, heads, words, int(segment[L_BUCKET]), protocol)
        answering = answers(data, segment)
        flows[flow, FAMILY] = segment[L_FAMILY]
        flows[flow, TURNED] = segment[L_TURNED] ^ answering
        flows[flow, SPORT] = segment[L_DPORT] if answering else segment[L_SPORT]
        flows[flow, DPORT] = segment[L_SPORT] if answering else segment[L_DPORT]
        flows[flow, DEPTH] = segment[L_DEPTH]
        flows[flow, BEGUN] = position
        flows[flow, BEGUN_NS] = ns
        flows[flow, LAST_NS] = ns
        flows[flow, FIRST_SEQ] = segment[L_SEQ]
        flows[flow, VLAN] = segment[L_VLAN]
        flows[flow, INNER_VLAN] = segment[L_INNER_VLAN]
        evict(flows, buckets, heads, told, packet)
    elif is_due(flows, flow, ns):
        report_active(flows, keys, free, heads, told, flow, position, ns, packet)
    side = int(segment[L_TURNED] ^ flows[flow, TURNED])
    count(flows, heads, flow, side, segment, ns)
    return flow * 2 + side


def meet(
    flows: Ints,
    keys: Words,
    buckets: Ints,
    free: Ints,
    heads: Ints,
    told: Ints,
    words: Words,
    seed: Words,
    data: Bytes,
    segment: Ints,
    position: int,
    ns: int,
) -> int:
    """A segment that `sensors.decode.frame` found is located and entered."""
    locate(flows, keys, buckets, words, seed, data, segment)
    return enter(flows, keys, buckets, free, heads, told, words, data, segment, position, ns, 0)


# --- packets


def is_simple(segment: Ints) -> bool:
    """Whether a frame's only segment may begin a flow here: it came through no tunnel, and has talks of its own."""
    protocol = segment[L_PROTOCOL]
    known = protocol in (_TCP, _UDP, _ICMP, _ICMPV6)
    return bool(known and segment[L_DEPTH] == 0)


def goes_on(flows: Ints, segment: Ints, ns: int) -> bool:
    """Whether a segment that was located is one more of its flow, and nothing begins with it."""
    flow = int(segment[L_FLOW])
    if flow < 0 or is_due(flows, flow, ns):
        return False
    if segment[L_PROTOCOL] != _TCP:
        return True
    return not starts_anew(flows, flow, int(segment[L_FLAGS]), int(segment[L_SEQ]))


def tell_payload(flows: Ints, told: Ints, heads: Ints, segment: Ints, flow: int, side: int, packet: int) -> None:
    """What a segment carries, where somebody wants it."""
    gap = segment[L_MISSING] and segment[L_PROTOCOL] == _TCP
    if flows[flow, WANTED] and (segment[L_LENGTH] or gap):
        n = heads[TOLD]
        tell(told, heads, DATA, flow, side, packet)
        told[n, 4] = segment[L_PAYLOAD]
        told[n, 5] = segment[L_LENGTH]
        told[n, 6] = segment[L_MISSING]
        told[n, 7] = segment[L_SEQ] + 1 & 0xFFFFFFFF if segment[L_FLAGS] & _SYN else segment[L_SEQ]
        told[n, 8] = flows[flow, FIRST_BYTE + side]
        told[n, 9] = segment[L_ACK]


def tell_arp(told: Ints, heads: Ints, row: Ints, packet: int) -> None:
    n = heads[TOLD]
    tell(told, heads, ARP, 0, 0, packet)
    told[n, 4] = row[L_PAYLOAD]
    told[n, 5] = row[L_LENGTH]
    told[n, 6] = row[L_VLAN]
    told[n, 7] = row[L_INNER_VLAN]


def run(
    data: Bytes,
    starts: Ints,
    lengths: Ints,
    wires: Ints,
    times: Ints,
    linktype: int,
    first: int,
    begin: int,
    flows: Ints,
    keys: Words,
    buckets: Ints,
    free: Ints,
    heads: Ints,
    told: Ints,
    words: Words,
    seed: Words,
    segments: Ints,
    marks: Words,
) -> int:
    """Packets from `begin` on: the number of the first that is left to `sensors.decode.frame`, or of none.

    -1 - number where a long flow's report is due: what was told so far must be read before its row changes.
    """
    for packet in range(begin, len(starts)):
        ns = int(times[packet])
        pass_time(flows, buckets, heads, told, ns, packet)
        start = int(starts[packet])
        found = segments_of(data, linktype, start, start + int(lengths[packet]), int(wires[packet]), segments)
        if found < 0:
            tell_arp(told, heads, segments[0], packet)
            continue
        known = found > 0
        for n in range(found):
            flow = locate(flows, keys, buckets, words, seed, data, segments[n])
            if len(marks):
                marks[n * SEGMENT_PACKETS + packet] = mark_of(words)
            known = known and goes_on(flows, segments[n], ns)
        if known:
            for n in range(found):
                flow = int(segments[n, L_FLOW])
                side = int(segments[n, L_TURNED] ^ flows[flow, TURNED])
                count(flows, heads, flow, side, segments[n], ns)
                tell_payload(flows, told, heads, segments[n], flow, side, packet)
        elif found == 1 and is_simple(segments[0]):
            if packet > begin and flow >= 0 and is_due(flows, flow, ns):
                return -packet - 1
            entered = enter(
                flows, keys, buckets, free, heads, told, words, data, segments[0], first + packet, ns, packet
            )
            tell_payload(flows, told, heads, segments[0], entered >> 1, entered & 1, packet)
        else:
            return packet
    return len(starts)


#: In the order in which they call one another, for the compiler.
LOOPS = (
    walk, link, unlink, remove, tell, is_closed, expire_queue, pass_time, evict, fill_key, mix, bucket_of, mark_of,
    find, starts_anew, open_flow, is_due, report_active, count, answers, locate, enter, meet, is_simple, goes_on,
    tell_payload, tell_arp, run,
)  # fmt: skip
