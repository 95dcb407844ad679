"""Our events as rows of Zeek's logs, and Zeek's baselines held against them.

Source: Zeek's script reference (base/protocols/*/main.zeek); rows of the baselines have masked times and ids.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tests.conformance import zeek_words
from tests.conformance.checks import Check, address, aside, at, same, verdict
from tests.conformance.zeek_words import dn, epoch, flag, vector
from vonggac.domain.event import Document

#: Columns that are Zeek's own affair, hold its ids, or are masked.
_ZEEKS = {
    "ts", "uid", "fuid", "tunnel_parents", "local_orig", "local_resp", "orig_fuids", "resp_fuids", "parent_fuid",
    "depth", "analyzers", "timedout", "extracted", "extracted_cutoff", "extracted_size", "tags", "suppress_for",
    "cert_chain_fuids", "client_cert_chain_fuids",
}  # fmt: skip
#: Logs that tell of Zeek's own judgement.
_NOT_OURS = {
    "notice": "a judgement of Zeek's scripts; with us a rule's, over many events",
    "weird": "a name of Zeek's for something odd that we have no word for",
    "analyzer": "what Zeek's analyzers stumbled over", "dpd": "what Zeek's analyzers stumbled over",
    "known_hosts": "an inventory, not traffic", "known_services": "an inventory, not traffic",
    "software": "an inventory, not traffic", "packet_filter": "Zeek's own settings", "stats": "Zeek's own counters",
    "loaded_scripts": "Zeek's own settings", "reporter": "Zeek's own messages", "capture_loss": "Zeek's own counters",
}  # fmt: skip
_PROTOCOLS = {"conn": "flow", "ssl": "tls", "files": "file", "smb_files": "smb", "smb_mapping": "smb",
"dce_rpc": "dcerpc",
              "x509": "tls", "weird": "anomaly"}  # fmt: skip
#: What Zeek calls our protocols; names of machines are all its dns.
_SERVICES = {
    "tls": "ssl",
    "mdns": "dns",
    "llmnr": "dns",
    "netbios-ns": "dns",
    "kerberos": "krb",
    "smb": "smb",
    "ipv6-icmp": "icmp",
}
#: Datasets of which `zeek_words` makes a row of the log of that name.
_ALIKE = ("ntp", "ntlm", "kerberos", "radius", "irc", "rfb", "sip", "syslog")
_EMPTY = ("-", "(empty)")
#: Columns of which `-` says only that the script for them was not loaded, or was not sure: Zeek's tests run it bare.
_OPTIONAL = (
    "service",
    "md5",
    "sha1",
    "sha256",
    "curve",
    "mime_type",
    "ja3",
    "ja3s",
    "resp_mime_types",
    "orig_mime_types",
)
#: Zeek does not count the last acknowledgement of a connection to its duration; it comes within this time.
_LAST_ACK_SECONDS = 1.0
#: Fields in which Zeek's own way of counting leaves room: a number, or this much more or less of it.
_SECONDS = 1e-5


def as_zeek(event: Document) -> list[tuple[str, dict[str, Any]]]:
    """(log, row) of what one of our events tells. A row has only columns that we know; None is `-`."""
    kind = event["event"]["dataset"]
    made = [(log, make(event)) for log, make in _ROWS.get(kind, ())]
    rows = [(log, row if log == "x509" else _ids(event) | row) for log, row in made if row is not None]
    for outer in at(event, "vonggac.tunnel", ()) if kind == "flow" else ():
        # GRE's tunnels are named by their ends; those over UDP have ports that the inner flow does not remember.
        names = {"erspan": "GRE", "6in4": "IP", "ipip": "IP", "gtp": "GTPv1", "teredo": "TEREDO"}
        name = names.get(outer["type"], outer["type"].upper())
        tunnel = {
            "id.orig_h": outer["source"]["ip"],
            "id.resp_h": outer["destination"]["ip"],
            "tunnel_type": f"Tunnel::{name}",
        }
        rows.append(("tunnel", tunnel))
    return rows


def _ids(event: Document) -> dict[str, Any]:
    row = {"id.orig_h": at(event, "source.ip"), "id.resp_h": at(event, "destination.ip")}
    for end, side in (("orig", "source"), ("resp", "destination")):
        row[f"id.{end}_p"] = at(event, f"{side}.port")
    return row


def _conn(event: Document) -> dict[str, Any]:
    transport = at(event, "network.transport")
    protocol = at(event, "network.protocol")
    icmp = transport in ("icmp", "ipv6-icmp")
    row: dict[str, Any] = {
        "proto": "icmp" if icmp else transport,
        "service": None if icmp else _SERVICES.get(str(protocol), protocol),
        "duration": event["event"]["duration"] / 1e9,
        "ip_proto": at(event, "network.iana_number"),
        "orig_pkts": event["source"]["packets"],
        "resp_pkts": event["destination"]["packets"],
        "orig_ip_bytes": (event["source"]["bytes"], event["source"]["packets"], _link_octets(event)),
        "resp_ip_bytes": (event["destination"]["bytes"], event["destination"]["packets"], _link_octets(event)),
        "vlan": at(event, "network.vlan.id"),
        "inner_vlan": at(event, "network.inner.vlan.id"),
    }
    if icmp:
        row |= {"id.orig_p": at(event, "vonggac.flow.icmp_type"), "id.resp_p": at(event, "vonggac.flow.icmp_answer")}
        row["conn_state"] = "OTH"
    elif transport == "tcp":
        row["conn_state"] = at(event, "vonggac.flow.state")
    else:
        sent, got = event["source"]["packets"], event["destination"]["packets"]
        row["conn_state"] = "SF" if sent and got else "S0" if sent else "SHR"
    return row


def _link_octets(event: Document) -> tuple[int, ...]:
    """What our byte counts may have more of in each packet than the IP packet: we count whole frames, inside a tunnel
    from the inner packet on. Ethernet has 14, each tag 4; MPLS labels 4 each."""
    outer = at(event, "vonggac.tunnel", ())
    if outer and outer[-1]["type"] in ("gre", "ipip", "6in4", "teredo", "gtp"):
        return (0,)
    tags = sum(at(event, path) is not None for path in ("network.vlan.id", "network.inner.vlan.id"))
    return (0, 4, *(14 + 4 * (tags + labels) for labels in range(4)))


def _dns(event: Document) -> dict[str, Any]:
    dns = event["dns"]
    answered = dns["type"] == "answer"
    flags = dns.get("header_flags", ())
    code = dns.get("response_code") if answered else None
    codes = {"NOERROR": 0, "FORMERR": 1, "SERVFAIL": 2, "NXDOMAIN": 3, "NOTIMP": 4, "REFUSED": 5}
    answers = dns.get("answers", ())
    kind, class_ = at(dns, "question.type"), at(dns, "question.class")
    known = kind is not None
    netbios = at(event, "network.protocol") == "netbios-ns"
    opcode = str(dns.get("op_code", "query")).lower()
    # Zeek's script reads AA, RA and the time from answer records; of a reply without any it keeps the code alone.
    told = flags if answers else tuple(flag for flag in flags if flag in ("RD", "TC"))
    return {
        "proto": at(event, "network.transport"),
        "trans_id": dns["id"],
        "query": at(dns, "question.name"),
        "qclass_name": zeek_words.CLASSES.get(str(class_), (class_, None))[0] if known else None,
        "qclass": zeek_words.CLASSES.get(str(class_), (class_, None))[1] if known else None,
        "qtype": zeek_words.TYPES.get(str(kind)),
        "opcode": zeek_words.OPCODES.get(opcode),
        "qtype_name": "*" if kind in ("ANY", "*") else "NIMLOC" if kind == "NB" else kind,  # 32 has two names
        "rcode_name": code,
        "rcode": codes.get(str(code)) if code else None,
        "rejected": flag(code == "REFUSED"),
        "opcode_name": f"netbios-{opcode}" if netbios else opcode,
        # Zeek writes RD and the opcode of the query, AA, TC and RA of the answer, as the joined event does.
        **{name: flag(name in told) for name in ("AA", "TC", "RD", "RA")},
        "answers": [row.get("data") for row in answers],
        "TTLs": [row.get("ttl") for row in answers],
        "rtt": event["event"]["duration"] / 1e9 if answers and event["event"].get("duration") else None,
    }


def _http(event: Document) -> dict[str, Any]:
    version = at(event, "http.version")
    plain = version == "0.9"  # an answer without a head: Zeek writes status 0 and no words
    return {
        "method": at(event, "http.request.method"),
        "host": at(event, "url.domain"),
        "uri": at(event, "url.original"),
        "referrer": at(event, "http.request.referrer"),
        # Zeek takes the version of the answer where there is one.
        "version": at(event, "vonggac.http.response.version") or version,
        "user_agent": at(event, "user_agent.original"),
        "request_body_len": at(event, "http.request.body.bytes", 0),
        "response_body_len": at(event, "http.response.body.bytes", 0),
        "status_code": 0 if plain else at(event, "http.response.status_code"),
        "status_msg": "<empty>" if plain else at(event, "vonggac.http.response.status_msg"),
        "orig_mime_types": at(event, "http.request.mime_type"),
        "resp_mime_types": at(event, "http.response.mime_type"),
    }


def _ssh(event: Document) -> dict[str, Any]:
    client, server = at(event, "ssh.client.version"), at(event, "ssh.server.version")
    spoken = [re.match(r"SSH-(1\.99|2|1)", text or "") for text in (client, server)]
    old = any(found is not None and found[1] == "1" for found in spoken)
    names = ("cipher_alg", "mac_alg", "compression_alg", "kex_alg", "host_key_alg")
    return {"client": client, "server": server, "version": 1 if old else 2} | {
        name: value for name in names if (value := at(event, f"vonggac.ssh.{name}")) is not None
    }


def _ftp(event: Document) -> dict[str, Any]:
    own = event["vonggac"]["ftp"]
    replies = own.get("reply", ())
    row = {
        "user": at(event, "user.name"),
        "command": own.get("command"),
        "arg": own.get("command_data"),
        "reply_code": own.get("reply_code"),
        "reply_msg": replies[-1] if replies else None,
    }
    if "dynamic_port" in own:
        row |= {"data_channel.passive": flag(own.get("mode") == "passive"), "data_channel.resp_p": own["dynamic_port"]}
    return row


def _rdp(event: Document) -> dict[str, Any]:
    own = event["vonggac"]["rdp"]
    names = ("cookie", "result", "security_protocol", "keyboard_layout", "client_build", "client_name",
    "client_dig_product_id",
             "desktop_width", "desktop_height", "requested_color_depth", "cert_type", "encryption_level",
             "encryption_method")  # fmt: skip
    row = {name: own.get(name) for name in names}
    row["client_channels"] = vector(own.get("client_channels"))
    row["cert_count"] = own.get("cert_count", 0)
    row["cert_permanent"] = flag(own.get("cert_permanent"))
    return row


def _ssl(event: Document) -> dict[str, Any]:
    versions = {"1.3": "TLSv13", "1.2": "TLSv12", "1.1": "TLSv11", "1.0": "TLSv10", "3.0": "SSLv3", "2.0": "SSLv2"}
    version = at(event, "tls.version")
    digest = at(event, "tls.server.hash.sha256")
    named, shown = at(event, "tls.client.server_name"), at(event, "tls.server.x509.alternative_names", ())
    subject = at(event, "tls.server.subject", "")
    names = [*shown, *re.findall(r"CN=([^,]+)", subject)[:1]]
    matches = any(_covers(str(name), str(named)) for name in names) if digest and named else None
    return {
        "version": versions.get(str(version), version),
        "cipher": at(event, "tls.cipher"),
        "curve": at(event, "tls.curve"),
        "server_name": named,
        "resumed": flag(at(event, "tls.resumed", False)),
        "established": flag(at(event, "tls.established", False)),
        "next_protocol": at(event, "tls.next_protocol"),
        "subject": dn(at(event, "tls.server.subject")),
        "issuer": dn(at(event, "tls.server.issuer")),
        "sni_matches_cert": flag(matches),
        "cert_chain_fps": digest and digest.lower(),
    }


def _covers(pattern: str, name: str) -> bool:
    pattern, name = pattern.lower(), name.lower()
    return pattern == name or (pattern.startswith("*.") and name.partition(".")[2] == pattern[2:])


def _files(event: Document) -> dict[str, Any]:
    own = event["vonggac"]["file"]
    size = at(event, "file.size")
    return {
        "source": str(own.get("protocol", "http")).upper(),
        "mime_type": at(event, "file.mime_type"),
        "filename": at(event, "file.name") if own.get("protocol") else None,
        "is_orig": flag(own.get("direction") == "request"),
        "seen_bytes": size - own.get("missing_bytes", 0) if size is not None else None,
        "missing_bytes": own.get("missing_bytes", 0),
        "md5": at(event, "file.hash.md5"),
        "sha1": at(event, "file.hash.sha1"),
        "sha256": at(event, "file.hash.sha256"),
    }


def _smb_files(event: Document) -> dict[str, Any]:
    own = event["vonggac"]["smb"]
    times = {"modified": "mtime", "accessed": "accessed", "created": "created", "changed": "ctime"}
    row = {
        "action": f"SMB::{own['action']}" if "action" in own else None,
        "name": own.get("filename"),
        "size": own.get("size", at(event, "file.size")),
    }
    return row | {f"times.{name}": epoch(at(event, f"file.{ours}")) for name, ours in times.items()}


def _smb_mapping(event: Document) -> dict[str, Any]:
    own = event["vonggac"]["smb"]
    kinds = {"FILE": "DISK"}
    return {"path": own.get("share"), "share_type": kinds.get(str(own.get("share_type")), own.get("share_type"))}


def _dce_rpc(event: Document) -> dict[str, Any]:
    own = event["vonggac"]["dcerpc"]
    return {name: own.get(name) for name in ("endpoint", "operation")}


def _smtp(event: Document) -> dict[str, Any]:
    own = event["vonggac"]["smtp"]
    return {
        "helo": own.get("helo"), "mailfrom": own.get("mail_from"), "rcptto": vector(own.get("rcpt_to")),
        "date": own.get("date"),
        "from": own.get("from"), "to": own.get("to"), "cc": own.get("cc"), "reply_to": own.get("reply_to"),
        "msg_id": at(event, "email.message_id"), "in_reply_to": own.get("in_reply_to"),
        "subject": at(event, "email.subject"),
        "x_originating_ip": own.get("x_originating_ip"), "last_reply": own.get("last_reply"), "path": None,
        "user_agent": own.get("user_agent"), "tls": flag(own.get("tls", False)), "trans_depth": own.get("trans_depth"),
    }  # fmt: skip


def _weird(event: Document) -> dict[str, Any]:
    names = {"ethernet.header_cut": "truncated_ethernet_frame"}
    own = event["vonggac"]["anomaly"]
    return {"name": names.get(f"{own['layer']}.{own['reason']}"), "source": own["layer"].upper()}


_ROWS: dict[str, tuple[tuple[str, Callable[[Document], dict[str, Any] | None]], ...]] = {
    "flow": (("conn", _conn),), "dns": (("dns", _dns),), "http": (("http", _http),), "ssh": (("ssh", _ssh),),
    "ftp": (("ftp", _ftp),), "rdp": (("rdp", _rdp),), "tls": (("ssl", _ssl), ("x509", zeek_words.x509)),
    "file": (("files", _files),), "smb": (("smb_files", _smb_files), ("smb_mapping", _smb_mapping)),
    "dcerpc": (("dce_rpc", _dce_rpc),), "smtp": (("smtp", _smtp),), "anomaly": (("weird", _weird),),
    "modbus": (("modbus", zeek_words.modbus_asked), ("modbus", zeek_words.modbus_answered)),
    "mqtt": (("mqtt_connect", zeek_words.mqtt_connect), ("mqtt_publish", zeek_words.mqtt_publish)),
    **{name: ((name, getattr(zeek_words, name)),) for name in _ALIKE},
}  # fmt: skip
#: Logs that we can write at all.
_WRITTEN = {"tunnel", "dhcp", *(log for rows in _ROWS.values() for log, _ in rows)}


def checks(case: Mapping[str, Any], events: list[Document]) -> Iterator[Check]:
    """Each row of each log of one baseline; a row of ours answers for one of Zeek's."""
    ours: dict[str, list[dict[str, Any]]] = {}
    depths: dict[str, int] = {}  # of the requests of each connection
    for event in sorted(events, key=lambda event: event["vonggac"]["source"]["position"]):
        for log, row in as_zeek(event):
            if log == "http":
                row["trans_depth"] = depths[event["flow"]["id"]] = depths.get(event["flow"]["id"], 0) + 1
            ours.setdefault(log, []).append(row)
    for event, row in zeek_words.dhcp(events):
        # A client without an address has none in the log either.
        ends = {"client_addr": at(event, "client.ip"), "server_addr": None}
        ours.setdefault("dhcp", []).append(row | {name: value for name, value in ends.items() if value})
    _name_tunnels(ours)
    for name, log in case["expect"]["zeek_logs"].items():
        yield from _log(case["id"], name.removesuffix(".log"), log["records"], ours.get(name.removesuffix(".log"), []))


