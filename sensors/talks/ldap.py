"""LDAP over TCP and UDP (CLDAP): each operation joined with its result, entries counted (RFC 4511, MS-ADTS §6.3.3)."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass, field

from sensors.decode import ldap
from sensors.decode.asn1 import whole_size
from sensors.decode.fault import Undecodable
from sensors.decode.ldap import Envelope
from sensors.streams import Moment
from sensors.talks.ldap_event import Operation, ask, operation_found
from sensors.talks.ldap_wrapping import Wrapping
from sensors.talks.login import Login
from sensors.talks.talk import Become, Beginnings, Found
from sensors.talks.tls import TlsTalk

#: Operations of one connection that wait for their results; past it the oldest is reported without one.
MAX_WAITING = 256
#: Bytes kept of one message; of longer ones (entries with pictures) only the beginning is looked at.
MAX_KEPT = 65_536
#: Bytes in which a message's id and operation stand.
_HEAD = 32
_Left = Found | Become


@dataclass(slots=True)
class _Side:
    buffer: bytearray = field(default_factory=bytearray)
    begun: Moment | None = None
    skip: int = 0  # bytes of a long message of which enough is known
    lost: bool = False
    wrapping: Wrapping | None = None


class LdapTalk:
    name = "ldap"

    def __init__(self, *, stream: bool) -> None:
        self.done = False
        self._stream = stream
        self._sides = (_Side(), _Side())
        self._waiting: dict[int, Operation] = {}  # by message id, oldest first
        self._beginnings = Beginnings()
        self._login = Login()
        self._bound = False  # a SASL bind went through: what follows may be wrapped

    def data(self, side: int, data: bytes, at: Moment) -> Iterator[_Left]:
        if not self._stream:
            yield from self._datagram(data, at)
            return
        here = self._sides[side]
        if here.wrapping is not None:
            data = here.wrapping.opened(data)
        if here.skip:
            skipped = min(here.skip, len(data))
            here.skip -= skipped
            data = data[skipped:]
        if here.lost:
            match = ldap.BEGINNING.search(data)
            if match is None:
                return
            here.lost = False
            data = data[match.start() :]
        if not data:
            return
        if not here.buffer:
            here.begun = at
        here.buffer += data
        while here.buffer and not self.done:
            if here.buffer[0] != 0x30 and (yield from self._enter(here, at)):
                continue
            begun = here.begun or at
            message = self._take(here)
            if message is None:
                return
            here.begun = at
            for left in self._message(message, begun, at):
                if isinstance(left, Become):
                    yield left._replace(left=bytes(here.buffer))
                    return
                yield left

    def gap(self, side: int, size: int, at: Moment) -> Iterator[Found]:
        here = self._sides[side]
        if here.skip >= size:
            here.skip -= size
            return
        here.buffer.clear()
        here.skip = 0
        here.lost = True
        yield from ()

    def close(self, clean: bool) -> Iterator[Found]:
        while self._waiting:
            yield operation_found(self._waiting.pop(next(iter(self._waiting))), None, None)
        found = self._login.found(None)
        if found is not None:
            yield found

    def _datagram(self, data: bytes, at: Moment) -> Iterator[_Left]:
        while data:
            size = whole_size(data, self.name)
            if size is None or size > len(data):
                raise Undecodable(self.name, 0, "length")
            message, data = data[:size], data[size:]
            yield from self._message(message, at, at)

    def _enter(self, here: _Side, at: Moment) -> Generator[Found, None, bool]:
        """What is no message after a SASL bind: the security layer begins, or what is inside it is sealed too."""
        if not self._bound:
            raise Undecodable(self.name, 0, "message")
        if here.wrapping is None:
            here.wrapping = Wrapping()
            wrapped = bytes(here.buffer)
            here.buffer[:] = here.wrapping.opened(wrapped)
        if here.wrapping.sealed or (here.buffer and here.buffer[0] != 0x30):
            yield from self._sealed(at)
        return True

    def _take(self, here: _Side) -> bytes | None:
        """The next message, or the beginning of a long one; None while it is not here."""
        buffer = here.buffer
        size = whole_size(buffer, self.name)
        if size is None or len(buffer) < min(size, MAX_KEPT):
            return None
        message = bytes(buffer[: size if size <= MAX_KEPT else _HEAD])
        if size > MAX_KEPT:
            here.skip = max(0, size - len(buffer))
        del buffer[:size]
        return message

    def _message(self, message: bytes, at: Moment, now: Moment) -> Iterator[_Left]:
        """A message, or the beginning of one. `at` is when it began, `now` when this was here."""
        envelope = ldap.decode_envelope(message)
        contents = message[envelope.begin : envelope.end]
        if envelope.operation in (ldap.ENTRY, ldap.REFERENCE, ldap.INTERMEDIATE):
            waiting = self._waiting.get(envelope.id)
            if waiting is not None:
                waiting.count(envelope.operation)
        elif envelope.operation in ldap.REQUESTS:
            yield from self._request(envelope, contents, at)
        elif envelope.operation in ldap.RESPONSES:
            yield from self._response(envelope, contents, at, now)
        else:
            raise Undecodable(self.name, envelope.begin, "operation")

    def _sealed(self, at: Moment) -> Iterator[Found]:
        """From here on nothing can be read: told once, with what still waits."""
        self.done = True
        operation = Operation(at, self._beginnings.next("ldap", at), {"operation": "sealed", "sealed": True})
        operation.user = self._login.user
        yield operation_found(operation, None, None)
        yield from self.close(True)

    def _request(self, envelope: Envelope, contents: bytes, at: Moment) -> Iterator[Found]:
        fields = {"message_id": envelope.id, "operation": ldap.REQUESTS[envelope.operation]}
        operation = Operation(at, self._beginnings.next("ldap", at), fields)
        try:
            token = ask(operation, envelope.operation, contents)
            if token:
                self._login.token(token, at, self._beginnings)
                operation.login = self._login
        except Undecodable as fault:
            fields["malformed"] = fault.reason
        operation.user = operation.user or self._login.user
        if envelope.operation in (ldap.UNBIND, ldap.ABANDON):  # nothing answers them
            yield operation_found(operation, None, None)
            if envelope.operation == ldap.UNBIND and self._stream:  # RFC 4511 §4.3: the connection ends
                yield from self.close(True)
                self.done = True
            return
        if envelope.id in self._waiting:
            yield operation_found(self._waiting.pop(envelope.id), None, None)
        self._waiting[envelope.id] = operation
        if len(self._waiting) > MAX_WAITING:
            yield operation_found(self._waiting.pop(next(iter(self._waiting))), None, None)

    def _response(self, envelope: Envelope, contents: bytes, at: Moment, now: Moment) -> Iterator[_Left]:
        operation = self._waiting.pop(envelope.id, None)
        if operation is None:
            fields = {"message_id": envelope.id, "operation": ldap.RESPONSES[envelope.operation]}
            operation = Operation(at, self._beginnings.next("ldap", at), fields)
        try:
            result = ldap.decode_result(contents)
        except Undecodable as fault:
            operation.fields["malformed"] = fault.reason
            yield operation_found(operation, None, now)
            return
        if envelope.operation == ldap.BIND_RESPONSE and result.token:
            self._login.token(result.token, at, self._beginnings)
            operation.login = self._login
        yield operation_found(operation, result, now)
        if envelope.operation == ldap.BIND_RESPONSE and result.code != ldap.SASL_IN_PROGRESS:
            yield from self._logged_in(result.fine)
        if operation.fields.get("oid") == ldap.START_TLS and result.code == 0:
            yield from self.close(True)
            yield Become(TlsTalk())

    def _logged_in(self, success: bool) -> Iterator[Found]:
        found = self._login.found(success)
        self._bound = self._bound or success
        if found is not None:
            yield found
        if not success:
            self._login = Login()
