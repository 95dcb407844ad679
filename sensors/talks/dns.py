"""DNS over UDP and TCP, and its kin mDNS, LLMNR and the NetBIOS name service: each question joined with its answer."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from sensors.decode.address import address_text
from sensors.decode.dns import (
    EDNS_OPTIONS,
    NETBIOS_OPCODES,
    NETBIOS_TYPES,
    Edns,
    Message,
    Record,
    decode_dns,
    netbios_name,
    plausible,
)
from sensors.decode.text import wire_text
from sensors.streams import Moment
from sensors.talks.talk import Beginnings, Found
from vonggac.domain.event import Document

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList

#: Questions of one flow that wait for their answers; the oldest is reported unanswered first.
MAX_WAITING = 128
#: After this long a question is reported unanswered.
PATIENCE_NS = 30 * 10**9
#: Answers put into one event; `vonggac.dns.answers_count` has the message's own number.
MAX_ANSWERS = 64
#: Questions listed of one message, where it has several (mDNS).
MAX_QUESTIONS = 32


class _Waiting(NamedTuple):
    """A question without its answer yet."""

    message: Message
    side: int
    at: Moment
    ordinal: int


class DnsTalk:
    done = False

    def __init__(self, *, stream: bool, name: str = "dns") -> None:
        """`name` is `dns`, `mdns` (RFC 6762), `llmnr` (RFC 4795) or `netbios-ns` (RFC 1002 §4.2)."""
        self.name = name
        self._buffers = (bytearray(), bytearray()) if stream else None
        self._begun: list[Moment | None] = [None, None]
        self._lost = [False, False]
        self._waiting: dict[int, _Waiting] = {}  # by a number that counts up: the oldest first
        self._by_id: dict[int, deque[int]] = {}
        self._count = 0
        self._beginnings = Beginnings()

    def data(self, side: int, data: bytes, at: Moment) -> Iterator[Found]:
        if self._buffers is None:
            yield from self._message(side, data, at)
            return
        if self._lost[side]:
            if not _begins_message(data):
                return
            self._lost[side] = False
        yield from self._stream(side, self._buffers[side], data, at)

    def gap(self, side: int, size: int, at: Moment) -> Iterator[Found]:
        """A stream's message borders are lost until a segment plainly begins one."""
        self._lost[side] = True
        self._begun[side] = None
        if self._buffers is not None:
            self._buffers[side].clear()
        return iter(())

    def close(self, clean: bool) -> Iterator[Found]:
        while self._waiting:
            yield self._unanswered(next(iter(self._waiting)))

    def _stream(self, side: int, buffer: bytearray, data: bytes, at: Moment) -> Iterator[Found]:
        """Messages behind their two length octets (RFC 1035 §4.2.2)."""
        buffer += data
        begun = self._begun[side] or at
        while len(buffer) >= 2 and len(buffer) >= (size := buffer[0] << 8 | buffer[1]) + 2:
            message = bytes(buffer[2 : size + 2])
            del buffer[: size + 2]
            yield from self._message(side, message, begun)
            begun = at
        self._begun[side] = begun if buffer else None

    def _message(self, side: int, data: bytes, at: Moment) -> Iterator[Found]:
        message = decode_dns(data)
        while self._waiting and at.ns - next(iter(self._waiting.values())).at.ns > PATIENCE_NS:
            yield self._unanswered(next(iter(self._waiting)))
        if not message.response:
            self._count += 1
            self._waiting[self._count] = _Waiting(message, side, at, self._beginnings.next("dns", at))
            self._by_id.setdefault(message.id, deque()).append(self._count)
            if len(self._waiting) > MAX_WAITING:
                yield self._unanswered(next(iter(self._waiting)))
            return
        number = self._asked(side, message)
        if number is None:
            yield dns_found(self.name, message, at, self._beginnings.next("dns", at), None)
            return
        asked = self._forget(number)
        if not message.questions:
            message = message._replace(questions=asked.message.questions)
        yield dns_found(self.name, message, asked.at, asked.ordinal, at.ns - asked.at.ns)

    def _asked(self, side: int, answer: Message) -> int | None:
        """The oldest question of the other side that this answers, as Zeek joins them: a repeated one waits on."""
        for number in self._by_id.get(answer.id, ()):
            waiting = self._waiting[number]
            if waiting.side != side and (not answer.questions or _same(answer, waiting.message)):
                return number
        return None

    def _unanswered(self, number: int) -> Found:
        waiting = self._forget(number)
        return dns_found(self.name, waiting.message, waiting.at, waiting.ordinal, None)

    def _forget(self, number: int) -> _Waiting:
        waiting = self._waiting.pop(number)
        same = self._by_id[waiting.message.id]
        same.remove(number)
        if not same:
            del self._by_id[waiting.message.id]
        return waiting


def _begins_message(data: bytes) -> bool:
    return len(data) >= 14 and plausible(data[2 : 2 + (data[0] << 8 | data[1])])


def _same(answer: Message, question: Message) -> bool:
    asked = [(q.name.lower(), q.type) for q in question.questions]
    return [(q.name.lower(), q.type) for q in answer.questions] == asked


