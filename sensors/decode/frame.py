"""One captured frame: link, VLANs, tunnels, IP and transport headers, down to payloads.

Pure: bytes in, a Frame out. A frame that breaks its format keeps what was understood before the break, and the fault.
Checksums are not verified: captures on the sending host hold them unfinished.
"""

from __future__ import annotations

from struct import Struct, unpack_from
from typing import NamedTuple

from sensors.decode.address import ICMP, ICMP_PAIRS, ICMPV6, ICMPV6_PAIRS, SCTP, TCP, UDP
from sensors.decode.fault import Undecodable

#: The most headers (tags, labels, extension headers, tunnels) followed in one frame.
MAX_HEADERS = 32

_IPV4 = Struct("!BBHHHBB2x4s4s")
_IPV6 = Struct("!IHBB16s16s")
_TCP = Struct("!HHIIBB")
_UDP = Struct("!HHH")
_U16 = Struct("!H")

_ARP = (0x0806, 0x8035)
_VLAN_TAGS = frozenset((0x8100, 0x88A8, 0x9100, 0x9200))
_V6_EXTENSIONS = frozenset((0, 43, 60, 135, 139, 140))
_GRE, _IPIP, _SIX_IN_FOUR, _FRAGMENT, _AH, _NO_NEXT = 47, 4, 41, 44, 51, 59
_VXLAN_PORT, _VXLAN_GPE_PORT, _GENEVE_PORT, _GTP_PORT, _TEREDO_PORT = 4789, 4790, 6081, 2152, 3544
#: UDP ports behind which another packet is looked for; also `sensors.loops.frames.is_tunnel_port`.
TUNNEL_PORTS = frozenset((_VXLAN_PORT, _VXLAN_GPE_PORT, _GENEVE_PORT, _GTP_PORT, _TEREDO_PORT))


class Segment(NamedTuple):
    """One transport unit. For ICMP `sport` and `dport` are type and reply type (or code), as Community ID has it."""

    src: bytes
    dst: bytes
    protocol: int
    sport: int
    dport: int
    payload: bytes
    missing: int  # payload bytes the capture cut off
    seq: int
    ack: int
    flags: int  # TCP flags, RFC 9293 §3.1; 0 for others
    depth: int  # how many tunnels it came through
    outer: tuple[tuple[str, bytes, bytes], ...]  # (tunnel kind, source, destination), outermost first
    size: int  # bytes on the wire of its innermost packet, from that one's link header (or IP header) on


class Fragment(NamedTuple):
    """A piece of an IP datagram (RFC 791 §3.2, RFC 8200 §4.5). `offset` in bytes."""

    key: tuple[bytes, bytes, int, int]  # source, destination, identification, protocol (IPv6: 0)
    protocol: int
    offset: int
    more: bool
    payload: bytes
    depth: int
    outer: tuple[tuple[str, bytes, bytes], ...]
    size: int  # as in Segment


class Frame(NamedTuple):
    segments: list[Segment]
    fragments: list[Fragment]
    vlans: tuple[int, ...]
    skipped: str  # what the frame holds that has no IP in it ("ethertype_0x0806"); empty when it has
    fault: Undecodable | None
    arp: bytes | None = None  # an ARP packet


class _Walk:
    """What has been found so far in one frame."""

    __slots__ = (
        "arp",
        "begin",
        "cut",
        "data",
        "depth",
        "fragments",
        "headers",
        "outer",
        "segments",
        "size",
        "skipped",
        "vlans",
    )

    def __init__(self, data: bytes, wire_length: int) -> None:
        self.data = data
        self.cut = wire_length > len(data)  # the capture holds less than was on the wire
        self.begin = 0  # where the innermost packet begins, and its size on the wire from there
        self.size = wire_length
        self.depth = 0
        self.headers = 0
        self.outer: tuple[tuple[str, bytes, bytes], ...] = ()
        self.segments: list[Segment] = []
        self.fragments: list[Fragment] = []
        self.vlans: tuple[int, ...] = ()
        self.skipped = ""
        self.arp: bytes | None = None

    def need(self, layer: str, at: int, end: int, size: int) -> None:
        if at + size > end:
            raise Undecodable(layer, at, "header_cut" if self.cut else "header_short")

    def header(self, layer: str, at: int) -> None:
        self.headers += 1
        if self.headers > MAX_HEADERS:
            raise Undecodable(layer, at, "too_many_headers")


