"""The files of logs: which may hold a log, as it is rotated, and the bytes of one, plain or compressed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from sensors.source import MAGICS, open_input

#: What is read at a time.
PIECE_BYTES = 1 << 20
#: Folders of an archive beside a Zeek `current` in which rotated logs are looked for: the last ones by name.
ARCHIVE_FOLDERS = 3

_SEPARATORS = (".", "-", "_")
_COMPRESSED = (".gz", ".zst")
_ZEEK_CURRENT = "current"


class Plain:
    """The bytes of a file held open."""

    ended = False  # more may come

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self._file = path.open("rb", buffering=0)

    def stat(self) -> os.stat_result:
        return os.fstat(self._file.fileno())

    def at(self, offset: int, size: int) -> bytes:
        return os.pread(self._file.fileno(), size, offset)

    def close(self) -> None:
        self._file.close()


class Unpacked:
    """The plain bytes of a compressed file, to be asked for from front to back. `ended` once all have been read."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self._stream = open_input(self.path)
        self._bytes = bytearray()
        self._start = 0
        self.ended = False

    def at(self, offset: int, size: int) -> bytes:
        while not self.ended and self._start + len(self._bytes) < offset + size:
            more = self._stream.read(PIECE_BYTES) or b""
            self.ended = not more
            self._bytes += more
            behind = min(len(self._bytes), offset - self._start)
            if behind > 0:
                del self._bytes[:behind]
                self._start += behind
        return bytes(self._bytes[offset - self._start : offset - self._start + size])

    def close(self) -> None:
        self._stream.close()


def open_log(path: Path) -> Plain | Unpacked:
    plain = Plain(path)
    if not plain.at(0, 4).startswith(MAGICS):
        return plain
    plain.close()
    return Unpacked(path)


def log_files(path: Path) -> list[tuple[Path, os.stat_result, bool]]:
    """The files that may hold the log at this path, or the logs in this folder, oldest first; the last of each tuple
    says whether it is a rotated one."""
    if path.is_dir():
        live = [Path(at, name) for at, _, names in os.walk(path) for name in names]
        rotated = _archived(path, lambda name: name.endswith((".log", *_COMPRESSED)))
    else:
        live = [path]
        base = path.name
        rotated = [at for at in _entries(path.parent) if is_rotated(at.name, base)]
        rotated += _archived(path, lambda name: is_rotated(name, base))
    found: list[tuple[Path, os.stat_result, bool]] = []
    for paths, is_old in ((rotated, True), (live, False)):
        part = []
        for at in paths:
            try:
                stat = at.stat()
            except OSError:
                continue  # renamed or deleted meanwhile
            if at.is_file() and not at.name.startswith("."):
                part.append((at, stat, is_old))
        found += sorted(part, key=lambda each: (each[1].st_mtime_ns, each[0]))
    return found


def _archived(path: Path, wanted: Callable[[str], bool]) -> list[Path]:
    """Logs that Zeek has moved from `current` to the folders of the days."""
    folder = path if path.is_dir() else path.parent
    if folder.name != _ZEEK_CURRENT:
        return []
    days = sorted(at for at in _entries(folder.parent) if at.name[:1].isdigit() and at.is_dir())
    return [at for day in days[-ARCHIVE_FOLDERS:] for at in _entries(day) if wanted(at.name)]


def is_rotated(name: str, base: str) -> bool:
    """Whether a file's name is one that `base` is rotated to: `eve.json.1.gz`, `eve.json-20260102`, `eve-2026.json`,
    `conn.10:00:00-11:00:00.log.gz`."""
    if name.startswith(base):
        return name[len(base) : len(base) + 1] in _SEPARATORS
    stem, dot, kind = base.rpartition(".")
    rest = name.removeprefix(stem)
    for ending in _COMPRESSED:
        name = name.removesuffix(ending)
    return bool(dot and rest[:1] in _SEPARATORS and rest[1:2].isdigit() and name.endswith(f".{kind}"))


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []
