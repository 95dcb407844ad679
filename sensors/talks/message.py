"""Protocols whose every datagram is a message and an event of its own (DHCP, NTP, SNMP, IKE, …)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from sensors.streams import Moment
from sensors.talks.talk import Beginnings, Found
from vonggac.domain.event import Document


@dataclass(slots=True)
class Read:
    """What one message says; the parts are those of `Found`."""

    fields: Document
    event: Document = field(default_factory=dict)
    hosts: tuple[str, ...] = ()
    ips: tuple[str, ...] = ()


class MessageTalk:
    """Keeps nothing between messages. `read` raises Undecodable for a message that is broken."""

    done = False

    def __init__(self, name: str, dataset: str, read: Callable[[bytes], Read]) -> None:
        self.name = name
        self._dataset = dataset
        self._read = read
        self._beginnings = Beginnings()

    def data(self, side: int, data: bytes, at: Moment) -> Iterator[Found]:
        read = self._read(data)
        ordinal = self._beginnings.next(self._dataset, at)
        yield Found(self._dataset, at, ordinal, read.fields, read.event, read.hosts, read.ips)

    def gap(self, side: int, size: int, at: Moment) -> Iterator[Found]:
        return iter(())

    def close(self, clean: bool) -> Iterator[Found]:
        return iter(())
