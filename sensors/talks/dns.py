"""DNS over UDP and TCP: each question joined with its answer (RFC 1035 §4.2)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from sensors.decode.dns import Message, decode_dns
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


class DnsTalk:
    name = "dns"
    done = False

    def __init__(self, *, stream: bool) -> None:
        self._buffers = (bytearray(), bytearray()) if stream else None
        self._begun: list[Moment | None] = [None, None]
        self._lost = [False, False]
        self._waiting: dict[int, tuple[Message, Moment, int]] = {}  # by id, oldest first
        self._beginnings = Beginnings()

    def data(self, side: int, data: bytes, at: Moment) -> Iterator[Found]:
        if self._buffers is None:
            yield from self._message(data, at)
        elif not self._lost[side]:
            yield from self._stream(side, self._buffers[side], data, at)

    def gap(self, side: int, size: int, at: Moment) -> Iterator[Found]:
        """A stream's message borders are lost behind a gap; a cut datagram is told by its own decoding."""
        self._lost[side] = True
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
            yield from self._message(message, begun)
            begun = at
        self._begun[side] = begun if buffer else None

    def _message(self, data: bytes, at: Moment) -> Iterator[Found]:
        message = decode_dns(data)
        while self._waiting and at.ns - next(iter(self._waiting.values()))[1].ns > PATIENCE_NS:
            yield self._unanswered(next(iter(self._waiting)))
        if not message.response:
            if message.id in self._waiting:
                yield self._unanswered(message.id)
            self._waiting[message.id] = (message, at, self._beginnings.next("dns", at))
            if len(self._waiting) > MAX_WAITING:
                yield self._unanswered(next(iter(self._waiting)))
            return
        waiting = self._waiting.get(message.id)
        if waiting is None or (message.questions and not _same(message, waiting[0])):
            yield _found(message, at, self._beginnings.next("dns", at), None)
            return
        question, begun, ordinal = self._waiting.pop(message.id)
        if not message.questions:
            message = message._replace(questions=question.questions)
        yield _found(message, begun, ordinal, at.ns - begun.ns)

    def _unanswered(self, ident: int) -> Found:
        message, at, ordinal = self._waiting.pop(ident)
        return _found(message, at, ordinal, None)


def _same(answer: Message, question: Message) -> bool:
    asked = [(q.name.lower(), q.type) for q in question.questions]
    return [(q.name.lower(), q.type) for q in answer.questions] == asked


def _found(message: Message, begun: Moment, ordinal: int, took_ns: int | None) -> Found:
    """The event of a question with its answer, of a question alone, or of an answer alone."""
    dns: Document = {
        "id": str(message.id),
        "type": "answer" if message.response else "query",
        "op_code": message.opcode,
        "header_flags": list(message.flags),
    }
    extra: Document = {}
    hosts: list[str] = []
    if message.questions:
        question = message.questions[0]
        name = question.name.lower()
        dns["question"] = {"name": name, "type": question.type, "class": question.class_, **domain_parts(name)}
        if name:
            hosts.append(name)
    ips: list[str] = []
    if message.response:
        dns["response_code"] = message.rcode
        records = message.answers[:MAX_ANSWERS]
        dns["answers"] = [
            {"name": r.name.lower(), "type": r.type, "class": r.class_, "ttl": r.ttl, "data": r.data} for r in records
        ]
        ips = list(dict.fromkeys(r.data for r in message.answers if r.type in ("A", "AAAA")))
        if ips:
            dns["resolved_ip"] = ips
        hosts += [r.data.lower() for r in records if r.type in ("CNAME", "NS", "PTR") and r.data]
        if message.counts[1] != len(records):
            extra["answers_count"] = message.counts[1]
    event: Document = {}
    if took_ns is not None:
        event["duration"] = took_ns
    if message.response:
        event["outcome"] = "success" if message.rcode == "NOERROR" else "failure"
    fields: Document = {"dns": dns}
    if extra:
        fields["vonggac"] = {"dns": extra}
    return Found("dns", begun, ordinal, fields, event, tuple(hosts), tuple(ips))


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

    return PublicSuffixList(accept_unknown=True)
