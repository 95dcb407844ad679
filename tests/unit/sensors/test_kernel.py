"""The loops over packets: plain and compiled alike; what they take agrees with what `sensors.decode.frame` finds."""

from __future__ import annotations

import io
import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from sensors import compiled, kernel, sorter
from sensors.chunk import CHUNK_PACKETS, Chunk, Packet
from sensors.compiled import Loops, compiled_kernel
from sensors.decode.address import ICMP_PAIRS, ICMPV6_PAIRS
from sensors.decode.frame import TUNNEL_PORTS
from sensors.loops import frames, listen, slots
from sensors.loops.world import World
from sensors.made import day
from sensors.pcap import chunks
from tests.unit.sensors.loops.test_frames import AROUND, frame_of
from tests.unit.sensors.test_engine import traffic
from tests.unit.sensors.wire import BEGUN, MACS, ORIGIN, Sensor, pcap, scapy, tcp

s = scapy()
ROOT = Path(__file__).parents[3]


def leave_all(*arguments):
    """A kernel's `run` that takes no packet: each goes through `sensors.decode.frame`."""
    _, _, _, _, times, _, _, begin, flows, _, buckets, _, heads, told, *_ = arguments
    kernel.pass_time(flows, buckets, heads, told, int(times[begin]), begin)
    return begin


def events(frames: list[bytes], loops: object, size: int = CHUNK_PACKETS) -> list[bytes]:
    """The events' bytes, fed in chunks of `size` packets."""
    sensor = Sensor(loops)
    packets = [Packet(index, BEGUN * 10**9 + index * 10**7, 1, data, len(data)) for index, data in enumerate(frames)]
    for start in range(0, len(packets), size):
        list(sensor.feed(Chunk.of(packets[start : start + size])))
    list(sensor.finish())
    found = [*sensor.take()]
    for event in found:  # a chunk is a segment, whose hash stands in what begins in it
        event["vonggac"]["source"].pop("segment")
    return [orjson.dumps(event) for event in found] + [orjson.dumps(sensor.engine.counts)]


def frames_of(capture: bytes) -> list[bytes]:
    return [
        bytes(chunk.data[start : start + length])
        for chunk in chunks(io.BytesIO(capture), "", Loops())
        for start, length in zip(chunk.starts, chunk.lengths, strict=True)
    ]


DAY = frames_of(day.make_capture(day.MINISTRY))
BY_FRAME = SimpleNamespace(**vars(kernel) | {"run": leave_all})
TRAFFIC = traffic() + [bytes(frame) for frame in tcp([(0, b"\x99" * 50), (1, b"\x98" * 30)])]
TRAFFIC += [bytes(s.Ether(**MACS) / s.Dot1Q(vlan=3) / s.IPv6(src="2001:db8::1", dst="2001:db8::2") / s.UDP() / b"abc")]
TRAFFIC += [bytes(s.Ether(**MACS) / s.IPv6(src="2001:db8::1", dst="2001:db8::2") / s.ICMPv6EchoRequest())]
# Through each tunnel twice: at first a flow begins, then it goes on.
TUNNELLED = [frame_of(end, [around], 0) for around in range(len(AROUND)) for end in (0, 4)]
TRAFFIC += TUNNELLED + TUNNELLED


def test_plain_and_compiled_loops_tell_the_same():
    assert events(DAY, kernel) == events(DAY, compiled_kernel())


class Forward(np.ndarray):
    """An array that nobody may index from its end; so are its parts."""

    def __getitem__(self, index) -> Any:
        refuse_negative(index)
        return super().__getitem__(index)

    def __setitem__(self, index, value) -> None:
        refuse_negative(index)
        super().__setitem__(index, value)


def refuse_negative(index):
    for at in index if isinstance(index, tuple) else (index,):
        assert isinstance(at, slice) or at >= 0


def forward(value):
    if isinstance(value, World):
        return World(*map(forward, value))
    return value.view(Forward) if isinstance(value, np.ndarray) else value


def test_no_loop_counts_from_an_arrays_end():
    functions = [kernel.run, kernel.meet, kernel.pass_time, listen.listen, slots.drop_slot]
    loops = SimpleNamespace(**vars(kernel))
    for function in functions:
        setattr(loops, function.__name__, lambda *given, call=function: call(*map(forward, given)))
    assert events(TRAFFIC, loops) == events(TRAFFIC, kernel)