def _name_tunnels(ours: Mapping[str, list[dict[str, Any]]]) -> None:
    """Zeek calls the datagrams that carry a tunnel by its kind; with us the flows inside tell of it."""
    kinds = {frozenset((row["id.orig_h"], row["id.resp_h"])): row["tunnel_type"] for row in ours.get("tunnel", ())}
    for row in ours.get("conn", ()):
        kind = kinds.get(frozenset((row["id.orig_h"], row["id.resp_h"])))
        if kind is not None and row["proto"] == "udp" and row["service"] is None:
            row["service"] = kind.removeprefix("Tunnel::").lower()


def _log(case: str, log: str, rows: list[Mapping[str, Any]], ours: list[dict[str, Any]]) -> Iterator[Check]:
    protocol = _PROTOCOLS.get(log, log)
    left = list(ours)
    for row in rows:
        ends = f"{row.get('id.orig_h')}:{row.get('id.orig_p')} > {row.get('id.resp_h')}:{row.get('id.resp_p')}"
        what = f"{log}.log {ends} {_title(log, row)}".rstrip()
        if row.get("basic_constraints.ca") == "T":
            yield aside("zeek", protocol, case, what, "a certificate further up a chain, which we only count")
            continue
        if log not in _WRITTEN and log not in _NOT_OURS:
            yield aside("zeek", protocol, case, what, "a log in whose form our events cannot be written")
            continue
        if log in _NOT_OURS and not (log == "weird" and any(mine["name"] == row["name"] for mine in ours)):
            yield aside("zeek", protocol, case, what, _NOT_OURS[log])
            continue
        near = [mine for mine in left if _of_one(row, mine)]
        if not near:
            yield verdict("zeek", protocol, case, what, [f"no {log} of ours between these ends"], 1)
            continue
        best = min(near, key=lambda mine: len(_differs(row, mine)[0]))
        wrong, compared, unnamed = _differs(row, best)
        # Two rows of Zeek's may tell of one event of ours: files are logged again at their end, tunnels at theirs.
        if log not in ("smb_files", "tunnel"):
            left.remove(best)
        yield verdict("zeek", protocol, case, what, wrong, compared, unnamed)


