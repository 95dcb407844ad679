"""DCERPC over TCP and named pipes: binds joined with their answers, requests with their responses (C706 chapter 12)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from sensors.decode import dcerpc as rpc
from sensors.decode.dcerpc import Context, Pdu
from sensors.decode.dcerpc_names import endpoint, operation
from sensors.decode.fault import Undecodable
from sensors.streams import Moment
from sensors.talks.login import Login
from sensors.talks.talk import Beginnings, Found, taken
from vonggac.domain.event import Document, put

#: Calls of one connection that wait for their answers; past it the oldest is reported without one.
MAX_WAITING = 256
#: Presentation contexts remembered of one connection.
MAX_CONTEXTS = 256

_ASKS = frozenset((rpc.BIND, rpc.ALTER, rpc.REQUEST))
_CALLS = frozenset((rpc.REQUEST, rpc.RESPONSE, rpc.FAULT))
_NEGOTIATES = frozenset((rpc.BIND, rpc.BIND_ACK, rpc.ALTER, rpc.ALTER_RESPONSE, rpc.AUTH3))
_ANSWERS = frozenset((rpc.BIND_ACK, rpc.BIND_NAK, rpc.ALTER_RESPONSE, rpc.RESPONSE, rpc.FAULT))
_ACCESS_DENIED = 5
#: What of a request stands on the SMB command that carries it.
_TOLD = ("request", "opnum", "interfaces")


@dataclass(slots=True)
class _Call:
    begun: Moment
    ordinal: int
    fields: Document
    offers: tuple[Context, ...] = ()
    event: Document = field(default_factory=dict)


@dataclass(slots=True)
class _Side:
    buffer: bytearray = field(default_factory=bytearray)
    begun: Moment | None = None
    lost: bool = False
    skip: int = 0  # bytes of a PDU that is already told


class Rpc:
    """One association, on whatever carries it; what is found is added to `found`. `told` is what the last PDU said, in
    Suricata's words."""

    def __init__(self, beginnings: Beginnings, found: list[Found], pipe: str = "") -> None:
        self._found = found
        self.told: Document = {}
        self.user: Document = {}
        self._pipe = pipe
        self._beginnings = beginnings
        self._sides = (_Side(), _Side())
        self._contexts: dict[int, Context] = {}
        self._calls: dict[int, _Call] = {}  # by call id, oldest first
        self._login = Login()
        self._security: Document = {}

    def data(self, side: int, data: bytes, at: Moment) -> None:
        here = self._sides[side]
        if here.skip:
            skipped = min(here.skip, len(data))
            here.skip -= skipped
            data = data[skipped:]
        if not data:
            return
        if not here.buffer:
            here.begun = at
            if not here.lost and (pdu := rpc.decode_header(data)) is not None and len(data) == pdu.size:
                self._pdu(pdu, data, at)  # one PDU a segment, as nearly always
                return
        here.buffer += data
        if here.lost and not self._regain(here):
            return
        while (pdu := rpc.decode_header(here.buffer)) is not None and len(here.buffer) >= pdu.size:
            whole = bytes(here.buffer[: pdu.size])
            del here.buffer[: pdu.size]
            begun, here.begun = here.begun or at, at
            self._pdu(pdu, whole, begun)

    def gap(self, side: int, size: int, at: Moment) -> None:
        """A call whose head is here is told; what follows the hole is looked for."""
        here = self._sides[side]
        pdu = rpc.decode_header(here.buffer) if not here.lost else None
        left = pdu.size - len(here.buffer) if pdu else -1
        if here.skip >= size:
            here.skip -= size
        elif pdu is not None and pdu.type in _CALLS and len(here.buffer) >= rpc.HEADER + 12 and size <= left:
            self._pdu(pdu, bytes(here.buffer), here.begun or at)
            here.skip = left - size
            here.buffer.clear()
        else:
            here.buffer.clear()
            here.skip = 0
            here.lost = True

    def close(self) -> None:
        while self._calls:
            self._tell(self._calls.pop(next(iter(self._calls))))
        self._logged_in(None)

    @staticmethod
    def _regain(here: _Side) -> bool:
        """Go on where the next PDU begins."""
        match = rpc.BEGINNING.search(here.buffer)
        if match is None:
            del here.buffer[: max(0, len(here.buffer) - rpc.HEADER)]
            return False
        del here.buffer[: match.start()]
        here.lost = False
        return True

    def _pdu(self, pdu: Pdu, data: bytes, at: Moment) -> None:
        self.told = {"call_id": pdu.call_id}
        if pdu.type in _NEGOTIATES:
            self._secure(pdu, data, at)
        if pdu.type in _ASKS:
            self._ask(pdu, data, at)
        elif pdu.type in _ANSWERS:
            self._answer(pdu, data, at)
        else:
            self.told["request"] = rpc.TYPES[pdu.type]

    def _secure(self, pdu: Pdu, data: bytes, at: Moment) -> None:
        security = rpc.decode_security(pdu, data)
        if security is None:
            return
        self._security = {"auth_type": security.type, "auth_level": security.level}
        self._login.token(security.token, at, self._beginnings)
        self.user = self._login.user or self.user

    def _logged_in(self, success: bool | None) -> None:
        found = self._login.found(success)
        if found is not None:
            self._found.append(found)

    def _ask(self, pdu: Pdu, data: bytes, at: Moment) -> None:
        if pdu.type == rpc.REQUEST:
            self._request(pdu, data, at)
            return
        offers = rpc.decode_contexts(pdu, data)
        for offer in offers:
            if len(self._contexts) < MAX_CONTEXTS or offer.number in self._contexts:
                self._contexts[offer.number] = offer
        fields: Document = {"request": rpc.TYPES[pdu.type], "interfaces": [_interface(offer) for offer in offers]}
        names = [offer for offer in offers if not offer.negotiates_features]
        put(fields, "endpoint", endpoint(names[0].uuid) if names else None)
        self._wait(pdu, _Call(at, self._beginnings.next("dcerpc", at), fields | self._security, offers))

    def _request(self, pdu: Pdu, data: bytes, at: Moment) -> None:
        told = rpc.decode_call(pdu, data)
        call = self._calls.get(pdu.call_id)
        if call is not None and not pdu.first and "opnum" in call.fields:
            count_fragment(call.fields, "req", told.stub_size)
            self.told |= {"request": "REQUEST", "opnum": told.number}
            return
        fields: Document = {"request": "REQUEST", "opnum": told.number}
        context = self._contexts.get(told.context)
        if context is not None:
            put(fields, "endpoint", endpoint(context.uuid))
            put(fields, "operation", operation(context.uuid, told.number))
            fields["uuid"] = context.uuid
            fields["version"] = context.version
        count_fragment(fields, "req", told.stub_size)
        self._wait(pdu, _Call(at, self._beginnings.next("dcerpc", at), fields | self._security))

    def _wait(self, pdu: Pdu, call: _Call) -> None:
        if pdu.call_id in self._calls:
            self._tell(self._calls.pop(pdu.call_id))
        self._place(pdu, call.fields)
        self._calls[pdu.call_id] = call
        self.told |= {name: call.fields[name] for name in _TOLD if name in call.fields}
        if len(self._calls) > MAX_WAITING:
            self._tell(self._calls.pop(next(iter(self._calls))))

    def _place(self, pdu: Pdu, fields: Document) -> None:
        """Where a call stands."""
        fields["call_id"] = pdu.call_id
        fields["rpc_version"] = pdu.version
        if self._pipe:
            fields["named_pipe"] = self._pipe

    def _answer(self, pdu: Pdu, data: bytes, at: Moment) -> None:
        call = self._calls.get(pdu.call_id)
        if call is None:
            call = _Call(at, self._beginnings.next("dcerpc", at), {})
            self._place(pdu, call.fields)
            self._calls[pdu.call_id] = call
        elif "response" not in call.fields:
            call.event["duration"] = max(0, at.ns - call.begun.ns)
        call.fields["response"] = self.told["response"] = rpc.TYPES[pdu.type]
        if pdu.type in _CALLS:
            self._responded(call, pdu, data)
        elif pdu.type == rpc.BIND_NAK:
            call.event["outcome"] = "failure"
        else:
            self._acknowledged(call, pdu, data)
        if "opnum" in call.fields:
            self.told["opnum"] = call.fields["opnum"]
        if self._login.authenticate is not None and (pdu.type == rpc.RESPONSE or _denied(call.fields)):
            self._logged_in(pdu.type == rpc.RESPONSE)
        if pdu.last or pdu.type not in _CALLS:
            del self._calls[pdu.call_id]
            self._tell(call)

    @staticmethod
    def _responded(call: _Call, pdu: Pdu, data: bytes) -> None:
        told = rpc.decode_call(pdu, data)
        if pdu.type == rpc.FAULT:
            call.fields["fault"] = rpc.FAULTS.get(told.status, f"0x{told.status:08x}")
            call.event["outcome"] = "failure"
        else:
            count_fragment(call.fields, "res", told.stub_size)
            call.event["outcome"] = "success"

    def _acknowledged(self, call: _Call, pdu: Pdu, data: bytes) -> None:
        answer = rpc.decode_answer(pdu, data)
        put(call.fields, "secondary_address", answer.endpoint or None)
        accepted = False
        for number, (result, reason) in enumerate(answer.results):
            features = number < len(call.offers) and call.offers[number].negotiates_features
            accepted = accepted or (result == 0 and not features)
            if number < len(call.offers):
                call.fields["interfaces"][number] |= {"ack_result": result, "ack_reason": reason}
        call.event["outcome"] = "success" if accepted else "failure"

    def _tell(self, call: _Call) -> None:
        fields: Document = {"vonggac": {"dcerpc": call.fields}}
        if self.user:
            fields["user"] = dict(self.user)
        self._found.append(Found("dcerpc", call.begun, call.ordinal, fields, call.event))


