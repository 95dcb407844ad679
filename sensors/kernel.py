"""The loops over packets: record walk, headers, flow table, time-outs. Numbers and arrays only.

The same functions run as plain Python for the first packets of a source, and compiled by Numba (`sensors.compiled`) for
the rest: state lives in arrays, so the change can come between any two calls. What they do not understand (tunnels,
fragments, broken headers, rare links) they leave to `sensors.decode.frame`, packet by packet.
"""

from __future__ import annotations

import numpy as np

from sensors.loops.octets import Bytes, Ints, Key, Words, little32, u8, u16, u32

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
KEY_BYTES = 40
KEY_WORDS = 5

# --- what a run of the kernel tells, in packet order: rows of `told`.
DATA, END, ACTIVE, ARP = 0, 1, 2, 3
# kind, flow, side | reason | copy, packet, payload offset, payload length, missing | VLAN, seq | inner VLAN, first byte
TOLD_COLUMNS = 9
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


def fill_key(
    key: Key, data: Bytes, src: int, dst: int, size: int, protocol: int, family: int, sport: int, dport: int
) -> int:
    """The key of a segment whose addresses of `size` bytes stand in `data` at `src` and `dst`; 1 when the sender is
    its second end."""
    turned = 0
    for n in range(size):
        a, b = u8(data, src + n), u8(data, dst + n)
        if a != b:
            turned = 1 if a > b else 2
            break
    if turned == 0 and sport > dport:
        turned = 1
    if turned == 1:
        src, dst, sport, dport = dst, src, dport, sport
    if size == 4:
        key[4:16] = 0
        key[20:32] = 0
    for n in range(size):
        key[n] = u8(data, src + n)
        key[16 + n] = u8(data, dst + n)
    key[32] = sport >> 8
    key[33] = sport & 255
    key[34] = dport >> 8
    key[35] = dport & 255
    key[36] = protocol
    key[37] = family
    return 1 if turned == 1 else 0


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
    flows[flow, NAMED] = 0  # the id tells where it began
    for side in range(2):
        flows[flow, PACKETS + side] = 0
        flows[flow, BYTES + side] = 0


def count(
    flows: Ints, heads: Ints, flow: int, side: int, packets: int, size: int, ns: int, flags: int, seq: int
) -> None:
    """The flow had this many packets just now."""
    flows[flow, PACKETS + side] += packets
    flows[flow, BYTES + side] += size
    flows[flow, LAST_NS] = max(flows[flow, LAST_NS], ns)
    if flows[flow, PROTOCOL] == _TCP:
        flows[flow, FLAGS + side] |= flags
        if flags & _RST and flows[flow, RST_BY] < 0:
            flows[flow, RST_BY] = side
        if flags & _SYN and flows[flow, FIRST_BYTE + side] < 0:
            flows[flow, FIRST_BYTE + side] = seq + 1 & 0xFFFFFFFF
    queue = flows[flow, QUEUE]
    if queue == Q_TCP and is_closed(flows, flow):
        queue = Q_CLOSED
    if heads[LAST + queue] != flow:
        unlink(flows, heads, flow)
        link(flows, heads, flow, queue)


def enter(
    flows: Ints,
    keys: Words,
    buckets: Ints,
    free: Ints,
    heads: Ints,
    told: Ints,
    words: Words,
    bucket: int,
    flow: int,
    turned: int,
    answering: int,
    protocol: int,
    family: int,
    sport: int,
    dport: int,
    depth: int,
    vlan: int,
    inner_vlan: int,
    packets: int,
    size: int,
    flags: int,
    seq: int,
    position: int,
    ns: int,
    packet: int,
) -> int:
    """A segment with the key in `words` counts in its `flow`, or in a new one where that is -1: flow * 2 + side."""
    if flow >= 0 and protocol == _TCP and starts_anew(flows, flow, flags, seq):
        remove(flows, buckets, heads, flow)
        tell(told, heads, END, flow, CLOSED, packet)
        flow = -1
    if flow < 0:
        flow = open_flow(flows, keys, buckets, free, heads, words, bucket, protocol)
        flows[flow, FAMILY] = family
        flows[flow, TURNED] = turned ^ answering
        flows[flow, SPORT] = dport if answering else sport
        flows[flow, DPORT] = sport if answering else dport
        flows[flow, DEPTH] = depth
        flows[flow, BEGUN] = position
        flows[flow, BEGUN_NS] = ns
        flows[flow, LAST_NS] = ns
        flows[flow, FIRST_SEQ] = seq
        flows[flow, VLAN] = vlan
        flows[flow, INNER_VLAN] = inner_vlan
        evict(flows, buckets, heads, told, packet)
    elif is_due(flows, flow, ns):
        report_active(flows, keys, free, heads, told, flow, position, ns, packet)
    side = turned ^ int(flows[flow, TURNED])
    count(flows, heads, flow, side, packets, size, ns, flags, seq)
    return flow * 2 + side


