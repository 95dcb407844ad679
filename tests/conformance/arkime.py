"""Our events as the bodies of Arkime's sessions, and its test results held against them.

Source: Arkime's capture/ (session fields in db.c and parsers/*.c). A session is checked in groups of fields, each for
the protocol it tells of.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.conformance.checks import Check, address, at, verdict
from vonggac.domain.event import Document

#: Groups of a body that tell of Arkime's own settings and lookups, of addresses of hardware, or of the file read.
_ARKIMES = re.compile(
    r"Cnt$|-cnt$|^(@timestamp|node|fileId|packet(Len|Pos|Range)|segmentCnt|tags|test|zeekintel|suricata|ethertype|length|initRTT|"
    r"rootId|user|srcPayload8|dstPayload8|(src|dst)(Oui|RIR|TTL|ISN|Outer.*|Dscp.*)|totDataBytes|tcpseq|tcp(Syn|SynAck)Validated|"
    r"client|server|asset|oui|dot1q|tcpHandshake.*)$"
)
_TLS = {"1.3": "TLSv1.3", "1.2": "TLSv1.2", "1.1": "TLSv1.1", "1.0": "TLSv1", "3.0": "SSLv3"}
#: Arkime's names of groups that we compare, and the protocols under which they count.
_GROUPS = {"dns": "dns", "http": "http", "tls": "tls", "email": "smtp", "icmp": "icmp", "ssh": "ssh", "file": "file"}


#: What `_flow_differs` compares.
_FLOW = ("source", "destination", "network", "firstPacket", "lastPacket", "ipProtocol", "protocol", "tcpflags")


def as_arkime(flow: Document, found: list[Document]) -> dict[str, Any]:
    """The body of one session: a flow and what was found on it. Leaves out what Arkime takes from elsewhere."""
    body: dict[str, Any] = {
        "flow": _flow(flow),
        "dns": [_dns(event) for event in found if event["event"]["dataset"] == "dns"],
        "http": _http([event for event in found if event["event"]["dataset"] == "http"]),
        "tls": _tls([event for event in found if event["event"]["dataset"] in ("tls", "quic")]),
        "email": _email([event for event in found if event["event"]["dataset"] == "smtp"]),
        "icmp": _icmp([event for event in found if event["event"]["dataset"] == "icmp"]),
        "ssh": _ssh([event for event in found if event["event"]["dataset"] == "ssh"]),
        "file": _file([event for event in found if event["event"]["dataset"] == "file"]),
    }
    return body


def _flow(flow: Document) -> dict[str, Any]:
    flags = "".join(at(flow, "vonggac.flow.tcp_flags", {}).values())
    return {
        "source.ip": address(flow["source"]["ip"]),
        "source.port": flow["source"].get("port", 0),
        "source.packets": flow["source"]["packets"],
        "source.bytes": flow["source"]["bytes"],
        "destination.ip": address(flow["destination"]["ip"]),
        "destination.port": flow["destination"].get("port", 0),
        "destination.packets": flow["destination"]["packets"],
        "destination.bytes": flow["destination"]["bytes"],
        "network.packets": flow["network"]["packets"],
        "network.bytes": flow["network"]["bytes"],
        "network.community_id": at(flow, "network.community_id"),
        "ipProtocol": int(at(flow, "network.iana_number")),
        "firstPacket": _milliseconds(flow["event"]["start"]),
        "lastPacket": _milliseconds(flow["event"]["end"]),
        "vlans": {int(tag) for path in ("network.vlan.id", "network.inner.vlan.id") if (tag := at(flow, path))},
        "protocol": {at(flow, "network.protocol"), at(flow, "network.transport")},
        "tcpflags": set(flags),
        "tunnels": {each["type"] for each in at(flow, "vonggac.tunnel", ())},
    }


def _milliseconds(text: str) -> int:
    moment = datetime.fromisoformat(text)
    return int(moment.timestamp()) * 1000 + moment.microsecond // 1000


def _dns(event: Document) -> dict[str, Any]:
    dns = event["dns"]
    return {
        "queryHost": at(dns, "question.name"),
        "qt": at(dns, "question.type"),
        "qc": at(dns, "question.class"),
        "opcode": dns.get("op_code"),
        "status": dns.get("response_code") if dns["type"] == "answer" else None,
        "headerFlags": sorted(dns.get("header_flags", ())),
        "answers": [
            {
                "name": row.get("name"),
                "type": row.get("type"),
                "class": row.get("class"),
                "ttl": row.get("ttl"),
                "data": row.get("data"),
            }
            # Arkime keeps the records of all three sections among its answers.
            for row in (
                *dns.get("answers", ()),
                *at(event, "vonggac.dns.authorities", ()),
                *at(event, "vonggac.dns.additionals", ()),
            )
        ],
    }


def _http(events: list[Document]) -> dict[str, set[Any]]:
    body: dict[str, set[Any]] = {}
    for event in events:
        target = str(at(event, "url.original", ""))
        host = at(event, "url.domain")
        version = at(event, "http.version")
        query = str(at(event, "url.query", ""))
        pairs = [part.partition("=")[::2] for part in query.split("&") if part]
        facts = {
            # Arkime's parser ends a target at its first blank.
            "host": [host], "uri": [f"{host or ''}{target.partition(' ')[0]}"],
            "path": [str(at(event, "url.path", "")).partition(" ")[0]], "method": [at(event, "http.request.method")],
            "useragent": [at(event, "user_agent.original")], "request-referer": [at(event, "http.request.referrer")],
            "statuscode": [at(event, "http.response.status_code")], "clientVersion": [version],
            "serverVersion": [at(event, "vonggac.http.response.version", version)],
            "xffIp": _plain(at(event, "vonggac.http.request.forwarded_for", "")),
            "key": [key for key, _ in pairs], "value": [value for _, value in pairs],
        }  # fmt: skip
        for name, values in facts.items():
            body.setdefault(name, set()).update(value for value in values if value not in (None, ""))
    return body


def _plain(forwarded: str) -> list[str]:
    """The addresses, those of IPv4 without the zeros that may lead their numbers."""
    parts = re.split(r"[, ]+", forwarded)
    return [re.sub(r"\b0+(?=\d)", "", part) if re.fullmatch(r"[\d.]+", part) else part for part in parts]


def _file(events: list[Document]) -> dict[str, set[Any]]:
    """Arkime hashes the bodies of answers."""
    body: dict[str, set[Any]] = {}
    for event in events:
        for name, path in (("md5", "file.hash.md5"), ("sha256", "file.hash.sha256"), ("bodyMagic", "file.mime_type")):
            if (value := at(event, path)) is not None:
                body.setdefault(name, set()).add(value)
    return body


def _tls(events: list[Document]) -> dict[str, set[Any]]:
    body: dict[str, set[Any]] = {}
    for event in events:
        version = str(at(event, "tls.version", ""))
        facts = {
            "cipher": at(event, "tls.cipher"), "ja3": at(event, "tls.client.ja3"), "ja3s": at(event, "tls.server.ja3s"),
            "ja4": at(event, "tls.client.ja4"),
            "version": _TLS.get(version, f"TLSv{version}".replace(" ", "-") if version else None),
            "host": at(event, "tls.client.server_name"),
        }  # fmt: skip
        for name, value in facts.items():
            body.setdefault(name, set()).update(() if value is None else (value,))
    return body


def _email(events: list[Document]) -> dict[str, set[Any]]:
    body: dict[str, set[Any]] = {}
    for event in events:
        own = event["vonggac"]["smtp"]
        facts: dict[str, list[Any]] = {
            "src": [own.get("mail_from"), *at(event, "email.from.address", ())],
            "dst": [*own.get("rcpt_to", ()), *at(event, "email.to.address", ())],
            "subject": [at(event, "email.subject")], "id": [at(event, "email.message_id")],
            "smtpHello": [own.get("helo")],
            "useragent": [own.get("user_agent"), at(event, "email.x_mailer")], "ip": own.get("path", []),
            "fn": [at(each, "file.name") for each in at(event, "email.attachments", ())],
            "md5": [at(each, "file.hash.md5") for each in at(event, "email.attachments", ())],
        }  # fmt: skip
        for name, values in facts.items():
            body.setdefault(name, set()).update(value for value in values if value is not None)
    return body


def _icmp(events: list[Document]) -> dict[str, set[Any]]:
    return {name: {at(event, f"vonggac.icmp.{name}") for event in events} for name in ("type", "code")}


def _ssh(events: list[Document]) -> dict[str, set[Any]]:
    return {
        "version": {str(at(event, f"ssh.{side}.version")).lower() for event in events for side in ("client", "server")},
        "hassh": {at(event, "ssh.client.hassh") for event in events},
        "hasshServer": {at(event, "ssh.server.hassh") for event in events},
    }


def checks(case: Mapping[str, Any], events: list[Document], data: Path) -> Iterator[Check]:
    """Each group of fields of each session of one capture."""
    sessions = json.loads((data / case["expect"]["sessions_ref"]).read_text("utf-8"))["sessions3"]
    found: dict[str, list[Document]] = {}
    for event in events:
        found.setdefault(str(at(event, "flow.id")), []).append(event)
    flows: dict[tuple[Any, ...], list[Document]] = {}
    for event in events:
        if event["event"]["dataset"] == "flow":
            flows.setdefault(_key(event), []).append(event)
    bodies = [
        as_arkime(_joined(parts), [each for part in parts for each in found[str(at(part, "flow.id"))]])
        for parts in flows.values()
    ]
    for session in sessions:
        wanted = session["body"]
        body = _of_one(wanted, bodies)
        title = f"{_address(wanted, 'source')} > {_address(wanted, 'destination')}"
        if body is None:
            yield verdict("arkime", "flow", case["id"], title, ["no flow of ours between these ends"], 1)
            continue
        bodies.remove(body)
        yield from _session(case["id"], title, wanted, body)


def _key(flow: Document) -> tuple[Any, ...]:
    ends = [(flow[side]["ip"], flow[side].get("port", 0)) for side in ("source", "destination")]
    return at(flow, "network.iana_number"), *sorted(ends), at(flow, "vonggac.flow.icmp_type")


def _joined(parts: list[Document]) -> Document:
    """Arkime ends a datagram session after five minutes of silence or more, we a flow after one: parts are added up."""
    first, last = parts[0], parts[-1]
    joined: Document = {**first, "event": first["event"] | {"end": last["event"]["end"]}}
    for side in ("source", "destination", "network"):
        joined[side] = dict(first[side])
        for unit in ("packets", "bytes"):
            joined[side][unit] = sum(part[side][unit] for part in parts)
    return joined


def _address(wanted: Mapping[str, Any], side: str) -> str:
    return f"{wanted[side]['ip']}:{wanted[side].get('port', 0)}"


def _of_one(wanted: Mapping[str, Any], bodies: list[dict[str, Any]]) -> dict[str, Any] | None:
    ends = {(address(wanted[side]["ip"]), wanted[side].get("port", 0)) for side in ("source", "destination")}
    for body in bodies:
        flow = body["flow"]
        mine = {(flow[f"{side}.ip"], flow[f"{side}.port"]) for side in ("source", "destination")}
        if mine == ends and flow["ipProtocol"] == wanted["ipProtocol"]:
            return body
    return None


def _session(case: str, title: str, wanted: Mapping[str, Any], body: Mapping[str, Any]) -> Iterator[Check]:
    unnamed = [name for name in wanted if name not in (*_GROUPS, *_FLOW) and not _ARKIMES.search(name)]
    wrong, compared = _flow_differs(wanted, body["flow"])
    yield verdict("arkime", "flow", case, f"{title} flow", wrong, compared, unnamed)
    if "dns" in wanted:
        yield from _dns_checks(case, title, wanted["dns"], list(body["dns"]))
    for group, protocol in _GROUPS.items():
        if group in ("dns", "file") or not wanted.get(group):
            continue
        section = {name: value for name, value in wanted[group].items() if not _ARKIMES.search(name)}
        if group == "http" and "http" not in wanted["protocol"]:  # Arkime puts the name of TLS's server here
            yield _sets("arkime", "tls", case, f"{title} http.host", section, {"host": body["tls"].get("host", set())})
            continue
        if group == "http":
            hashed = {name: section.pop(name) for name in ("md5", "sha256", "bodyMagic") if name in section}
            if hashed:
                yield _sets("arkime", "file", case, f"{title} bodies", hashed, body["file"])
        yield _sets("arkime", protocol, case, f"{title} {group}", section, body[group])


def _flow_differs(wanted: Mapping[str, Any], flow: Mapping[str, Any]) -> tuple[list[str], int]:
    wrong, compared = [], 0
    packets = wanted["network"]["packets"]
    # Arkime counts the frames a tunnel came in, we from the inner packet on: then each packet has the same more.
    more = (wanted["network"]["bytes"] - flow["network.bytes"]) / packets if flow["tunnels"] and packets else 0
    for side in ("source", "destination", "network"):
        for name in ("ip", "port", "packets", "bytes", "community_id"):
            value = wanted[side].get(name)
            if value is None:
                continue
            compared += 1
            ours = flow[f"{side}.{name}"]
            if name == "bytes" and more > 0:
                ours += round(more * flow[f"{side}.packets"])
            if (address(value) if name == "ip" else value) != ours:
                wrong.append(f"{side}.{name} {ours} not {value}")
    for name in ("ipProtocol", "firstPacket", "lastPacket"):
        compared += 1
        if wanted[name] != flow[name]:
            wrong.append(f"{name} {flow[name]} not {wanted[name]}")
    tags = at(wanted, "network.vlan.id")
    if tags is not None:
        compared += 1
        if set(tags) != flow["vlans"]:
            wrong.append(f"vlan {sorted(flow['vlans'])} not {tags}")
    if "tcpflags" in wanted and any(wanted["tcpflags"].values()):
        compared += 1
        letters = {"fin": "F", "rst": "R", "psh": "P", "urg": "U"}
        counts = wanted["tcpflags"]
        seen = {letter for name, letter in letters.items() if counts.get(name)} | (
            {"S"} if counts["syn"] or counts["syn-ack"] else set()
        )
        if seen != flow["tcpflags"] - set("AEC"):
            wrong.append(f"tcp flags {sorted(flow['tcpflags'])} not {sorted(seen)}")
    for name in set(wanted["protocol"]) & {
        "dns",
        "http",
        "tls",
        "smtp",
        "icmp",
        "ssh",
        "quic",
        "ftp",
        "smb",
        "dhcp",
        "ntp",
        "rdp",
    }:
        compared += 1
        if name not in flow["protocol"]:
            wrong.append(f"protocol {sorted(map(str, flow['protocol']))} has no {name}")
    return wrong, compared


def _dns_checks(case: str, title: str, wanted: list[Mapping[str, Any]], mine: list[dict[str, Any]]) -> Iterator[Check]:
    for one in wanted:
        what = f"{title} dns {one.get('queryHost')} {one.get('qt')}"
        same = [
            each
            for each in mine
            if (each["queryHost"], each["qt"]) == (str(one.get("queryHost", "")).lower(), one.get("qt"))
        ]
        if not same:
            yield verdict("arkime", "dns", case, what, ["no such question of ours"], 1)
            continue
        best = min(same, key=lambda each: len(_dns_differs(one, each)))
        mine.remove(best)
        yield verdict("arkime", "dns", case, what, _dns_differs(one, best), 6)


def _dns_differs(wanted: Mapping[str, Any], mine: Mapping[str, Any]) -> list[str]:
    wrong = [
        f"{name} {mine[name]} not {wanted[name]}"
        for name in ("qc", "opcode", "status")
        if name in wanted and wanted[name] != mine[name]
    ]
    # Arkime does not write AD and CD.
    flags = [flag for flag in mine["headerFlags"] if flag not in ("AD", "CD")]
    if "headerFlags" in wanted and sorted(set(wanted["headerFlags"]) - {"AD", "CD"}) != flags:
        wrong.append(f"headerFlags {flags} not {wanted['headerFlags']}")
    theirs, ours = [_answer(row) for row in wanted.get("answers", ())], [_answer(row) for row in mine["answers"]]
    if not wanted.get("answersCnt", 0) <= len(ours):
        wrong.append(f"{len(ours)} answers not {wanted['answersCnt']}")
    wrong += [f"no answer {row}" for row in theirs if not any(_is_answer(row, other) for other in ours)]
    return wrong


def _is_answer(theirs: tuple[Any, ...], ours: tuple[Any, ...]) -> bool:
    return theirs[:4] == ours[:4] and (theirs[4] is None or theirs[4] in str(ours[4]))


def _answer(row: Mapping[str, Any]) -> tuple[Any, ...]:
    named = [row[key] for key in ("ip", "cname", "mx", "nameserver", "data") if key in row]
    text = row["txt"][0] if row.get("txt") else named[0] if named else None
    shown = text if text is None else address(str(text)) or str(text).lower()
    return str(row.get("name", "")).lower(), row.get("type"), row.get("class"), row.get("ttl"), shown


def _sets(
    source: str, protocol: str, case: str, what: str, wanted: Mapping[str, Any], mine: Mapping[str, set[Any]]
) -> Check:
    """Each list of a group: what Arkime has must be among ours."""
    wrong, compared, unnamed = [], 0, []
    for name, values in wanted.items():
        if name not in mine:
            unnamed.append(name)
            continue
        compared += 1
        ours = {str(value).lower() for value in mine[name]}
        lacking = [
            value
            for value in (values if isinstance(values, list) else [values])
            if not _among(name, str(value).lower(), ours)
        ]
        if lacking:
            wrong.append(f"{name} {sorted(ours)[:3]} has no {lacking[:3]}")
    return verdict(source, protocol, case, what, wrong, compared, unnamed)


def _among(name: str, value: str, ours: set[str]) -> bool:
    if name == "bodyMagic":  # libmagic's older names
        value = value.replace("application/x-gzip", "application/gzip")
    return value in ours