def _title(log: str, row: Mapping[str, Any]) -> str:
    names = {"dns": ("query", "qtype_name"), "http": ("method", "uri"), "ftp": ("command",),
    "smb_files": ("action", "name"),
             "tunnel": ("tunnel_type", "action"), "notice": ("note",), "weird": ("name",),
             "files": ("filename",)}  # fmt: skip
    return " ".join(str(row.get(name)) for name in names.get(log, ()))


def _of_one(row: Mapping[str, Any], mine: Mapping[str, Any]) -> bool:
    """Same ends. A tunnel has no direction, and over UDP no ports that we know."""
    ends = [(row.get(f"id.{end}_h"), row.get(f"id.{end}_p")) for end in ("orig", "resp")]
    if "tunnel_type" in row:
        wanted = {address(str(ip)) for ip, _ in ends}
        return wanted == {address(str(mine[f"id.{end}_h"])) for end in ("orig", "resp")}
    for end, (ip, port) in zip(("orig", "resp"), ends, strict=True):
        if ip is None or ip == "-":
            continue
        if address(str(ip)) != address(str(mine.get(f"id.{end}_h"))):
            return False
        if mine.get(f"id.{end}_p") is not None and str(port) != str(mine[f"id.{end}_p"]):
            return False
    return True


def _differs(row: Mapping[str, Any], mine: Mapping[str, Any]) -> tuple[list[str], int, list[str]]:
    """What is wrong, how many columns were compared, and those with something in them that we have no name for."""
    wrong, compared, unnamed = [], 0, []
    for name, wanted in row.items():
        if name in _ZEEKS or name.startswith("id.") or "XXXXXX" in str(wanted):
            continue
        if name not in mine:
            if wanted not in _EMPTY:
                unnamed.append(name)
            continue
        if wanted in _EMPTY and name in _OPTIONAL:
            continue
        compared += 1
        if not _agree(name, str(wanted), mine[name]):
            wrong.append(f"{name} {str(mine[name])[:60]} not {str(wanted)[:60]}")
    return wrong, compared, unnamed


