"""Traffic for the tests: scapy builds the packets, this module writes the capture by hand and senses it."""

from __future__ import annotations

import io
import struct
import warnings
from collections.abc import Iterable, Iterator
from functools import cache
from types import SimpleNamespace
from typing import Any

from sensors import kernel, reader_for
from sensors.base import Batch, Lines, Origin
from sensors.chunk import Chunk, Packet, chunked
from sensors.document import Scribe
from sensors.engine import Engine
from sensors.loops import listen, slots
from sensors.sorter import Sorter, Telling
from vonggac.domain.event import Document

ORIGIN = Origin("sensor-1", "BTC", "Bộ Tài chính")
BEGUN = 1_600_000_000
MACS = {"src": "02:00:00:00:00:01", "dst": "02:00:00:00:00:02"}
#: The loops that hear talks, uncompiled.
EARS = SimpleNamespace(**vars(kernel), listen=listen.listen, drop_slot=slots.drop_slot)
CLIENT, SERVER = "192.0.2.10", "198.51.100.20"


@cache
def scapy() -> Any:
    """scapy's names; its import warns about its own surroundings, which is not ours to fail on."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import scapy.all as names
    return names


def pcap(frames: Iterable[bytes], *, linktype: int = 1, order: str = "<", nano: bool = False) -> bytes:
    """A capture of these frames, one millisecond apart."""
    magic = 0xA1B23C4D if nano else 0xA1B2C3D4
    parts = [struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 262144, linktype)]
    for index, frame in enumerate(frames):
        fraction = (index % 1000) * (1_000_000 if nano else 1_000)
        parts.append(struct.pack(order + "IIII", BEGUN + index // 1000, fraction, len(frame), len(frame)) + frame)
    return b"".join(parts)


def batches(capture: bytes, *, location: str = "test.pcap", origin: Origin = ORIGIN) -> list[Batch]:
    reader = reader_for(capture[:65536])
    assert reader is not None
    return list(reader.read(io.BytesIO(capture), location, origin))


def sense(frames: Iterable[Any], *, linktype: int = 1) -> list[Document]:
    """The events of these packets (scapy's, or bytes)."""
    return [event for batch in batches(pcap(map(bytes, frames), linktype=linktype)) for event in batch.events]


def of(events: Iterable[Document], dataset: str) -> list[Document]:
    return [event for event in events if event["event"]["dataset"] == dataset]


def udp(payload: bytes, *, sport: int = 40000, dport: int = 53, back: bool = False) -> Any:
    s = scapy()
    src, dst = (SERVER, CLIENT) if back else (CLIENT, SERVER)
    ports = {"sport": dport, "dport": sport} if back else {"sport": sport, "dport": dport}
    return s.Ether(**MACS) / s.IP(src=src, dst=dst) / s.UDP(**ports) / s.Raw(payload)


def tcp(
    turns: Iterable[tuple[int, bytes]],
    *,
    sport: int = 40001,
    dport: int = 8080,
    size: int = 1000,
    handshake: bool = True,
    fin: bool = True,
) -> Iterator[Any]:
    """A connection: each turn is (side, bytes), cut into segments of `size`."""
    s = scapy()
    seq = [1000, 5000]

    def segment(side: int, flags: str, payload: bytes = b"") -> Any:
        src, dst = (CLIENT, SERVER) if side == 0 else (SERVER, CLIENT)
        ports = (sport, dport) if side == 0 else (dport, sport)
        packet = s.Ether(**MACS) / s.IP(src=src, dst=dst)
        packet /= s.TCP(sport=ports[0], dport=ports[1], flags=flags, seq=seq[side], ack=seq[1 - side])
        seq[side] += len(payload) + ("S" in flags) + ("F" in flags)
        return packet / s.Raw(payload) if payload else packet

    if handshake:
        yield segment(0, "S")
        yield segment(1, "SA")
        yield segment(0, "A")
    for side, data in turns:
        for at in range(0, len(data), size):
            yield segment(side, "PA", data[at : at + size])
    if fin:
        yield segment(0, "FA")
        yield segment(1, "FA")
        yield segment(0, "A")


class Sensor:
    """A sorter and the engine that follows it at once."""

    def __init__(self, loops: object = kernel) -> None:
        scribe = Scribe(ORIGIN, "f" * 16)
        self.sorter = Sorter(scribe, loops)
        self.engine = Engine(scribe, self.sorter)

    def feed(self, chunk: Chunk) -> Iterator[None]:
        self.sorter.enter_segment(chunk.first, chunk.sha256)
        self.engine.enter_segment(chunk.first, chunk.sha256)
        yield from self._follow(self.sorter.feed(chunk))

    def pass_time(self, ns: int) -> None:
        list(self._follow(self.sorter.pass_time(ns)))

    def finish(self) -> Iterator[None]:
        yield from self._follow(self.sorter.finish())

    def take(self) -> Lines:
        return self.engine.take()

    def _follow(self, tellings: Iterator[Telling]) -> Iterator[None]:
        for telling in tellings:
            self.engine.follow(telling)
            yield


def lines(frames: Iterable[Any], loops: object, *, linktype: int = 1, ms: int = 1) -> list[bytes]:
    """The events of these packets, so long apart, with these loops, as they are written."""
    sensor = Sensor(loops)
    packets = [
        Packet(index, (BEGUN * 1000 + index * ms) * 1_000_000, linktype, bytes(frame), len(bytes(frame)))
        for index, frame in enumerate(frames)
    ]
    for chunk in chunked((packet, packet.data) for packet in packets):
        list(sensor.feed(chunk))
    list(sensor.finish())
    events = sensor.take()
    written = events.text.splitlines()
    assert len(events) == len(written)
    return written
