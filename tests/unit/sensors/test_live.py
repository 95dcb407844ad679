from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from ctypes.util import find_library

import pytest

from sensors import open_source
from sensors.live import Wire, capture
from sensors.watch import Stop, stopping, watch
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
        subprocess.run(["ip", "link", "delete", names[0]], check=False, capture_output=True)


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


# --- several at once, counted, ended


def test_two_interfaces_are_captured_at_once_and_open_flows_are_told_at_the_end(veth):
    stop = Stop()
    wires = [Wire(f"iface:{name}") for name in veth]
    events, locations = [], set()
    started = []
    for batch in watch(wires, ORIGIN, stop, started=lambda: started.append(send(veth[1], (query(), False)))):
        if batch is not None:
            events += batch.events
            locations |= {batch.location} if batch.taken else set()
        if locations == {wire.location for wire in wires} and not stop():
            stop.ask(signal.SIGTERM)
    assert started
    flows = [flow for flow in of(events, "flow") if flow.get("destination", {}).get("port") == 53]
    assert len(flows) == 2  # each interface saw it
    assert {flow["vonggac"]["flow"]["end_reason"] for flow in flows} == {"end-of-input"}
    assert len(of(events, "dns")) == 2
    assert all(wire.packets and wire.bytes for wire in wires)


def test_what_the_kernel_had_no_room_for_is_counted_over_all_askings(veth):
    wire = Wire(f"iface:{veth[0]}")
    wire._socket.ins.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    try:
        send(veth[1], *[(query(), False)] * 200)
        first = wire.dropped()
        send(veth[1], *[(query(), False)] * 200)
        assert 0 < first < wire.dropped()
        assert wire.dropped() >= 300
    finally:
        wire.close()
    assert wire.dropped() >= 300


def test_an_interface_that_goes_ends_its_batches_with_the_reason(veth):
    wire = Wire(f"iface:{veth[0]}")
    batches = []
    send(veth[1], (query(), False))
    for batch in wire.batches(ORIGIN, lambda: False):
        batches.append(batch)
        if len(batches) == 1:
            subprocess.run(["ip", "link", "delete", veth[0]], check=True)
    assert [refusal.reason for refusal in batches[-1].refused] == ["interface_gone"]
    assert of([event for batch in batches for event in batch.events], "dns")


def test_a_loop_that_fails_is_told():
    def broken():
        raise RuntimeError("x")
        yield

    stop = Stop()
    with pytest.raises(RuntimeError):
        for _ in watch([], ORIGIN, stop, [broken()]):
            pass


def test_signals_ask_for_an_end_and_a_second_one_insists():
    with stopping() as stop:
        assert not stop()
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop()
        assert stop.exit_code == 0
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    with stopping() as stop:
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.exit_code == 130
