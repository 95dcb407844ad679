"""Captures: pcap in both byte orders and resolutions, and pcapng, read without libpcap.

Sources: draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from struct import Struct
from typing import BinaryIO

from sensors.base import BATCH_UNITS, Batch, Keep, Lines, Origin, fingerprint
from sensors.chunk import Chunk, PcapWalk, is_full
from sensors.compiled import Loops
from sensors.engine import MAX_EVENTS, Engine
from sensors.kernel import MAX_PACKET
from vonggac.domain.account import Refusal
from vonggac.errors import ReadError, StoreUnavailable

_log = logging.getLogger(__name__)

#: The most bytes of a capture read at a time.
READ_BYTES = 4 << 20

#: Magic number -> (byte order, nanoseconds per fraction unit, extra header bytes of the "modified" format).
_MAGICS = {
    b"\xa1\xb2\xc3\xd4": (">", 1000, 0),
    b"\xd4\xc3\xb2\xa1": ("<", 1000, 0),
    b"\xa1\xb2\x3c\x4d": (">", 1, 0),
    b"\x4d\x3c\xb2\xa1": ("<", 1, 0),
    b"\xa1\xb2\xcd\x34": (">", 1000, 8),
    b"\x34\xcd\xb2\xa1": ("<", 1000, 8),
}
PCAPNG_MAGIC = b"\x0a\x0d\x0d\x0a"


class PcapReader:
    name = "pcap"

    def accepts(self, head: bytes) -> bool:
        return head[:4] in _MAGICS

    def read(self, stream: BinaryIO, location: str, origin: Origin) -> Iterator[Batch]:
        loops = Loops(location)
        return sense(chunks(stream, location, loops), location, origin, loops)


class PcapngReader:
    name = "pcapng"

    def accepts(self, head: bytes) -> bool:
        return head[:4] == PCAPNG_MAGIC and head[8:12] in (b"\x1a\x2b\x3c\x4d", b"\x4d\x3c\x2b\x1a")

    def read(self, stream: BinaryIO, location: str, origin: Origin) -> Iterator[Batch]:
        from sensors.pcapng import chunks as blocks

        return sense(blocks(stream, location), location, origin, Loops(location))


def pcap_format(head: bytes) -> tuple[str, int, int, int]:
    """(byte order, ns per fraction unit, bytes of a record header, link type) of a pcap's 24-byte file header."""
    order, unit_ns, extra = _MAGICS[head[:4]]
    return order, unit_ns, 16 + extra, Struct(order + "I").unpack_from(head, 20)[0] & 0xFFFF


def chunks(stream: BinaryIO, location: str, loops: Loops) -> Iterator[Chunk]:
    """The packets of a pcap file. Raises ReadError (offset in bytes) where it breaks off."""
    head = stream.read(24)
    if len(head) < 24:
        raise ReadError("truncated_capture", location=location, offset=0)
    order, *_ = layout = pcap_format(head)
    walk = PcapWalk(loops, head, *layout)
    offset, first, data, at = 24, 0, b"", 0
    ended = False
    failure: ReadError | None = None
    while True:
        chunk = walk.take(data, first, at)
        length = _next_length(data, chunk.end if chunk is not None else at, order)
        if not ended and length <= MAX_PACKET and (chunk is None or not is_full(chunk)):
            try:
                more = _read_some(stream)
            except ReadError as error:  # what was read before it is still told
                more, failure = b"", error
            ended = not more
            data, at = data[at:] + more, 0
            continue
        if chunk is None:
            break
        yield chunk
        first, offset, at = first + chunk.packets, offset + chunk.end - at, chunk.end
    if failure is not None:
        raise failure
    if length > MAX_PACKET:
        raise ReadError("packet_length", location=location, offset=offset, packet=first, length=length)
    if at < len(data):
        raise ReadError("truncated_capture", location=location, offset=offset, packet=first)


def _next_length(data: bytes, at: int, order: str) -> int:
    """The captured length that the record at `at` tells; 0 where its header is not there."""
    return Struct(order + "I").unpack_from(data, at + 8)[0] if len(data) - at >= 16 else 0


def _read_some(stream: BinaryIO) -> bytes:
    """What is there now, at most READ_BYTES: who follows a growing pipe is not kept waiting."""
    read: Callable[[int], bytes] = getattr(stream, "read1", stream.read)
    return read(READ_BYTES)


def sense(
    chunks: Iterator[Chunk | int],
    location: str,
    origin: Origin,
    loops: Loops,
    full: Callable[[int], bool] = lambda taken: taken >= BATCH_UNITS,
    began: Callable[[Engine], None] = lambda engine: None,
) -> Iterator[Batch]:
    """The batches of a capture. Where it breaks off, the last batch says so and holds what was found before.

    `full` says, given the packets taken since the last batch, whether it is time for the next. A live capture gives
    the time (ns) where no packet came for a moment, so that flows and batches can end without one. `began` is given
    the engine, for who counts its flows.
    """
    engine: Engine | None = None
    source = ""
    taken = position = 0
    refused: tuple[Refusal, ...] = ()
    ring = origin.ring
    try:
        for chunk in chunks:
            if isinstance(chunk, int):
                if engine is not None:
                    engine.pass_time(chunk)
            else:
                if engine is None:
                    source = fingerprint(chunk.record)
                    engine = Engine(origin, source)
                    began(engine)
                engine.use(loops.functions)
                for _ in engine.feed(chunk):
                    yield from _batches(engine, source, location, position, 0)
                if ring is not None and not _kept(ring, chunk, engine, source):
                    ring = None
                loops.seen(chunk.packets)
                taken += chunk.packets
            if engine is not None and full(taken):
                position += taken
                if taken or engine.waiting:
                    yield from _batches(engine, source, location, position, taken)
                taken = 0
    except ReadError as error:
        # What lies behind the break is one refused unit: it cannot be told how many packets it was.
        refused = (Refusal(location, int(str(error.facts["offset"])), error.key),)
        taken += 1
    position += taken
    if engine is None:
        yield Batch(source or fingerprint(location.encode()), location, position, taken, (), refused)
        return
    for _ in engine.finish():
        yield from _batches(engine, source, location, position - taken, 0)
    yield from _batches(engine, source, location, position, taken, refused)


def _kept(ring: Keep, chunk: Chunk, engine: Engine, source: str) -> bool:
    """Whether the ring has taken the segment. A full disk ends the keeping, which is told, and not the sensing."""
    try:
        ring.add(chunk, engine.segment, source, engine.marks(chunk.packets))
    except StoreUnavailable as error:
        _log.warning("evidence: %s", error)
        engine.note("evidence_ended")
        return False
    return True


def _batches(
    engine: Engine, source: str, location: str, position: int, taken: int, refused: tuple[Refusal, ...] = ()
) -> Iterator[Batch]:
    """The engine's events in batches of bounded size; the last one has the accounts."""
    events = engine.take()
    last = max(0, (len(events) - 1) // MAX_EVENTS) * MAX_EVENTS
    for at in range(0, last, MAX_EVENTS):
        yield Batch(source, location, position - taken, 0, Lines(events[at : at + MAX_EVENTS]))
    yield Batch(source, location, position, taken, Lines(events[last:]), refused, dict(engine.counts))