def decode_frame(linktype: int, data: bytes, wire_length: int) -> Frame:
    """The frame of a capture record of that link type (LINKTYPE_ registry of tcpdump.org). Raises nothing."""
    walk = _Walk(data, wire_length)
    fault = None
    try:
        _link(walk, linktype)
    except Undecodable as found:
        # A traceback would keep this call, and with the packet a whole window of the capture.
        fault = found.with_traceback(None)
    return Frame(walk.segments, walk.fragments, walk.vlans, walk.skipped, fault, walk.arp)


def decode_datagram(fragment: Fragment, payload: bytes, wire_bytes: int) -> Frame:
    """The frame of a datagram put together from its fragments (`wire_bytes` in all); `payload` is what follows IP."""
    walk = _Walk(payload, len(payload))
    walk.size = wire_bytes
    walk.depth, walk.outer = fragment.depth, fragment.outer
    src, dst = fragment.key[:2]
    fault = None
    try:
        _upper(walk, src, dst, fragment.protocol, 0, len(payload), 0)
    except Undecodable as found:
        fault = found.with_traceback(None)
    return Frame(walk.segments, walk.fragments, (), walk.skipped, fault)


def _link(walk: _Walk, linktype: int) -> None:
    data, end = walk.data, len(walk.data)
    if linktype == 1:
        _ethernet(walk, 0, end)
    elif linktype in (12, 14, 101, 228, 229):
        _bare_ip(walk, 0, end)
    elif linktype == 113:  # LINKTYPE_LINUX_SLL
        walk.need("sll", 0, end, 16)
        _network(walk, _U16.unpack_from(data, 14)[0], 16, end)
    elif linktype == 276:  # LINKTYPE_LINUX_SLL2
        walk.need("sll2", 0, end, 20)
        _network(walk, _U16.unpack_from(data, 0)[0], 20, end)
    elif linktype in (0, 108):  # BSD loopback: an address family, whose numbers differ by system; the version tells
        walk.need("loopback", 0, end, 4)
        _bare_ip(walk, 4, end)
    elif linktype in (9, 50):  # PPP, with or without HDLC framing
        _ppp(walk, 2 if data[:2] == b"\xff\x03" else 0, end)
    else:
        walk.skipped = f"linktype_{linktype}"


def _ethernet(walk: _Walk, at: int, end: int) -> None:
    walk.need("ethernet", at, end, 14)
    _network(walk, _U16.unpack_from(walk.data, at + 12)[0], at + 14, end)


def _bare_ip(walk: _Walk, at: int, end: int) -> None:
    walk.need("ip", at, end, 1)
    version = walk.data[at] >> 4
    if version == 4:
        _ipv4(walk, at, end)
    elif version == 6:
        _ipv6(walk, at, end)
    else:
        walk.skipped = f"ip_version_{version}"


def _ppp(walk: _Walk, at: int, end: int) -> None:
    walk.need("ppp", at, end, 2)
    protocol, at = _U16.unpack_from(walk.data, at)[0], at + 2
    if protocol in (0x0021, 0x0057):
        _bare_ip(walk, at, end)
    else:
        walk.skipped = f"ppp_0x{protocol:04x}"


