"""IKE: one event per message, in Suricata's words (`ike` of EVE) under `vonggac.ike`."""

from __future__ import annotations

from collections.abc import Iterator

from sensors.decode import ike as wire
from sensors.decode.address import address_text
from sensors.decode.text import wire_text
from sensors.streams import Moment
from sensors.talks.talk import Beginnings, Found
from vonggac.domain.event import Document

#: Octets shown of keys and nonces, and vendor ids shown.
MAX_SHOWN = 64
MAX_VENDORS = 32

_RESPONSE, _INITIATOR = 0x20, 0x08


class IkeTalk:
    """Shares its port with ESP where every IKE message begins with four zero octets (RFC 3948 §2.2)."""

    name = "ike"
    done = False

    def __init__(self) -> None:
        self._marked = False
        self._beginnings = Beginnings()

    def data(self, side: int, data: bytes, at: Moment) -> Iterator[Found]:
        if data[:4] == wire.NON_ESP:
            self._marked = True
            data = data[4:]
        elif self._marked:
            return  # ESP or a keep-alive
        message = wire.decode_ike(data)
        yield Found("ike", at, self._beginnings.next("ike", at), *_fields(message, side))

    def gap(self, side: int, size: int, at: Moment) -> Iterator[Found]:
        return iter(())

    def close(self, clean: bool) -> Iterator[Found]:
        return iter(())


def _fields(message: wire.Message, side: int) -> tuple[Document, Document]:
    """The fields and the `event` of a message."""
    names = wire.EXCHANGES_V1 if message.major == 1 else wire.EXCHANGES_V2
    notices = wire.NOTIFICATIONS_V1 if message.major == 1 else wire.NOTIFICATIONS_V2
    initiator = side == 0 if message.major == 1 else bool(message.flags & _INITIATOR)
    ike: Document = {
        "version_major": message.major,
        "version_minor": message.minor,
        "exchange_type": message.exchange,
        "init_spi": message.initiator_spi.hex(),
        "resp_spi": message.responder_spi.hex(),
        "message_id": message.id,
        "role": "initiator" if initiator else "responder",
        "encrypted": message.encrypted,
    }
    if message.exchange in names:
        ike["exchange_type_name"] = names[message.exchange]
    if message.major == 2:
        ike["response"] = bool(message.flags & _RESPONSE)
    for name, values in (
        ("payload", list(message.payloads)),
        ("proposals", list(message.proposals)),
        ("vendor_ids", [each[:MAX_SHOWN].hex() for each in message.vendors[:MAX_VENDORS]]),
        ("notify", [notices.get(number, str(number)) for number in message.notifications]),
    ):
        if values:
            ike[name] = values
    for name, octets in (("key_exchange", message.key_exchange), ("nonce", message.nonce)):
        if octets:
            ike[name] = octets[:MAX_SHOWN].hex()
    if message.identity is not None:
        ike["identification"] = _identity(*message.identity)
    failed = any(0 < number < 16384 for number in message.notifications)
    return {"vonggac": {"ike": ike}}, {"outcome": "failure"} if failed else {}


def _identity(kind: int, value: bytes) -> str:
    """An address, a name, or octets (RFC 7296 §3.5; the numbers are those of RFC 2407 §4.6.2.1)."""
    if (kind, len(value)) in ((1, 4), (5, 16)):
        return address_text(value)
    return wire_text(value) if kind in (2, 3) else value[:MAX_SHOWN].hex()
