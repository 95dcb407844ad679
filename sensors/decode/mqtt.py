"""MQTT control packets (OASIS MQTT 3.1.1 and 5.0; IBM's MQTT 3.1): what each says, under Suricata's names."""

from __future__ import annotations

import struct
from collections.abc import Callable
from struct import unpack_from
from typing import Any, NamedTuple

from sensors.decode.fault import Undecodable
from sensors.decode.lines import printable

#: Bytes read of one packet; the rest of a longer one (a published message) is only counted.
MAX_BODY = 65_536
#: Characters shown of a message, and of other texts; topics and properties of one packet.
MAX_MESSAGE = 512
MAX_TEXT = 1_024
MAX_TOPICS = 64
MAX_PROPERTIES = 64

NAMES = (
    "", "connect", "connack", "publish", "puback", "pubrec", "pubrel", "pubcomp", "subscribe", "suback", "unsubscribe",
    "unsuback", "pingreq", "pingresp", "disconnect", "auth",
)  # fmt: skip
CONNECT, CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK = range(1, 12)
PINGREQ, PINGRESP, DISCONNECT, AUTH = range(12, 16)

_BYTE, _TWO, _FOUR, _VARIABLE, _STRING, _BINARY, _PAIR = range(7)
#: MQTT 5.0 §2.2.2.2, table 2-4.
_PROPERTIES: dict[int, tuple[str, int]] = {
    1: ("payload_format_indicator", _BYTE),
    2: ("message_expiry_interval", _FOUR),
    3: ("content_type", _STRING),
    8: ("response_topic", _STRING),
    9: ("correlation_data", _BINARY),
    11: ("subscription_identifier", _VARIABLE),
    17: ("session_expiry_interval", _FOUR),
    18: ("assigned_client_identifier", _STRING),
    19: ("server_keep_alive", _TWO),
    21: ("authentication_method", _STRING),
    22: ("authentication_data", _BINARY),
    23: ("request_problem_information", _BYTE),
    24: ("will_delay_interval", _FOUR),
    25: ("request_response_information", _BYTE),
    26: ("response_information", _STRING),
    28: ("server_reference", _STRING),
    31: ("reason_string", _STRING),
    33: ("receive_maximum", _TWO),
    34: ("topic_alias_maximum", _TWO),
    35: ("topic_alias", _TWO),
    36: ("maximum_qos", _BYTE),
    37: ("retain_available", _BYTE),
    38: ("user_property", _PAIR),
    39: ("maximum_packet_size", _FOUR),
    40: ("wildcard_subscription_available", _BYTE),
    41: ("subscription_identifiers_available", _BYTE),
    42: ("shared_subscription_available", _BYTE),
}


class Header(NamedTuple):
    kind: int
    flags: int
    size: int  # of the body
    length: int  # of the header itself


class Packet(NamedTuple):
    """`fields` are the packet's own; `message_id` joins it with what answers it."""

    kind: int
    message_id: int | None
    fields: dict[str, Any]
    version: int = 0  # of a CONNECT
    user: str | None = None


def decode_header(buffer: bytes | bytearray) -> Header | None:
    """The fixed header (§2.1), or None while it is not all there."""
    size = 0
    for at in range(1, 5):
        if at >= len(buffer):
            return None
        size |= (buffer[at] & 0x7F) << 7 * (at - 1)
        if buffer[at] < 0x80:
            kind = buffer[0] >> 4
            if not kind:
                raise Undecodable("mqtt", 0, "packet_type")
            return Header(kind, buffer[0] & 15, size, at + 1)
    raise Undecodable("mqtt", 1, "remaining_length")


def begins_connect(data: bytes) -> bool:
    """Whether these bytes begin a CONNECT of a known version (§3.1)."""
    for at in range(2, 6):
        if data[at - 1 : at] < b"\x80":
            name = data[at : at + 9]
            return (name[:6] == b"\0\4MQTT" and name[6:7] in (b"\4", b"\5")) or name == b"\0\6MQIsdp\3"
    return False


class _Reader:
    """Takes fields off a body, in order."""

    __slots__ = ("at", "body")

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.at = 0

    def number(self, form: str, size: int) -> int:
        try:
            value: int = unpack_from(form, self.body, self.at)[0]
        except struct.error as error:
            raise Undecodable("mqtt", self.at, "packet_length") from error
        self.at += size
        return value

    def byte(self) -> int:
        return self.number("!B", 1)

    def two(self) -> int:
        return self.number("!H", 2)

    def four(self) -> int:
        return self.number("!I", 4)

    def variable(self) -> int:
        value = shift = 0
        while shift < 28:
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7
        raise Undecodable("mqtt", self.at, "variable_integer")

    def binary(self) -> bytes:
        size = self.two()
        if self.at + size > len(self.body):
            raise Undecodable("mqtt", self.at, "string_length")
        self.at += size
        return self.body[self.at - size : self.at]

    def text(self) -> str:
        return printable(self.binary(), MAX_TEXT)

    @property
    def more(self) -> bool:
        return self.at < len(self.body)

    def properties(self) -> dict[str, Any]:
        """A property list (§2.2.2); secrets in it are named and not kept."""
        end = self.variable() + self.at
        if end > len(self.body):
            raise Undecodable("mqtt", self.at, "property_length")
        found: dict[str, Any] = {}
        for _ in range(MAX_PROPERTIES):
            if self.at >= end:
                break
            known = _PROPERTIES.get(self.variable())
            if known is None:
                raise Undecodable("mqtt", self.at, "property")
            name, kind = known
            if kind == _PAIR:
                found.setdefault(name, []).append(f"{self.text()}={self.text()}")
            elif kind == _BINARY:
                found[f"{name}_bytes"] = len(self.binary())
            else:
                found[name] = (self.byte, self.two, self.four, self.variable, self.text)[kind]()
        self.at = end
        return found


