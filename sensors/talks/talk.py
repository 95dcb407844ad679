"""A talk is one application protocol on one flow: it is fed in order and leaves what it found.

Talks keep state between packets; the bytes themselves are read by the pure decoders in `sensors.decode`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, TypeVar

from sensors.streams import Moment
from vonggac.domain.event import Document

_Thing = TypeVar("_Thing")


@dataclass(slots=True)
class Found:
    """One thing found on a flow, still without the flow's addresses.

    `ordinal` counts the things of this dataset that begin in the same packet of the flow.
    """

    dataset: str
    begun: Moment
    ordinal: int
    fields: Document
    event: Document = field(default_factory=dict)  # event.* beyond the usual (outcome, duration, …)
    hosts: tuple[str, ...] = ()
    ips: tuple[str, ...] = ()
    hashes: tuple[str, ...] = ()


def taken(found: list[_Thing]) -> list[_Thing]:
    """What a talk has gathered in its list, which is empty afterwards."""
    told = found[:]
    found.clear()
    return told


class Become(NamedTuple):
    """The rest of this stream, and what of it is given here, belongs to another talk (STARTTLS, CONNECT, h2c).

    `left` are the bytes of this piece that the new talk begins with, on the side that sent them.
    """

    talk: Talk
    left: bytes = b""


class Expect(NamedTuple):
    """Another TCP connection will be opened to this port, and speaks this (FTP's data channel).

    `address` is the end it is opened to; None stands for this flow's `side`.
    """

    port: int
    talk: Callable[[], Talk]
    side: int = 1
    address: bytes | None = None


#: What a talk leaves: things found, and what it says of this stream's or another's future.
Left = Found | Become | Expect


class Beginnings:
    """Numbers the things that begin in one packet, so that ids stay apart."""

    __slots__ = ("_last",)

    def __init__(self) -> None:
        self._last: dict[str, tuple[int, int]] = {}

    def next(self, dataset: str, at: Moment) -> int:
        position, ordinal = self._last.get(dataset, (-1, -1))
        ordinal = ordinal + 1 if position == at.position else 0
        self._last[dataset] = (at.position, ordinal)
        return ordinal


class Talk(Protocol):
    """Side 0 began the flow, 1 is the other. `done` says that further bytes tell nothing more.

    A talk of a stream may also have `quiet(side) -> int`: how many of that side's next bytes will tell nothing by
    themselves, as those of a body; they are then handed on in larger pieces.
    """

    name: str  # network.protocol
    done: bool

    def data(self, side: int, data: bytes, at: Moment) -> Iterable[Left]:
        """The next bytes of a stream, or one datagram. Raises Undecodable where they break the protocol."""
        ...

    def gap(self, side: int, size: int, at: Moment) -> Iterable[Left]:
        """So many bytes are missing here."""
        ...

    def close(self, clean: bool) -> Iterable[Left]:
        """The flow ended (`clean`: both sides had their say): what is unfinished is found as it is."""
        ...
