"""Opening an input: a file or stdin, decompressed on the fly, with a look at its first bytes beforehand."""

from __future__ import annotations

import io
import sys
import zlib
from collections.abc import Callable
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

_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"


class Input(io.RawIOBase):
    """A raw stream that can be looked into before it is read."""

    def __init__(self, read: Callable[[int], bytes], location: str, close: Callable[[], None]) -> None:
        self._read = read
        self._location = location
        self._close = close
        self._head = b""
        self._ended = False

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
        try:
            return self._read(size)
        except OSError as error:
            raise ReadError("input_unreadable", location=self._location, offset=0, reason=error.strerror) from error


def open_input(location: str) -> Input:
    """The bytes of a path or `-`, decompressed where they are gzip or zstd. Raises UnknownInput when there are none."""
    raw = _stdin() if location == "-" else _file(location)
    plain = Input(lambda size: raw.read(size) or b"", location, raw.close)
    head = plain.look()
    while len(head) < 4 and not plain.looked_all:
        head = plain.look()
    if head.startswith(_GZIP):
        return Input(_Inflater(plain, location, zlib.decompressobj(47)).read, location, plain.close)
    if head.startswith(_ZSTD):
        import zstandard

        decoder = zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW)
        return Input(_Inflater(plain, location, decoder.decompressobj()).read, location, plain.close)
    return plain


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

    def __init__(self, compressed: Input, location: str, decoder: Any) -> None:
        self._compressed = compressed
        self._location = location
        self._decoder = decoder
        self._gzip = hasattr(decoder, "unconsumed_tail")
        self._in = self._out = 0
        self._pending = b""
        self._ready = b""

    def read(self, size: int) -> bytes:
        """At most `size` bytes; none at the end. Raises ReadError for broken or exploding data."""
        while not self._ready and self._more():
            pass
        taken, self._ready = self._ready[:size], self._ready[size:]
        return taken

    def _more(self) -> bool:
        """Decompress another piece; False at the end."""
        if not self._pending:
            buffer = bytearray(_CHUNK)
            self._pending = bytes(buffer[: self._compressed.readinto(buffer)])
            self._in += len(self._pending)
            if not self._pending:
                if not self._decoder.eof:
                    raise ReadError("compression_cut", location=self._location, offset=self._in)
                return False
        if self._decoder.eof and not self._next_member():
            return False
        try:
            self._step()
        except Exception as error:  # zlib.error and zstandard's own, which is not worth an import here
            raise ReadError(
                "compression_broken", location=self._location, offset=self._in, detail=str(error)
            ) from error
        self._out += len(self._ready)
        if self._out > FREE_BYTES and self._out > MAX_RATIO * self._in:
            raise ReadError("compression_bomb", location=self._location, offset=self._in, ratio=MAX_RATIO)
        return True

    def _step(self) -> None:
        if self._gzip:
            self._ready = self._decoder.decompress(self._pending, _CHUNK)
            self._pending = self._decoder.unused_data if self._decoder.eof else self._decoder.unconsumed_tail
        else:
            # zstandard's object has no output bound, so it is fed little: one block gives at most 128 KiB.
            piece, self._pending = self._pending[:1024], self._pending[1024:]
            self._ready = self._decoder.decompress(piece)
            if self._decoder.eof:
                self._pending = self._decoder.unused_data + self._pending

    def _next_member(self) -> bool:
        """Go on with another gzip member or zstd frame; anything else after the end (padding) is left."""
        if self._gzip and self._pending.startswith(_GZIP):
            self._decoder = zlib.decompressobj(47)
        elif not self._gzip and self._pending.startswith(_ZSTD):
            import zstandard

            self._decoder = zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW).decompressobj()
        else:
            self._pending = b""
            return False
        return True