def decode_packet(header: Header, body: bytes, version: int) -> Packet:
    """What a packet says. `body` may be cut at MAX_BODY. Raises Undecodable where its fields break."""
    reader = _Reader(body)
    fields: dict[str, Any] = {
        "qos": header.flags >> 1 & 3,
        "retain": bool(header.flags & 1),
        "dup": bool(header.flags >> 3 & 1),
    }
    decode = _DECODERS.get(header.kind, _plain)
    return decode(reader, header, version, fields)


def _connect(reader: _Reader, header: Header, version: int, fields: dict[str, Any]) -> Packet:
    fields["protocol_string"] = reader.text()
    fields["protocol_version"] = level = reader.byte()
    flags = reader.byte()
    fields["flags"] = {
        "username": bool(flags & 0x80),
        "password": bool(flags & 0x40),
        "will_retain": bool(flags & 0x20),
        "will": bool(flags & 0x04),
        "clean_session": bool(flags & 0x02),
    }
    fields["keepalive"] = reader.two()
    if level >= 5:
        fields["properties"] = reader.properties()
    fields["client_id"] = reader.text()
    if flags & 0x04:
        will: dict[str, Any] = {}
        if level >= 5:
            will["properties"] = reader.properties()
        will["topic"] = reader.text()
        will["message"] = printable(reader.binary(), MAX_MESSAGE)
        fields["will"] = will
    user = reader.text() if flags & 0x80 else None
    if user is not None:
        fields["username"] = user
    return Packet(CONNECT, None, fields, level, user)


def _connack(reader: _Reader, header: Header, version: int, fields: dict[str, Any]) -> Packet:
    fields["session_present"] = bool(reader.byte() & 1)
    fields["return_code"] = reader.byte()
    if version >= 5 and reader.more:
        fields["properties"] = reader.properties()
    return Packet(CONNACK, None, fields)


def _publish(reader: _Reader, header: Header, version: int, fields: dict[str, Any]) -> Packet:
    fields["topic"] = reader.text()
    message_id = reader.two() if fields["qos"] else None
    if message_id is not None:
        fields["message_id"] = message_id
    if version >= 5:
        fields["properties"] = reader.properties()
    fields["message"] = printable(reader.body[reader.at :], MAX_MESSAGE)
    fields["message_bytes"] = max(0, header.size - reader.at)
    return Packet(PUBLISH, message_id, fields)


def _answer(reader: _Reader, header: Header, version: int, fields: dict[str, Any]) -> Packet:
    """PUBACK, PUBREC, PUBREL, PUBCOMP (§3.4 to §3.7)."""
    fields["message_id"] = reader.two()
    if version >= 5 and reader.more:
        fields["reason_code"] = reader.byte()
    if version >= 5 and reader.more:
        fields["properties"] = reader.properties()
    return Packet(header.kind, fields["message_id"], fields)


def _subscribe(reader: _Reader, header: Header, version: int, fields: dict[str, Any]) -> Packet:
    """SUBSCRIBE and UNSUBSCRIBE (§3.8, §3.10)."""
    fields["message_id"] = reader.two()
    if version >= 5:
        fields["properties"] = reader.properties()
    topics: list[Any] = []
    while reader.more and len(topics) < MAX_TOPICS:
        topic = reader.text()
        topics.append({"topic": topic, "qos": reader.byte() & 3} if header.kind == SUBSCRIBE else topic)
    fields["topics"] = topics
    return Packet(header.kind, fields["message_id"], fields)


def _suback(reader: _Reader, header: Header, version: int, fields: dict[str, Any]) -> Packet:
    """SUBACK and UNSUBACK (§3.9, §3.11); the latter has codes only in version 5."""
    fields["message_id"] = reader.two()
    if version >= 5:
        fields["properties"] = reader.properties()
    codes = list(reader.body[reader.at : reader.at + MAX_TOPICS])
    if codes:
        fields["qos_granted" if header.kind == SUBACK else "reason_codes"] = codes
    return Packet(header.kind, fields["message_id"], fields)


def _ended(reader: _Reader, header: Header, version: int, fields: dict[str, Any]) -> Packet:
    """DISCONNECT and AUTH (§3.14, §3.15)."""
    if version >= 5 and reader.more:
        fields["reason_code"] = reader.byte()
    if version >= 5 and reader.more:
        fields["properties"] = reader.properties()
    return Packet(header.kind, None, fields)


def _plain(reader: _Reader, header: Header, version: int, fields: dict[str, Any]) -> Packet:
    return Packet(header.kind, None, fields)


_DECODERS: dict[int, Callable[[_Reader, Header, int, dict[str, Any]], Packet]] = {
    CONNECT: _connect, CONNACK: _connack, PUBLISH: _publish, PUBACK: _answer, PUBREC: _answer, PUBREL: _answer,
    PUBCOMP: _answer, SUBSCRIBE: _subscribe, UNSUBSCRIBE: _subscribe, SUBACK: _suback, UNSUBACK: _suback,
    DISCONNECT: _ended, AUTH: _ended,
}  # fmt: skip
