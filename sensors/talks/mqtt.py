"""MQTT on one connection: one event for each exchange, as in Suricata.

A CONNECT with its CONNACK, a SUBSCRIBE with its SUBACK, a PUBLISH with all that acknowledges it; every other packet is
one alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from sensors.decode.mqtt import (
    CONNACK,
    CONNECT,
    MAX_BODY,
    NAMES,
    PUBACK,
    PUBCOMP,
    PUBLISH,
    PUBREC,
    PUBREL,
    SUBACK,
    SUBSCRIBE,
    UNSUBACK,
    UNSUBSCRIBE,
    Header,
    Packet,
    decode_header,
    decode_packet,
)
from sensors.streams import Moment
from sensors.talks.talk import Beginnings, Found
from vonggac.domain.event import Document, put

#: Exchanges that wait for their next packet; past it the oldest is told as it is.
MAX_OPEN = 256

_CONNECTION = -1  # what joins a CONNECT with its CONNACK
_ANSWERS = frozenset((PUBACK, PUBREC, PUBCOMP, SUBACK, UNSUBACK))
_LAST = frozenset((CONNACK, PUBACK, PUBCOMP, SUBACK, UNSUBACK))


@dataclass(slots=True)
class _Exchange:
    begun: Moment
    ordinal: int
    packets: Document = field(default_factory=dict)
    user: str | None = None
    password: bool = False
    code: int | None = None
    last_ns: int = 0


class MqttTalk:
    name = "mqtt"

    def __init__(self) -> None:
        self.done = False
        self._buffers = (bytearray(), bytearray())
        self._skip = [0, 0]  # bytes of a long packet that are still to come and not read
        self._version = 0
        self._open: dict[tuple[int, int], _Exchange] = {}  # by the side that began it and its message id
        self._beginnings = Beginnings()

    def data(self, side: int, data: bytes, at: Moment) -> Iterator[Found]:
        skipped = min(self._skip[side], len(data))
        self._skip[side] -= skipped
        buffer = self._buffers[side]
        buffer += data[skipped:]
        while buffer and (header := decode_header(buffer)) is not None:
            wanted = min(header.size, MAX_BODY) + header.length
            if len(buffer) < wanted:
                return
            body = bytes(buffer[header.length : wanted])
            self._skip[side] = max(0, header.size + header.length - len(buffer))
            del buffer[: header.size + header.length]
            yield from self._packet(side, header, body, at)

    def gap(self, side: int, size: int, at: Moment) -> Iterator[Found]:
        """Inside what is not read it changes nothing; elsewhere the borders of packets are lost."""
        if size <= self._skip[side]:
            self._skip[side] -= size
            return
        self.done = True
        yield from self.close(False)

    def close(self, clean: bool) -> Iterator[Found]:
        for exchange in self._open.values():
            yield _found(exchange)
        self._open.clear()

    def _packet(self, side: int, header: Header, body: bytes, at: Moment) -> Iterator[Found]:
        packet = decode_packet(header, body, self._version)
        self._version = packet.version or self._version
        key = self._key(side, packet)
        exchange = self._open.get(key) if key is not None and packet.kind not in (CONNECT, PUBLISH) else None
        if exchange is None:
            exchange = _Exchange(at, self._beginnings.next("mqtt", at))
        exchange.packets[NAMES[packet.kind]] = packet.fields
        exchange.last_ns = at.ns
        if packet.kind == CONNECT:
            exchange.user = packet.user
            exchange.password = packet.fields["flags"]["password"]
        elif packet.kind == CONNACK:
            exchange.code = packet.fields["return_code"]
        elif packet.kind in _LAST or packet.kind == PUBREC:
            codes = packet.fields.get("qos_granted") or packet.fields.get("reason_codes") or (0,)
            exchange.code = packet.fields.get("reason_code", max(codes))
        if key is None or packet.kind in _LAST or (packet.kind == PUBREC and (exchange.code or 0) >= 0x80):
            if key is not None:
                self._open.pop(key, None)
            yield _found(exchange)
            return
        former = self._open.pop(key, None)
        if former is not None and former is not exchange:
            yield _found(former)
        self._open[key] = exchange
        if len(self._open) > MAX_OPEN:
            yield _found(self._open.pop(next(iter(self._open))))

    @staticmethod
    def _key(side: int, packet: Packet) -> tuple[int, int] | None:
        """What a packet has in common with those that answer it; None where nothing does."""
        if packet.kind in (CONNECT, CONNACK):
            return (side if packet.kind == CONNECT else 1 - side), _CONNECTION
        if packet.message_id is None:
            return None
        if packet.kind in (PUBLISH, PUBREL, SUBSCRIBE, UNSUBSCRIBE):
            return side, packet.message_id
        return (1 - side, packet.message_id) if packet.kind in _ANSWERS else None


def _found(exchange: _Exchange) -> Found:
    fields: Document = {"vonggac": {"mqtt": exchange.packets}}
    put(fields, "user.name", exchange.user)
    event: Document = {}
    if exchange.code is not None:
        failed = exchange.code >= 0x80 if "connack" not in exchange.packets else exchange.code != 0
        event["outcome"] = "failure" if failed else "success"
    if len(exchange.packets) > 1:
        event["duration"] = max(0, exchange.last_ns - exchange.begun.ns)
    if exchange.password:
        event |= {"category": ["network", "authentication"], "type": ["protocol", "start"]}
    return Found("mqtt", exchange.begun, exchange.ordinal, fields, event)
