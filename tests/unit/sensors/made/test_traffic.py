import pytest
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from sensors.made import day
from sensors.made.traffic import tcp_frame, udp_frame

ENDS = [("10.1.2.3", "192.0.2.9"), ("2001:db8::1", "2001:db8::2")]


@pytest.mark.parametrize(("src", "dst"), ENDS)
@pytest.mark.parametrize("payload", [b"", b"odd", b"even" * 300])
def test_a_frame_is_the_one_scapy_builds(src: str, dst: str, payload: bytes) -> None:
    network = (IPv6 if ":" in src else IP)(src=src, dst=dst)
    ether = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
    segment = TCP(sport=5, dport=80, flags="PA", seq=7, ack=9)
    tail = Raw(payload) if payload else b""
    assert tcp_frame(src, dst, 5, 80, "PA", 7, 9, payload) == bytes(ether / network / segment / tail)
    assert udp_frame(src, dst, 5, 80, payload) == bytes(ether / network / UDP(sport=5, dport=80) / tail)


def test_the_day_is_the_same_in_every_run() -> None:
    assert day.make_capture(day.PROVINCE_B) == day.make_capture(day.PROVINCE_B)


def test_nine_different_things_are_planted() -> None:
    assert len({planted.kind for planted in day.PLANTED}) == len(day.PLANTED) == 9
    assert {planted.site for planted in day.PLANTED} == set(day.SITES)
