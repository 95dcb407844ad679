"""ECS documents of what the native sensor sees: the fields that every event has, and those of its flow."""

from __future__ import annotations

from bisect import bisect_right
from functools import lru_cache
from operator import itemgetter

from sensors import kernel
from sensors.base import Origin
from sensors.decode.address import ICMP, ICMPV6, SCTP, TCP, UDP, address_text
from sensors.flows import Ends, Flow, Row, tcp_state
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
    "radius": (("authentication", "network"), ("protocol",)),
    "tftp": (("network",), ("access", "protocol")),
    "file": (("file", "network"), ("info",)),
    "anomaly": (("network",), ("info",)),
}
#: Hashes of segments that are remembered: a quarter of a thousand million packets.
MAX_SEGMENTS = 65_536
_OTHER = (("network",), ("protocol",))
_TRANSPORTS = {
    TCP: "tcp", UDP: "udp", ICMP: "icmp", ICMPV6: "ipv6-icmp", SCTP: "sctp", 2: "igmp", 4: "ipip", 41: "ipv6",
    47: "gre", 50: "esp", 51: "ah", 89: "ospf", 103: "pim", 112: "vrrp",
}  # fmt: skip
_TCP_FLAGS = "FSRPAUEC"


@lru_cache(maxsize=8_192)
def _second(second: int) -> str:
    return format_instant(from_epoch_us(second * 1_000_000))[:19]


def instant_text(ns: int) -> str:
    """RFC 3339 with six digits, as `format_instant` writes it. ns since 1970; must be before the year 10000."""
    second, rest = divmod(ns, 1_000_000_000)
    return f"{_second(second)}.{rest // 1000:06d}Z"


