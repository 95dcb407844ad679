"""Logs read on as they grow: nothing lost and nothing read twice through rename, copytruncate, truncation, reuse of
inodes, compression, lines cut in the middle, and kill -9.

A log is known by its first record, as its events are, and by the bytes before the place it was read to; its name and
inode only help to find it. So a log that was renamed, copied or compressed is found again and its rest is read, and a
copy of what was read is recognised. The files it is read from are held open, so that the rest of a file that was
renamed or deleted can still be read.

Files are asked twice a second, without inotify: it does not tell of what happened before, nor on shares.
"""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from itertools import chain
from pathlib import Path

import orjson

from sensors import reader_for
from sensors.base import BATCH_UNITS, SNIFF_BYTES, Batch, Origin, fingerprint
from sensors.log_files import PIECE_BYTES, Plain, Unpacked, log_files, open_log
from sensors.records import MAX_RECORD, Line, LineReader, batches, lines
from sensors.source import Input, open_input
from vonggac.domain.account import Refusal
from vonggac.errors import ReadError, UnknownInput

#: Between two looks at the files.
POLL_SECONDS = 0.5
#: Bytes before the place a log was read to, by which it is known again.
TAIL_BYTES = 256
#: Files held open at once; others are opened when they have changed.
MAX_HELD = 128
#: Logs remembered of which no file is left.
MAX_GONE = 512
#: A change may leave a file's time as it was for so long; a file that changed so recently is looked at again.
RACY_NS = 2_000_000_000
#: A deleted file's writer may still write its last lines for so long.
LINGER_NS = 5_000_000_000
Inode = tuple[int, int]


@dataclass(slots=True)
class Log:
    """How far a log was read, wherever it is: up to byte `offset` of its plain content, behind line `line`."""

    source: str  # its first record's fingerprint
    reader: str
    inode: Inode  # of the file it was read from last
    offset: int = 0
    line: int = 0
    tail: str = ""  # hash of the TAIL_BYTES before offset
    header: dict[str, str] = field(default_factory=dict)
    skipping: bool = False  # in the middle of a line that is too long
    passed: bool = False  # it was there before following began

    def rewind(self) -> None:
        self.offset = self.line = 0
        self.tail, self.skipping = "", False
        self.header.clear()


@dataclass(slots=True)
class _Held:
    file: Plain
    log: Log
    size: int = -1
    mtime_ns: int = -1
    grew_ns: int = 0


@dataclass(slots=True)
class _Seen:
    """A file as it was when it was looked at last, and which log it is of."""

    size: int
    mtime_ns: int
    source: str = ""


