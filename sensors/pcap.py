"""Captures: pcap in both byte orders and resolutions, and pcapng, read without libpcap.

Sources: draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import closing
from struct import Struct
from typing import BinaryIO, NamedTuple

import numpy as np

from sensors.ahead import Ahead
from sensors.base import BATCH_UNITS, Batch, Keep, Origin, fingerprint
from sensors.chunk import Chunk, PcapWalk, is_full
from sensors.compiled import Loops
from sensors.document import Scribe
from sensors.engine import Engine
from sensors.kernel import MAX_PACKET
from sensors.sorter import Rows, Sorter, Telling
from vonggac.domain.account import Refusal
from vonggac.errors import ReadError, StoreUnavailable

_log = logging.getLogger(__name__)

#: The bytes of a capture that are held together: a segment, and what was read with it. Larger ones miss the caches.
WINDOW_BYTES = 5 << 20
#: So many events, and those that one telling adds, may wait to be taken.
MAX_EVENTS = 8_192
#: Text of events that may wait in one stretch, and stretches that a sorter may be ahead.
STRETCH_BYTES = 4 << 20
AHEAD_STRETCHES = 3

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
    window = Window(stream)
    offset, first, at = 24, 0, 0
    ended = False
    failure: ReadError | None = None
    while True:
        chunk = walk.take(window.data, first, at)
        length = _next_length(window.data, chunk.end if chunk is not None else at, order)
        if not ended and length <= MAX_PACKET and (chunk is None or not is_full(chunk)):
            try:
                at, ended = window.read(at)
            except ReadError as error:  # what was read before it is still told
                failure, ended = error, True
            continue
        if chunk is None:
            break
        yield chunk
        first, offset, at = first + chunk.packets, offset + chunk.end - at, chunk.end
    if failure is not None:
        raise failure
    if length > MAX_PACKET:
        raise ReadError("packet_length", location=location, offset=offset, packet=first, length=length)
    if at < len(window.data):
        raise ReadError("truncated_capture", location=location, offset=offset, packet=first)


def _next_length(data: memoryview, at: int, order: str) -> int:
    """The captured length that the record at `at` tells; 0 where its header is not there."""
    return Struct(order + "I").unpack_from(data, at + 8)[0] if len(data) - at >= 16 else 0


class Window:
    """The bytes of a stream as they come, a stretch at a time. What was given out of one stays as it is."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._room = memoryview(b"")
        self.data = self._room

    def read(self, at: int) -> tuple[int, bool]:
        """Some more bytes stand in `data`: those that are there now, as who follows a growing pipe is not kept waiting.
        Where the byte that stood at `at` now is, and whether the stream has ended. Raises ReadError."""
        used = len(self.data)
        if used == len(self._room):
            left = self.data[at:]
            self._room = np.empty(WINDOW_BYTES, np.uint8).data
            at, used = 0, len(left)
            self._room[:used] = left
        read: Callable[[memoryview], int | None] = self._stream.readinto1  # type: ignore[attr-defined]
        count = read(self._room[used:]) or 0
        self.data = self._room[: used + count].toreadonly()
        return at, not count


class Stretch(NamedTuple):
    """What a stretch of a source told: of a chunk (or a part of it), of time that passed, or of the end."""

    sorter: Sorter
    source: str
    tellings: list[Telling]
    chunk: Chunk | None = None
    begins: str = ""  # hash of the chunk, in its first stretch
    marks: set[int] | None = None  # of the chunk's flows, in its last stretch
    error: ReadError | None = None  # behind which there is nothing more


def sense(
    chunks: Iterator[Chunk | int],
    location: str,
    origin: Origin,
    loops: Loops,
    full: Callable[[int], bool] = lambda taken: taken >= BATCH_UNITS,
    began: Callable[[Sorter], None] = lambda sorter: None,
) -> Iterator[Batch]:
    """The batches of a capture. Where it breaks off, the last batch says so and holds what was found before.

    `full` says, given the packets taken since the last batch, whether it is time for the next. A live capture gives
    the time (ns) where no packet came for a moment, so that flows and batches can end without one. `began` is given
    the sorter, for who counts its flows. A large capture is sorted by a thread of its own.
    """
    stretches = _stretches(chunks, origin, loops, began)
    if not loops.large:
        yield from _batches(stretches, location, origin.ring, full)
        return
    with closing(Ahead(stretches, AHEAD_STRETCHES)) as ahead:
        yield from _batches(ahead, location, origin.ring, full)