class Scribe:
    """Writes the documents of one source as seen by one sensor.

    Half of a sensor's time goes into these: dictionaries are written out whole, and what a flow's events share is
    looked up once and copied.
    """

    def __init__(self, origin: Origin, fingerprint: str) -> None:
        self.origin = origin
        self.fingerprint = fingerprint
        self._segment = (0, "")  # first position and hash of the segment that is read now
        self._segments: list[tuple[int, str]] = []  # those before it, in order
        self._observer: Document = {"name": origin.sensor, "type": "sensor"}
        self._organization: Document = {}
        if origin.agency:
            self._organization["id"] = origin.agency
        if origin.agency_name:
            self._organization["name"] = origin.agency_name

    def id(self, ns: int, position: int, dataset: str, ordinal: int) -> str:
        return event_id(self.origin.sensor, self.fingerprint, position, dataset, ordinal, ns)

    def enter_segment(self, first: int, sha256: str) -> None:
        """What begins from this position on begins in this segment."""
        self._segments.append(self._segment)
        self._segment = (first, sha256)
        if len(self._segments) > MAX_SEGMENTS:
            del self._segments[: MAX_SEGMENTS // 2]

    def _source(self, position: int) -> Document:
        """Where an event began: what an export of it can be held against."""
        first, sha256 = self._segment
        if position < first:
            at = bisect_right(self._segments, position, key=itemgetter(0)) - 1
            sha256 = self._segments[at][1] if at >= 0 else ""
        source: Document = {"fingerprint": self.fingerprint, "position": position}
        if sha256:
            source["segment"] = sha256
        return source

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
                "category": [*category],
                "type": [*kind],
            },
            "observer": self._observer.copy(),
            "vonggac": {"source": self._source(position)},
        }
        if self._organization:
            document["organization"] = self._organization.copy()
        return document

    def flow(self, flow: Flow, row: Row, reason: str) -> Document:
        """The event of a flow that ended for that reason (`closed`, `idle`, `active`, `evicted`, `end-of-input`)."""
        begun_ns, last_ns = flow.begun.ns, row[kernel.LAST_NS]
        sent, received = row[kernel.BYTES], row[kernel.BYTES + 1]
        asked, answered = row[kernel.PACKETS], row[kernel.PACKETS + 1]
        document = self.document("flow", last_ns, flow.begun.position, flow.id)
        event = document["event"]
        event["start"] = instant_text(begun_ns)
        event["end"] = document["@timestamp"]
        event["duration"] = max(0, last_ns - begun_ns)
        ips = self._endpoints(document, flow)
        source, destination, network = document["source"], document["destination"], document["network"]
        source["bytes"], source["packets"] = sent, asked
        destination["bytes"], destination["packets"] = received, answered
        network["bytes"], network["packets"] = sent + received, asked + answered
        state: Document = {"end_reason": reason}
        if flow.protocol == TCP:
            state["state"] = tcp_state(row)
            state["tcp_flags"] = {
                "source": flags_text(row[kernel.FLAGS]),
                "destination": flags_text(row[kernel.FLAGS + 1]),
            }
        elif flow.protocol in (ICMP, ICMPV6):
            state["icmp_type"], state["icmp_answer"] = flow.sport, flow.dport
        document["vonggac"]["flow"] = state
        document["related"] = {"ip": [*ips]}
        return document

    def found(self, flow: Flow, found: Found) -> Document:
        """The event of something found on a flow."""
        at = found.begun
        identity = self.id(at.ns, at.position, found.dataset, found.ordinal)
        document = self.document(found.dataset, at.ns, at.position, identity)
        if found.event:
            document["event"] |= found.event
        ips = self._endpoints(document, flow)
        for name, value in found.fields.items():
            if name in document:
                document[name] |= value
            else:
                document[name] = value
        document["related"] = related = {"ip": [*dict.fromkeys((*ips, *found.ips))] if found.ips else [*ips]}
        if found.hosts:
            related["hosts"] = [*dict.fromkeys(found.hosts)]
        if found.hashes:
            related["hash"] = [*dict.fromkeys(found.hashes)]
        return document

    def packet(self, dataset: str, at: Moment, fields: Document, vlans: tuple[int, ...]) -> Document:
        """The event of a packet that is of no flow; `fields` tell its ends."""
        document = self.document(dataset, at.ns, at.position, self.id(at.ns, at.position, dataset, 0))
        for name, value in fields.items():
            if name in document:
                document[name] |= value
            else:
                document[name] = value
        if vlans:
            document["network"]["vlan"] = {"id": str(vlans[0])}
        ips = dict.fromkeys(document[end]["ip"] for end in ("source", "destination") if "ip" in document.get(end, ()))
        document["related"] = {"ip": [*ips]} if ips else {}
        return document

    def anomaly(self, at: Moment, ordinal: int, layer: str, offset: int, reason: str, flow: Flow | None) -> Document:
        """Bytes that cannot be decoded: where and why."""
        document = self.document("anomaly", at.ns, at.position, self.id(at.ns, at.position, "anomaly", ordinal))
        ips = self._endpoints(document, flow) if flow is not None else ()
        document["vonggac"]["anomaly"] = {"layer": layer, "reason": reason, "offset": offset, "packet": at.position}
        document["error"] = {
            "code": f"{layer}.{reason}",
            "message": f"{layer}: {reason} at byte {offset} of packet {at.position}",
        }
        document["related"] = {"ip": [*ips]} if ips else {}
        return document

    def _endpoints(self, document: Document, flow: Flow) -> tuple[str, ...]:
        """The flow's addresses and names, on its own event and on every event that points to it; its addresses."""
        if flow.ends is None:
            flow.ends = _ends(flow)
        source, destination, network, tunnel, ips = flow.ends
        document["source"], document["destination"] = source.copy(), destination.copy()
        document["network"] = network = network.copy()
        if application := flow.application:
            network["protocol"] = application
        if flow.vlans:
            network["vlan"] = {"id": str(flow.vlans[0])}
            if len(flow.vlans) > 1:
                network["inner"] = {"vlan": {"id": str(flow.vlans[1])}}
        document["flow"] = {"id": flow.id}
        if tunnel:
            document["vonggac"]["tunnel"] = [
                {"type": kind, "source": {"ip": src}, "destination": {"ip": dst}} for kind, src, dst in tunnel
            ]
        return ips


def _ends(flow: Flow) -> Ends:
    source: Document = {"ip": address_text(flow.src)}
    destination: Document = {"ip": address_text(flow.dst)}
    if flow.protocol in (TCP, UDP, SCTP):
        source["port"], destination["port"] = flow.sport, flow.dport
    network: Document = {
        "type": "ipv4" if len(flow.src) == 4 else "ipv6",
        "transport": _TRANSPORTS.get(flow.protocol) or str(flow.protocol),
        "iana_number": str(flow.protocol),
        "community_id": flow.community_id,
    }
    tunnel = tuple((kind, address_text(src), address_text(dst)) for kind, src, dst in flow.outer)
    ips = (source["ip"],) if source["ip"] == destination["ip"] else (source["ip"], destination["ip"])
    return source, destination, network, tunnel, ips


@lru_cache(maxsize=256)
def flags_text(flags: int) -> str:
    """TCP flags as letters in the order F S R P A U E C."""
    return "".join(letter for bit, letter in enumerate(_TCP_FLAGS) if flags >> bit & 1)
