"""A frame's segments, as rows of numbers: what `sensors.decode.frame` finds, link, tags, tunnels, IP and transport.

Only what is plainly as it should be is told. Where a header is short, strange or rare, or where fragments, GTP or
Teredo come, the whole frame is left to `sensors.decode.frame`.
"""

from __future__ import annotations

from sensors.loops.octets import Bytes, Ints, u8, u16, u32

# --- columns of a segment's row. Offsets are places in the data in which the frame lies.
L_SRC, L_DST, L_FAMILY, L_PROTOCOL, L_SPORT, L_DPORT = 0, 1, 2, 3, 4, 5
L_FLAGS, L_SEQ, L_PAYLOAD, L_LENGTH, L_MISSING = 6, 7, 8, 9, 10
L_DEPTH, L_PACKETS, L_SIZE = 11, 12, 13  # tunnels it came through; how many packets it is, and their bytes on the wire
L_VLAN, L_INNER_VLAN = 14, 15  # of the first row: the frame's two outermost, or -1
L_FLOW, L_TURNED, L_BUCKET = 16, 17, 18  # of `sensors.kernel`, once it has looked for the flow
L_ACK = 19  # the number of the other side's byte that is wanted next, or -1
L_COLUMNS = 20

#: Tunnels that are followed, tags and labels in each, extension headers in each: within `frame.MAX_HEADERS`.
MAX_TUNNELS = 2
MAX_TAGS = 5
MAX_EXTENSIONS = 3
FRAME_SEGMENTS = MAX_TUNNELS + 1

# --- what comes next in a frame: an ethertype, or one of these
_NOTHING, _NO_TUNNEL = -1, -2
_ETHERNET, _BARE_IP, _PPP, _HDLC = 0x10000, 0x10001, 0x10002, 0x10003  # _HDLC: PPP, framed or not
_IPV4, _IPV6, _ARP, _PPPOE, _BRIDGED = 0x0800, 0x86DD, 0x0806, 0x8864, 0x6558

_TCP, _UDP, _ICMP, _ICMPV6, _SCTP = 6, 17, 1, 58, 132
_IPIP, _SIX_IN_FOUR, _GRE, _AH, _FRAGMENT = 4, 41, 47, 51, 44


def link_of(data: Bytes, linktype: int, at: int, end: int) -> tuple[int, int]:
    """What a frame of this link type begins with, and where."""
    if linktype == 1:
        return _ETHERNET, at
    if linktype in (12, 14, 101, 228, 229):
        return _BARE_IP, at
    if linktype == 113 and end - at >= 16:
        return u16(data, at + 14), at + 16
    if linktype == 276 and end - at >= 20:
        return u16(data, at), at + 20
    if linktype in (0, 108) and end - at >= 4:
        return _BARE_IP, at + 4
    return _HDLC if linktype in (9, 50) else _NOTHING, at


def is_tag(kind: int) -> bool:
    return kind == 0x8100 or kind == 0x88A8 or kind == 0x9100 or kind == 0x9200


def behind(data: Bytes, kind: int, at: int, end: int, rows: Ints) -> tuple[int, int]:
    """What follows one header, tag or label of this kind, and where."""
    left = end - at
    if kind == _ETHERNET and left >= 14:
        return u16(data, at + 12), at + 14
    if kind == _BARE_IP and left >= 1:
        version = u8(data, at) >> 4
        if version == 4:
            return _IPV4, at
        return _IPV6 if version == 6 else _NOTHING, at
    if is_tag(kind) and left >= 4:
        vlan = u16(data, at) & 0x0FFF
        if rows[0, L_VLAN] < 0:
            rows[0, L_VLAN] = vlan
        elif rows[0, L_INNER_VLAN] < 0:
            rows[0, L_INNER_VLAN] = vlan
        return u16(data, at + 2), at + 4
    if (kind == 0x8847 or kind == 0x8848) and left >= 5:  # MPLS, behind whose last label the version tells
        if not u8(data, at + 2) & 1:
            return kind, at + 4
        version = u8(data, at + 4) >> 4
        if version == 4 or version == 6:
            return _BARE_IP, at + 4
        return _ETHERNET, at + 4 if version else at + 8
    if kind == _PPPOE and left >= 6:
        return _PPP, at + 6
    if kind == _HDLC and left >= 2:
        return _PPP, at + 2 if u16(data, at) == 0xFF03 else at
    if kind == _PPP and left >= 2 and (u16(data, at) == 0x0021 or u16(data, at) == 0x0057):
        return _BARE_IP, at + 2
    if 0 <= kind < 0x0600 and left >= 8 and u32(data, at) == 0xAAAA0300 and u16(data, at + 4) == 0:  # SNAP
        return u16(data, at + 6), at + 8
    return _NOTHING, at


