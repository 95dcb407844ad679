from __future__ import annotations

import communityid
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensors.decode.address import address_text, community_id
from sensors.decode.frame import MAX_HEADERS, decode_frame
from tests.unit.sensors.wire import CLIENT, MACS, SERVER, scapy

s = scapy()
PAYLOAD = b"chao cac ban"
V6 = {"src": "2001:db8::1", "dst": "2001:db8::2"}


def ip() -> object:
    return s.IP(src=CLIENT, dst=SERVER)


def udp() -> object:
    return s.UDP(sport=1234, dport=4321) / s.Raw(PAYLOAD)


LINKS = [
    ("ethernet", 1, lambda: s.Ether(**MACS) / ip() / udp()),
    ("ethernet with padding", 1, lambda: bytes(s.Ether(**MACS) / ip() / udp()) + b"\0" * 10),
    ("802.1Q", 1, lambda: s.Ether(**MACS) / s.Dot1Q(vlan=7) / ip() / udp()),
    ("QinQ", 1, lambda: s.Ether(**MACS, type=0x88A8) / s.Dot1Q(vlan=7) / s.Dot1Q(vlan=9) / ip() / udp()),
    ("snap", 1, lambda: s.Dot3(**MACS) / s.LLC() / s.SNAP(code=0x800) / ip() / udp()),
    ("mpls", 1, lambda: s.Ether(**MACS, type=0x8847) / b"\0\x01\x00\x40\0\x01\x11\x40" / ip() / udp()),
    ("pppoe", 1, lambda: s.Ether(**MACS) / s.PPPoE(sessionid=1) / s.PPP(proto=0x21) / ip() / udp()),
    ("raw", 101, lambda: ip() / udp()),
    ("loopback", 0, lambda: b"\2\0\0\0" + bytes(ip() / udp())),
    ("sll", 113, lambda: s.CookedLinux(proto=0x800) / ip() / udp()),
    ("sll2", 276, lambda: s.CookedLinuxV2(proto=0x800) / ip() / udp()),
    ("ppp", 9, lambda: b"\xff\x03\x00\x21" + bytes(ip() / udp())),
    ("ipip", 1, lambda: s.Ether(**MACS) / s.IP(src="10.0.0.1", dst="10.0.0.2") / ip() / udp()),
    (
        "gre",
        1,
        lambda: s.Ether(**MACS) / s.IP(src="10.0.0.1", dst="10.0.0.2") / s.GRE(key_present=1, key=5) / ip() / udp(),
    ),
    (
        "vxlan",
        1,
        lambda: s.Ether(**MACS) / s.IP() / s.UDP(dport=4789) / s.VXLAN(vni=9, flags=8) / s.Ether(**MACS) / ip() / udp(),
    ),
    ("gtp", 1, lambda: s.Ether(**MACS) / s.IP() / s.UDP(dport=2152) / gtp(0x30, b"", bytes(ip() / udp()))),
    (
        "gtp with a sequence number and an extension header",
        1,
        lambda: (
            s.Ether(**MACS) / s.IP() / s.UDP(dport=2152) / gtp(0x36, b"\0\1\0\x85" + b"\1\0\0\0", bytes(ip() / udp()))
        ),
    ),
]


def gtp(flags, options, inner):
    return s.Raw(bytes((flags, 0xFF)) + len(options + inner).to_bytes(2) + b"\0\0\0\x09" + options + inner)


@pytest.mark.parametrize("before", [b"", b"\0\1\0\0" + bytes(9), b"\0\0" + bytes(6)])
def test_teredo_leads_to_the_ipv6_packet_inside(before):
    inner = bytes(s.IPv6(**V6) / udp())
    data = bytes(s.Ether(**MACS) / ip() / s.UDP(sport=40000, dport=3544) / s.Raw(before + inner))
    outer, segment = decode_frame(1, data, len(data)).segments
    assert (outer.dport, address_text(segment.src), segment.payload) == (3544, "2001:db8::1", PAYLOAD)
    assert segment.outer[0][0] == "teredo"


@pytest.mark.parametrize(("name", "linktype", "build"), LINKS, ids=[name for name, _, _ in LINKS])
def test_every_link_leads_to_the_same_datagram(name, linktype, build):
    data = bytes(build())
    frame = decode_frame(linktype, data, len(data))
    assert frame.fault is None
    segment = frame.segments[-1]
    assert (address_text(segment.src), address_text(segment.dst)) == (CLIENT, SERVER)
    assert (segment.protocol, segment.sport, segment.dport, segment.payload) == (17, 1234, 4321, PAYLOAD)


def test_vlan_tags_are_kept_from_the_outside_in():
    data = bytes(s.Ether(**MACS, type=0x88A8) / s.Dot1Q(vlan=7) / s.Dot1Q(vlan=9) / ip() / udp())
    assert decode_frame(1, data, len(data)).vlans == (7, 9)


def test_a_tunnel_keeps_its_outer_addresses():
    data = bytes(s.Ether(**MACS) / s.IP(src="10.0.0.1", dst="10.0.0.2") / s.GRE() / ip() / udp())
    (segment,) = decode_frame(1, data, len(data)).segments
    assert [(kind, address_text(a), address_text(b)) for kind, a, b in segment.outer] == [
        ("gre", "10.0.0.1", "10.0.0.2")
    ]