def _interface(offer: Context) -> Document:
    interface: Document = {"uuid": offer.uuid, "version": offer.version}
    put(interface, "service", endpoint(offer.uuid))
    return interface


def count_fragment(fields: Document, way: str, size: int) -> None:
    """One more fragment of the request (`req`) or the response (`res`)."""
    count = fields.get(way)
    if count is None:
        fields[way] = {"frag_cnt": 1, "stub_data_size": size}
    else:
        count["frag_cnt"] += 1
        count["stub_data_size"] += size


def _denied(fields: Document) -> bool:
    return bool(fields.get("fault") == rpc.FAULTS[_ACCESS_DENIED])


class DcerpcTalk:
    """DCERPC directly on TCP (`ncacn_ip_tcp`)."""

    name = "dcerpc"
    done = False

    def __init__(self) -> None:
        self._found: list[Found] = []
        self._rpc = Rpc(Beginnings(), self._found)

    def data(self, side: int, data: bytes, at: Moment) -> Iterator[Found]:
        try:
            self._rpc.data(side, data, at)
        finally:  # a fault comes behind what was found before it
            yield from taken(self._found)

    def gap(self, side: int, size: int, at: Moment) -> Iterable[Found]:
        with suppress(Undecodable):
            self._rpc.gap(side, size, at)
        return taken(self._found)

    def close(self, clean: bool) -> Iterable[Found]:
        self._rpc.close()
        return taken(self._found)
