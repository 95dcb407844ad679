from __future__ import annotations

import pytest

from sensors import engine as engine_module
from sensors.base import Lines
from sensors.chunk import Chunk, Packet
from sensors.engine import Engine
from sensors.flows import FlowTable
from sensors.kernel import ACTIVE_NS, CLOSED_IDLE_NS, OTHER_IDLE_NS
from tests.unit.sensors.wire import BEGUN, CLIENT, MACS, ORIGIN, SERVER, of, scapy, sense, tcp, udp

s = scapy()
SECOND = 10**9


def run(frames: list[tuple[float, object]]) -> Engine:
    """An engine that was fed these (second, packet)."""
    engine = Engine(ORIGIN, "f" * 16)
    packets = [
        Packet(index, BEGUN * SECOND + round(at * SECOND), 1, bytes(frame), len(bytes(frame)))
        for index, (at, frame) in enumerate(frames)
    ]
    for _ in engine.feed(Chunk.of(packets)):
        pass
    return engine


def flows(frames: list[tuple[float, object]]) -> list[dict]:
    engine = run(frames)
    list(engine.finish())
    return of(Lines(engine.take()), "flow")


def segment(flags: str, back: bool = False, seq: int = 1000, sport: int = 40001) -> object:
    src, dst, ports = (SERVER, CLIENT, (80, sport)) if back else (CLIENT, SERVER, (sport, 80))
    return s.Ether(**MACS) / s.IP(src=src, dst=dst) / s.TCP(sport=ports[0], dport=ports[1], flags=flags, seq=seq)


def test_both_directions_are_one_flow():
    (flow,) = of(sense(tcp([(0, b"a" * 100), (1, b"b" * 300)])), "flow")
    assert (flow["source"]["ip"], flow["source"]["port"], flow["destination"]["port"]) == (CLIENT, 40001, 8080)
    assert (flow["source"]["packets"], flow["destination"]["packets"]) == (5, 3)
    assert flow["network"]["bytes"] == flow["source"]["bytes"] + flow["destination"]["bytes"] == 8 * 54 + 400
    assert flow["network"]["packets"] == 8
    assert flow["event"]["duration"] == 7_000_000
    assert flow["event"]["start"] < flow["event"]["end"] == flow["@timestamp"]
    assert flow["vonggac"]["flow"]["state"] == "SF"
    assert flow["vonggac"]["flow"]["tcp_flags"] == {"source": "FSPA", "destination": "FSPA"}


STATES = [
    ("S0", [("S", False)]),
    ("REJ", [("S", False), ("RA", True)]),
    ("S1", [("S", False), ("SA", True), ("A", False)]),
    ("S2", [("S", False), ("SA", True), ("FA", False)]),
    ("S3", [("S", False), ("SA", True), ("A", False), ("FA", True)]),
    ("SF", [("S", False), ("SA", True), ("FA", False), ("FA", True)]),
    ("RSTO", [("S", False), ("SA", True), ("R", False)]),
    ("RSTR", [("S", False), ("SA", True), ("A", False), ("R", True)]),
    ("RSTOS0", [("S", False), ("R", False)]),
    ("SH", [("S", False), ("F", False)]),
    ("SHR", [("SA", True), ("FA", True)]),
    ("OTH", [("A", False), ("A", True)]),
]


@pytest.mark.parametrize(("state", "parts"), STATES, ids=[state for state, _ in STATES])
def test_the_state_is_the_one_zeek_would_name(state, parts):
    (flow,) = flows([(0.1 * n, segment(flags, back)) for n, (flags, back) in enumerate(parts)])
    assert flow["vonggac"]["flow"]["state"] == state


def test_a_capture_that_begins_in_the_middle_keeps_the_client_as_source():
    (flow,) = flows([(0, segment("A", back=True)), (1, segment("A"))])
    assert flow["source"]["ip"] == CLIENT


def test_an_idle_flow_ends_in_packet_time():
    engine = run([(0, udp(b"a", dport=7)), (OTHER_IDLE_NS / SECOND + 1, udp(b"b", sport=41000, dport=7))])
    (flow,) = of(Lines(engine.take()), "flow")
    assert (flow["source"]["port"], flow["vonggac"]["flow"]["end_reason"]) == (40000, "idle")


def test_time_that_passes_without_packets_ends_flows_too():
    engine = run([(0, udp(b"a", dport=7))])
    engine.pass_time(BEGUN * SECOND + OTHER_IDLE_NS)
    assert len(of(Lines(engine.take()), "flow")) == 1


def test_a_closed_flow_ends_soon():
    closed = [(0, segment("S")), (0, segment("SA", True)), (0, segment("R"))]
    engine = run([*closed, (CLOSED_IDLE_NS / SECOND + 1, udp(b"b", dport=7))])
    assert [f["vonggac"]["flow"]["end_reason"] for f in of(Lines(engine.take()), "flow")] == ["closed"]


def test_a_new_connection_on_the_same_ports_is_a_new_flow():
    once = [("S", False), ("SA", True), ("R", False)]
    frames = [(0.1 * n, segment(flags, back)) for n, (flags, back) in enumerate(once)]
    found = flows([*frames, (1, segment("S", seq=9000))])
    assert [flow["vonggac"]["flow"]["state"] for flow in found] == ["RSTO", "S0"]
    assert len({flow["event"]["id"] for flow in found}) == 2


def test_a_long_flow_is_reported_in_parts():
    step = ACTIVE_NS / SECOND / 40
    frames = [(n * step, udp(b"x", dport=7)) for n in range(60)]
    found = flows(frames)
    assert [flow["vonggac"]["flow"]["end_reason"] for flow in found] == ["active", "end-of-input"]
    assert sum(flow["network"]["packets"] for flow in found) == 60


def test_a_full_table_ends_the_longest_idle_flow_and_counts_it(monkeypatch):
    monkeypatch.setattr(engine_module, "FlowTable", lambda loops: FlowTable(10, loops))
    engine = run([(0.001 * n, segment("S", sport=1000 + n)) for n in range(25)])
    assert engine.counts["flows_evicted"] == 15
    assert [f["vonggac"]["flow"]["end_reason"] for f in of(Lines(engine.take()), "flow")] == ["evicted"] * 15


def test_vlan_ids_stand_in_the_flow():
    inner = s.IP(src=CLIENT, dst=SERVER) / s.UDP(dport=7)
    frame = s.Ether(**MACS, type=0x88A8) / s.Dot1Q(vlan=7) / s.Dot1Q(vlan=9) / inner
    (flow,) = flows([(0, frame)])
    assert flow["network"]["vlan"]["id"] == "7"
    assert flow["network"]["inner"]["vlan"]["id"] == "9"
