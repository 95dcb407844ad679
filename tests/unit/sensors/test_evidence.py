from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest

from sensors import open_source
from sensors.chunk import Chunk, Packet
from sensors.compiled import Loops
from sensors.decode.address import address_text
from sensors.evidence import Found, Ring, Wanted, packets_of
from sensors.made import day
from sensors.pcap import chunks
from tests.unit.sensors.wire import BEGUN, CLIENT, MACS, ORIGIN, SERVER, batches, of, pcap, scapy, tcp, udp
from vonggac.domain.event import Document
from vonggac.domain.times import parse_instant

s = scapy()
AGE = 10**9 * 86_400 * 365 * 100


def keep(folder: Path, capture: bytes, *, max_bytes: int = 1 << 30, file_bytes: int = 64 << 20) -> list[Document]:
    """The events of a capture whose packets went into a ring."""
    path = folder / "in.pcap"
    path.write_bytes(capture)
    ring = Ring(folder / "ring", max_bytes, AGE, file_bytes)
    events = [event for batch in open_source(str(path), replace(ORIGIN, ring=ring)) for event in batch.events]
    ring.close()
    return events


def wanted(flow: Document) -> Wanted:
    """What to ask for a flow's event."""
    import ipaddress

    ends = [ipaddress.ip_address(flow[side]["ip"]).packed for side in ("source", "destination")]
    ports = [flow[side].get("port", 0) for side in ("source", "destination")]
    begin, end = (int(parse_instant(flow["event"][name]).timestamp() * 10**6) * 1000 for name in ("start", "end"))
    return Wanted(*ends, int(flow["network"]["iana_number"]), *ports, begin, end + 999)


def frames_in(found: Found) -> list[bytes]:
    return [
        bytes(chunk.data[start : start + length])
        for chunk in chunks(io.BytesIO(found.pcap), "", Loops())
        for start, length in zip(chunk.starts, chunk.lengths, strict=True)
    ]


def test_every_flow_of_a_day_leads_back_to_exactly_its_packets(tmp_path: Path):
    events = keep(tmp_path, day.make_capture(day.PROVINCE_A))
    flows = [flow for flow in of(events, "flow") if flow["network"]["transport"] in ("tcp", "udp")]
    assert len(flows) > 500
    for flow in flows[::20]:
        found = packets_of([tmp_path / "ring"], [wanted(flow)])
        assert found.packets == flow["network"]["packets"]
        assert found.verified == found.segments > 0
        again = of([event for batch in batches(found.pcap) for event in batch.events], "flow")
        assert [each["network"]["community_id"] for each in again] == [flow["network"]["community_id"]]
        assert again[0]["network"]["bytes"] == flow["network"]["bytes"]


def test_the_fragments_of_a_datagram_belong_to_its_flow(tmp_path: Path):
    message = s.Ether(**MACS) / s.IP(src=CLIENT, dst=SERVER, id=7) / s.UDP(sport=5, dport=7) / s.Raw(bytes(200))
    other = s.Ether(**MACS) / s.IP(src=CLIENT, dst=SERVER, id=8) / s.UDP(sport=6, dport=7) / s.Raw(bytes(200))
    parts = [bytes(part) for part in s.fragment(message, fragsize=64)]
    events = keep(tmp_path, pcap([*parts, *map(bytes, s.fragment(other, fragsize=64))]))
    flow = next(flow for flow in of(events, "flow") if flow["source"]["port"] == 5)
    asked = wanted(flow)._replace(begin_ns=BEGUN * 10**9)
    assert frames_in(packets_of([tmp_path / "ring"], [asked])) == parts


