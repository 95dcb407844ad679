"""ECS events of what the native sensor sees, as JSON lines: what every event has, and those of its flow.

`sensors.loops.documents` writes the same bytes for what the loops hear.
"""

from __future__ import annotations

from bisect import bisect_right
from functools import lru_cache
from operator import itemgetter
from typing import NamedTuple

from orjson import dumps, loads

from sensors import kernel
from sensors.base import Origin
from sensors.decode.address import ICMP, ICMPV6, SCTP, TCP, UDP, address_text
from sensors.flows import Flow, Row, tcp_state
from sensors.streams import Moment
from sensors.talks.talk import Found
from vonggac.domain.event import ECS_VERSION, Document, event_id
from vonggac.domain.times import from_epoch_us

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
#: What a found thing may know more of than its flow does; and `vonggac`, which comes last.
_ENDS = ("source", "destination", "network")
_SHARED = frozenset((*_ENDS, "vonggac"))


class Ends(NamedTuple):
    """What all events of a flow say of it, as JSON."""

    begin: str  # source, destination and network, as far as network.protocol
    end: str  # and from behind it, with the flow's place
    tunnel: str  # of `vonggac`, a comma before it
    related: str  # the event's last object
    ips: tuple[str, ...]  # as they are


@lru_cache(maxsize=8_192)
def _second(second: int) -> str:
    return from_epoch_us(second * 1_000_000).isoformat()[:19]


def instant_text(ns: int) -> str:
    """RFC 3339 with six digits, as `format_instant` writes it. ns since 1970; must be before the year 10000."""
    second, rest = divmod(ns, 1_000_000_000)
    return f"{_second(second)}.{rest // 1000:06d}Z"


