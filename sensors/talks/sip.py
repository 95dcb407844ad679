"""SIP over UDP or TCP: one event for each message, as in Suricata."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from sensors.decode.fault import Undecodable
from sensors.decode.sip import Message, begins_message, decode_description, decode_message
from sensors.streams import Moment
from sensors.talks.mail_event import is_ip
from sensors.talks.talk import Beginnings, Found
from vonggac.domain.event import Document, put

#: Bytes of a body that are looked into for a session description.
MAX_SAMPLE = 16_384

_USER = re.compile(r'\busername\s*=\s*"([^"]{1,256})"', re.I)
_HOST = re.compile(r"sips?:(?:[^@\s;>]*@)?(\[[0-9A-Fa-f:.]+\]|[^:;>\s?,\"]+)", re.I)
_ADDRESS = re.compile(r"IP[46] ([0-9A-Fa-f.:]{3,45})")


@dataclass(slots=True)
class _Open:
    """A message whose body is still to come."""

    message: Message
    left: int
    begun: Moment
    ordinal: int
    sample: bytearray = field(default_factory=bytearray)


class SipTalk:
    name = "sip"

    def __init__(self, *, stream: bool) -> None:
        self.done = False
        self._stream = stream
        self._buffers = (bytearray(), bytearray())
        self._open: list[_Open | None] = [None, None]
        self._lost = [False, False]
        self._beginnings = Beginnings()

    def data(self, side: int, data: bytes, at: Moment) -> Iterator[Found]:
        if not self._stream:
            yield from self._datagram(data, at)
            return
        if self._lost[side]:
            if not begins_message(data):
                return
            self._lost[side] = False
        buffer = self._buffers[side]
        buffer += data
        while (here := self._open[side] or self._head(buffer, at)) is not None:
            piece = bytes(buffer[: here.left])
            del buffer[: len(piece)]
            here.left -= len(piece)
            here.sample += piece[: MAX_SAMPLE - len(here.sample)]
            self._open[side] = here
            if here.left:
                return
            yield from self._tell(side)

    def gap(self, side: int, size: int, at: Moment) -> Iterator[Found]:
        """The message at hand is told as it is; the next one is taken up where a piece begins with it."""
        yield from self._tell(side)
        self._buffers[side].clear()
        self._lost[side] = True

    def close(self, clean: bool) -> Iterator[Found]:
        for side in (0, 1):
            yield from self._tell(side)

    def _head(self, buffer: bytearray, at: Moment) -> _Open | None:
        """A head, taken off the buffer; None while it is not all there."""
        del buffer[: len(buffer) - len(buffer.lstrip(b"\r\n\0"))]  # keep-alives, RFC 5626 §4.4.1
        message = decode_message(buffer)
        if message is None:
            return None
        del buffer[: message.size]
        return _Open(message, message.length or 0, at, self._beginnings.next("sip", at))

    def _tell(self, side: int) -> Iterator[Found]:
        here, self._open[side] = self._open[side], None
        if here is not None:
            yield _found(here.message, bytes(here.sample), here.begun, here.ordinal)

    def _datagram(self, data: bytes, at: Moment) -> Iterator[Found]:
        text = data.lstrip(b"\r\n\0")
        if not text:
            return  # a keep-alive
        message = decode_message(text if b"\n\n" in text or b"\r\n\r\n" in text else text + b"\r\n\r\n")
        if message is None:
            raise Undecodable("sip", 0, "head_length")
        yield _found(message, text[message.size :][:MAX_SAMPLE], at, self._beginnings.next("sip", at))


def _found(message: Message, body: bytes, begun: Moment, ordinal: int) -> Found:
    own: Document = {"version": message.version}
    event: Document = {}
    if message.code:
        own |= {"code": message.code, "reason": message.reason, "response_line": message.line}
        if message.code >= 200:
            event["outcome"] = "success" if message.code < 400 else "failure"
    else:
        own |= {"method": message.method, "uri": message.uri, "request_line": message.line}
    for name in ("from", "to", "call-id", "cseq", "contact", "subject", "expires", "content-type", "refer-to"):
        put(own, name.replace("-", "_"), message.first(name))
    put(own, "via", message.fields.get("via"))
    put(own, "server", message.first("server"))
    fields: Document = {"vonggac": {"sip": own}}
    put(fields, "user_agent.original", message.first("user-agent"))
    credentials = message.first("authorization") or message.first("proxy-authorization") or ""
    if user := _USER.search(credentials):
        put(fields, "user.name", user[1])
        own["password"] = True
    if message.length:
        own["body_bytes"] = message.length
    addresses: list[str] = []
    description = decode_description(body)
    if description is not None:
        sdp: Document = {}
        for name, text in (("origin", description.origin), ("session_name", description.name)):
            put(sdp, name, text or None)
        put(sdp, "connection_data", description.connection)
        if description.media:
            sdp["media"] = list(description.media)
        own["sdp"] = sdp
        addresses = _ADDRESS.findall(f"{description.origin} {description.connection}")
    texts = (message.uri, message.first("from"), message.first("to"), message.first("contact"))
    found = [_HOST.search(text) for text in texts if text]
    hosts = [host[1].strip("[]").lower().rstrip(".") for host in found if host]
    ips = [one for one in (*hosts, *addresses) if is_ip(one) and one not in ("0.0.0.0", "::")]  # noqa: S104
    names = [host for host in hosts if "." in host and not is_ip(host)]
    return Found("sip", begun, ordinal, fields, event, tuple(names), tuple(ips))
