"""DCERPC over UDP: requests joined with their responses by activity and sequence number (C706 §9.5, §12.5)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from sensors.decode import dcerpc as rpc
from sensors.decode.dcerpc import Datagram, decode_datagram
from sensors.decode.dcerpc_names import endpoint, operation
from sensors.streams import Moment
from sensors.talks.dcerpc import MAX_WAITING, count_fragment
from sensors.talks.talk import Beginnings, Found
from vonggac.domain.event import Document, put

_ANSWERS = frozenset((rpc.RESPONSE, rpc.FAULT, rpc.REJECT))


@dataclass(slots=True)
class _Call:
    begun: Moment
    ordinal: int
    fields: Document
    event: Document = field(default_factory=dict)


class DcerpcDatagrams:
    """Pings, acknowledgements and the like tell nothing of a call and are only counted with their flow."""

    name = "dcerpc"
    done = False

    def __init__(self) -> None:
        self._calls: dict[tuple[str, int], _Call] = {}  # by activity and sequence number, oldest first
        self._beginnings = Beginnings()

    def data(self, side: int, data: bytes, at: Moment) -> Iterator[Found]:
        pdu = decode_datagram(data)
        if pdu.type == rpc.REQUEST:
            yield from self._request(pdu, at)
        elif pdu.type in _ANSWERS:
            yield from self._answer(pdu, at)

    def gap(self, side: int, size: int, at: Moment) -> Iterator[Found]:
        return iter(())

    def close(self, clean: bool) -> Iterator[Found]:
        while self._calls:
            yield _found(self._calls.pop(next(iter(self._calls))))

    def _request(self, pdu: Datagram, at: Moment) -> Iterator[Found]:
        key = pdu.activity, pdu.sequence
        call = self._calls.get(key)
        if call is None:
            call = self._calls[key] = self._begin(pdu, at)
            call.fields |= {"request": "REQUEST", "opnum": pdu.number}
        count_fragment(call.fields, "req", pdu.stub_size)
        if len(self._calls) > MAX_WAITING:
            yield _found(self._calls.pop(next(iter(self._calls))))

    def _begin(self, pdu: Datagram, at: Moment) -> _Call:
        fields: Document = {
            "rpc_version": "4.0", "activityuuid": pdu.activity, "seqnum": pdu.sequence, "uuid": pdu.uuid,
            "version": pdu.version,
        }  # fmt: skip
        put(fields, "endpoint", endpoint(pdu.uuid))
        put(fields, "operation", operation(pdu.uuid, pdu.number))
        return _Call(at, self._beginnings.next("dcerpc", at), fields)

    def _answer(self, pdu: Datagram, at: Moment) -> Iterator[Found]:
        key = pdu.activity, pdu.sequence
        call = self._calls.get(key)
        if call is None:
            call = self._calls[key] = self._begin(pdu, at)
        elif "response" not in call.fields:
            call.event["duration"] = max(0, at.ns - call.begun.ns)
        call.fields["response"] = rpc.TYPES[pdu.type]
        call.event["outcome"] = "success" if pdu.type == rpc.RESPONSE else "failure"
        if pdu.type == rpc.RESPONSE:
            count_fragment(call.fields, "res", pdu.stub_size)
        else:
            call.fields["fault"] = rpc.FAULTS.get(pdu.status, f"0x{pdu.status:08x}")
        if pdu.last:
            yield _found(self._calls.pop(key))


def _found(call: _Call) -> Found:
    return Found("dcerpc", call.begun, call.ordinal, {"vonggac": {"dcerpc": call.fields}}, call.event)