class Scribe:
    """Writes the events of one source as seen by one sensor.

    They are text from the beginning: what a flow's events share is written once, and only what was found is dumped.
    """

    def __init__(self, origin: Origin, fingerprint: str) -> None:
        self.origin = origin
        self.fingerprint = fingerprint
        self.segments: list[tuple[int, str]] = []  # first position and hash of each, the one that is read now the last
        self._observer: Document = {"name": origin.sensor, "type": "sensor"}
        self._organization: Document = {}
        if origin.agency:
            self._organization["id"] = origin.agency
        if origin.agency_name:
            self._organization["name"] = origin.agency_name
        self.seen_by = _inner({"observer": self._observer} | self._organized)
        self.seen_in = f',"vonggac":{{"source":{{"fingerprint":"{fingerprint}","position":'

    @property
    def _organized(self) -> Document:
        return {"organization": self._organization.copy()} if self._organization else {}

    def id(self, ns: int, position: int, dataset: str, ordinal: int) -> str:
        return event_id(self.origin.sensor, self.fingerprint, position, dataset, ordinal, ns)

    def enter_segment(self, first: int, sha256: str) -> None:
        """What begins from this position on begins in this segment."""
        self.segments.append((first, sha256))
        if len(self.segments) > MAX_SEGMENTS:
            del self.segments[: MAX_SEGMENTS // 2]

    def _segment(self, position: int) -> str:
        """The hash of the segment in which an event began: what an export of it can be held against."""
        if not self.segments:
            return ""
        first, sha256 = self.segments[-1]
        if position < first:
            at = bisect_right(self.segments, position, key=itemgetter(0)) - 1
            sha256 = self.segments[at][1] if at >= 0 else ""
        return sha256

    def document(self, dataset: str, ns: int, position: int, identity: str) -> Document:
        """The fields of every event, for who adds to them one by one."""
        return {
            "@timestamp": instant_text(ns),
            "ecs": {"version": ECS_VERSION},
            "event": _event(dataset, identity),
            "observer": self._observer.copy(),
            **self._organized,
            "vonggac": {"source": self._source(position)},
        }

    def _source(self, position: int) -> Document:
        source: Document = {"fingerprint": self.fingerprint, "position": position}
        if sha256 := self._segment(position):
            source["segment"] = sha256
        return source

    def _begin(self, dataset: str, ns: int, identity: str, event: Document) -> str:
        """From the line's beginning to what every event of this sensor has."""
        if event.keys() & _KIND:
            told = _text(_event(dataset, identity) | event)
        else:
            more = f",{_inner(event)}" if event else ""
            told = f'{{"id":"{identity}",{_kind(dataset)}{more}}}'
        return f'{{"@timestamp":"{instant_text(ns)}","ecs":{{"version":"{ECS_VERSION}"}},"event":{told},{self.seen_by},'

    def _own(self, position: int, tunnel: str, own: Document | None) -> str:
        """`vonggac`, with where the event began; a comma before it."""
        sha256 = self._segment(position)
        segment = f',"segment":"{sha256}"' if sha256 else ""
        return f"{self.seen_in}{position}{segment}}}{tunnel}{',' + _inner(own) if own else ''}}}"

    def _name(self, flow: Flow) -> None:
        """The flow's id, which most flows never need here."""
        if not flow.id:
            flow.id = self.id(flow.begun.ns, flow.begun.position, "flow", flow.depth)

    def flow(self, flow: Flow, row: Row, reason: str) -> bytes:
        """The event of a flow that ended for that reason (`closed`, `idle`, `active`, `evicted`, `end-of-input`)."""
        self._name(flow)
        begun_ns, last_ns = flow.begun.ns, row[kernel.LAST_NS]
        sent, received = row[kernel.BYTES], row[kernel.BYTES + 1]
        asked, answered = row[kernel.PACKETS], row[kernel.PACKETS + 1]
        last = instant_text(last_ns)
        event = {"start": instant_text(begun_ns), "end": last, "duration": max(0, last_ns - begun_ns)}
        ends = ends_of(flow)
        shared = _shared_document(flow, ends)
        shared["source"] |= {"bytes": sent, "packets": asked}
        shared["destination"] |= {"bytes": received, "packets": answered}
        shared["network"] |= {"bytes": sent + received, "packets": asked + answered}
        state: Document = {"end_reason": reason}
        if flow.protocol == TCP:
            state["state"] = tcp_state(row)
            state["tcp_flags"] = {
                "source": flags_text(row[kernel.FLAGS]),
                "destination": flags_text(row[kernel.FLAGS + 1]),
            }
        elif flow.protocol in (ICMP, ICMPV6):
            state["icmp_type"], state["icmp_answer"] = flow.sport, flow.dport
        return (
            f"{self._begin('flow', last_ns, flow.id, event)}{_inner(shared)}"
            f"{self._own(flow.begun.position, ends.tunnel, {'flow': state})}{ends.related}"
        ).encode()

    def found(self, flow: Flow, found: Found) -> bytes:
        """The event of something found on a flow."""
        self._name(flow)
        at = found.begun
        identity = self.id(at.ns, at.position, found.dataset, found.ordinal)
        ends = ends_of(flow)
        fields = found.fields
        own = fields.get("vonggac")
        rest = {name: value for name, value in fields.items() if name not in _SHARED}
        merged = len(fields) - len(rest) > (own is not None)
        shared = _merged(flow, ends, fields) if merged else _shared(flow, ends)
        return (
            f"{self._begin(found.dataset, at.ns, identity, found.event)}{shared}{',' + _inner(rest) if rest else ''}"
            f"{self._own(at.position, ends.tunnel, own)}{_related(ends, found)}"
        ).encode()

    def packet(self, dataset: str, at: Moment, fields: Document, vlans: tuple[int, ...]) -> bytes:
        """The event of a packet that is of no flow; `fields` tell its ends."""
        if vlans:
            fields = fields | {"network": fields.get("network", {}) | {"vlan": {"id": str(vlans[0])}}}
        ips = dict.fromkeys(fields[end]["ip"] for end in ("source", "destination") if "ip" in fields.get(end, ()))
        rest = {name: value for name, value in fields.items() if name != "vonggac"}
        begin = self._begin(dataset, at.ns, self.id(at.ns, at.position, dataset, 0), {})
        own = self._own(at.position, "", fields.get("vonggac"))
        return f'{begin}{_inner(rest)}{own},"related":{_text({"ip": tuple(ips)} if ips else {})}}}'.encode()

    def anomaly(self, at: Moment, ordinal: int, layer: str, offset: int, reason: str, flow: Flow | None) -> bytes:
        """Bytes that cannot be decoded: where and why."""
        begin = self._begin("anomaly", at.ns, self.id(at.ns, at.position, "anomaly", ordinal), {})
        shared, ends = "", None
        if flow is not None:
            self._name(flow)
            ends = ends_of(flow)
            shared = f"{_shared(flow, ends)},"
        error = {
            "code": f"{layer}.{reason}",
            "message": f"{layer}: {reason} at byte {offset} of packet {at.position}",
        }
        told = {"anomaly": {"layer": layer, "reason": reason, "offset": offset, "packet": at.position}}
        own = self._own(at.position, ends.tunnel if ends else "", told)
        related = ends.related if ends else ',"related":{}}'
        return f'{begin}{shared}"error":{_text(error)}{own}{related}'.encode()


def _event(dataset: str, identity: str) -> Document:
    category, kind = KINDS.get(dataset, _OTHER)
    return {"id": identity, "dataset": dataset, "kind": "event", "category": [*category], "type": [*kind]}


#: What found things may say otherwise than their dataset.
_KIND = frozenset(_event("", ""))


@lru_cache(maxsize=256)
def _kind(dataset: str) -> str:
    """What follows the id in `event`."""
    event = _event(dataset, "")
    del event["id"]
    return _inner(event)


def _text(value: object) -> str:
    return dumps(value).decode()


def _inner(value: object) -> str:
    """An object's fields without its braces."""
    return dumps(value)[1:-1].decode()


def _shared(flow: Flow, ends: Ends) -> str:
    """Who talked, over what, and on which flow: of each event that points to it."""
    application = flow.application
    protocol = f',"protocol":"{application}"' if application else ""
    return f'{ends.begin}{protocol}{ends.end},"flow":{{"id":"{flow.id}"}}'


def _shared_document(flow: Flow, ends: Ends) -> Document:
    """The same for who adds to it."""
    document: Document = loads(f"{{{_shared(flow, ends)}}}")
    return document


def _merged(flow: Flow, ends: Ends, fields: Document) -> str:
    """The same, where a found thing knows more of the ends or of the network."""
    document = _shared_document(flow, ends)
    for name in _ENDS:
        document[name] |= fields.get(name, {})
    return _inner(document)


def _related(ends: Ends, found: Found) -> str:
    """An event's last object, a comma before it."""
    if not (found.ips or found.hosts or found.hashes):
        return ends.related
    related = {"ip": tuple(dict.fromkeys((*ends.ips, *found.ips)))}
    if found.hosts:
        related["hosts"] = tuple(dict.fromkeys(found.hosts))
    if found.hashes:
        related["hash"] = tuple(dict.fromkeys(found.hashes))
    return f',"related":{_text(related)}}}'


def ends_of(flow: Flow) -> Ends:
    """Looked up once for each flow."""
    ends: Ends | None = flow.ends
    if ends is None:
        flow.ends = ends = _ends(flow)
    return ends


def _ends(flow: Flow) -> Ends:
    """None of these texts has a character that JSON escapes."""
    source, destination = address_text(flow.src), address_text(flow.dst)
    ips = (source,) if source == destination else (source, destination)
    ports = flow.protocol in (TCP, UDP, SCTP)
    sport, dport = (f',"port":{flow.sport}', f',"port":{flow.dport}') if ports else ("", "")
    family = "ipv4" if len(flow.src) == 4 else "ipv6"
    begin = (
        f'"source":{{"ip":"{source}"{sport}}},"destination":{{"ip":"{destination}"{dport}}},"network":{{'
        f'"type":"{family}","transport":"{_TRANSPORTS.get(flow.protocol) or flow.protocol}",'
        f'"iana_number":"{flow.protocol}","community_id":"{flow.community_id}"'
    )
    return Ends(begin, f"{_vlans(flow.vlans)}}}", _tunnel(flow), f',"related":{{"ip":{_text(ips)}}}}}', ips)


def _vlans(vlans: tuple[int, ...]) -> str:
    """network.vlan and network.inner, a comma before them."""
    if not vlans:
        return ""
    inner = f',"inner":{{"vlan":{{"id":"{vlans[1]}"}}}}' if len(vlans) > 1 else ""
    return f',"vlan":{{"id":"{vlans[0]}"}}{inner}'


def _tunnel(flow: Flow) -> str:
    if not flow.outer:
        return ""
    tunnel = [
        {"type": kind, "source": {"ip": address_text(src)}, "destination": {"ip": address_text(dst)}}
        for kind, src, dst in flow.outer
    ]
    return f',"tunnel":{_text(tunnel)}'


@lru_cache(maxsize=256)
def flags_text(flags: int) -> str:
    """TCP flags as letters in the order F S R P A U E C."""
    return "".join(letter for bit, letter in enumerate(_TCP_FLAGS) if flags >> bit & 1)