def _network(walk: _Walk, ethertype: int, at: int, end: int) -> None:
    """Follow tags and labels to IP."""
    data = walk.data
    while True:
        if ethertype == 0x0800:
            return _ipv4(walk, at, end)
        if ethertype == 0x86DD:
            return _ipv6(walk, at, end)
        walk.header("ethernet", at)
        if ethertype in _VLAN_TAGS:
            walk.need("vlan", at, end, 4)
            tag, ethertype = unpack_from("!HH", data, at)
            walk.vlans += (tag & 0x0FFF,)
            at += 4
        elif ethertype in (0x8847, 0x8848):
            return _mpls(walk, at, end)
        elif ethertype == 0x8864:
            walk.need("pppoe", at, end, 6)
            return _ppp(walk, at + 6, end)
        elif ethertype in _ARP:
            walk.arp = data[at:end]
            return None
        elif ethertype < 0x0600:  # an IEEE 802.3 length: LLC follows, IP only behind SNAP
            if data[at : at + 6] != b"\xaa\xaa\x03\0\0\0":
                walk.skipped = "llc"
                return None
            walk.need("snap", at, end, 8)
            ethertype, at = _U16.unpack_from(data, at + 6)[0], at + 8
        else:
            walk.skipped = f"ethertype_0x{ethertype:04x}"
            return None


def _mpls(walk: _Walk, at: int, end: int) -> None:
    """Labels down to the bottom of the stack; then IP by its version, or a pseudowire (RFC 3032, RFC 4385)."""
    bottom = False
    while not bottom:
        walk.header("mpls", at)
        walk.need("mpls", at, end, 4)
        bottom = bool(walk.data[at + 2] & 1)
        at += 4
    walk.need("mpls", at, end, 1)
    version = walk.data[at] >> 4
    if version in (4, 6):
        _bare_ip(walk, at, end)
    else:
        _ethernet(walk, at + 4 if version == 0 else at, end)


def _ipv4(walk: _Walk, at: int, end: int) -> None:
    walk.header("ipv4", at)
    walk.need("ipv4", at, end, 20)
    first, _, total, ident, fragment, _, protocol, src, dst = _IPV4.unpack_from(walk.data, at)
    header = (first & 15) * 4
    if first >> 4 != 4:
        raise Undecodable("ipv4", at, "version")
    if header < 20:
        raise Undecodable("ipv4", at, "header_length")
    if total == 0:  # segmentation offload: the length did not fit
        total = end - at
    if total < header:
        raise Undecodable("ipv4", at + 2, "total_length")
    walk.need("ipv4", at, end, header)
    missing = max(0, at + total - end)
    if missing and not walk.cut:
        raise Undecodable("ipv4", at + 2, "length_beyond_frame")
    start, end = at + header, min(end, at + total)
    if fragment & 0x3FFF:
        offset = (fragment & 0x1FFF) * 8
        piece = Fragment(
            (src, dst, ident, protocol),
            protocol,
            offset,
            bool(fragment & 0x2000),
            walk.data[start:end],
            walk.depth,
            walk.outer,
            walk.size,
        )
        return walk.fragments.append(piece)
    return _upper(walk, src, dst, protocol, start, end, missing)


def _ipv6(walk: _Walk, at: int, end: int) -> None:
    """RFC 8200 §3, extension headers §4, in any order and number up to MAX_HEADERS."""
    walk.header("ipv6", at)
    walk.need("ipv6", at, end, 40)
    first, length, following, _, src, dst = _IPV6.unpack_from(walk.data, at)
    if first >> 28 != 6:
        raise Undecodable("ipv6", at, "version")
    total = 40 + length if length else end - at
    missing = max(0, at + total - end)
    if missing and not walk.cut:
        raise Undecodable("ipv6", at + 4, "length_beyond_frame")
    start, end = at + 40, min(end, at + total)
    while following in _V6_EXTENSIONS or following == _AH:
        walk.header("ipv6", start)
        walk.need("ipv6", start, end, 8)
        size = (walk.data[start + 1] + 2) * 4 if following == _AH else (walk.data[start + 1] + 1) * 8
        walk.need("ipv6", start, end, size)
        following, start = walk.data[start], start + size
    if following == _FRAGMENT:
        walk.need("ipv6", start, end, 8)
        following, offset, ident = unpack_from("!BxHI", walk.data, start)
        start += 8
        if offset & 0xFFF9:  # an atomic fragment (RFC 6946) is whole already
            piece = Fragment(
                (src, dst, ident, 0),
                following,
                offset & 0xFFF8,
                bool(offset & 1),
                walk.data[start:end],
                walk.depth,
                walk.outer,
                walk.size,
            )
            return walk.fragments.append(piece)
    return _upper(walk, src, dst, following, start, end, missing)