# --- frames


def icmp_reply(protocol: int, kind: int, code: int) -> int:
    """What Community ID v1 takes for the other port: the type that answers this one, else the code."""
    if protocol == _ICMP:
        if kind == 8 or kind == 0:
            return 8 - kind
        if 13 <= kind <= 18:
            return kind + 1 if kind % 2 else kind - 1
        if kind == 9 or kind == 10:
            return 19 - kind
    else:
        if kind == 128 or kind == 129:
            return 257 - kind
        if kind == 130 or kind == 131:
            return 261 - kind
        if 133 <= kind <= 136:
            return kind + 1 if kind % 2 else kind - 1
        if kind == 139 or kind == 140:
            return 279 - kind
        if kind == 144 or kind == 145:
            return 289 - kind
    return code


def answers(protocol: int, sport: int, dport: int, flags: int, data: Bytes, payload: int, length: int) -> int:
    """Whether the first segment of a flow comes from the answering side (a capture that began in the middle)."""
    if protocol == _TCP:
        if flags & _SYN:
            return 1 if flags & _ACK else 0
        return 1 if sport < 1024 <= dport else 0
    if protocol == _UDP:
        return 1 if sport == 53 and dport != 53 and length > 2 and u8(data, payload + 2) >= 0x80 else 0
    if protocol == _ICMP:
        return 1 if sport == 0 or sport == 9 or sport == 14 or sport == 16 or sport == 18 else 0
    if protocol == _ICMPV6:
        return 1 if sport == 129 or sport == 134 or sport == 136 or sport == 140 or sport == 145 else 0
    return 0


def is_tunnel_port(port: int) -> bool:
    """UDP ports behind which `sensors.decode.frame` looks for another packet."""
    return port == 4789 or port == 4790 or port == 6081 or port == 2152 or port == 3544