class Follower:
    """One path, with the files it is rotated to, or one folder. `poll` gives what came since; `save` remembers that
    it is safe. Raises UnknownInput at the beginning for what is not there or is no log."""

    def __init__(
        self, location: str, origin: Origin, state: Path | None = None, clock: Callable[[], int] = time.time_ns
    ) -> None:
        self.location = location
        self._path = Path(location).absolute()
        self._origin = origin
        self._state = state
        self._clock = clock  # ns since 1970
        self._logs: dict[str, Log] = {}
        self._held: dict[Inode, _Held] = {}
        self._seen: dict[Inode, _Seen] = {}
        self._told: set[str] = set()
        self._since_ns = 0  # rotated files older than that were there before
        self._saved = b""
        if not self._load():
            self._begin()

    # --- what came ---------------------------------------------------------------------------------------------

    def poll(self) -> Iterator[Batch]:
        """What came since the last time. A batch counts as read when the next one is asked for, and `save` keeps it."""
        for inode in list(self._held):
            yield from self._read_held(inode)
        present: set[Inode] = set()
        for path, stat, rotated in log_files(self._path):
            inode = (stat.st_dev, stat.st_ino)
            present.add(inode)
            if inode not in self._held:
                yield from self._look(path, stat, rotated)
        self._forget(present)

    def close(self) -> None:
        for held in self._held.values():
            held.file.close()
        self._held.clear()

    def _read_held(self, inode: Inode) -> Iterator[Batch]:
        held = self._held[inode]
        stat, now = held.file.stat(), self._clock()
        if (stat.st_size, stat.st_mtime_ns) == (held.size, held.mtime_ns) and now - stat.st_mtime_ns > RACY_NS:
            if stat.st_nlink == 0 and now - held.grew_ns > LINGER_NS:
                self._release(inode)
            return
        if not _goes_on(held.log, held.file):  # it was truncated: what is in it now is looked at by `_look`
            self._release(inode)
            return
        if stat.st_size != held.size:
            held.grew_ns = now
        held.size, held.mtime_ns = stat.st_size, stat.st_mtime_ns
        yield from self._pieces(held.log, held.file)

    def _release(self, inode: Inode) -> None:
        held = self._held.pop(inode)
        held.file.close()
        self._look_again(held.log.source)

    def _look_again(self, source: str) -> None:
        """Copies of a log were passed over; now that a file of it is gone they may be what is left."""
        for inode in [inode for inode, seen in self._seen.items() if seen.source == source]:
            del self._seen[inode]

    def _look(self, path: Path, stat: os.stat_result, rotated: bool) -> Iterator[Batch]:
        """A file that is not held open: which log it is of, and the rest of that, if there is any."""
        inode = (stat.st_dev, stat.st_ino)
        seen = self._seen.get(inode)
        racy = self._clock() - stat.st_mtime_ns <= RACY_NS
        if seen is not None and not racy and (seen.size, seen.mtime_ns) == (stat.st_size, stat.st_mtime_ns):
            return
        if seen is not None and seen.source:
            self._look_again(seen.source)
        self._seen[inode] = seen = _Seen(stat.st_size, stat.st_mtime_ns)
        file: Plain | Unpacked | None = None
        try:
            file = open_log(path)
            log = self._log_of(file, inode, stat, rotated)
            if log is None:
                return
            seen.source = log.source
            if log.passed or self._is_held(log) or not self._takes_up(log, file, inode):
                return
            log.inode = inode
            if isinstance(file, Plain):
                self._make_room()
                self._held[inode] = _Held(file, log, stat.st_size, stat.st_mtime_ns, self._clock())
            yield from self._pieces(log, file)
        except (OSError, UnknownInput):
            self._seen.pop(inode, None)
            yield from self._refuse(str(path), "input_unopenable")
        except ReadError as error:
            if error.key != "compression_cut" or not racy:  # else it is being compressed now
                yield from self._refuse(str(path), error.key)
        finally:
            if file is not None and inode not in self._held:
                file.close()

    def _log_of(self, file: Plain | Unpacked, inode: Inode, stat: os.stat_result, rotated: bool) -> Log | None:
        """The log a file is of; None as long as it has no whole record, and for what is to be passed over."""
        known = _recognise(file)
        if known is None:
            return None
        reader, source = known
        log = self._logs.get(source)
        if log is None:
            if rotated and stat.st_mtime_ns < self._since_ns:
                return None
            log = self._logs[source] = Log(source, reader.name, inode)
        return log

    def _is_held(self, log: Log) -> bool:
        return any(held.log is log for held in self._held.values())

    def _takes_up(self, log: Log, file: Plain | Unpacked, inode: Inode) -> bool:
        """Whether the file goes on where the log was read to. A file that was cut back begins again (its events have
        the ids they had); a copy that has less than what was read has nothing new."""
        if _goes_on(log, file):
            return True
        if inode != log.inode:
            return False
        log.rewind()
        return True

    def _make_room(self) -> None:
        """Of too many open files, the one that has been still for longest is closed until it changes."""
        if len(self._held) < MAX_HELD:
            return
        inode = min(self._held, key=lambda each: self._held[each].grew_ns)
        held = self._held.pop(inode)
        held.file.close()
        self._seen[inode] = _Seen(held.size, held.mtime_ns, held.log.source)

    def _refuse(self, path: str, reason: str) -> Iterator[Batch]:
        if path not in self._told:
            self._told.add(path)
            yield Batch(fingerprint(path.encode()), path, 0, 1, (), (Refusal(path, 0, reason),))

    def _forget(self, present: set[Inode]) -> None:
        """What is remembered of files that are gone is bounded."""
        for inode in [inode for inode in self._seen if inode not in present]:
            if inode in self._seen and (source := self._seen.pop(inode).source):
                self._look_again(source)
        kept = {seen.source for seen in self._seen.values()} | {held.log.source for held in self._held.values()}
        gone = [source for source in self._logs if source not in kept]
        for source in gone[: max(0, len(gone) - MAX_GONE)]:
            del self._logs[source]

    # --- pieces of a log ---------------------------------------------------------------------------------------

    def _pieces(self, log: Log, file: Plain | Unpacked) -> Iterator[Batch]:
        """The whole lines from where the log was read to, in pieces; of a file that has ended, the last one too."""
        while data := self._piece(log, file):
            yield from self._batch(log, data, file)

    def _piece(self, log: Log, file: Plain | Unpacked) -> bytes:
        """With the bytes before it, read in one go: a file cut back in this moment gives nothing."""
        size, before = PIECE_BYTES, min(TAIL_BYTES, log.offset)
        while True:
            data = file.at(log.offset - before, before + size)
            if log.tail and _hash(data[:before]) != log.tail:
                return b""
            end = _cut(data, before)
            if end > before:
                return data[:end]
            if len(data) < before + size:
                return data if file.ended and len(data) > before else b""
            if size > MAX_RECORD or log.skipping:
                return data
            size = min(4 * size, MAX_RECORD + 2)

    def _batch(self, log: Log, piece: bytes, file: Plain | Unpacked) -> Iterator[Batch]:
        reader = _reader(log.reader)
        data = piece[min(TAIL_BYTES, log.offset) :]
        found = self._read(log, reader, data, file.path)
        yield from found[:-1]
        # From here on the piece counts as read.
        log.offset += len(data)
        log.tail = _hash(piece[-TAIL_BYTES:])
        if log.skipping or len(data) > MAX_RECORD:
            log.skipping = b"\n" not in data
        log.line += data.count(b"\n") + (0 if data.endswith(b"\n") or log.skipping else 1)
        if reader.header:
            log.header |= _header(data, reader.header)
        yield from found[-1:]

    def _read(self, log: Log, reader: LineReader, data: bytes, path: str) -> list[Batch]:
        number, offset = log.line, log.offset
        if log.skipping:
            _, newline, data = data.partition(b"\n")
            if not newline:
                return []
            number += 1
        before = (Line(0, 0, line.encode("utf-8", "surrogateescape")) for line in log.header.values())
        found = chain(before, lines(io.BytesIO(data), number, offset))
        return list(batches(reader.rows(found), path, reader.begin(self._origin), log.source)) if data else []

    # --- where it stands ---------------------------------------------------------------------------------------

    def save(self) -> None:
        """What was given so far is remembered as read."""
        if self._state is None:
            return
        logs = [asdict(log) for log in self._logs.values()]
        data = orjson.dumps({"location": str(self._path), "since": self._since_ns, "logs": logs})
        if data == self._saved:
            return
        self._state.parent.mkdir(parents=True, exist_ok=True)
        new = self._state.with_suffix(".new")
        with open(new, "wb", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._state)
        self._saved = data

    def _load(self) -> bool:
        """Whether it was followed before. What cannot be read of the state raises ReadError: to begin again would
        read everything twice."""
        if self._state is None or not self._state.exists():
            return False
        try:
            kept = orjson.loads(self._state.read_bytes())
            logs = [Log(**{**log, "inode": (log["inode"][0], log["inode"][1])}) for log in kept["logs"]]
            self._since_ns = int(kept["since"])
        except (OSError, ValueError, TypeError, LookupError) as error:
            raise ReadError("follow_state_broken", location=self._state, offset=0, detail=str(error)) from error
        self._logs = {log.source: log for log in logs}
        return True

    def _begin(self) -> None:
        """The first time: the path must be there and no capture; what it was rotated to before is passed over."""
        if self.location == "-" or self.location.startswith("iface:"):
            raise UnknownInput("follow_no_log", location=self.location)
        if not self._path.is_dir():
            with open_input(self.location) as opened:
                self._check(opened)
        for path, stat, rotated in reversed(log_files(self._path)):  # a copy of the log itself is not passed over
            try:
                file = open_log(path)
                known = _recognise(file)
                file.close()
            except (OSError, UnknownInput, ReadError):
                continue
            if known is None:
                continue
            reader, source = known
            if source not in self._logs:
                self._logs[source] = Log(source, reader.name, (stat.st_dev, stat.st_ino), passed=rotated)
        self._since_ns = self._clock() - RACY_NS
        self.save()

    def _check(self, source: Input) -> None:
        try:
            while not source.looked_all:
                source.look()
        except ReadError as error:
            raise UnknownInput("input_unknown_kind", location=self.location, detail=str(error)) from error
        head = source.seen
        whole = head[: head.rfind(b"\n") + 1] or (head if len(head) >= SNIFF_BYTES or b"\0" in head else b"")
        reader = reader_for(whole) if whole else None
        if reader is None and len(head) >= SNIFF_BYTES:
            raise UnknownInput("input_unknown_kind", location=self.location)
        if reader is not None and not isinstance(reader, LineReader):
            raise UnknownInput("follow_no_log", location=self.location)