def _agree(name: str, wanted: str, ours: Any) -> bool:
    if name in ("orig_ip_bytes", "resp_ip_bytes"):
        return _ip_bytes(int(wanted), *ours) if wanted != "-" else True
    if name == "answers":
        return _answers(wanted, ours)
    if name == "TTLs":
        return [float(each) for each in wanted.split(",") if each != "-"] == [
            float(each or 0) for each in ours
        ] or not ours
    if wanted in _EMPTY:
        return ours in (None, "", []) or (name == "duration" and ours == 0)
    if name == "duration" and ours is not None:
        return -_SECONDS < float(ours) - float(wanted) < _LAST_ACK_SECONDS
    if name in ("rtt", "lease_time") or name.startswith(("times.", "certificate.not_")) or name.endswith("_time"):
        return ours is not None and abs(float(wanted) - float(ours)) < _SECONDS
    if name == "arg" and wanted.startswith("ftp://"):  # Zeek makes an address of a file's name
        return ours is not None and wanted.endswith(str(ours).removeprefix("/"))
    if name == "service":
        return str(ours) in wanted.split(",") if ours else False
    if name == "cert_chain_fps":
        return bool(wanted.split(",")[0] == ours)
    if name in ("query", "host", "server_name"):
        return wanted.lower() == str(ours).lower()
    return same(wanted, ours)


