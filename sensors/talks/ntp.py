"""NTP: one event per message, in the words of Zeek's ntp.log under `vonggac.ntp`."""

from __future__ import annotations

from sensors.decode import ntp as wire
from sensors.document import instant_text
from sensors.talks.message import MessageTalk, Read
from vonggac.domain.event import Document

_TIMES = ("ref_time", "org_time", "rec_time", "xmt_time")


def ntp_talk() -> MessageTalk:
    return MessageTalk("ntp", "ntp", read_ntp)


def read_ntp(data: bytes) -> Read:
    """Raises Undecodable for what is no NTP message."""
    message = wire.decode_ntp(data)
    if isinstance(message, wire.Packet):
        ntp = _packet(message)
    elif isinstance(message, wire.Control):
        ntp = {"version": message.version, "mode": 6, "mode_name": "control", "control": _control(message)}
    else:
        ntp = {"version": message.version, "mode": 7, "mode_name": "private", "private": _private(message)}
    return Read({"vonggac": {"ntp": ntp}})


def _packet(packet: wire.Packet) -> Document:
    ntp: Document = {
        "version": packet.version,
        "mode": packet.mode,
        "mode_name": wire.MODES[packet.mode],
        "leap": packet.leap,
        "stratum": packet.stratum,
        "poll": 2.0 ** max(-64, min(packet.poll, 64)),
        "precision": 2.0 ** max(-64, min(packet.precision, 64)),
        "root_delay": packet.root_delay,
        "root_disp": packet.root_dispersion,
        "num_exts": packet.extensions,
        "authenticated": packet.authenticated,
    }
    if packet.reference:
        ntp["ref_id"] = packet.reference
    for name, ns in zip(_TIMES, packet.times, strict=True):
        if ns is not None:
            ntp[name] = instant_text(ns)
    return ntp


def _control(message: wire.Control) -> Document:
    return {
        "opcode": wire.CONTROL_OPCODES.get(message.opcode, str(message.opcode)),
        "response": message.response,
        "error": message.error,
        "more": message.more,
        "sequence": message.sequence,
        "association_id": message.association,
        "data_bytes": message.size,
    }


def _private(message: wire.Private) -> Document:
    return {
        "request": wire.PRIVATE_REQUESTS.get(message.request, str(message.request)),
        "request_code": message.request,
        "implementation": message.implementation,
        "response": message.response,
        "more": message.more,
        "sequence": message.sequence,
        "error": message.error,
        "items": message.items,
    }
