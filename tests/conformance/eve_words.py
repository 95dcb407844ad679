"""EVE sections of the protocols whose fields we name otherwise than Suricata.

Source: Suricata's EVE schema (etc/schema.json) and the loggers under rust/src.
"""

from __future__ import annotations

from typing import Any

from tests.conformance.checks import at
from vonggac.domain.event import Document

#: Suricata's names of Modbus functions (sawp-modbus), by number: name, kind of access, what is accessed.
_MODBUS = {
    1: "RdCoils", 2: "RdDiscreteInputs", 3: "RdHoldRegs", 4: "RdInputRegs", 5: "WrSingleCoil", 6: "WrSingleReg",
    7: "RdExcStatus", 8: "Diagnostic", 11: "GetCmtEventCtr", 12: "GetCmtEventLog", 15: "WrMultCoils", 16: "WrMultRegs",
    17: "ReportServerID", 20: "RdFileRec", 21: "WrFileRec", 22: "MaskWrReg", 23: "RdWrMultRegs", 24: "RdFIFOQueue",
    43: "MEI",
}  # fmt: skip
_RFB_SECURITY = {"none": 1, "vnc": 2, "ra2": 5, "ra2ne": 6, "tight": 16, "ultra": 17, "tls": 18, "vencrypt": 19}


def ike(event: Document) -> dict[str, Any]:
    """Version 1 and 2 have parts of their own; the algorithms are those of the proposal chosen."""
    own = event["vonggac"]["ike"]
    names = ("version_major", "version_minor", "exchange_type", "init_spi", "resp_spi", "message_id", "role", "payload")
    section = {name: own.get(name) for name in names}
    section["exchange_type_verbose"] = own.get("exchange_type_name")
    proposals = own.get("proposals", ())
    if proposals and own["role"] == "responder":
        section |= {name: value for name, value in proposals[0].items() if name.startswith("alg_")}
    notify = own.get("notify", [])
    if own["version_major"] == 2:
        errors = 1 if event["event"].get("outcome") == "failure" else 0
        return section | {"notify": notify, "errors": errors, "ikev2": {"notify": notify, "errors": errors}}
    side = "client" if own["role"] == "initiator" else "server"
    keys = {"key_exchange_payload": own.get("key_exchange"), "nonce_payload": own.get("nonce"), "proposals": proposals}
    first = {"vendor_ids": own.get("vendor_ids"), "encrypted_payloads": own.get("encrypted"), side: keys}
    return section | {"ikev1": first}


def modbus(event: Document) -> dict[str, Any]:
    own = event["vonggac"]["modbus"]
    function = own.get("function_code", 0)
    head = {
        "transaction_id": own.get("transaction_id"),
        "protocol_id": 0,
        "unit_id": own.get("unit_id"),
        "function_raw": function,
        "function_code": _MODBUS.get(function, "Unknown"),
    }
    section: dict[str, Any] = {}
    for side in ("request", "response"):
        if side == "request" or side in own or "duration" in event["event"]:
            section[side] = head | own.get(side, {})
    return section


def rfb(event: Document) -> dict[str, Any]:
    own = dict(event["vonggac"]["rfb"])
    chosen = str(own.pop("security_type", ""))
    result = own.pop("security_result", None)
    if chosen:
        own["authentication"] = {"security_type": _RFB_SECURITY.get(chosen.lower(), chosen), "security_result": result}
    own["server_security_failure_reason"] = own.pop("security_failure_reason", None)
    screen = own.get("framebuffer")
    if screen is not None:
        own["framebuffer"] = screen | {"pixel_format": {name: screen.get(name) for name in ("bits_per_pixel", "depth")}}
    return own


def ldap(event: Document) -> dict[str, Any]:
    own = event["vonggac"]["ldap"]
    number, operation = own.get("message_id"), str(own.get("operation", ""))
    said = {
        "bind_request": {"name": own.get("object"), "version": own.get("version")},
        "search_request": {name: own.get(name) for name in ("base_object", "scope", "size_limit", "attributes")},
        "modify_request": {"object": own.get("object")}, "add_request": {"entry": own.get("object")},
        "del_request": {"dn": own.get("object")}, "compare_request": {"entry": own.get("object")},
        "mod_dn_request": {"entry": own.get("object"), "new_rdn": own.get("new_rdn")},
        "abandon_request": {"message_id": own.get("abandoned_message_id")},
        "extended_request": {"name": own.get("oid")},
    }  # fmt: skip
    section: dict[str, Any] = {}
    if "request" in operation:
        section["request"] = {"operation": operation, "message_id": number, operation: said.get(operation, {})}
    if "result" in own:
        name = "search_result_done" if operation == "search_request" else operation.replace("request", "response")
        done = {
            "result_code": own["result"],
            "matched_dn": own.get("matched_dn", ""),
            "message": own.get("diagnostic_message", ""),
        }
        entries = [{"operation": "search_result_entry", "message_id": number}] * own.get("result_count", 0)
        section["responses"] = [*entries, {"operation": name, "message_id": number, name: done}]
    return section


def pop3(event: Document) -> dict[str, Any] | None:
    """The greeting alone is no transaction of Suricata's."""
    own = event["vonggac"]["pop3"]
    if "command" not in own:
        return None
    data = own.get("command_data")
    section: dict[str, Any] = {"request": {"command": own["command"], "args": data.split(" ") if data else []}}
    if "status" in own:
        section["response"] = {"success": own["status"] == "OK", "status": own["status"], "header": own.get("reply")}
    return section


def rdp(event: Document, message: str) -> dict[str, Any]:
    """One of the records of a connection, by the message it tells of."""
    own = event["vonggac"]["rdp"]
    section: dict[str, Any] = {"event_type": message}
    if message == "initial_request":
        section["cookie"] = own.get("cookie")
    if message == "connect_request":
        same = ("client_name", "desktop_width", "desktop_height", "keyboard_layout")
        names = dict(zip(same, same, strict=True)) | {"version": "client_version", "build": "client_build"}
        section["client"] = {theirs: own.get(ours) for theirs, ours in names.items()}
        section["channels"] = own.get("client_channels")
    return section


def ntp(event: Document) -> dict[str, Any]:
    own = event["vonggac"]["ntp"]
    return {
        "version": own.get("version"),
        "mode": own.get("mode"),
        "stratum": own.get("stratum"),
        "reference_id": own.get("ref_id"),
    }


def tunnel(event: Document) -> dict[str, Any] | None:
    """What every record of a tunnelled packet has: the ends of the innermost tunnel around it."""
    around = at(event, "vonggac.tunnel", ())
    if not around:
        return None
    return {"src_ip": around[-1]["source"]["ip"], "dest_ip": around[-1]["destination"]["ip"], "depth": len(around)}
