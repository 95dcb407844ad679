"""Kerberos with a KDC, over UDP and TCP: each request joined with its reply (RFC 4120 §3.1, §3.3, §7.2)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sensors.decode import kerberos as krb
from sensors.decode.fault import Undecodable
from sensors.decode.kerberos import Message, cipher_name, decode_message, error_name, weak
from sensors.streams import Moment
from sensors.talks.talk import Beginnings, Found
from vonggac.domain.event import Document, put

#: Requests of one flow that wait for their replies; past it the oldest is reported unanswered.
MAX_WAITING = 64
#: The longest message taken from a TCP stream. Tickets with large authorization data reach 64 KB.
MAX_MESSAGE = 262_144

_REPLIES = {krb.AS_REP: krb.AS_REQ, krb.TGS_REP: krb.TGS_REQ}
_REQUEST_TYPES = {krb.AS_REQ: "AS", krb.TGS_REQ: "TGS", krb.AS_REP: "AS", krb.TGS_REP: "TGS"}
#: Errors that ask the client to go on: KDC_ERR_PREAUTH_REQUIRED, KRB_ERR_RESPONSE_TOO_BIG, more pre-authentication.
_GO_ON = frozenset((25, 52, 91))


@dataclass(slots=True)
class _Asked:
    message: Message
    begun: Moment
    ordinal: int


class KerberosTalk:
    name = "kerberos"
    done = False

    def __init__(self, *, stream: bool) -> None:
        self._buffers = (bytearray(), bytearray()) if stream else None
        self._begun: list[Moment | None] = [None, None]
        self._lost = [False, False]
        self._waiting: dict[Message, _Asked] = {}  # oldest first
        self._beginnings = Beginnings()

    def data(self, side: int, data: bytes, at: Moment) -> Iterator[Found]:
        if self._buffers is None:
            yield from self._message(data, at)
        elif not self._lost[side] or krb.BEGINNING.match(data, 4):
            self._lost[side] = False
            yield from self._stream(side, self._buffers[side], data, at)

    def gap(self, side: int, size: int, at: Moment) -> Iterator[Found]:
        """Message borders are lost; the stream is taken up where a piece begins with a message."""
        self._lost[side] = True
        if self._buffers is not None:
            self._buffers[side].clear()
        return iter(())

    def close(self, clean: bool) -> Iterator[Found]:
        while self._waiting:
            yield self._unanswered()

    def _stream(self, side: int, buffer: bytearray, data: bytes, at: Moment) -> Iterator[Found]:
        """Messages behind four octets of length (RFC 4120 §7.2.2)."""
        buffer += data
        begun = self._begun[side] or at
        while len(buffer) >= 4:
            size = int.from_bytes(buffer[:4])
            if size > MAX_MESSAGE:
                raise Undecodable("kerberos", 0, "message_length")
            if len(buffer) < size + 4:
                break
            message = bytes(buffer[4 : size + 4])
            del buffer[: size + 4]
            yield from self._message(message, begun)
            begun = at
        self._begun[side] = begun if buffer else None

    def _message(self, data: bytes, at: Moment) -> Iterator[Found]:
        message = decode_message(data)
        if message.type in (krb.AS_REQ, krb.TGS_REQ):
            if message in self._waiting:
                return  # sent again
            self._waiting[message] = _Asked(message, at, self._beginnings.next("kerberos", at))
            if len(self._waiting) > MAX_WAITING:
                yield self._unanswered()
            return
        asked = self._asked(message)
        if asked is None:
            yield _found(_Asked(message, at, self._beginnings.next("kerberos", at)), None, None)
        else:
            yield _found(asked, message, at)

    def _unanswered(self) -> Found:
        return _found(self._waiting.pop(next(iter(self._waiting))), None, None)

    def _asked(self, reply: Message) -> _Asked | None:
        """The request of a reply: the oldest of its kind, of the same service where several wait."""
        fitting = [
            asked
            for asked in self._waiting.values()
            if reply.type == krb.ERROR or asked.message.type == _REPLIES.get(reply.type)
        ]
        asked = next((each for each in fitting if each.message.sname == reply.sname), None)
        asked = asked or next(iter(fitting), None)
        if asked is not None:
            del self._waiting[asked.message]
        return asked


def _found(asked: _Asked, reply: Message | None, at: Moment | None) -> Found:
    """The event of a request with its reply, or of either alone."""
    first = asked.message
    last = reply or first
    fields: Document = {"msg_type": krb.TYPES[last.type]}
    put(fields, "request_type", _REQUEST_TYPES.get(first.type))
    cname = "/".join(first.cname or last.cname)
    realm = last.client_realm or first.realm or last.realm
    sname = last.sname or first.sname
    put(fields, "cname", cname or None)
    put(fields, "realm", first.realm or last.realm or None)
    put(fields, "sname", "/".join(sname) or None)
    put(fields, "client", f"{cname}/{realm}" if cname and realm else cname or None)
    put(fields, "service", "/".join(sname) or None)
    if first.type in (krb.AS_REQ, krb.TGS_REQ):
        _asked_fields(fields, first)
    event: Document = {}
    if at is not None:
        event["duration"] = max(0, at.ns - asked.begun.ns)
    if last.type == krb.ERROR:
        _error_fields(fields, event, last, first)
    elif last.type in _REPLIES:
        fields["success"] = True
        event["outcome"] = "success"
    if last.cipher is not None:
        fields["encryption"] = cipher_name(last.cipher)
        fields["weak_encryption"] = weak(last.cipher)
    if last.ticket is not None:
        fields["ticket_encryption"] = cipher_name(last.ticket.cipher)
        fields["ticket_weak_encryption"] = weak(last.ticket.cipher)
    document: Document = {"vonggac": {"kerberos": fields}}
    if cname:
        document["user"] = {"name": cname} | ({"domain": realm} if realm else {})
    hosts = tuple(part.lower() for part in sname[1:2] if "." in part)
    return Found("kerberos", asked.begun, asked.ordinal, document, event, hosts)


def _asked_fields(fields: Document, request: Message) -> None:
    fields["forwardable"] = request.forwardable
    fields["renewable"] = request.renewable
    put(fields, "from", request.start or None)
    put(fields, "till", request.till or None)
    put(fields, "renew_till", request.renew_till or None)
    put(fields, "client_ciphers", [cipher_name(number) for number in request.ciphers] or None)
    if request.type == krb.AS_REQ:
        fields["preauth"] = request.proofs
    put(fields, "pa_types", list(request.proof_types) or None)


def _error_fields(fields: Document, event: Document, error: Message, request: Message) -> None:
    if error.error is not None:
        fields["error_code"] = fields["error_msg"] = error_name(error.error)
    put(fields, "error_text", error.error_text or None)
    put(fields, "failed_request", krb.TYPES[request.type] if request is not error else None)
    if error.error not in _GO_ON:
        fields["success"] = False
        event["outcome"] = "failure"
