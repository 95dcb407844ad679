"""docs/ecs-fields.md names every field that the native sensor writes."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.sensors.handshake import handshake
from tests.unit.sensors.talks import test_dns, test_http, test_icmp, test_ssh
from tests.unit.sensors.wire import MACS, batches, pcap, scapy, tcp, udp

PAGE = Path(__file__).parents[3] / "docs" / "ecs-fields.md"
s = scapy()


def paths(value: Any, prefix: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from paths(inner, f"{prefix}.{name}" if prefix else name)
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        yield prefix
    else:
        yield prefix


def everything() -> list[Any]:
    ask = test_http.request("/a.php?b=c", "POST", b"d=e", Referer="http://x.vn/", X_Forwarded_For="192.0.2.9",
                            Content_Type="application/x-www-form-urlencoded")  # fmt: skip
    frames = [
        udp(test_dns.query()),
        udp(test_dns.answer(), back=True),
        udp(b"\0\1\1\0\0\1\0\0\0\0\0\0\xc0", sport=41000),
    ]
    frames += tcp([(0, ask), (1, test_http.response(Server="x", Location="/y"))], sport=41001)
    frames += tcp(handshake(ssl.TLSVersion.TLSv1_2), sport=41002)
    frames += tcp([(1, b"SSH-2.0-a\r\n"), (0, b"SSH-2.0-b\r\n"), (0, test_ssh.kexinit())], sport=41003)
    frames += [test_icmp.echo(8, 1), test_icmp.echo(0, 1)]
    inner = s.IP(src="10.1.1.1", dst="10.1.1.2") / s.UDP(dport=7)
    tags = s.Ether(**MACS, type=0x88A8) / s.Dot1Q(vlan=7) / s.Dot1Q(vlan=9)
    frames += [tags / s.IP(src="10.0.0.1", dst="10.0.0.2") / s.GRE() / inner]
    return [event for batch in batches(pcap(map(bytes, frames))) for event in batch.events]


@pytest.fixture(scope="module")
def events() -> list[Any]:
    return everything()


def test_every_field_written_stands_on_the_page(events):
    known = set(re.findall(r"`([@a-z][\w.@]*)`", PAGE.read_text("utf-8")))
    written = {path for event in events for path in paths(event)}
    assert {event["event"]["dataset"] for event in events} >= {
        "flow",
        "dns",
        "http",
        "tls",
        "ssh",
        "icmp",
        "file",
        "anomaly",
    }
    assert written - known == {"dns.answers", "vonggac.tunnel"} - known
