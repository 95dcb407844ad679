"""Modbus/TCP on one connection: one event for each request with its response."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sensors.decode.modbus import (
    Message,
    decode_message,
    function_name,
    is_request,
    is_response,
    request_fields,
    response_fields,
)
from sensors.streams import Moment
from sensors.talks.talk import Beginnings, Found
from vonggac.domain.event import Document

#: Requests that wait for their responses; past it the oldest is told without one.
MAX_WAITING = 256


@dataclass(slots=True)
class _Transaction:
    begun: Moment
    ordinal: int
    request: Message | None = None
    response: Message | None = None
    answered_ns: int = 0


class ModbusTalk:
    name = "modbus"

    def __init__(self) -> None:
        self.done = False
        self._buffers = (bytearray(), bytearray())
        self._client = -1  # the side that asks, once it is known
        self._waiting: dict[tuple[int, int], _Transaction] = {}  # by transaction and unit
        self._beginnings = Beginnings()

    def data(self, side: int, data: bytes, at: Moment) -> Iterator[Found]:
        buffer = self._buffers[side]
        buffer += data
        while (message := decode_message(buffer)) is not None:
            del buffer[: message.size]
            if self._client < 0:
                self._client = 1 - side if is_response(message) and not is_request(message) else side
            if side == self._client:
                yield from self._asked(message, at)
            else:
                yield self._answered(message, at)

    def gap(self, side: int, size: int, at: Moment) -> Iterator[Found]:
        """The borders of messages are lost."""
        self.done = True
        yield from self.close(False)

    def close(self, clean: bool) -> Iterator[Found]:
        for transaction in self._waiting.values():
            yield _found(transaction)
        self._waiting.clear()

    def _asked(self, message: Message, at: Moment) -> Iterator[Found]:
        key = message.transaction_id, message.unit_id
        former = self._waiting.pop(key, None)
        if former is not None:
            yield _found(former)
        self._waiting[key] = _Transaction(at, self._beginnings.next("modbus", at), message)
        if len(self._waiting) > MAX_WAITING:
            yield _found(self._waiting.pop(next(iter(self._waiting))))

    def _answered(self, message: Message, at: Moment) -> Found:
        transaction = self._waiting.pop((message.transaction_id, message.unit_id), None)
        if transaction is None:
            transaction = _Transaction(at, self._beginnings.next("modbus", at))
        transaction.response, transaction.answered_ns = message, at.ns
        return _found(transaction)


def _found(transaction: _Transaction) -> Found:
    request, response = transaction.request, transaction.response
    message = request or response
    own: Document = {}
    event: Document = {}
    if message is not None:
        own |= {
            "transaction_id": message.transaction_id,
            "unit_id": message.unit_id,
            "function_code": message.function,
            "function": function_name(message.function),
        }
    if request is not None and (asked := request_fields(request)):
        own["request"] = asked
    if response is not None:
        if brought := response_fields(response):
            own["response"] = brought
        event["outcome"] = "failure" if response.failed else "success"
        if request is not None:
            event["duration"] = max(0, transaction.answered_ns - transaction.begun.ns)
    return Found("modbus", transaction.begun, transaction.ordinal, {"vonggac": {"modbus": own}}, event)