def follow(
    locations: Sequence[str],
    origin: Origin,
    state: Callable[[str], Path] | None = None,
    *,
    stop: Callable[[], bool] = lambda: False,
    wait: Callable[[float], object] = time.sleep,
) -> Generator[Batch | None, None, None]:
    """The batches of logs and folders of logs, and of what is added to them, until `stop` says so; None after each
    look at all of them.

    A batch counts as safe when the next one is asked for: what was read is then kept in the file that `state` names
    for a location, and a later call goes on there. Raises UnknownInput here, before anything is yielded.
    """
    followers = [Follower(location, origin, state and state(location)) for location in locations]
    return _rounds(followers, stop, wait)


def _rounds(
    followers: Sequence[Follower], stop: Callable[[], bool], wait: Callable[[float], object]
) -> Generator[Batch | None, None, None]:
    try:
        while True:
            last = stop()
            for follower in followers:
                for batch in follower.poll():
                    yield batch
                    follower.save()
                follower.save()
            yield None
            if last:
                return
            wait(POLL_SECONDS)
    finally:
        for follower in followers:
            follower.close()


def _recognise(file: Plain | Unpacked) -> tuple[LineReader, str] | None:
    """(reader, fingerprint of the first record), once there is a whole one."""
    head = file.at(0, SNIFF_BYTES)
    if len(head) == SNIFF_BYTES and b"\n" not in head:
        head = file.at(0, MAX_RECORD + 2)
    elif not file.ended:
        head = head[: head.rfind(b"\n") + 1]
    reader = reader_for(head[:SNIFF_BYTES]) if head else None
    if not isinstance(reader, LineReader):
        return None
    first = next(reader.rows(lines(io.BytesIO(head))), None)
    return None if first is None else (reader, fingerprint(first.raw))