def _upper(walk: _Walk, src: bytes, dst: bytes, protocol: int, at: int, end: int, missing: int) -> None:
    data = walk.data
    if protocol == TCP:
        walk.need("tcp", at, end, 20)
        sport, dport, seq, ack, size, flags = _TCP.unpack_from(data, at)
        header = (size >> 4) * 4
        if header < 20:
            raise Undecodable("tcp", at + 12, "data_offset")
        walk.need("tcp", at, end, header)
        payload = data[at + header : end]
    elif protocol == UDP:
        walk.need("udp", at, end, 8)
        sport, dport, length = _UDP.unpack_from(data, at)
        seq = ack = flags = 0
        if length and (length < 8 or length > end - at + missing):
            raise Undecodable("udp", at + 4, "length")
        payload = data[at + 8 : min(end, at + length) if length else end]
        missing = max(0, length - (end - at))
    elif protocol in (ICMP, ICMPV6):
        layer = "icmp" if protocol == ICMP else "icmpv6"
        walk.need(layer, at, end, 4)
        kind, code = data[at], data[at + 1]
        pairs = ICMP_PAIRS if protocol == ICMP else ICMPV6_PAIRS
        sport, dport = kind, pairs.get(kind, code)
        seq = ack = flags = 0
        payload = data[at:end]
    else:
        return _other(walk, src, dst, protocol, at, end, missing)
    segment = Segment(
        src, dst, protocol, sport, dport, payload, missing, seq, ack, flags, walk.depth, walk.outer, walk.size
    )
    walk.segments.append(segment)
    if protocol == UDP and (dport in TUNNEL_PORTS or sport == _TEREDO_PORT):
        _udp_tunnel(walk, segment, at + 8, end)
    return None


def _other(walk: _Walk, src: bytes, dst: bytes, protocol: int, at: int, end: int, missing: int) -> None:
    """A protocol that is counted as a flow only, or a tunnel."""
    sport = dport = 0
    if protocol == SCTP:
        walk.need("sctp", at, end, 12)
        sport, dport = unpack_from("!HH", walk.data, at)
    segment = Segment(
        src, dst, protocol, sport, dport, walk.data[at:end], missing, 0, 0, 0, walk.depth, walk.outer, walk.size
    )
    known = len(walk.segments) + len(walk.fragments)
    try:
        if protocol == _GRE:
            _gre(walk, src, dst, at, end)
        elif protocol in (_IPIP, _SIX_IN_FOUR):
            _enter(walk, "ipip" if protocol == _IPIP else "6in4", src, dst, at)
            _bare_ip(walk, at, end)
    finally:
        # A tunnel is told by the flows inside it; where nothing is found there, it is a flow of its own.
        if len(walk.segments) + len(walk.fragments) == known:
            walk.segments.append(segment)


def _enter(walk: _Walk, kind: str, src: bytes, dst: bytes, start: int) -> None:
    """What begins at `start` is inside a tunnel between these addresses."""
    walk.depth += 1
    walk.size -= start - walk.begin
    walk.begin = start
    walk.outer += ((kind, src, dst),)


def _udp_tunnel(walk: _Walk, segment: Segment, at: int, end: int) -> None:
    """VXLAN (RFC 7348 §5), VXLAN-GPE (draft-ietf-nvo3-vxlan-gpe §3), GENEVE (RFC 8926 §3.4), GTP-U and Teredo, where
    it is one."""
    if segment.dport == _GTP_PORT:
        return _gtp(walk, segment, at, end)
    if _TEREDO_PORT in (segment.sport, segment.dport):
        return _teredo(walk, segment, at, end)
    head = walk.data[at : at + 8]
    if len(head) < 8:
        return None
    if segment.dport == _VXLAN_PORT and head[0] & 0x08 and end - at >= 8 + 14:
        _enter(walk, "vxlan", segment.src, segment.dst, at + 8)
        _ethernet(walk, at + 8, end)
    elif segment.dport == _VXLAN_GPE_PORT and head[0] & 0x0C == 0x0C and head[3] in (1, 2, 3):
        _enter(walk, "vxlan-gpe", segment.src, segment.dst, at + 8)
        (_ethernet if head[3] == 3 else _bare_ip)(walk, at + 8, end)
    elif segment.dport == _GENEVE_PORT and head[0] >> 6 == 0:
        kind, start = _U16.unpack_from(head, 2)[0], at + 8 + (head[0] & 0x3F) * 4
        _enter(walk, "geneve", segment.src, segment.dst, start)
        if kind == 0x6558:
            _ethernet(walk, start, end)
        else:
            _network(walk, kind, start, end)
    return None