def network_of(data: Bytes, linktype: int, at: int, end: int, vlans: Ints) -> tuple[int, int]:
    """(IP version, offset) of a frame's network header; version 0 for what is left to `sensors.decode.frame`, -1 for
    ARP."""
    vlans[0] = -1
    vlans[1] = -1
    if linktype == 1:
        if end - at < 14:
            return 0, at
        kind = u16(data, at + 12)
        at += 14
    elif linktype == 113:
        if end - at < 16:
            return 0, at
        kind = u16(data, at + 14)
        at += 16
    elif linktype == 276:
        if end - at < 20:
            return 0, at
        kind = u16(data, at)
        at += 20
    elif linktype == 101 or linktype == 12 or linktype == 14 or linktype == 228 or linktype == 229:
        if end - at < 1:
            return 0, at
        return u8(data, at) >> 4, at
    else:
        return 0, at
    for n in range(2):
        if kind == 0x8100 or kind == 0x88A8 or kind == 0x9100:
            if end - at < 4:
                return 0, at
            vlans[n] = u16(data, at) & 0x0FFF
            kind = u16(data, at + 2)
            at += 4
    if kind == 0x0800:
        return 4, at
    if kind == 0x86DD:
        return 6, at
    if kind == 0x0806:
        return -1, at
    return 0, at


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
    key: Key,
    words: Words,
    seed: Words,
    vlans: Ints,
    marks: Words,
) -> int:
    """Packets from `begin` on: the number of the first that is left to `sensors.decode.frame`, or of none.

    -1 - number where a long flow's report is due: what was told so far must be read before its row changes.
    """
    for packet in range(begin, len(starts)):
        ns = int(times[packet])
        pass_time(flows, buckets, heads, told, ns, packet)
        at = int(starts[packet])
        end = at + int(lengths[packet])
        wire = int(wires[packet])
        cut = wire > end - at
        version, at = network_of(data, linktype, at, end, vlans)
        if version == 4:
            if end - at < 20 or u8(data, at) >> 4 != 4:
                return packet
            header = (u8(data, at) & 15) * 4
            total = u16(data, at + 2)
            if header < 20 or total < header or end - at < header or u16(data, at + 6) & 0x3FFF:
                return packet
            protocol = u8(data, at + 9)
            src, dst, size = at + 12, at + 16, 4
        elif version == 6:
            if end - at < 40 or u8(data, at) >> 4 != 6:
                return packet
            header = 40
            total = 40 + u16(data, at + 4)
            if total == 40:
                return packet
            protocol = u8(data, at + 6)
            src, dst, size = at + 8, at + 24, 16
        elif version < 0:
            n = heads[TOLD]
            tell(told, heads, ARP, 0, 0, packet)
            told[n, 4] = at
            told[n, 5] = end - at
            told[n, 6] = vlans[0]
            told[n, 7] = vlans[1]
            continue
        else:
            return packet
        missing = max(0, at + total - end)
        if missing and not cut:
            return packet
        end = min(end, at + total)
        at += header
        flags = seq = 0
        if protocol == _TCP:
            if end - at < 20:
                return packet
            header = (u8(data, at + 12) >> 4) * 4
            if header < 20 or end - at < header:
                return packet
            sport, dport = u16(data, at), u16(data, at + 2)
            seq = u32(data, at + 4)
            flags = u8(data, at + 13)
            payload = at + header
        elif protocol == _UDP:
            if end - at < 8:
                return packet
            sport, dport, length = u16(data, at), u16(data, at + 2), u16(data, at + 4)
            if length and (length < 8 or length > end - at + missing):
                return packet
            if is_tunnel_port(dport) or sport == 3544:
                return packet
            missing = max(0, length - (end - at))
            if length:
                end = min(end, at + length)
            payload = at + 8
        elif (protocol == _ICMP and version == 4) or (protocol == _ICMPV6 and version == 6):
            if end - at < 4:
                return packet
            sport = u8(data, at)
            dport = icmp_reply(protocol, sport, u8(data, at + 1))
            payload = at
        else:
            return packet
        turned = fill_key(key, data, src, dst, size, protocol, version, sport, dport)
        if len(marks):
            marks[packet] = mark_of(words)
        bucket = bucket_of(words, seed, len(buckets))
        flow = find(flows, keys, buckets, words, bucket)
        if packet > begin and flow >= 0 and is_due(flows, flow, ns):
            return -packet - 1
        length = max(0, end - payload)
        answering = answers(protocol, sport, dport, flags, data, payload, length)
        found = enter(
            flows, keys, buckets, free, heads, told, words, bucket, flow, turned, answering, protocol, version, sport,
            dport, 0, int(vlans[0]), int(vlans[1]), 1, wire, flags, seq, first + packet, ns, packet,
        )  # fmt: skip
        flow, side = found >> 1, found & 1
        if flows[flow, WANTED] and (length or (missing and protocol == _TCP)):
            n = heads[TOLD]
            tell(told, heads, DATA, flow, side, packet)
            told[n, 4] = payload
            told[n, 5] = length
            told[n, 6] = missing
            told[n, 7] = seq + 1 & 0xFFFFFFFF if flags & _SYN else seq
            told[n, 8] = flows[flow, FIRST_BYTE + side]
    return len(starts)


#: In the order in which they call one another, for the compiler.
LOOPS = (
    walk, link, unlink, remove, tell, is_closed, expire_queue, pass_time, evict, fill_key,
    mix, bucket_of, mark_of, find, starts_anew, open_flow, is_due, report_active, count, enter, icmp_reply, answers,
    is_tunnel_port, network_of, run,
)  # fmt: skip