def _goes_on(log: Log, file: Plain | Unpacked) -> bool:
    """Whether the file has what was read of the log, judged by the bytes before that place."""
    size = min(TAIL_BYTES, log.offset)
    before = file.at(log.offset - size, size)
    return len(before) == size and (not log.tail or _hash(before) == log.tail)


def _cut(data: bytes, begin: int) -> int:
    """Where a piece ends: behind as many whole lines as make a batch; where it begins if there is none."""
    end = begin
    for _ in range(BATCH_UNITS):
        next_end = data.find(b"\n", end) + 1
        if not next_end:
            break
        end = next_end
    return end


def _header(data: bytes, mark: bytes) -> dict[str, str]:
    """The header's lines by their first word, the last of each."""
    found: dict[str, str] = {}
    at = 0 if data.startswith(mark) else data.find(b"\n" + mark) + 1
    while data.startswith(mark, at):
        end = data.find(b"\n", at)
        line = data[at : end if end >= 0 else len(data)].decode("utf-8", "surrogateescape")
        found[line.split(maxsplit=1)[0]] = line
        at = data.find(b"\n" + mark, at) + 1
        if not at:
            break
    return found


def _hash(data: bytes) -> str:
    return sha256(data).hexdigest()[:16]


def _reader(name: str) -> LineReader:
    from sensors.eve import EveReader
    from sensors.ndjson import NdjsonReader
    from sensors.zeek import ZeekJsonReader, ZeekTsvReader

    kinds: tuple[type[LineReader], ...] = (ZeekTsvReader, EveReader, ZeekJsonReader, NdjsonReader)
    return next(kind for kind in kinds if kind.name == name)()
