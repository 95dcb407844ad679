"""Modbus/TCP (MODBUS Messaging on TCP/IP V1.0b §3, MODBUS Application Protocol V1.1b3 §6): requests and responses."""

from __future__ import annotations

from struct import unpack_from
from typing import Any, NamedTuple

from sensors.decode.fault import Undecodable

#: The header before the unit, and the most that its length may say (unit and PDU of 253 bytes).
HEADER = 6
MAX_LENGTH = 254
#: Bytes of values shown in hexadecimal.
MAX_DATA = 64

FUNCTIONS = {
    1: "READ_COILS", 2: "READ_DISCRETE_INPUTS", 3: "READ_HOLDING_REGISTERS", 4: "READ_INPUT_REGISTERS",
    5: "WRITE_SINGLE_COIL", 6: "WRITE_SINGLE_REGISTER", 7: "READ_EXCEPTION_STATUS", 8: "DIAGNOSTICS",
    11: "GET_COMM_EVENT_COUNTER", 12: "GET_COMM_EVENT_LOG", 15: "WRITE_MULTIPLE_COILS",
    16: "WRITE_MULTIPLE_REGISTERS", 17: "REPORT_SLAVE_ID", 20: "READ_FILE_RECORD", 21: "WRITE_FILE_RECORD",
    22: "MASK_WRITE_REGISTER", 23: "READ_WRITE_MULTIPLE_REGISTERS", 24: "READ_FIFO_QUEUE",
    43: "ENCAP_INTERFACE_TRANSPORT",
}  # fmt: skip
EXCEPTIONS = {
    1: "ILLEGAL_FUNCTION", 2: "ILLEGAL_DATA_ADDRESS", 3: "ILLEGAL_DATA_VALUE", 4: "SLAVE_DEVICE_FAILURE",
    5: "ACKNOWLEDGE", 6: "SLAVE_DEVICE_BUSY", 7: "NEGATIVE_ACKNOWLEDGE", 8: "MEMORY_PARITY_ERROR",
    10: "GATEWAY_PATH_UNAVAILABLE", 11: "GATEWAY_TARGET_DEVICE_FAILED_TO_RESPOND",
}  # fmt: skip


class Message(NamedTuple):
    transaction_id: int
    unit_id: int
    function: int  # without the exception's bit
    failed: bool
    data: bytes  # behind the function

    @property
    def size(self) -> int:
        return HEADER + 2 + len(self.data)


def decode_message(buffer: bytes | bytearray) -> Message | None:
    """The message at the beginning of the buffer, or None while it is not all there."""
    if len(buffer) < HEADER:
        return None
    transaction, protocol, length = unpack_from("!HHH", buffer)
    if protocol:
        raise Undecodable("modbus", 2, "protocol_id")
    if not 2 <= length <= MAX_LENGTH:
        raise Undecodable("modbus", 4, "length")
    if len(buffer) < HEADER + length:
        return None
    unit, function = buffer[6], buffer[7]
    return Message(transaction, unit, function & 0x7F, function > 0x7F, bytes(buffer[8 : HEADER + length]))


def is_request(message: Message) -> bool:
    """Whether the message has the form of a request of its function; False of functions that have no known form."""
    data, size = message.data, len(message.data)
    if message.failed:
        return False
    if message.function in (1, 2, 3, 4, 5, 6):
        return size == 4 and (message.function > 4 or 1 <= data[2] << 8 | data[3] <= 2000)
    if message.function in (7, 11, 12, 17):
        return not size
    if message.function in (15, 16):
        return size > 5 and size == 5 + data[4]
    if message.function == 22:
        return size == 6
    if message.function == 23:
        return size > 9 and size == 9 + data[8]
    return message.function == 43 and size == 3 and data[0] == 14


def is_response(message: Message) -> bool:
    """Whether the message has the form of a response of its function."""
    data, size = message.data, len(message.data)
    if message.failed:
        return size == 1 and data[0] in EXCEPTIONS and message.function in FUNCTIONS
    if message.function in (1, 2, 3, 4, 12, 17, 20, 21, 23):
        return size > 1 and size == 1 + data[0]
    return message.function in (5, 6, 15, 16) and size == 4


def begins_modbus(data: bytes) -> bool | None:
    """Whether a message of a known form stands here, alone or before another; None while it is not all there."""
    try:
        message = decode_message(data)
    except Undecodable:
        return False
    if message is None:
        return None
    if data[message.size + 2 : message.size + 4].strip(b"\0"):
        return False
    return is_request(message) or is_response(message)


def function_name(function: int) -> str:
    return FUNCTIONS.get(function, f"unknown-{function}")


def request_fields(message: Message) -> dict[str, Any]:
    """What a request asks for: addresses, quantities and values (in hexadecimal)."""
    data, fields = message.data, {}
    if not is_request(message):
        return {"data": _shown(data)} if data else {}
    if message.function <= 4 or message.function == 23:
        address, quantity = unpack_from("!HH", data)
        fields["read"] = {"address": address, "quantity": quantity}
    if message.function in (5, 6):
        address, value = unpack_from("!HH", data)
        fields["write"] = {"address": address, "data": f"{value:04x}"}
    elif message.function in (15, 16, 23):
        address, quantity = unpack_from("!HH", data, 4 if message.function == 23 else 0)
        values = data[9 if message.function == 23 else 5 :]
        fields["write"] = {"address": address, "quantity": quantity, "data": _shown(values)}
    elif message.function == 22:
        address, both, either = unpack_from("!HHH", data)
        fields["write"] = {"address": address, "and_mask": f"{both:04x}", "or_mask": f"{either:04x}"}
    elif message.function == 43:
        fields["mei"] = {"type": data[0], "code": data[1], "object": data[2]}
    return fields


def response_fields(message: Message) -> dict[str, Any]:
    """What a response brings: values (in hexadecimal), or why there are none."""
    if message.failed:
        code = message.data[0] if message.data else 0
        return {"exception": {"code": code, "name": EXCEPTIONS.get(code, f"unknown-{code}")}}
    if message.function in (1, 2, 3, 4, 23) and is_response(message):
        return {"data": _shown(message.data[1:])}
    return {"data": _shown(message.data)} if message.data else {}


def _shown(data: bytes) -> str:
    return data[:MAX_DATA].hex()
