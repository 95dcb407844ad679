from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from sensors.streams import Moment
from sensors.talks.icmp import IcmpTalk
from tests.unit.sensors.wire import CLIENT, MACS, SERVER, of, scapy, sense

s = scapy()


def echo(kind: int, seq: int, size: int = 56) -> object:
    src, dst = (CLIENT, SERVER) if kind == 8 else (SERVER, CLIENT)
    return s.Ether(**MACS) / s.IP(src=src, dst=dst) / s.ICMP(type=kind, id=9, seq=seq) / s.Raw(bytes(size))


def test_an_echo_is_joined_with_its_reply():
    events = sense([echo(8, 1), echo(0, 1), echo(8, 2, 1000)])
    first, second = of(events, "icmp")
    assert first["vonggac"]["icmp"] == {
        "type": 8, "code": 0, "name": "echo-request", "payload_bytes": 56, "id": 9, "sequence": 1,
        "reply": {"payload_bytes": 56},
    }  # fmt: skip
    assert first["event"]["duration"] == 1_000_000
    assert "reply" not in second["vonggac"]["icmp"]
    (flow,) = of(events, "flow")
    assert (flow["source"]["packets"], flow["destination"]["packets"]) == (2, 1)
    assert (flow["network"]["transport"], flow["source"]["ip"]) == ("icmp", CLIENT)


def test_other_messages_are_events_of_their_own():
    packet = s.Ether(**MACS) / s.IP(src=CLIENT, dst=SERVER) / s.ICMP(type=3, code=3) / s.Raw(bytes(28))
    (event,) = of(sense([packet]), "icmp")
    assert event["vonggac"]["icmp"]["name"] == "destination-unreachable"


def test_an_error_tells_whose_packet_it_is_about():
    quoted = s.IP(src=SERVER, dst=CLIENT) / s.UDP(sport=53, dport=40000) / s.Raw(b"x" * 20)
    packet = s.Ether(**MACS) / s.IP(src=CLIENT, dst=SERVER) / s.ICMP(type=3, code=3) / s.Raw(bytes(quoted))
    (event,) = of(sense([packet]), "icmp")
    assert event["vonggac"]["icmp"]["original"] == {
        "transport": "udp",
        "source": {"ip": SERVER, "port": 53},
        "destination": {"ip": CLIENT, "port": 40000},
    }


def test_an_error_of_version_6_tells_too_and_of_a_later_fragment_only_the_ends():
    inner = s.IPv6(src="2001:db8::2", dst="2001:db8::1", nh=6) / s.Raw(b"\x00\x50\x9c\x40")
    packet = (
        s.Ether(**MACS) / s.IPv6(src="2001:db8::1", dst="2001:db8::2") / s.ICMPv6PacketTooBig() / s.Raw(bytes(inner))
    )
    (event,) = of(sense([packet]), "icmp")
    assert event["vonggac"]["icmp"]["original"]["source"] == {"ip": "2001:db8::2", "port": 80}
    later = s.IP(src=SERVER, dst=CLIENT, frag=100, proto=17) / s.Raw(b"\x00\x35\x9c\x40")
    packet = s.Ether(**MACS) / s.IP(src=CLIENT, dst=SERVER) / s.ICMP(type=11) / s.Raw(bytes(later))
    (event,) = of(sense([packet]), "icmp")
    assert event["vonggac"]["icmp"]["original"]["source"] == {"ip": SERVER}


@settings(max_examples=300)
@given(st.binary(max_size=120), st.sampled_from((4, 6)))
def test_no_quoted_bytes_break_it(quoted, version):
    talk = IcmpTalk(version)
    (found,) = talk.data(0, bytes((3 if version == 4 else 1, 0)) + bytes(6) + quoted, Moment(0, 0))
    assert found.fields["vonggac"]["icmp"]["type"] in (1, 3)
