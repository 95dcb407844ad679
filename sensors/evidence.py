"""The ring of packets: what a sensor saw, kept for a while on disk, so that an event can be followed to its packets.

Files `00000001.pcap`, `00000002.pcap`, … hold the segments of captures (`sensors.chunk`) one behind the other, each
file a valid pcap; beside each stands `….index`, a JSON object a line for each segment: where it lies, when it was, its
hash, and the marks of the flows in it (`kernel.mark_of`). A segment counts once its line is whole. Over the budget of
bytes, or past its age, the oldest file goes.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from operator import itemgetter
from pathlib import Path
from threading import Lock
from typing import IO, NamedTuple

import numpy as np
import orjson

from sensors.chunk import Chunk, PcapWalk, pcap_head, pcap_record
from sensors.compiled import Loops
from sensors.decode.frame import Segment, decode_datagram, decode_frame
from sensors.flows import FRAGMENTS, mark_of
from sensors.fragments import Reassembly
from sensors.pcap import pcap_format
from sensors.streams import Moment
from vonggac.errors import StoreUnavailable

FILE_BYTES = 64 << 20
_PCAP, _INDEX = ".pcap", ".index"


class Kept(NamedTuple):
    """A segment of the ring."""

    file: Path
    offset: int
    size: int
    first: int  # position of its first packet in its source
    packets: int
    begin_ns: int
    end_ns: int
    source: str  # fingerprint
    sha256: str
    marks: bytes  # sorted 64-bit numbers


class Wanted(NamedTuple):
    """A flow whose packets are asked for, and from when to when (ns since 1970, both inclusive)."""

    src: bytes
    dst: bytes
    protocol: int
    sport: int
    dport: int
    begin_ns: int
    end_ns: int


class Found(NamedTuple):
    """Flows' packets as a pcap; `segments` counts those they came from, `verified` those whose hash was right."""

    pcap: bytes
    packets: int
    segments: int
    verified: int


