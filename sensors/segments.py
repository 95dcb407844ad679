"""The files of a spool: segments of frames, small files that are replaced whole, and the lock of the folder.

A segment `flow-00000001.spool` is a row of frames. A frame is a head (`HEAD`: bytes of the payload, CRC-32 of what
follows the CRC, sequence of its batch, bytes of the note), a note (JSON: how many events of which dataset, from when to
when) and a payload (zstd-compressed JSON). A frame counts once it is whole and its CRC agrees.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from fcntl import LOCK_EX, LOCK_NB, LOCK_UN, flock
from pathlib import Path
from struct import Struct
from typing import IO, Any, NamedTuple
from zlib import crc32

import orjson

from vonggac.errors import StoreUnavailable

#: The largest frame and the largest batch in it; more is damage, not a batch.
MAX_FRAME = 256 << 20

HEAD = Struct("!IIQI")
_AFTER_CRC = Struct("!QI")
_SUFFIX = ".spool"


class Frame(NamedTuple):
    """`end` is the offset behind it."""

    end: int
    sequence: int
    note: Mapping[str, Any]
    payload: bytes


def frame_bytes(sequence: int, note: Mapping[str, Any], payload: bytes) -> bytes:
    about = orjson.dumps(note)
    rest = _AFTER_CRC.pack(sequence, len(about)) + about + payload
    return Struct("!II").pack(len(payload), crc32(rest)) + rest


def frames(file: IO[bytes], begin: int) -> Iterator[Frame]:
    """Each whole frame from `begin` on; ends at the first that is not."""
    file.seek(begin)
    end = begin
    while len(head := file.read(HEAD.size)) == HEAD.size:
        size, checksum, sequence, about = HEAD.unpack(head)
        if size > MAX_FRAME or about > MAX_FRAME:
            return
        rest = file.read(about + size)
        if len(rest) < about + size or crc32(rest, crc32(head[8:])) != checksum:
            return
        end += HEAD.size + about + size
        yield Frame(end, sequence, orjson.loads(rest[:about]), rest[about:])


def notes(file: IO[bytes]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """(sequence, note) of each frame of a segment that was written whole; payloads are passed over unread."""
    while len(head := file.read(HEAD.size)) == HEAD.size:
        size, _, sequence, about = HEAD.unpack(head)
        note = file.read(about) if about <= MAX_FRAME else b""
        if size > MAX_FRAME or len(note) < about:
            return
        try:
            yield sequence, orjson.loads(note)
        except orjson.JSONDecodeError:
            return
        file.seek(size, os.SEEK_CUR)


def segment_path(folder: Path, chain: str, number: int) -> Path:
    return folder / f"{chain}-{number:08d}{_SUFFIX}"


def segment_numbers(folder: Path, chain: str) -> list[int]:
    begin = f"{chain}-"
    names = (path.stem.removeprefix(begin) for path in folder.glob(f"{begin}*{_SUFFIX}"))
    return sorted(int(name) for name in names if name.isdigit())


def read_json(path: Path) -> dict[str, Any]:
    """What stands in a small file; empty when there is none."""
    try:
        found: dict[str, Any] = orjson.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    return found


def replace(path: Path, data: bytes) -> None:
    """The file holds the data afterwards, or (after a crash) what it held before; nothing in between."""
    fresh = path.with_name(path.name + ".new")
    with fresh.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def only_one(folder: Path, what: str) -> IO[bytes]:
    """The lock of the one writer or shipper of a folder, held until it is closed. Raises StoreUnavailable."""
    lock = (folder / what).open("wb")
    try:
        flock(lock, LOCK_EX | LOCK_NB)
    except BlockingIOError as error:
        lock.close()
        raise StoreUnavailable("spool_in_use", folder=folder) from error
    return lock


class Claim:
    """Up to which batch (sequence) the reader has taken something into its hands: what lies before that the writer
    must not drop, or it would count as lost what arrives. Reader and writer are two processes; a file lock orders
    them. Not synced: after a power cut nobody holds anything."""

    def __init__(self, folder: Path) -> None:
        self._file = os.open(folder / "claim", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    @contextmanager
    def held(self) -> Iterator[int]:
        """Within it the claim stays what it is."""
        flock(self._file, LOCK_EX)
        try:
            yield int.from_bytes(os.pread(self._file, 8, 0))
        finally:
            flock(self._file, LOCK_UN)

    def raise_to(self, sequence: int) -> None:
        with self.held() as claimed:
            if sequence > claimed:
                os.pwrite(self._file, sequence.to_bytes(8), 0)


class folder_errors:  # noqa: N801  a context manager, used like a function
    """The operating system's refusals become StoreUnavailable, which names the folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OSError):
            raise StoreUnavailable("spool_broken", folder=self._folder, reason=error.strerror) from error