def network_of(data: Bytes, kind: int, at: int, end: int, rows: Ints) -> tuple[int, int]:
    """The network header behind tags and labels: its ethertype, and where it begins."""
    for _ in range(MAX_TAGS):
        if kind in (_IPV4, _IPV6, _ARP):
            return kind, at
        kind, at = behind(data, kind, at, end, rows)
    return kind if kind in (_IPV4, _IPV6, _ARP) else _NOTHING, at


def behind_ipv4(data: Bytes, at: int, end: int, cut: bool) -> tuple[int, int, int, int]:
    """Protocol, begin and end of what an IPv4 header leads, and how many of its bytes are missing."""
    if end - at < 20 or u8(data, at) >> 4 != 4:
        return _NOTHING, at, end, 0
    header, total = (u8(data, at) & 15) * 4, u16(data, at + 2)
    if total == 0:  # segmentation offload
        total = end - at
    missing = max(0, at + total - end)
    if header < 20 or total < header or end - at < header or u16(data, at + 6) & 0x3FFF or (missing and not cut):
        return _NOTHING, at, end, 0
    return u8(data, at + 9), at + header, min(end, at + total), missing


def is_extension(protocol: int) -> bool:
    return (
        protocol == 0
        or protocol == 43
        or protocol == 60
        or protocol == _AH
        or 139 <= protocol <= 140
        or protocol == 135
    )


def behind_ipv6(data: Bytes, at: int, end: int, cut: bool) -> tuple[int, int, int, int]:
    """The same for IPv6, behind its extension headers."""
    if end - at < 40 or u8(data, at) >> 4 != 6:
        return _NOTHING, at, end, 0
    length, protocol = u16(data, at + 4), u8(data, at + 6)
    total = 40 + length if length else end - at
    missing = max(0, at + total - end)
    end = min(end, at + total)
    at += 40
    for _ in range(MAX_EXTENSIONS):
        if not is_extension(protocol):
            break
        if end - at < 8:
            return _NOTHING, at, end, 0
        size = (u8(data, at + 1) + 2) * 4 if protocol == _AH else (u8(data, at + 1) + 1) * 8
        protocol = u8(data, at)
        at += size
    if at > end or is_extension(protocol) or protocol == _FRAGMENT or (missing and not cut):
        return _NOTHING, at, end, 0
    return protocol, at, end, missing


def behind_gre(data: Bytes, at: int, end: int) -> tuple[int, int]:
    """What GRE carries, behind ERSPAN's own header where there is one (`sensors.decode.frame`)."""
    if end - at < 4:
        return _NOTHING, at
    flags, kind = u16(data, at), u16(data, at + 2)
    sequence = flags & 0x1000
    at += 4
    for option in (0x8000, 0x2000, 0x1000):
        if flags & option:
            at += 4
    if flags & 7 == 1 and flags & 0x0080:
        at += 4
    if flags & 0x4000 or at >= end:
        return _NOTHING, at
    if kind == 0x88BE:  # ERSPAN I has no header
        if sequence and end - at < 8:
            return _NOTHING, at
        return _ETHERNET, at + 8 if sequence else at
    if kind == 0x22EB:
        if end - at < 12:
            return _NOTHING, at
        return _ETHERNET, at + (20 if u8(data, at + 11) & 1 else 12)
    if kind == 0x880B:
        return _HDLC, at
    return _ETHERNET if kind == _BRIDGED else kind, at


def is_tunnel_port(port: int) -> bool:
    """UDP ports behind which `sensors.decode.frame` looks for another packet."""
    return port == 4789 or port == 4790 or port == 6081 or port == 2152 or port == 3544