def _gtp(walk: _Walk, segment: Segment, at: int, end: int) -> None:
    """GTP-U's G-PDU (3GPP TS 29.281 §5.1): a user's IP packet behind optional fields and extension headers."""
    data = walk.data
    if end - at < 8 or data[at] >> 4 != 3 or data[at + 1] != 0xFF:
        return
    start, following = at + 8, 0
    if data[at] & 7:
        walk.need("gtp", start, end, 4)
        following, start = data[start + 3] if data[at] & 4 else 0, start + 4
    while following:
        walk.header("gtp", start)
        walk.need("gtp", start, end, 4)
        size = data[start] * 4
        if not size:
            raise Undecodable("gtp", start, "extension_length")
        walk.need("gtp", start, end, size)
        following, start = data[start + size - 1], start + size
    if start < end and data[start] >> 4 in (4, 6):
        _enter(walk, "gtp", segment.src, segment.dst, start)
        _bare_ip(walk, start, end)


def _teredo(walk: _Walk, segment: Segment, at: int, end: int) -> None:
    """Teredo (RFC 4380 §5.1.1): IPv6 behind an optional authentication and an optional origin indication."""
    data = walk.data
    if data[at : at + 2] == b"\0\1" and end - at >= 4:
        at += 4 + data[at + 2] + data[at + 3] + 9
    if data[at : at + 2] == b"\0\0":
        at += 8
    if end - at >= 40 and data[at] >> 4 == 6 and _U16.unpack_from(data, at + 4)[0] == end - at - 40:
        _enter(walk, "teredo", segment.src, segment.dst, at)
        _ipv6(walk, at, end)


def _gre(walk: _Walk, src: bytes, dst: bytes, at: int, end: int) -> None:
    """GRE (RFC 2784, RFC 2890), PPTP's version 1 (RFC 2637 §4.1) and ERSPAN I to III inside it."""
    walk.need("gre", at, end, 4)
    flags, kind = unpack_from("!HH", walk.data, at)
    if flags & 0x4000:
        raise Undecodable("gre", at, "source_routing")
    start = at + 4 + 4 * bool(flags & 0x8000) + 4 * bool(flags & 0x2000) + 4 * bool(flags & 0x1000)
    if flags & 7 == 1:
        start += 4 * bool(flags & 0x0080)
    walk.need("gre", at, end, start - at)
    if start == end:
        return
    start, name = _gre_payload(walk, kind, flags, start, end)
    _enter(walk, name, src, dst, start)
    if name == "erspan" or kind == 0x6558:
        _ethernet(walk, start, end)
    elif kind == 0x880B:
        _ppp(walk, start + 2 if walk.data[start : start + 2] == b"\xff\x03" else start, end)
    else:
        _network(walk, kind, start, end)


def _gre_payload(walk: _Walk, kind: int, flags: int, start: int, end: int) -> tuple[int, str]:
    """Where what GRE carries begins, behind ERSPAN's own header where there is one, and the tunnel's name."""
    if kind == 0x88BE and not flags & 0x1000:  # ERSPAN I has no header
        return start, "erspan"
    if kind not in (0x88BE, 0x22EB):
        return start, "gre"
    walk.need("erspan", start, end, 8 if kind == 0x88BE else 12)
    vlan = _U16.unpack_from(walk.data, start)[0] & 0x0FFF
    if vlan:
        walk.vlans += (vlan,)
    if kind == 0x88BE:
        return start + 8, "erspan"
    return start + (20 if walk.data[start + 11] & 1 else 12), "erspan"