class Ring:
    """One writer's part of the ring: `add` segments in order. Raises StoreUnavailable when the folder refuses."""

    def __init__(self, folder: Path, max_bytes: int, max_age_ns: int, file_bytes: int = FILE_BYTES) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._max_age_ns = max_age_ns
        self._file_bytes = min(file_bytes, max(1, max_bytes // 4))
        self._head = b""
        self._adding = Lock()  # several interfaces may be watched at once
        self._pcap: IO[bytes] | None = None
        self._index: IO[bytes] | None = None
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise StoreUnavailable("evidence_refused", path=folder, reason=error.strerror) from error

    def add(self, chunk: Chunk, digest: str, source: str, marks: set[int]) -> None:
        try:
            with self._adding:
                if self._pcap is None or chunk.head != self._head or self._pcap.tell() >= self._file_bytes:
                    self._next_file(chunk)
                self._write(chunk, digest, source, marks)
        except OSError as error:
            raise StoreUnavailable("evidence_refused", path=self._folder, reason=error.strerror) from error

    def close(self) -> None:
        for file in (self._pcap, self._index):
            if file is not None:
                file.close()
        self._pcap = self._index = None

    def _write(self, chunk: Chunk, digest: str, source: str, marks: set[int]) -> None:
        if self._pcap is None or self._index is None:
            return
        line = {
            "offset": self._pcap.tell(),
            "size": len(chunk.records),
            "first": chunk.first,
            "packets": chunk.packets,
            "begin_ns": int(chunk.times.min()),
            "end_ns": int(chunk.times.max()),
            "source": source,
            "sha256": digest,
            "marks": base64.b64encode(np.array(sorted(marks), np.uint64).tobytes()).decode(),
        }
        self._pcap.write(chunk.records)
        self._pcap.flush()
        self._index.write(orjson.dumps(line) + b"\n")
        self._index.flush()

    def _next_file(self, chunk: Chunk) -> None:
        self.close()
        files = _files(self._folder)
        self._drop(files, int(chunk.times.max()))
        number = int(files[-1].stem) + 1 if files else 1
        while self._pcap is None:
            path = self._folder / f"{number:08d}{_PCAP}"
            try:
                self._pcap = path.open("xb", buffering=0)
            except FileExistsError:  # another writer of this sensor's name
                number += 1
        self._pcap.write(chunk.head)
        self._index = path.with_suffix(_INDEX).open("xb", buffering=0)
        self._head = chunk.head

    def _drop(self, files: list[Path], now_ns: int) -> None:
        """The oldest files, as many as the budget asks for with a new one to come."""
        sizes = [_size(path) for path in files]
        room = self._max_bytes - self._file_bytes
        for number, path in enumerate(files):
            newest = max((segment.end_ns for segment in _segments_of(path)), default=now_ns)
            if sum(sizes[number:]) <= room and now_ns - newest <= self._max_age_ns:
                return
            path.unlink(missing_ok=True)
            path.with_suffix(_INDEX).unlink(missing_ok=True)


def packets_of(folders: Sequence[Path], wanted: Sequence[Wanted]) -> Found:
    """Exactly the packets of these flows that the rings still hold, in the order in which they were captured."""
    picked: list[tuple[int, int, bytes, int]] = []
    linktype = segments = verified = 0
    seen: set[tuple[str, int]] = set()
    for kept, flows in _candidates(folders, wanted):
        if (kept.sha256, kept.first) in seen:
            continue  # the same capture was taken twice
        seen.add((kept.sha256, kept.first))
        chunk = _read(kept)
        if chunk is None:
            continue
        found = list(_matching(chunk, flows))
        if found:
            segments += 1
            verified += chunk.sha256 == kept.sha256
            linktype = chunk.linktype
            picked += found
    picked.sort(key=itemgetter(0, 1))
    records = [pcap_record(ns, data, wire) for ns, _, data, wire in picked]
    return Found(pcap_head(linktype) + b"".join(records), len(picked), segments, verified)


def packet_at(folders: Sequence[Path], source: str, position: int) -> Found:
    """The one packet at this position of this source, for events that are of no flow."""
    for folder in folders:
        for path in _files(folder):
            for kept in _segments_of(path):
                number = position - kept.first
                if kept.source == source and 0 <= number < kept.packets and (chunk := _read(kept)) is not None:
                    record = pcap_record(int(chunk.times[number]), chunk.packet(number), int(chunk.wires[number]))
                    return Found(pcap_head(chunk.linktype) + record, 1, 1, int(chunk.sha256 == kept.sha256))
    return Found(b"", 0, 0, 0)


def _candidates(folders: Sequence[Path], wanted: Sequence[Wanted]) -> Iterator[tuple[Kept, list[Wanted]]]:
    """Segments in which some of the flows, or fragments between their hosts, were seen in their time; and which."""
    asked = [(flow, (mark_of(*flow[:5]), mark_of(flow.src, flow.dst, FRAGMENTS, 0, 0))) for flow in wanted]
    for folder in folders:
        for path in _files(folder):
            for kept in _segments_of(path):
                known: set[int] = set(np.frombuffer(kept.marks, np.uint64).tolist())
                flows = [
                    flow
                    for flow, marks in asked
                    if kept.begin_ns <= flow.end_ns and kept.end_ns >= flow.begin_ns and not known.isdisjoint(marks)
                ]
                if flows:
                    yield kept, flows


def _matching(chunk: Chunk, wanted: Sequence[Wanted]) -> Iterator[tuple[int, int, bytes, int]]:
    """(ns, position, bytes, length on the wire) of each packet of the segment that is of one of the flows."""
    reassembly = Reassembly()
    parts: dict[object, list[int]] = {}
    hits: set[int] = set()
    for packet in range(chunk.packets):
        ns = int(chunk.times[packet])
        flows = [flow for flow in wanted if flow.begin_ns <= ns <= flow.end_ns]
        if not flows:
            continue
        frame = decode_frame(chunk.linktype, chunk.packet(packet), int(chunk.wires[packet]))
        if _is_of(frame.segments, flows):
            hits.add(packet)
        for fragment in frame.fragments:
            parts.setdefault(fragment.key, []).append(packet)
            whole = reassembly.add(fragment, Moment(packet, ns))
            if whole is not None:
                numbers = parts.pop(fragment.key)
                if _is_of(decode_datagram(whole[0].first, whole[1], whole[0].wire_bytes).segments, flows):
                    hits.update(numbers)
    for packet in sorted(hits):
        yield int(chunk.times[packet]), chunk.first + packet, chunk.packet(packet), int(chunk.wires[packet])


def _is_of(segments: Sequence[Segment], wanted: Sequence[Wanted]) -> bool:
    for src, dst, protocol, sport, dport, *_ in segments:
        for flow in wanted:
            if flow[:5] in ((src, dst, protocol, sport, dport), (dst, src, protocol, dport, sport)):
                return True
    return False


def _read(kept: Kept) -> Chunk | None:
    """The segment as it lies in the ring; None when it is gone or cut."""
    try:
        with kept.file.open("rb") as file:
            head = file.read(24)
            file.seek(kept.offset)
            data = file.read(kept.size)
    except OSError:
        return None
    if len(data) < kept.size or len(head) < 24:
        return None
    order, unit_ns, header, linktype = pcap_format(head)
    return PcapWalk(Loops(), head, order, unit_ns, header, linktype).take(data, kept.first, 0)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob(f"*{_PCAP}") if path.stem.isdigit())


def _size(path: Path) -> int:
    return sum(part.stat().st_size for part in (path, path.with_suffix(_INDEX)) if part.exists())


def _segments_of(path: Path) -> Iterator[Kept]:
    """The segments of a file whose lines are whole."""
    try:
        lines = path.with_suffix(_INDEX).read_bytes().split(b"\n")
    except OSError:
        return
    for line in lines[:-1]:  # behind the last line end stands nothing, or what a kill cut
        try:
            fields = orjson.loads(line)
            marks = base64.b64decode(fields.pop("marks"))
        except (orjson.JSONDecodeError, KeyError, ValueError):
            continue
        yield Kept(file=path, marks=marks, **fields)
