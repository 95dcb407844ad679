"""SNMP: one event per message, in Suricata's words (`snmp` of EVE) under `vonggac.snmp`."""

from __future__ import annotations

from sensors.decode.snmp import MAX_VARIABLES, Message, Pdu, decode_snmp
from sensors.decode.text import colons, wire_text
from sensors.talks.message import MessageTalk, Read
from vonggac.domain.event import Document

#: Octets shown of one value, and values shown of one message.
MAX_VALUE = 256
MAX_VALUES = 32


def snmp_talk() -> MessageTalk:
    return MessageTalk("snmp", "snmp", read_snmp)


def read_snmp(data: bytes) -> Read:
    """Raises Undecodable for a message whose BER does not hold together."""
    message = decode_snmp(data)
    snmp: Document = {"version": message.version}
    if message.community is not None:
        snmp["community"] = wire_text(message.community)
    if message.version == 3:
        _security(snmp, message)
    event: Document = {}
    ips: tuple[str, ...] = ()
    if message.pdu is not None:
        _pdu(snmp, message.pdu)
        if message.pdu.kind == "response":
            event["outcome"] = "success" if message.pdu.error == "no_error" else "failure"
        ips = (message.pdu.trap_address,) if message.pdu.trap_address else ()
    fields: Document = {"vonggac": {"snmp": snmp}}
    if message.user:
        fields["user"] = {"name": wire_text(message.user)}
    return Read(fields, event, (), ips)


def _security(snmp: Document, message: Message) -> None:
    snmp["authenticated"], snmp["encrypted"] = message.authenticated, message.encrypted
    if message.user:
        snmp["usm"] = wire_text(message.user)
    if message.engine:
        snmp["engine_id"] = colons(message.engine[:32])
    if message.context:
        snmp["context"] = wire_text(message.context)


def _pdu(snmp: Document, pdu: Pdu) -> None:
    snmp["pdu_type"] = pdu.kind
    if pdu.kind != "trap_v1":
        snmp["request_id"] = pdu.request
    if pdu.error and pdu.error != "no_error":
        snmp["error"], snmp["error_index"] = pdu.error, pdu.error_index
    if pdu.kind == "get_bulk_request":
        snmp["non_repeaters"], snmp["max_repetitions"] = pdu.non_repeaters, pdu.max_repetitions
    for name, value in (("type", pdu.trap), ("oid", pdu.trap_oid), ("address", pdu.trap_address)):
        if value:
            snmp[f"trap_{name}"] = value
    if not pdu.variables:
        return
    snmp["vars"] = [variable.oid for variable in pdu.variables]
    if pdu.variable_count > MAX_VARIABLES:
        snmp["vars_count"] = pdu.variable_count
    values = [
        f"{variable.oid}={_shown(variable.value)}"
        for variable in pdu.variables[:MAX_VALUES]
        if variable.value not in (None, b"")
    ]
    if values:
        snmp["values"] = values


def _shown(value: int | bytes | str | None) -> str:
    if not isinstance(value, bytes):
        return str(value)
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        return value[:MAX_VALUE].hex()
    return (
        wire_text(value, MAX_VALUE)
        if all(c.isprintable() or c in "\r\n\t\0" for c in text)
        else value[:MAX_VALUE].hex()
    )
