"""ECS documents of what the native sensor sees: the fields that every event has, and those of its flow."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from sensors import kernel
from sensors.base import Origin
from sensors.decode.address import ICMP, ICMPV6, SCTP, TCP, UDP, address_text
from sensors.flows import Flow, Row, tcp_state
from sensors.streams import Moment
from sensors.talks.talk import Found
from vonggac.domain.event import ECS_VERSION, Document, event_id
from vonggac.domain.times import format_instant, from_epoch_us

#: `event.category` and `event.type` of each dataset, from ECS's allowed values.
KINDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "flow": (("network",), ("connection", "end")),
    "dns": (("network",), ("protocol",)),
    "http": (("network", "web"), ("access", "protocol")),
    "tls": (("network",), ("connection", "protocol")),
    "ssh": (("network",), ("connection", "protocol")),
    "icmp": (("network",), ("protocol",)),
    "quic": (("network",), ("connection", "protocol")),
    "rdp": (("network",), ("connection", "protocol")),
    "smtp": (("email", "network"), ("protocol",)),
    "pop3": (("email", "network"), ("protocol",)),
    "imap": (("email", "network"), ("protocol",)),
    "ftp": (("network",), ("access", "protocol")),
    "smb": (("network",), ("access", "protocol")),
    "kerberos": (("authentication", "network"), ("protocol",)),
    "ntlm": (("authentication", "network"), ("protocol",)),
    "file": (("file", "network"), ("info",)),
    "anomaly": (("network",), ("info",)),
}
_OTHER = (("network",), ("protocol",))
_TRANSPORTS = {
    TCP: "tcp", UDP: "udp", ICMP: "icmp", ICMPV6: "ipv6-icmp", SCTP: "sctp", 2: "igmp", 4: "ipip", 41: "ipv6",
    47: "gre", 50: "esp", 51: "ah", 89: "ospf", 103: "pim", 112: "vrrp",
}  # fmt: skip
_TCP_FLAGS = "FSRPAUEC"


@lru_cache(maxsize=1_024)
def _second(second: int) -> str:
    return format_instant(from_epoch_us(second * 1_000_000))[:19]


def instant_text(ns: int) -> str:
    """RFC 3339 with six digits, as `format_instant` writes it. ns since 1970; must be before the year 10000."""
    second, rest = divmod(ns, 1_000_000_000)
    return f"{_second(second)}.{rest // 1000:06d}Z"


class Scribe:
    """Writes the documents of one source as seen by one sensor."""

    def __init__(self, origin: Origin, fingerprint: str) -> None:
        self.origin = origin
        self.fingerprint = fingerprint
        self._organization: Document = {}
        if origin.agency:
            self._organization["id"] = origin.agency
        if origin.agency_name:
            self._organization["name"] = origin.agency_name

    def id(self, ns: int, position: int, dataset: str, ordinal: int) -> str:
        return event_id(self.origin.sensor, self.fingerprint, position, dataset, ordinal, ns)

    def document(self, dataset: str, ns: int, position: int, identity: str) -> Document:
        """The fields of every event."""
        category, kind = KINDS.get(dataset, _OTHER)
        document: Document = {
            "@timestamp": instant_text(ns),
            "ecs": {"version": ECS_VERSION},
            "event": {
                "id": identity,
                "dataset": dataset,
                "kind": "event",
                "category": list(category),
                "type": list(kind),
            },
            "observer": {"name": self.origin.sensor, "type": "sensor"},
            "vonggac": {"source": {"fingerprint": self.fingerprint, "position": position}},
        }
        if self._organization:
            document["organization"] = dict(self._organization)
        return document

    def flow(self, flow: Flow, row: Row, reason: str) -> Document:
        """The event of a flow that ended for that reason (`closed`, `idle`, `active`, `evicted`, `end-of-input`)."""
        last_ns = row[kernel.LAST_NS]
        document = self.document("flow", last_ns, flow.begun.position, flow.id)
        document["event"] |= {
            "start": instant_text(flow.begun.ns),
            "end": instant_text(last_ns),
            "duration": max(0, last_ns - flow.begun.ns),
        }
        self._endpoints(document, flow)
        packets, size = row[kernel.PACKETS : kernel.BYTES], row[kernel.BYTES : kernel.FLAGS]
        for side, name in enumerate(("source", "destination")):
            document[name] |= {"bytes": size[side], "packets": packets[side]}
        document["network"] |= {"bytes": sum(size), "packets": sum(packets)}
        state: Document = {"end_reason": reason}
        if flow.protocol == TCP:
            source, destination = row[kernel.FLAGS : kernel.FIRST_BYTE]
            state["state"] = tcp_state(row)
            state["tcp_flags"] = {"source": flags_text(source), "destination": flags_text(destination)}
        elif flow.protocol in (ICMP, ICMPV6):
            state["icmp_type"] = flow.sport
        document["vonggac"]["flow"] = state
        _related(document, (), (), ())
        return document

    def found(self, flow: Flow, found: Found) -> Document:
        """The event of something found on a flow."""
        identity = self.id(found.begun.ns, found.begun.position, found.dataset, found.ordinal)
        document = self.document(found.dataset, found.begun.ns, found.begun.position, identity)
        document["event"] |= found.event
        self._endpoints(document, flow)
        for name, value in found.fields.items():
            if name in document:
                document[name] |= value
            else:
                document[name] = value
        _related(document, found.ips, found.hosts, found.hashes)
        return document

    def anomaly(self, at: Moment, ordinal: int, layer: str, offset: int, reason: str, flow: Flow | None) -> Document:
        """Bytes that cannot be decoded: where and why."""
        document = self.document("anomaly", at.ns, at.position, self.id(at.ns, at.position, "anomaly", ordinal))
        if flow is not None:
            self._endpoints(document, flow)
        document["vonggac"]["anomaly"] = {"layer": layer, "reason": reason, "offset": offset, "packet": at.position}
        document["error"] = {
            "code": f"{layer}.{reason}",
            "message": f"{layer}: {reason} at byte {offset} of packet {at.position}",
        }
        _related(document, (), (), ())
        return document

    def _endpoints(self, document: Document, flow: Flow) -> None:
        """The flow's addresses and names, on its own event and on every event that points to it."""
        source: Document = {"ip": address_text(flow.src)}
        destination: Document = {"ip": address_text(flow.dst)}
        if flow.protocol in (TCP, UDP, SCTP):
            source["port"], destination["port"] = flow.sport, flow.dport
        network: Document = {
            "type": "ipv4" if len(flow.src) == 4 else "ipv6",
            "transport": _TRANSPORTS.get(flow.protocol, str(flow.protocol)),
            "iana_number": str(flow.protocol),
            "community_id": flow.community_id,
        }
        if flow.application:
            network["protocol"] = flow.application
        if flow.vlans:
            network["vlan"] = {"id": str(flow.vlans[0])}
            if len(flow.vlans) > 1:
                network["inner"] = {"vlan": {"id": str(flow.vlans[1])}}
        document["source"], document["destination"], document["network"] = source, destination, network
        document["flow"] = {"id": flow.id}
        if flow.outer:
            document["vonggac"]["tunnel"] = [
                {"type": kind, "source": {"ip": address_text(src)}, "destination": {"ip": address_text(dst)}}
                for kind, src, dst in flow.outer
            ]


def flags_text(flags: int) -> str:
    """TCP flags as letters in the order F S R P A U E C."""
    return "".join(letter for bit, letter in enumerate(_TCP_FLAGS) if flags >> bit & 1)


def _related(document: Document, ips: tuple[str, ...], hosts: tuple[str, ...], hashes: tuple[str, ...]) -> None:
    """`related.*`: each value once, in the order of first mention."""
    ends: list[Any] = [document[name]["ip"] for name in ("source", "destination") if name in document]
    related = {
        "ip": list(dict.fromkeys((*ends, *ips))),
        "hosts": list(dict.fromkeys(hosts)),
        "hash": list(dict.fromkeys(hashes)),
    }
    document["related"] = {name: values for name, values in related.items() if values}
