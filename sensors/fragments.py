"""IP datagrams put together from their fragments, with bounds on count, size and age (RFC 791 §3.2, RFC 5722)."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

from sensors.decode.frame import Fragment
from sensors.streams import Moment

#: Datagrams being put together at a time; the oldest goes first.
MAX_DATAGRAMS = 4_096
#: Pieces of one datagram: 64 KiB in the smallest useful fragments.
MAX_PIECES = 256
#: RFC 8200 §4.5: a minute after the first fragment.
TIMEOUT_NS = 60 * 10**9


@dataclass(slots=True)
class Datagram:
    """What is there of one datagram. `length` is -1 until its last fragment was seen."""

    first: Fragment
    begun: Moment
    length: int = -1
    packets: int = 0
    wire_bytes: int = 0
    held: int = 0  # payload bytes of the pieces
    overlap: bool = False
    pieces: dict[int, Fragment] = field(default_factory=dict)

    def whole(self) -> bytes | None:
        """The bytes, when none is missing. Where pieces overlap, the lower offset wins."""
        if self.length < 0 or 0 not in self.pieces or self.held < self.length:
            return None
        parts: list[bytes] = []
        at = 0
        for offset in sorted(self.pieces):
            piece = self.pieces[offset].payload
            if offset > at:
                return None
            if offset < at:
                self.overlap = True
            if offset + len(piece) > at:
                parts.append(piece[at - offset :])
                at = offset + len(piece)
        return b"".join(parts)[: self.length] if at >= self.length else None


class Reassembly:
    """The datagrams of one engine that are not whole yet."""

    def __init__(self) -> None:
        self._open: OrderedDict[tuple[bytes, bytes, int, int], Datagram] = OrderedDict()

    def add(self, fragment: Fragment, at: Moment) -> tuple[Datagram, bytes] | None:
        """The datagram and its bytes once this fragment makes it whole."""
        datagram = self._open.get(fragment.key)
        if datagram is None:
            datagram = self._open[fragment.key] = Datagram(fragment, at)
        datagram.packets += 1
        datagram.wire_bytes += fragment.size
        end = fragment.offset + len(fragment.payload)
        if fragment.offset in datagram.pieces:
            datagram.overlap |= datagram.pieces[fragment.offset].payload != fragment.payload
        elif len(datagram.pieces) < MAX_PIECES and end <= 0xFFFF + 8:
            datagram.pieces[fragment.offset] = fragment
            datagram.held += len(fragment.payload)
            if fragment.offset == 0:
                datagram.first = fragment
        if not fragment.more and datagram.length < 0:
            datagram.length = end
        payload = datagram.whole()
        if payload is None:
            return None
        del self._open[fragment.key]
        return datagram, payload

    def expired(self, now_ns: int) -> list[Datagram]:
        """Those given up: too old, or too many."""
        gone: list[Datagram] = []
        while self._open:
            oldest = next(iter(self._open.values()))
            if len(self._open) <= MAX_DATAGRAMS and now_ns - oldest.begun.ns < TIMEOUT_NS:
                break
            gone.append(self._open.popitem(last=False)[1])
        return gone

    def finish(self) -> list[Datagram]:
        left = list(self._open.values())
        self._open.clear()
        return left
