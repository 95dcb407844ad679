"""The one way a decoder says that bytes are not what they should be."""

from __future__ import annotations


class Undecodable(Exception):
    """Bytes that break their own format: which layer, at which offset of the bytes given, and why.

    `reason` is a short stable word group (`ipv4_length`), because anomalies are counted by it.
    """

    def __init__(self, layer: str, offset: int, reason: str) -> None:
        super().__init__(f"{layer} at {offset}: {reason}")
        self.layer = layer
        self.offset = offset
        self.reason = reason