def test_a_flow_inside_a_tunnel_leads_to_the_packets_that_carried_it(tmp_path: Path):
    inner = s.IP(src=CLIENT, dst=SERVER) / s.UDP(sport=5, dport=7) / s.Raw(b"abc")
    frame = bytes(s.Ether(**MACS) / s.IP(src="10.0.0.1", dst="10.0.0.2") / s.GRE() / inner)
    (flow,) = of(keep(tmp_path, pcap([frame, bytes(udp(b"x", dport=9))])), "flow")[:1]
    assert frames_in(packets_of([tmp_path / "ring"], [wanted(flow)])) == [frame]


def test_the_oldest_packets_go_when_the_budget_is_full(tmp_path: Path):
    frames = [bytes(udp(bytes(1000), sport=1024 + n, dport=7)) for n in range(9_000)]
    events = keep(tmp_path, pcap(frames), max_bytes=6 << 20, file_bytes=1 << 20)
    first, last = of(events, "flow")[0], of(events, "flow")[-1]
    assert packets_of([tmp_path / "ring"], [wanted(first)]).packets == 0
    assert packets_of([tmp_path / "ring"], [wanted(last)]).packets == 1
    assert sum(path.stat().st_size for path in (tmp_path / "ring").iterdir()) <= 6 << 20


@pytest.mark.parametrize("lost", [1, 40])
def test_what_a_kill_cut_off_is_left_and_the_rest_is_found(tmp_path: Path, lost: int):
    frames = [bytes(udp(b"x", sport=1024 + n, dport=7)) for n in range(5_000)]
    events = keep(tmp_path, pcap(frames))
    (index,) = (tmp_path / "ring").glob("*.index")
    index.write_bytes(index.read_bytes()[:-lost])
    first, last = of(events, "flow")[0], of(events, "flow")[-1]
    assert packets_of([tmp_path / "ring"], [wanted(first)]).packets == 1
    assert packets_of([tmp_path / "ring"], [wanted(last)]).packets == 0


def test_changed_packets_are_given_but_not_called_verified(tmp_path: Path):
    (flow,) = of(keep(tmp_path, pcap(map(bytes, tcp([(0, b"hello")])))), "flow")
    (path,) = (tmp_path / "ring").glob("*.pcap")
    path.write_bytes(path.read_bytes().replace(b"hello", b"hallo"))
    found = packets_of([tmp_path / "ring"], [wanted(flow)])
    assert (found.packets, found.segments, found.verified) == (flow["network"]["packets"], 1, 0)


def test_an_event_names_the_hash_of_the_segment_in_which_it_began(tmp_path: Path):
    frames = [bytes(udp(b"x", sport=1024 + n, dport=7)) for n in range(5_000)]
    capture = pcap(frames)
    known = {chunk.first: chunk.sha256 for chunk in chunks(io.BytesIO(capture), "", Loops())}
    assert sorted(known) == [0, 4_096]
    for event in keep(tmp_path, capture):
        source = event["vonggac"]["source"]
        assert source["segment"] == known[4_096 if source["position"] >= 4_096 else 0]


def test_a_segments_hash_does_not_depend_on_how_the_capture_is_read():
    capture = pcap([bytes(udp(bytes(900), sport=1024 + n)) for n in range(4_500)])

    class Slow(io.BytesIO):
        def read1(self, size: int | None = -1) -> bytes:
            return self.read(min(size or 1, 70_001))

    whole = [chunk.sha256 for chunk in chunks(io.BytesIO(capture), "", Loops())]
    assert [chunk.sha256 for chunk in chunks(Slow(capture), "", Loops())] == whole
    assert len(whole) == 2


def test_packets_that_came_one_by_one_hash_as_the_pcap_they_are_kept_as(tmp_path: Path):
    packets = [Packet(n, 10**18 + n, 1, bytes(udp(b"x", sport=1024 + n)), 60) for n in range(3)]
    chunk = Chunk.of(packets)
    (again,) = chunks(io.BytesIO(chunk.head + chunk.records), "", Loops())
    assert again.sha256 == chunk.sha256
    assert address_text(again.packet(0)[26:30]) == CLIENT
