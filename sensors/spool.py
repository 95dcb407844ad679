"""Between sensor and node: batches in a folder, written once and durably, read once and durably forgotten.

A batch's events lie in chains of segments by how much they would be missed: `flow`, `dns`, `http`, `other`, `alert`.
Over the byte budget the oldest segment of the first chain that has one is dropped, and its events are counted. The
chain `account` has one frame a batch, written last: with it the batch counts, so a kill in the middle of a write costs
that batch only, whose writer never said it was there. It holds the batch's own account and what must not be dropped at
all: heartbeats and tellings of loss.

Beside the segments: `spool` (the id of this spool), `position` (the last batch that the node has stored), `dropped`
(how many events of which dataset were dropped, and which segment is just being dropped), `claim` (see `Claim`).
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any
from uuid import uuid4

import orjson
import zstandard

from sensors import segments
from sensors.base import Batch, batch_data, batch_from
from sensors.segments import Claim, Frame, folder_errors, segment_numbers, segment_path
from vonggac.domain.account import Refusal
from vonggac.domain.event import Document

#: A segment is sealed at this size and the next one begun.
SEGMENT_BYTES = 16 << 20
#: A budget is dropped by pieces of at least this part of it.
SEGMENTS_IN_BUDGET = 32
#: What a spool may hold by default before events are dropped (and counted).
MAX_BYTES = 1 << 30

ACCOUNT = "account"
#: Chains in the order in which they are dropped.
DROPPED_FIRST = ("flow", "dns", "http", "other", "alert")
CHAINS = (*DROPPED_FIRST, ACCOUNT)
_NEVER = ("heartbeat", "data-loss")


def chain_of(event: Document) -> str:
    about = event.get("event", {})
    dataset = str(about.get("dataset", "")).rpartition(".")[2]
    if dataset in _NEVER:
        return ACCOUNT
    if dataset == "anomaly" or about.get("kind") == "alert":
        return "alert"
    return dataset if dataset in DROPPED_FIRST[:3] else "other"


@dataclass
class _Segment:
    """What the writer knows of one: its number, first and last batch, bytes, and events by dataset and time."""

    number: int
    first: int = 0
    last: int = 0
    bytes: int = 0
    datasets: Counter[str] = field(default_factory=Counter)
    begin: str = ""
    end: str = ""

    def add(self, sequence: int, note: Mapping[str, Any]) -> None:
        self.first = self.first or sequence
        self.last = sequence
        self.datasets.update(note["datasets"])
        self.begin = min(self.begin or note["from"], note["from"] or self.begin)
        self.end = max(self.end, note["to"])


class _Tail:
    """The writer's end of one chain: its segments, the last of them open."""

    def __init__(self, folder: Path, chain: str, acknowledged: int) -> None:
        self._folder, self._chain = folder, chain
        known = segment_numbers(folder, chain)
        self.segments = [_Segment(number) for number in known or [1]]
        for segment in self.segments[:-1]:
            path = segment_path(folder, chain, segment.number)
            with path.open("rb") as file:
                for sequence, note in segments.notes(file):
                    segment.add(sequence, note)
            segment.bytes = path.stat().st_size
            segment.last = segment.last or acknowledged + 1  # all damage: the reader will tell of it
        self._file = self._begin()

    @property
    def last(self) -> int:
        """The batch of the last frame; 0 when there is none."""
        return max(segment.last for segment in self.segments)

    def cut(self, committed: int) -> None:
        """The last segment ends behind its last whole frame of a batch that was written to its end."""
        self.segments[-1] = segment = _Segment(self.segments[-1].number)
        for frame in segments.frames(self._file, 0):
            if frame.sequence > committed:
                break
            segment.add(frame.sequence, frame.note)
            segment.bytes = frame.end
        self._file.truncate(segment.bytes)
        self._file.seek(segment.bytes)
        os.fsync(self._file.fileno())

    def append(self, sequence: int, note: Mapping[str, Any], payload: bytes, segment_bytes: int) -> None:
        """Durably; what an error leaves is to be `cut`."""
        if self.segments[-1].bytes >= segment_bytes:
            self.roll()
        frame = segments.frame_bytes(sequence, note, payload)
        self._file.write(frame)
        os.fsync(self._file.fileno())
        self.segments[-1].bytes += len(frame)
        self.segments[-1].add(sequence, note)

    def roll(self) -> None:
        self._file.close()
        self.segments.append(_Segment(self.segments[-1].number + 1))
        self._file = self._begin()

    def remove(self, segment: _Segment) -> None:
        if segment is self.segments[-1]:
            self.roll()
        self.segments.remove(segment)
        segment_path(self._folder, self._chain, segment.number).unlink(missing_ok=True)

    def close(self) -> None:
        self._file.close()

    def _begin(self) -> IO[bytes]:
        path = segment_path(self._folder, self._chain, self.segments[-1].number)
        file = path.open("r+b" if path.exists() else "w+b", buffering=0)
        segments.sync_folder(self._folder)
        return file


