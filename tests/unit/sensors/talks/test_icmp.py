from __future__ import annotations

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
