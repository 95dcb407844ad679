"""Between sensor and node: batches in a folder, written once and durably, read once and durably forgotten.

Layout: segments `00000001.spool`, `00000002.spool`, … Each is a row of frames: length and CRC-32 of the payload (two
big-endian 32-bit numbers), then the payload, a batch as zstd-compressed JSON. A frame counts once it is whole and its
CRC agrees, so a kill in the middle of a write costs that frame only; its writer never said it was there. `position`
holds the segment and offset up to which the node has stored everything; it is replaced by an atomic rename.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from struct import Struct
from typing import IO
from zlib import crc32

import orjson
import zstandard

from sensors.base import Batch, batch_data, batch_from
from vonggac.domain.account import Refusal
from vonggac.errors import StoreUnavailable

#: A segment is sealed at this size and the next one begun.
SEGMENT_BYTES = 16 << 20
#: What a spool may hold by default before batches are dropped (and counted).
MAX_BYTES = 1 << 30
#: The largest frame and the largest batch in it; more is damage, not a batch.
MAX_FRAME = 256 << 20

_HEAD = Struct("!II")
_SUFFIX = ".spool"


class SpoolWriter:
    """Appends batches. One writer per folder; after a crash it goes on behind the last whole frame.

    `append` answers whether the batch is safe on disk. Over the byte budget it is dropped instead and counted in
    `dropped_batches` and `dropped_events`, which also stand in the file `dropped`.
    """

    def __init__(self, folder: Path, *, max_bytes: int = MAX_BYTES, segment_bytes: int = SEGMENT_BYTES) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._segment_bytes = min(segment_bytes, max(max_bytes // 4, 1))
        self._compress = zstandard.ZstdCompressor(level=3).compress
        with _folder_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            self.dropped_batches, self.dropped_events = _counters(folder / "dropped")
            known = _segments(folder)
            self._number = known[-1] if known else _position(folder)[0] + 1
            self._file = self._open(self._number)

    def append(self, batch: Batch) -> bool:
        """Whether the batch is on disk, flushed and synced. Raises StoreUnavailable when the disk refuses."""
        payload = self._compress(orjson.dumps(batch_data(batch)))
        frame = _HEAD.pack(len(payload), crc32(payload)) + payload
        with _folder_errors(self._folder):
            if self.size + len(frame) > self._max_bytes:
                self.dropped_batches += 1
                self.dropped_events += len(batch.events)
                counters = {"batches": self.dropped_batches, "events": self.dropped_events}
                _replace(self._folder / "dropped", orjson.dumps(counters))
                return False
            if self._file.tell() >= self._segment_bytes:
                self._file.close()
                self._number += 1
                self._file = self._open(self._number)
            at = self._file.tell()
            try:
                self._file.write(frame)
                os.fsync(self._file.fileno())
            except OSError:
                self._file.truncate(at)  # half a frame must not stand before the next one
                self._file.seek(at)
                raise
        return True

    @property
    def size(self) -> int:
        """Bytes that the node has not acknowledged yet."""
        segment, offset = _position(self._folder)
        waiting = 0
        for number in _segments(self._folder):
            if number < segment:
                continue
            try:
                waiting += _path(self._folder, number).stat().st_size
            except FileNotFoundError:  # the reader has just finished with it
                continue
            if number == segment:
                waiting -= offset
        return waiting

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> SpoolWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self, number: int) -> IO[bytes]:
        """The segment, cut behind its last whole frame, ready to append."""
        path = _path(self._folder, number)
        file = path.open("r+b" if path.exists() else "w+b", buffering=0)
        end = max((end for end, _ in _frames(file, 0)), default=0)
        file.truncate(end)
        file.seek(end)
        os.fsync(file.fileno())
        _sync_folder(self._folder)
        return file


class SpoolReader:
    """Hands on batches in order, each with the `ack` that forgets it. One reader per folder.

    Iterating ends when everything written so far was handed on; iterate again for more. A batch that was not
    acknowledged comes again after a restart; acknowledging one acknowledges those before it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._decompress = zstandard.ZstdDecompressor().decompress
        with _folder_errors(folder):
            self._segment, self._offset = _position(folder)

    def __iter__(self) -> Iterator[tuple[Batch, Callable[[], None]]]:
        with _folder_errors(self._folder):
            segments = [number for number in _segments(self._folder) if number >= self._segment]
            for number in segments:
                begin = self._offset if number == self._segment else 0
                with _path(self._folder, number).open("rb") as file:
                    for end, payload in _frames(file, begin):
                        self._segment, self._offset = number, end
                        yield (
                            batch_from(orjson.loads(self._decompress(payload, max_output_size=MAX_FRAME))),
                            self._ack(number, end),
                        )
                    size = file.seek(0, os.SEEK_END)
                    if number != segments[-1] and self._behind(number, size):
                        damage = Refusal(str(file.name), self._offset, "frame_damaged")
                        self._segment, self._offset = number, size
                        yield Batch("", str(file.name), size, 1, (), (damage,)), self._ack(number, size)

    def _behind(self, number: int, size: int) -> bool:
        """Whether a sealed segment holds bytes of no frame: damage, since a writer cuts what it did not finish."""
        return size > (self._offset if self._segment == number else 0)

    def _ack(self, number: int, end: int) -> Callable[[], None]:
        def ack() -> None:
            with _folder_errors(self._folder):
                if (number, end) > _position(self._folder):
                    _replace(self._folder / "position", orjson.dumps({"segment": number, "offset": end}))
                for old in _segments(self._folder):
                    if old < number:
                        _path(self._folder, old).unlink(missing_ok=True)

        return ack


def _frames(file: IO[bytes], begin: int) -> Iterator[tuple[int, bytes]]:
    """(offset after it, payload) of each whole frame from `begin` on; ends at the first that is not."""
    file.seek(begin)
    end = begin
    while len(head := file.read(_HEAD.size)) == _HEAD.size:
        size, checksum = _HEAD.unpack(head)
        if size > MAX_FRAME:
            return
        payload = file.read(size)
        if len(payload) < size or crc32(payload) != checksum:
            return
        end += _HEAD.size + size
        yield end, payload


def _path(folder: Path, number: int) -> Path:
    return folder / f"{number:08d}{_SUFFIX}"


def _segments(folder: Path) -> list[int]:
    return sorted(int(path.stem) for path in folder.glob(f"*{_SUFFIX}") if path.stem.isdigit())


def _position(folder: Path) -> tuple[int, int]:
    """(segment, offset) before which the node has stored everything; before every segment when nothing is said."""
    try:
        position = orjson.loads((folder / "position").read_bytes())
    except FileNotFoundError:
        return 0, 0
    return position["segment"], position["offset"]


def _counters(path: Path) -> tuple[int, int]:
    try:
        counters = orjson.loads(path.read_bytes())
    except FileNotFoundError:
        return 0, 0
    return counters["batches"], counters["events"]


def _replace(path: Path, data: bytes) -> None:
    """The file holds the data afterwards, or (after a crash) what it held before; nothing in between."""
    fresh = path.with_name(path.name + ".new")
    with fresh.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class _folder_errors:  # noqa: N801  a context manager, used like a function
    """The operating system's refusals become StoreUnavailable, which names the folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OSError):
            raise StoreUnavailable("spool_broken", folder=self._folder, reason=error.strerror) from error