class SpoolWriter:
    """Appends batches. One writer per folder (StoreUnavailable `spool_in_use`); after a crash it goes on behind the
    last whole batch. `dropped` counts, by dataset, the events that the budget has cost since the spool was made."""

    def __init__(self, folder: Path, *, max_bytes: int = MAX_BYTES, segment_bytes: int = SEGMENT_BYTES) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._segment_bytes = min(segment_bytes, max(max_bytes // SEGMENTS_IN_BUDGET, 1))
        self._compress = zstandard.ZstdCompressor(level=3).compress
        with folder_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = segments.only_one(folder, "writer")
            self.id = spool_id(folder) or _new_id(folder)
            self._claim = Claim(folder)
            self._state = _Dropped.read(folder)
            for chain, number in self._state.pending:
                segment_path(folder, chain, number).unlink(missing_ok=True)
            acknowledged = _position(folder)
            self._tails = {chain: _Tail(folder, chain, acknowledged) for chain in CHAINS}
            account = self._tails[ACCOUNT]
            account.cut(1 << 63)
            self._sequence = max(account.last, acknowledged)
            for chain in DROPPED_FIRST:
                self._tails[chain].cut(self._sequence)

    def append(self, batch: Batch) -> bool:
        """Whether all of it is on disk, flushed and synced; else the budget has cost a part of it, which is counted.

        Raises StoreUnavailable when the disk refuses; then nothing of it is there."""
        sequence = self._sequence + 1
        parts: dict[str, list[int]] = {}
        found = tuple(batch.events)
        for at, event in enumerate(found):
            parts.setdefault(chain_of(event), []).append(at)
        written: list[str] = []
        with folder_errors(self._folder):
            try:
                for chain in DROPPED_FIRST:
                    if chain in parts:
                        written.append(chain)
                        events = [found[at] for at in parts[chain]]
                        self._write(chain, sequence, events, {"at": parts[chain], "events": events})
                kept = parts.get(ACCOUNT, [])
                account = batch_data(replace(batch, events=tuple(found[at] for at in kept)))
                where = {"at": kept, "chains": [chain for chain in DROPPED_FIRST if chain in parts]}
                written.append(ACCOUNT)
                self._write(ACCOUNT, sequence, account["events"], {**account, **where})
            except OSError:
                for chain in written:  # half a frame, or one of half a batch, must not stand before the next
                    self._tails[chain].cut(self._sequence)
                raise
            self._sequence = sequence
            return sequence not in self._trim()

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return sum(segment.bytes for tail in self._tails.values() for segment in tail.segments)

    @property
    def dropped(self) -> Mapping[str, int]:
        return self._state.datasets

    @property
    def untold(self) -> Mapping[str, int]:
        """What was dropped since `told` was last asked."""
        return self._state.datasets - self._state.told

    def told(self) -> tuple[str, str]:
        """From now on nothing is untold; the times of the first and the last event that were."""
        span = self._state.begin, self._state.end
        self._state.told = Counter(self._state.datasets)
        self._state.begin = self._state.end = ""
        with folder_errors(self._folder):
            self._state.write(self._folder)
        return span

    def close(self) -> None:
        for tail in self._tails.values():
            tail.close()
        self._claim.close()
        self._lock.close()

    def __enter__(self) -> SpoolWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _write(self, chain: str, sequence: int, events: list[Document] | tuple[Document, ...], data: object) -> None:
        times = [str(event.get("@timestamp", "")) for event in events]
        datasets = Counter(str(event.get("event", {}).get("dataset", "")) for event in events)
        note = {"datasets": datasets, "from": min(times, default=""), "to": max(times, default="")}
        self._tails[chain].append(sequence, note, self._compress(orjson.dumps(data)), self._segment_bytes)

    def _trim(self) -> set[int]:
        """Back under the budget. The batches that lost something."""
        hurt: set[int] = set()
        if self.size <= self._max_bytes:
            return hurt
        with self._claim.held() as claimed:
            self._forget(_position(self._folder))
            for chain in DROPPED_FIRST:
                tail = self._tails[chain]
                for segment in [each for each in tail.segments if each.first > claimed]:
                    if self.size <= self._max_bytes:
                        return hurt
                    hurt |= {segment.last}
                    self._state.drop(chain, segment)
                    self._state.write(self._folder)
                    tail.remove(segment)
                    self._state.pending = []
        return hurt

    def _forget(self, acknowledged: int) -> None:
        """Segments that the node has stored."""
        for tail in self._tails.values():
            for segment in [each for each in tail.segments if each.bytes and each.last <= acknowledged]:
                tail.remove(segment)


@dataclass
class _Dropped:
    """The file `dropped`."""

    datasets: Counter[str] = field(default_factory=Counter)
    told: Counter[str] = field(default_factory=Counter)
    begin: str = ""
    end: str = ""
    pending: list[tuple[str, int]] = field(default_factory=list)

    @staticmethod
    def read(folder: Path) -> _Dropped:
        found = segments.read_json(folder / "dropped")
        if not found:
            return _Dropped()
        pending = [(str(chain), int(number)) for chain, number in found["pending"]]
        return _Dropped(Counter(found["datasets"]), Counter(found["told"]), found["from"], found["to"], pending)

    def drop(self, chain: str, segment: _Segment) -> None:
        self.datasets.update(segment.datasets)
        self.begin = min(self.begin or segment.begin, segment.begin or self.begin)
        self.end = max(self.end, segment.end)
        self.pending = [(chain, segment.number)]

    def write(self, folder: Path) -> None:
        """Counted, and to be unlinked: after a crash the next writer unlinks what was counted."""
        data = {
            "datasets": self.datasets,
            "told": self.told,
            "from": self.begin,
            "to": self.end,
            "pending": self.pending,
        }
        segments.replace(folder / "dropped", orjson.dumps(data))


class SpoolReader:
    """Hands on batches in order, each with the `ack` that forgets it. One reader per folder.

    Iterating ends when everything written so far was handed on; iterate again for more. A batch that was not
    acknowledged comes again after a restart; acknowledging one acknowledges those before it. A batch comes as it was
    written, less what the budget has cost. `sequence` is the number of the one last handed on.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._decompress = zstandard.ZstdDecompressor().decompress
        with folder_errors(folder):
            self.sequence = _position(folder)
            self._claim = Claim(folder) if folder.is_dir() else None
        self._heads = {chain: _Head(folder, chain) for chain in CHAINS}

    def __iter__(self) -> Iterator[tuple[Batch, Callable[[], None]]]:
        if self._claim is None:
            return
        with folder_errors(self._folder):
            while (frame := self._heads[ACCOUNT].after(self.sequence)) is not None:
                self._claim.raise_to(frame.sequence)
                self.sequence = frame.sequence
                yield self._whole(frame), self._ack(frame.sequence)
            damage = self._damage()
            if damage:
                yield Batch("", str(self._folder), self.sequence, len(damage), (), damage), self._ack(self.sequence)

    def close(self) -> None:
        for head in self._heads.values():
            head.close()
        if self._claim is not None:
            self._claim.close()

    def __enter__(self) -> SpoolReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _whole(self, frame: Frame) -> Batch:
        account = self._load(frame)
        events = dict(zip(account["at"], account["events"], strict=True))
        for chain in account["chains"]:
            part = self._heads[chain].of(frame.sequence)
            if part is not None:
                data = self._load(part)
                events |= dict(zip(data["at"], data["events"], strict=True))
        batch = batch_from({**account, "events": [events[at] for at in sorted(events)]})
        damage = self._damage()
        return replace(batch, taken=batch.taken + len(damage), refused=(*batch.refused, *damage))

    def _load(self, frame: Frame) -> Any:
        return orjson.loads(self._decompress(frame.payload, max_output_size=segments.MAX_FRAME))

    def _damage(self) -> tuple[Refusal, ...]:
        return tuple(refusal for head in self._heads.values() for refusal in head.damage())

    def _ack(self, sequence: int) -> Callable[[], None]:
        def ack() -> None:
            with folder_errors(self._folder):
                if sequence > _position(self._folder):
                    segments.replace(self._folder / "position", orjson.dumps({"sequence": sequence}))
                for head in self._heads.values():
                    head.forget(sequence)

        return ack


class _Head:
    """The reader's end of one chain."""

    def __init__(self, folder: Path, chain: str) -> None:
        self._folder, self._chain = folder, chain
        self._number = self._offset = 0
        self._file: IO[bytes] | None = None
        self._waiting: Frame | None = None  # read, but of a later batch
        self._damage: list[Refusal] = []
        self._done: dict[int, int] = {}  # segment -> its last batch

    def after(self, sequence: int) -> Frame | None:
        """The next frame of a batch after that one."""
        while (frame := self._next()) is not None:
            if frame.sequence > sequence:
                return frame
        return None

    def of(self, sequence: int) -> Frame | None:
        """That batch's frame, if it has not been dropped. To be asked after the batch was claimed."""
        if self._number and not segment_path(self._folder, self._chain, self._number).exists():
            self._leave()  # dropped meanwhile, with whatever was read of it
        frame = self._waiting or self.after(sequence - 1)
        while frame is not None and frame.sequence < sequence:
            frame = self.after(sequence - 1)
        self._waiting = frame if frame is not None and frame.sequence > sequence else None
        return None if self._waiting else frame

    def damage(self) -> list[Refusal]:
        found, self._damage = self._damage, []
        return found

    def forget(self, sequence: int) -> None:
        """Segments behind which we are, all of whose batches are the node's."""
        for number, last in list(self._done.items()):
            if number < self._number and last <= sequence:
                segment_path(self._folder, self._chain, number).unlink(missing_ok=True)
                del self._done[number]

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _leave(self) -> None:
        self._done.setdefault(self._number, 0)
        self.close()
        self._waiting, self._offset = None, 0

    def _next(self) -> Frame | None:
        """The next whole frame, of whatever batch; None where there is none yet."""
        while True:
            # Listed first: a segment with later ones beside it was complete before we look into it.
            later = [number for number in segment_numbers(self._folder, self._chain) if number > self._number]
            frame = next(segments.frames(self._file, self._offset), None) if self._file is not None else None
            if frame is not None:
                self._offset = frame.end
                self._done[self._number] = frame.sequence
                return frame
            if not later:
                return None
            if self._file is not None and self._file.seek(0, os.SEEK_END) > self._offset:
                self._damage.append(Refusal(str(self._file.name), self._offset, "frame_damaged"))
            self._leave()
            self._number = later[0]
            try:
                self._file = segment_path(self._folder, self._chain, self._number).open("rb")
            except FileNotFoundError:  # dropped between listing and opening
                continue


def spool_id(folder: Path) -> str:
    """What names this spool among all; empty for a folder that is none."""
    return str(segments.read_json(folder / "spool").get("id", ""))


def _new_id(folder: Path) -> str:
    identity = uuid4().hex
    segments.replace(folder / "spool", orjson.dumps({"id": identity}))
    return identity


def _position(folder: Path) -> int:
    """The last batch that the node has stored; 0 before the first."""
    return int(segments.read_json(folder / "position").get("sequence", 0))