def test_erspan_tells_the_vlan_it_mirrored_and_the_inner_size():
    inner = bytes(s.Ether(**MACS) / ip() / udp())
    gre = b"\x10\x00\x88\xbe\0\0\0\1" + b"\x10\x17\0\0\0\0\0\0"
    data = bytes(s.Ether(**MACS) / s.IP(src="10.0.0.1", dst="10.0.0.2", proto=47) / s.Raw(gre + inner))
    frame = decode_frame(1, data, len(data))
    assert frame.vlans == (23,)
    assert [segment.size for segment in frame.segments] == [len(inner)]


def test_ipv6_extension_headers_are_passed():
    head = s.IPv6(**V6) / s.IPv6ExtHdrHopByHop() / s.IPv6ExtHdrRouting() / s.IPv6ExtHdrDestOpt()
    data = bytes(s.Ether(**MACS) / head / udp())
    (segment,) = decode_frame(1, data, len(data)).segments
    assert (address_text(segment.src), segment.payload) == ("2001:db8::1", PAYLOAD)


@pytest.mark.parametrize("flags", ["S", "SA", "FA", "R", "PA"])
def test_tcp_fields_agree_with_scapy(flags):
    packet = (
        s.Ether(**MACS) / ip() / s.TCP(sport=5, dport=6, seq=2**32 - 1, ack=77, flags=flags, options=[("MSS", 1460)])
    )
    data = bytes(packet / s.Raw(PAYLOAD))
    (segment,) = decode_frame(1, data, len(data)).segments
    assert (segment.seq, segment.ack, segment.flags) == (2**32 - 1, 77, int(s.TCP(flags=flags).flags))
    assert segment.payload == PAYLOAD


def test_a_fragment_is_no_segment():
    data = bytes(s.Ether(**MACS) / s.IP(src=CLIENT, dst=SERVER, frag=2, flags="MF", proto=17) / s.Raw(PAYLOAD))
    frame = decode_frame(1, data, len(data))
    assert not frame.segments
    assert [(f.offset, f.more, f.payload) for f in frame.fragments] == [(16, True, PAYLOAD)]


def test_what_the_capture_cut_off_is_missing_and_no_fault():
    data = bytes(s.Ether(**MACS) / ip() / s.TCP() / s.Raw(b"x" * 500))
    frame = decode_frame(1, data[:100], len(data))
    assert frame.fault is None
    assert frame.segments[0].missing == len(data) - 100


BROKEN = [
    ("version", lambda d: d[:14] + b"\x55" + d[15:], "ipv4", "version"),
    ("header length", lambda d: d[:14] + b"\x44" + d[15:], "ipv4", "header_length"),
    ("total length", lambda d: d[:16] + b"\xff\xff" + d[18:], "ipv4", "length_beyond_frame"),
    ("udp length", lambda d: d[:38] + b"\xff\xff" + d[40:], "udp", "length"),
    ("short", lambda d: d[:10], "ethernet", "header_short"),
]


@pytest.mark.parametrize(("name", "spoil", "layer", "reason"), BROKEN, ids=[row[0] for row in BROKEN])
def test_a_broken_header_is_named(name, spoil, layer, reason):
    data = spoil(bytes(s.Ether(**MACS) / ip() / udp()))
    fault = decode_frame(1, data, len(data)).fault
    assert fault is not None
    assert (fault.layer, fault.reason) == (layer, reason)
    assert fault.__traceback__ is None  # it would keep a window of the capture as long as the fault is kept


def test_endless_vlan_tags_end():
    data = bytes(s.Ether(**MACS, type=0x8100)) + b"\0\1\x81\0" * (MAX_HEADERS * 4)
    fault = decode_frame(1, data, len(data)).fault
    assert fault is not None
    assert fault.reason == "too_many_headers"


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(LINKS), st.integers(0, 80), st.binary(max_size=120))
def test_no_bytes_make_the_decoder_raise(link, keep, tail):
    data = bytes(link[2]())[:keep] + tail
    decode_frame(link[1], data, len(data))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200), st.sampled_from([0, 1, 9, 50, 101, 108, 113, 276, 9999]))
def test_no_garbage_makes_the_decoder_raise(data, linktype):
    decode_frame(linktype, data, len(data))


ADDRESSES = st.sampled_from(["10.0.0.1", "10.0.0.2", "192.0.2.1", "2001:db8::1", "fe80::1"])


@settings(max_examples=200, deadline=None)
@given(ADDRESSES, ADDRESSES, st.sampled_from([6, 17, 132]), st.integers(0, 65535), st.integers(0, 65535))
def test_community_id_agrees_with_the_reference(src, dst, protocol, sport, dport):
    from ipaddress import ip_address

    a, b = ip_address(src).packed, ip_address(dst).packed
    if len(a) != len(b):
        return
    oracle = communityid.CommunityID().calc(communityid.FlowTuple(protocol, src, dst, sport, dport))
    assert community_id(a, b, protocol, sport, dport) == oracle
    assert community_id(b, a, protocol, dport, sport) == oracle
