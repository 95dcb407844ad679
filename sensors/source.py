"""Opening an input: a file or stdin, decompressed on the fly, with a look at its first bytes beforehand."""

from __future__ import annotations

import io
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from sensors.base import SNIFF_BYTES
from vonggac.errors import ReadError, UnknownInput

#: A compressed input that gives more than this many bytes for each of its own is a bomb, once past the free bytes.
MAX_RATIO = 250
FREE_BYTES = 256 << 20
#: The largest zstd window accepted: memory the input may claim (zstd's own default for decoding).
MAX_WINDOW = 128 << 20
_CHUNK = 1 << 18


class Input(io.RawIOBase):
    """A raw stream that can be looked into before it is read."""

    def __init__(
        self,
        read: Callable[[int], bytes],
        location: str,
        close: Callable[[], None],
        read_into: Callable[[Any], int | None] | None = None,
    ) -> None:
        """`read_into` is given where bytes can be had without a copy."""
        self._read = read
        self._read_into = read_into
        self._location = location
        self._close = close
        self._head = b""
        self._ended = False

    @property
    def seen(self) -> bytes:
        """The first bytes as far as they have been looked at."""
        return self._head

    def look(self) -> bytes:
        """The first bytes: each call waits for some more of them, until the input ends or SNIFF_BYTES are there."""
        if not self._ended and len(self._head) < SNIFF_BYTES:
            more = self._fetch(SNIFF_BYTES - len(self._head))
            self._ended = not more
            self._head += more
        return self._head

    @property
    def looked_all(self) -> bool:
        return self._ended or len(self._head) >= SNIFF_BYTES

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._read_into is not None and not self._head and not self._ended:
            with self._told():
                return self._read_into(buffer) or 0
        if self._head:
            taken, self._head = self._head[: len(buffer)], self._head[len(buffer) :]
        else:
            taken = b"" if self._ended else self._fetch(len(buffer))
        buffer[: len(taken)] = taken
        return len(taken)

    def close(self) -> None:
        if not self.closed:
            self._close()
        super().close()

    def _fetch(self, size: int) -> bytes:
        with self._told():
            return self._read(size)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """What the system refuses is a ReadError."""
        try:
            yield
        except OSError as error:
            raise ReadError("input_unreadable", location=self._location, offset=0, reason=error.strerror) from error


def open_input(location: str) -> Input:
    """The bytes of a path or `-`, decompressed where they are gzip or zstd. Raises UnknownInput when there are none."""
    raw = _stdin() if location == "-" else _file(location)
    plain = Input(lambda size: raw.read(size) or b"", location, raw.close, raw.readinto)  # type: ignore[attr-defined]
    head = plain.look()
    while len(head) < 4 and not plain.looked_all:
        head = plain.look()
    kind: type[_Inflater] | None = next((k for k in (_Gunzip, _Unzstd) if head.startswith(k.magic)), None)
    return plain if kind is None else Input(kind(plain, location).read, location, plain.close)


def _stdin() -> BinaryIO:
    # A descriptor of our own: closing the input must not close the process's stdin.
    return io.FileIO(sys.stdin.fileno(), "rb", closefd=False)


def _file(location: str) -> BinaryIO:
    try:
        return Path(location).open("rb", buffering=0)
    except OSError as error:
        key = "input_missing" if isinstance(error, FileNotFoundError) else "input_unopenable"
        raise UnknownInput(key, location=location, reason=error.strerror) from error


class _Inflater:
    """Decompressed bytes of a stream, with a bound on how many it may give. Several members in a row are one stream."""

    magic = b""

    def __init__(self, compressed: Input, location: str) -> None:
        self._compressed = compressed
        self._location = location
        self._in = self._out = 0
        self._pending = b""
        self._ready = b""
        self._decoder = self.begin()

    def begin(self) -> Any:
        """A decoder at the beginning of a member."""
        raise NotImplementedError

    def step(self, data: bytes) -> tuple[bytes, bytes]:
        """(some bytes out, what is left of the data). Raises ReadError through `broken` for damage."""
        raise NotImplementedError

    def read(self, size: int) -> bytes:
        """At most `size` bytes; none at the end. Raises ReadError for broken or exploding data."""
        while not self._ready and self._more():
            pass
        taken, self._ready = self._ready[:size], self._ready[size:]
        return taken

    def broken(self, error: Exception) -> ReadError:
        return ReadError("compression_broken", location=self._location, offset=self._in, detail=str(error))

    def _more(self) -> bool:
        """Decompress another piece; False at the end."""
        if not self._pending and not self._fill():
            if not self._decoder.eof:
                raise ReadError("compression_cut", location=self._location, offset=self._in)
            return False
        if self._decoder.eof:
            if not self._pending.startswith(self.magic):  # padding after the end
                self._pending = b""
                return True
            self._decoder = self.begin()
        self._ready, self._pending = self.step(self._pending)
        self._out += len(self._ready)
        if self._out > FREE_BYTES and self._out > MAX_RATIO * self._in:
            raise ReadError("compression_bomb", location=self._location, offset=self._in, ratio=MAX_RATIO)
        return True

    def _fill(self) -> bool:
        buffer = bytearray(_CHUNK)
        self._pending = bytes(buffer[: self._compressed.readinto(buffer)])
        self._in += len(self._pending)
        return bool(self._pending)


class _Gunzip(_Inflater):
    magic = b"\x1f\x8b"

    def begin(self) -> Any:
        return zlib.decompressobj(31)

    def step(self, data: bytes) -> tuple[bytes, bytes]:
        try:
            out = self._decoder.decompress(data, _CHUNK)
        except zlib.error as error:
            raise self.broken(error) from error
        return out, self._decoder.unused_data if self._decoder.eof else self._decoder.unconsumed_tail


class _Unzstd(_Inflater):
    magic = b"\x28\xb5\x2f\xfd"

    def begin(self) -> Any:
        import zstandard

        return zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW).decompressobj()

    def step(self, data: bytes) -> tuple[bytes, bytes]:
        import zstandard

        # The decoder has no bound on its output, so it is fed little: one block, 4 bytes at least, gives up to 128 KiB.
        piece, rest = data[:512], data[512:]
        try:
            out = self._decoder.decompress(piece)
        except zstandard.ZstdError as error:
            raise self.broken(error) from error
        return out, (self._decoder.unused_data + rest if self._decoder.eof else rest)


#: What compressed inputs begin with.
MAGICS = (_Gunzip.magic, _Unzstd.magic)