def _ip_bytes(wanted: int, ours: int, packets: int, link: tuple[int, ...]) -> bool:
    """Our frames without their headers. Ethernet's shortest frame has 46 octets of payload, so that an IP packet of 40
    or 28 may have been padded; frames in a capture may also end in their checksum, which no length of IP's counts."""
    return any(0 <= ours - packets * octets - wanted <= packets * 26 for octets in link)


def _answers(wanted: str, ours: list[Any]) -> bool:
    """Zeek writes a text as `TXT <length> <text>` and separates strings of one by a blank; a record that it does not
    read is `<unknown type=…>`."""
    if wanted in _EMPTY:
        return not ours
    said = [str(each) for each in ours]
    if wanted.startswith("TXT "):
        texts = re.sub(r"TXT \d+ ", "", wanted).replace(",", "").replace(" ", "")
        return texts == re.sub(r'[", ]', "", "".join(said))
    plain = [re.sub(r"^\d+ (?:\d+ \d+ )?(?=\S+$)", "", each).rstrip(".").lower() for each in said]
    theirs = [each.lower().rstrip(".") for each in wanted.split(",")]
    return len(theirs) == len(plain) and all(
        one == other or one.startswith("<unknown") or address(one) == address(other) is not None
        for one, other in zip(theirs, plain, strict=True)
    )