@pytest.mark.parametrize("size", [1, 7, 500])
def test_where_chunks_end_makes_no_difference(size):
    assert events(TRAFFIC, kernel, size) == events(TRAFFIC, kernel)


def test_changing_from_plain_to_compiled_loops_makes_no_difference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from sensors import open_source

    path = tmp_path / "day.pcap"
    path.write_bytes(pcap(DAY))
    whole = [batch.text for batch in open_source(str(path), ORIGIN)]
    monkeypatch.setattr(compiled, "WORTH_PACKETS", 3_000)
    assert [batch.text for batch in open_source(str(path), ORIGIN)] == whole


def test_the_kernel_finds_what_the_frame_decoder_finds():
    assert events(DAY, kernel) == events(DAY, BY_FRAME)


def test_tunnels_whose_flows_are_known_are_not_left(monkeypatch: pytest.MonkeyPatch):
    left: list[bytes] = []
    decode = sorter.decode_frame
    monkeypatch.setattr(sorter, "decode_frame", lambda link, data, wire: left.append(data) or decode(link, data, wire))
    found = events(TUNNELLED + TUNNELLED, kernel)
    gtp_and_teredo = {frame_of(end, [around], 0) for around in (14, 15) for end in (0, 4)}
    assert {data for data, times in Counter(left).items() if times > 1} == gtp_and_teredo
    assert found == events(TUNNELLED + TUNNELLED, BY_FRAME)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.tuples(st.integers(0, len(TRAFFIC) - 1), st.integers(0, 80), st.binary(max_size=4), st.integers(0, 90)),
        min_size=1,
        max_size=8,
    )
)
@example([(0, 16, b"\0\0", 0)])
@example([(14, 0, b"", 11), (14, 0, b"", 17)])  # of an ARP packet nothing but its ethertype is left
def test_the_kernel_and_the_frame_decoder_agree_on_broken_frames(changes):
    frames = list(TRAFFIC)
    for index, at, new, cut in changes:
        frames[index] = frames[index][:at] + new + frames[index][at + len(new) :]
        frames[index] = frames[index][: len(frames[index]) - cut] if cut < 40 else frames[index]
    assert events(frames, kernel) == events(frames, BY_FRAME)


def test_icmp_answers_and_tunnel_ports_are_those_of_the_decoders():
    for kind in range(256):
        assert frames.icmp_reply(1, kind, 77) == ICMP_PAIRS.get(kind, 77)
        assert frames.icmp_reply(58, kind, 77) == ICMPV6_PAIRS.get(kind, 77)
    assert {port for port in range(65_536) if frames.is_tunnel_port(port)} == TUNNEL_PORTS


FLOOD = """
import re, struct
from pathlib import Path
from sensors.chunk import CHUNK_PACKETS, Chunk, Packet
from sensors.compiled import compiled_kernel
from tests.unit.sensors.wire import Sensor, Sensor

sensor = Sensor(compiled_kernel())
head = bytes(12) + b"\\x08\\0" + struct.pack("!BBHHHBBH4s4s", 0x45, 0, 48, 0, 0, 64, 6, 0, bytes(4), bytes(4))[:12]
flows = 0
for start in range(0, 200_000, 4_000):
    packets = []
    for number in range(start, start + 4_000):
        frame = head + struct.pack("!I", number) + b"\\x0a\\0\\0\\1"
        frame += struct.pack("!HHIIBBHHH", 1, 7, 0, 0, 0x50, 0x10, 0, 0, 0) + b"\\x99" * 8
        packets.append(Packet(number, 10**18 + number, 1, frame, len(frame)))
    for _ in sensor.feed(Chunk.of(packets)):
        flows += len(sensor.take())
    flows += len(sensor.take())
for _ in sensor.finish():
    flows += len(sensor.take())
flows += len(sensor.take())
peak = re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())
print(flows, sensor.engine.counts["flows_evicted"], int(peak[1]) // 1024)
"""


@pytest.mark.slow
def test_a_flood_of_flows_keeps_within_its_memory_and_loses_none_silently():
    done = subprocess.run([sys.executable, "-c", FLOOD], capture_output=True, text=True, cwd=ROOT, timeout=300)
    assert done.returncode == 0, done.stderr
    flows, evicted, megabytes = map(int, done.stdout.split())
    assert flows == 200_000
    assert evicted == 200_000 - 131_072
    assert megabytes < 400