def behind_udp(data: Bytes, sport: int, dport: int, at: int, end: int) -> tuple[int, int]:
    """What a datagram that begins at `at` carries, where it is a tunnel's."""
    if not is_tunnel_port(dport) and sport != 3544:
        return _NO_TUNNEL, at
    if dport == 2152 or dport == 3544 or sport == 3544:
        return _NOTHING, at
    if end - at < 8:
        return _NO_TUNNEL, at
    head = u8(data, at)
    if dport == 4789 and head & 0x08 and end - at >= 8 + 14:
        return _ETHERNET, at + 8
    if dport == 4790 and head & 0x0C == 0x0C and 1 <= u8(data, at + 3) <= 3:
        return _ETHERNET if u8(data, at + 3) == 3 else _BARE_IP, at + 8
    if dport == 6081 and head >> 6 == 0:
        kind = u16(data, at + 2)
        return _ETHERNET if kind == _BRIDGED else kind, at + 8 + (head & 0x3F) * 4
    return _NO_TUNNEL, at


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


def fill_upper(data: Bytes, row: Ints, family: int, protocol: int, at: int, end: int, missing: int) -> bool:
    """What the transport header tells; False where it is left."""
    sport = dport = flags = seq = 0
    ack = -1
    payload = at
    if protocol == _TCP:
        if end - at < 20:
            return False
        header = (u8(data, at + 12) >> 4) * 4
        if header < 20 or end - at < header:
            return False
        sport, dport = u16(data, at), u16(data, at + 2)
        seq, flags = u32(data, at + 4), u8(data, at + 13)
        payload = at + header
        if flags & 16:
            ack = u32(data, at + 8)
    elif protocol == _UDP:
        if end - at < 8:
            return False
        sport, dport, length = u16(data, at), u16(data, at + 2), u16(data, at + 4)
        if length and (length < 8 or length > end - at + missing):
            return False
        missing = max(0, length - (end - at))
        if length:
            end = min(end, at + length)
        payload = at + 8
    elif protocol in (_ICMP, _ICMPV6):
        if end - at < 4 or (protocol == _ICMP) != (family == 4):
            return False
        sport = u8(data, at)
        dport = icmp_reply(protocol, sport, u8(data, at + 1))
    elif protocol == _SCTP:
        if end - at < 12:
            return False
        sport, dport = u16(data, at), u16(data, at + 2)
    row[L_FAMILY], row[L_PROTOCOL] = family, protocol
    row[L_SPORT], row[L_DPORT] = sport, dport
    row[L_FLAGS], row[L_SEQ], row[L_ACK] = flags, seq, ack
    row[L_PAYLOAD], row[L_LENGTH], row[L_MISSING] = payload, end - payload, missing
    return True


def segments_of(data: Bytes, linktype: int, start: int, end: int, wire: int, rows: Ints) -> int:
    """How many segments the frame has, outermost first; 0 where it is left to `sensors.decode.frame`, and -1 for an ARP
    packet, whose place stands in the first row as a payload's.

    A tunnel is told by what is inside it; only those over UDP are also segments of their own.
    """
    cut = wire > end - start
    rows[0, L_VLAN] = rows[0, L_INNER_VLAN] = -1
    kind, at = link_of(data, linktype, start, end)
    begin, count = start, 0
    for depth in range(MAX_TUNNELS + 1):
        kind, network = network_of(data, kind, at, end, rows)
        if kind == _IPV4:
            protocol, at, end, missing = behind_ipv4(data, network, end, cut)
        elif kind == _IPV6:
            protocol, at, end, missing = behind_ipv6(data, network, end, cut)
        elif kind == _ARP and depth == 0:
            rows[0, L_PAYLOAD], rows[0, L_LENGTH] = network, end - network
            return -1
        else:
            return 0
        if protocol == _NOTHING:
            return 0
        if protocol == _GRE:
            kind, at = behind_gre(data, at, end)
        elif protocol in (_IPIP, _SIX_IN_FOUR):
            kind = _BARE_IP
        else:
            row = rows[count]
            family = 4 if kind == _IPV4 else 6
            if not fill_upper(data, row, family, protocol, at, end, missing):
                return 0
            row[L_SRC] = network + 12 if family == 4 else network + 8
            row[L_DST] = network + 16 if family == 4 else network + 24
            row[L_DEPTH], row[L_PACKETS], row[L_SIZE] = depth, 1, wire - (begin - start)
            count += 1
            if protocol != _UDP:
                return count
            kind, at = behind_udp(data, int(row[L_SPORT]), int(row[L_DPORT]), at + 8, end)
            if kind == _NO_TUNNEL:
                return count
        begin = at
    return 0


LOOPS = (
    link_of, is_tag, behind, network_of, behind_ipv4, is_extension, behind_ipv6, behind_gre, is_tunnel_port, behind_udp,
    icmp_reply, fill_upper, segments_of,
)  # fmt: skip
