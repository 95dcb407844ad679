"""A body on its way past: counted, hashed, its first bytes kept, and never stored."""

from __future__ import annotations

from hashlib import md5, sha1, sha256

from sensors.decode.magic import mime_type

#: First bytes kept of each body.
SAMPLE_BYTES = 16_384


class Body:
    """`complete` is for the protocol to say; a body with missing bytes has no hashes."""

    __slots__ = ("_hashes", "complete", "missing", "sample", "size")

    def __init__(self) -> None:
        self.size = 0
        self.missing = 0
        self.complete = False
        self.sample = b""
        self._hashes = (md5(usedforsecurity=False), sha1(usedforsecurity=False), sha256())

    def add(self, data: bytes) -> None:
        if len(self.sample) < SAMPLE_BYTES and not self.missing:
            self.sample += data[: SAMPLE_BYTES - len(self.sample)]
        self.size += len(data)
        for hashed in self._hashes:
            hashed.update(data)

    def lose(self, size: int) -> None:
        self.missing += size

    @property
    def mime_type(self) -> str | None:
        return mime_type(self.sample)

    @property
    def hashes(self) -> dict[str, str]:
        """md5, sha1 and sha256 in lower-case hexadecimal; none of a body that is not whole."""
        if not self.complete or self.missing:
            return {}
        return {hashed.name: hashed.hexdigest() for hashed in self._hashes}