def _stretches(
    chunks: Iterator[Chunk | int], origin: Origin, loops: Loops, began: Callable[[Sorter], None]
) -> Iterator[Stretch]:
    sorter: Sorter | None = None
    source = ""
    error: ReadError | None = None
    try:
        for chunk in chunks:
            if isinstance(chunk, int):
                if sorter is not None:
                    yield Stretch(sorter, source, list(sorter.pass_time(chunk)))
                continue
            if sorter is None:
                source = fingerprint(chunk.record)
                sorter = Sorter(Scribe(origin, source))
                began(sorter)
            sorter.use(loops.functions)
            digest = chunk.sha256
            sorter.enter_segment(chunk.first, digest)
            for part in _bounded(sorter.feed(chunk)):
                yield Stretch(sorter, source, part, chunk, digest)
                digest = ""
            yield Stretch(sorter, source, [], chunk, digest, sorter.marks)
            loops.seen(chunk.packets)
    except ReadError as broken:
        error = broken
    if error is not None and sorter is None:
        raise error
    if sorter is not None:
        if error is not None:
            yield Stretch(sorter, source, [], error=error)
        for part in _bounded(sorter.finish()):
            yield Stretch(sorter, source, part)


def _bounded(tellings: Iterator[Telling]) -> Iterator[list[Telling]]:
    """Tellings together, until their text is STRETCH_BYTES."""
    part: list[Telling] = []
    size = 0
    for telling in tellings:
        part.append(telling)
        size += len(telling.text or b"") if isinstance(telling, Rows) else 0
        if size >= STRETCH_BYTES:
            yield part
            part, size = [], 0
    if part:
        yield part


def _batches(
    stretches: Iterator[Stretch], location: str, ring: Keep | None, full: Callable[[int], bool]
) -> Iterator[Batch]:
    engine: Engine | None = None
    source = ""
    taken = position = 0
    refused: tuple[Refusal, ...] = ()
    try:
        for stretch in stretches:
            if engine is None:
                source = stretch.source
                engine = Engine(stretch.sorter.scribe, stretch.sorter)
            chunk = stretch.chunk
            if chunk is not None and stretch.begins:
                engine.enter_segment(chunk.first, stretch.begins)
                segment = stretch.begins
            for telling in stretch.tellings:
                engine.follow(telling)
                if engine.waiting >= MAX_EVENTS:
                    yield Batch(source, location, position, 0, engine.take())
            if stretch.error is not None:
                # What lies behind the break is one refused unit: it cannot be told how many packets it was.
                refused = (Refusal(location, int(str(stretch.error.facts["offset"])), stretch.error.key),)
                taken += 1
            if chunk is not None and stretch.marks is not None:
                if ring is not None and not _kept(ring, chunk, segment, stretch.marks, engine, source):
                    ring = None
                taken += chunk.packets
            if stretch.error is None and (chunk is None or stretch.marks is not None) and full(taken):
                position += taken
                if taken or engine.waiting:
                    yield Batch(source, location, position, taken, engine.take(), counts=dict(engine.counts))
                taken = 0
    except ReadError as error:  # nothing could be read
        refused = (Refusal(location, int(str(error.facts["offset"])), error.key),)
        taken += 1
    position += taken
    if engine is None:
        yield Batch(source or fingerprint(location.encode()), location, position, taken, (), refused)
        return
    yield Batch(source, location, position, taken, engine.take(), refused, dict(engine.counts))


def _kept(ring: Keep, chunk: Chunk, segment: str, marks: set[int], engine: Engine, source: str) -> bool:
    """Whether the ring has taken the segment. A full disk ends the keeping, which is told, and not the sensing."""
    try:
        ring.add(chunk, segment, source, marks)
    except StoreUnavailable as error:
        _log.warning("evidence: %s", error)
        engine.note("evidence_ended")
        return False
    return True