def dns_found(protocol: str, message: Message, begun: Moment, ordinal: int, took_ns: int | None) -> Found:
    """The event of a question with its answer, of a question alone, or of an answer alone."""
    dns: Document = {
        "id": str(message.id),
        "type": "answer" if message.response else "query",
        "op_code": message.opcode,
        "header_flags": list(message.flags),
    }
    extra: Document = {}
    hosts: list[str] = []
    _question(dns, extra, message, hosts)
    ips: list[str] = []
    if message.response:
        dns["response_code"] = message.rcode
        records = message.answers[:MAX_ANSWERS]
        dns["answers"] = _records(records)
        ips = list(dict.fromkeys(r.data for r in message.answers if r.type in ("A", "AAAA")))
        if ips:
            dns["resolved_ip"] = ips
        hosts += [r.data.lower() for r in records if r.type in ("CNAME", "NS", "PTR") and r.data]
        if message.counts[1] != len(records):
            extra["answers_count"] = message.counts[1]
    for name, others in (("authorities", message.authorities), ("additionals", message.additionals)):
        if others:
            extra[name] = _records(others)
    if message.edns is not None:
        extra["edns"] = _edns(message.edns)
    if protocol == "netbios-ns":
        ips = _netbios(dns, extra, hosts)
    event: Document = {}
    if took_ns is not None:
        event["duration"] = took_ns
    if message.response:
        event["outcome"] = "success" if message.rcode == "NOERROR" else "failure"
    fields: Document = {"dns": dns}
    if extra:
        fields["vonggac"] = {"dns": extra}
    return Found("dns", begun, ordinal, fields, event, tuple(hosts), tuple(ips))


def _question(dns: Document, extra: Document, message: Message, hosts: list[str]) -> None:
    """The first question; an answer without one (mDNS, RFC 6762 §6) is about the name that its first record is of."""
    if message.questions:
        question = message.questions[0]
        name = question.name.lower()
        dns["question"] = {"name": name, "type": question.type, "class": question.class_, **domain_parts(name)}
        if len(message.questions) > 1:
            more = message.questions[:MAX_QUESTIONS]
            extra["questions"] = [{"name": each.name.lower(), "type": each.type} for each in more]
    elif message.answers:
        name = message.answers[0].name.lower()
        dns["question"] = {"name": name, **domain_parts(name)}
    else:
        return
    if name:
        hosts.append(name)


def _records(records: tuple[Record, ...]) -> list[Document]:
    return [{"name": r.name.lower(), "type": r.type, "class": r.class_, "ttl": r.ttl, "data": r.data} for r in records]


def _edns(edns: Edns) -> Document:
    """EDNS as it was said, with the options that tell something (RFC 7871 §6, RFC 8914 §2)."""
    fields: Document = {"version": edns.version, "udp_size": edns.udp_size, "do": edns.dnssec}
    if edns.options:
        fields["options"] = [EDNS_OPTIONS.get(code, str(code)) for code, _ in edns.options]
    for code, value in edns.options:
        if code == 8 and len(value) >= 4 and value[1] in (1, 2):
            size = 4 if value[1] == 1 else 16
            fields["client_subnet"] = f"{address_text(value[4 : 4 + size].ljust(size, bytes(1)))}/{value[2]}"
        elif code == 15 and len(value) >= 2:
            fields["extended_error"] = int.from_bytes(value[:2])
            if len(value) > 2:
                fields["extended_error_text"] = wire_text(value[2:])
    return fields


def _netbios(dns: Document, extra: Document, hosts: list[str]) -> list[str]:
    """Names as people know them, with the service byte aside; the addresses of NB records (RFC 1002 §4.2.1)."""
    dns["op_code"] = NETBIOS_OPCODES.get(dns["op_code"], dns["op_code"])
    question = dns.get("question", {})
    if "type" in question:
        question["type"] = NETBIOS_TYPES.get(question["type"], question["type"])
    plain = netbios_name(question.get("name", "").upper())
    if plain is not None:
        question["name"] = plain[0].lower()
        extra["netbios_suffix"] = f"{plain[1]:02x}"
        hosts[:] = [plain[0].lower()] if plain[0].isalnum() else []
    ips: list[str] = []
    for record in (*dns.get("answers", ()), *extra.get("additionals", ())):
        record["type"] = NETBIOS_TYPES.get(record["type"], record["type"])
        named = netbios_name(record["name"].upper())
        if named is not None:
            record["name"] = named[0].lower()
        if record["type"] == "NB" and len(record["data"]) >= 12:
            record["data"] = address_text(bytes.fromhex(record["data"][4:12]))
            ips.append(record["data"])
    if ips and dns["type"] == "answer":
        dns["resolved_ip"] = list(dict.fromkeys(ips))
    return ips


@lru_cache(maxsize=16_384)
def _parts(name: str) -> tuple[tuple[str, str], ...]:
    registered = _suffixes().privatesuffix(name)
    if not registered or "\\" in name:
        return ()
    parts = [("registered_domain", registered), ("top_level_domain", registered.partition(".")[2])]
    if name != registered:
        parts.append(("subdomain", name[: -len(registered) - 1]))
    return tuple(parts)


def domain_parts(name: str) -> dict[str, str]:
    """ECS's `registered_domain`, `top_level_domain`, `subdomain` of a lower-case name, by the public suffix list."""
    return dict(_parts(name)) if "." in name else {}


@cache
def _suffixes() -> PublicSuffixList:
    """The list that ships with the package: never fetched. A top level domain that it lacks is a suffix by itself, as
    the list's own algorithm has it ("the prevailing rule is *"): tunnels go by inner and made-up ones too."""
    from publicsuffixlist import PublicSuffixList

    return PublicSuffixList(_rules(), accept_unknown=True, accept_encoded_idn=False)


def _rules() -> Iterator[str]:
    """The list's lines, and those with letters beyond ASCII also as names have them on the wire: the library would
    encode all of them, one by one."""
    from publicsuffixlist import PSLFILE, encode_idn

    with Path(PSLFILE).open(encoding="utf-8") as lines:
        for line in lines:
            yield line
            if not line.isascii() and not line.startswith("//"):
                yield encode_idn(line.strip())
