from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from ctypes.util import find_library

import pytest

from sensors import open_source
from sensors.live import capture
from tests.unit.sensors.talks.test_dns import answer, query
from tests.unit.sensors.wire import ORIGIN, of, scapy
from vonggac.errors import UnknownInput, UsageRefused


@pytest.fixture
def veth() -> Iterator[tuple[str, str]]:
    """A pair of connected interfaces of our own."""
    if os.geteuid() != 0:
        pytest.skip("live capture needs root (CAP_NET_RAW)")
    if shutil.which("ip") is None:
        pytest.skip("there is no ip command to make interfaces with")
    names = (f"vg{os.getpid() % 100000}a", f"vg{os.getpid() % 100000}b")
    made = subprocess.run(
        ["ip", "link", "add", names[0], "type", "veth", "peer", "name", names[1]], capture_output=True
    )
    if made.returncode != 0:
        pytest.skip(f"no interface can be made here: {made.stderr.decode().strip()}")
    try:
        for name in names:
            subprocess.run(["ip", "link", "set", name, "up"], check=True)
        scapy().conf.ifaces.reload()
        yield names
    finally:
        subprocess.run(["ip", "link", "delete", names[0]], check=True)


def send(interface: str, *payloads: tuple[bytes, bool]) -> None:
    from tests.unit.sensors.wire import udp

    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as wire:
        wire.bind((interface, 0))
        for payload, back in payloads:
            wire.send(bytes(udp(payload, back=back)))


def test_packets_on_the_wire_become_events(veth):
    near, far = veth
    done = False
    batches = capture(f"iface:{near}", ORIGIN, stop=lambda: done)
    send(far, (query(), False), (answer(), True))
    events = []
    for batch in batches:
        events += batch.events
        done = done or bool(of(batch.events, "dns"))
    dns, flows = of(events, "dns"), of(events, "flow")
    assert [event["dns"]["type"] for event in dns] == ["answer"]
    assert dns[0]["@timestamp"] >= "2026"
    assert dns[0]["flow"]["id"] in {flow["event"]["id"] for flow in flows}


@pytest.mark.skipif(find_library("pcap") is None, reason="BPF filters need libpcap on this machine")
def test_a_filter_lets_only_its_packets_through(veth):
    done = False
    batches = capture(f"iface:{veth[0]}", ORIGIN, bpf="udp and host 198.51.100.20", stop=lambda: done)
    send(veth[1], (query(), False), (answer(), True))
    taken = 0
    for batch in batches:
        taken += batch.taken
        done = taken >= 2
    assert taken == 2


@pytest.mark.skipif(find_library("pcap") is None, reason="BPF filters need libpcap on this machine")
def test_a_filter_that_is_none_is_refused(veth):
    with pytest.raises(UsageRefused, match="bad_filter"):
        capture(f"iface:{veth[0]}", ORIGIN, bpf="this is no filter")


def test_a_filter_without_libpcap_says_what_is_missing(monkeypatch):
    monkeypatch.setattr("sensors.live.find_library", lambda name: None)
    with pytest.raises(UsageRefused, match="filter_needs_libpcap"):
        capture("iface:lo", ORIGIN, bpf="udp")


def test_an_interface_that_does_not_exist_is_named():
    with pytest.raises(UnknownInput) as caught:
        open_source("iface:nothing0", ORIGIN)
    assert (caught.value.key, caught.value.facts["interface"]) == ("interface_missing", "nothing0")
