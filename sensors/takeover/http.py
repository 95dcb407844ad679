"""HTTP outside the loops: bodies hashed, holes of events filled, and connections that became unusual."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import orjson

from sensors.decode.http import MAX_SAMPLE, Head, decode_head, percent_decoded, text_sample
from sensors.loops import http, http_event
from sensors.loops import http_head as h
from sensors.loops.world import S_FLOW, S_ORDINALS
from sensors.streams import Moment
from sensors.talks.body import Body
from sensors.talks.http import HttpTalk
from sensors.talks.http_event import Exchange, Shown, _forwarded, _is_ip, _is_text, _name, show

_STAGES = {
    h.HTTP_HEAD: "head", h.HTTP_BODY: "body", h.HTTP_REST: "rest", h.HTTP_CHUNK_SIZE: "chunk-size",
    h.HTTP_CHUNK: "chunk", h.HTTP_CHUNK_END: "chunk-end", h.HTTP_TRAILER: "trailer",
}  # fmt: skip


class HeardBody(Body):
    """A body of which a `file` event and then an `http` event tell."""

    __slots__ = ("digests", "mime", "shown")

    def __init__(self) -> None:
        super().__init__()
        self.mime = b""
        self.digests: list[str] = []
        self.shown = Shown(None)


class Bodies:
    """The bodies on their way past, by handle. The `http` event that is told of one forgets it."""

    def __init__(self) -> None:
        self._bodies: dict[int, HeardBody] = {}

    def __len__(self) -> int:
        return len(self._bodies)

    def add(self, handle: int, data: bytes) -> None:
        body = self._bodies.get(handle)
        if body is None:
            body = self._bodies[handle] = HeardBody()
        body.add(data)

    def pop(self, handle: int) -> HeardBody | None:
        """The body, which is no longer known here."""
        return self._bodies.pop(handle, None)

    def holes(self) -> dict[bytes, Callable[[bytes], bytes]]:
        """What goes into the holes of the loops' events."""
        return {
            http_event.HOLE_DECODED: _decoded,
            http_event.HOLE_FORWARDED: _forwarded_for,
            http_event.HOLE_NAME: _file_name,
            http_event.HOLE_FILE: self._file,
            http_event.HOLE_HASHES: self._hashes,
            http_event.HOLE_ASKED_MIME: self._mime,
            http_event.HOLE_ASKED_BODY: self._request_body,
            http_event.HOLE_MIME: self._response_mime,
            http_event.HOLE_BODY: self._response_body,
        }

    def _file(self, about: bytes) -> bytes:
        """What a file event has of the body itself; it is known to be whole or not from here on."""
        handle, _, complete = about.partition(b"\n")
        body = self._bodies[int(handle)]
        body.complete = complete == b"1"
        body.mime, hashes = _mime(body.mime_type), body.hashes
        body.digests = [*hashes.values()]
        return body.mime + (b',"hash":' + orjson.dumps(hashes) if hashes else b"")

    def _hashes(self, about: bytes) -> bytes:
        return b',"hash":' + orjson.dumps(self._bodies[int(about)].digests)

    def _mime(self, about: bytes) -> bytes:
        return self._bodies[int(about)].mime

    def _request_body(self, about: bytes) -> bytes:
        handle, _, content_type = about.partition(b"\n")
        sample = self._bodies.pop(int(handle)).sample[:MAX_SAMPLE]
        return b',"body":' + _json(text_sample(sample, content_type.decode())) if _is_text(sample) else b""

    def _response_mime(self, about: bytes) -> bytes:
        """The media type of a response; what is shown of a page is remembered until it is asked for."""
        handle, content_type, encoding = about.split(b"\n")
        body = self._bodies[int(handle)]
        body.shown = show(body, content_type.decode(), encoding.decode())
        return _mime(body.shown.mime)

    def _response_body(self, about: bytes) -> bytes:
        """The end of `vonggac.http.response`, which may be open, and the title."""
        handle, _, opened = about.partition(b"\n")
        _, title, sample = self._bodies.pop(int(handle)).shown
        shown = b"" if sample is None else b'"body_sample":' + _json(sample)
        titled = b"" if title is None else b',"title":' + _json(title)
        if opened == b"1":
            return (b"," + shown if shown else b"") + b"}" + titled
        return titled + (b',"response":{' + shown + b"}" if shown else b"")


def _json(text: str) -> bytes:
    return orjson.dumps(text)


def _mime(name: str | None) -> bytes:
    return b"" if name is None else b',"mime_type":"' + name.encode() + b'"'


def _decoded(target: bytes) -> bytes:
    return _json(percent_decoded(target.decode()))


@lru_cache(maxsize=1_024)
def _forwarded_for(about: bytes) -> bytes:
    """The addresses of X-Forwarded-For that are not in `related.ip` yet."""
    told, _, value = about.partition(b"\n")
    known = orjson.loads(b"[" + told + b"]")
    ips = [ip for ip in map(_forwarded, value.decode().split(",")) if _is_ip(ip)]
    return b"".join(b"," + _json(ip) for ip in dict.fromkeys(ips) if ip not in known)


def _file_name(about: bytes) -> bytes:
    """From Content-Disposition or, where a target is given, from that."""
    disposition, _, target = about.decode().partition("\n")
    head = Head("", "", "", 0, {"content-disposition": disposition}, 0)
    name = _name(head, Head("", target, "", 0, {}, 0) if target else None)
    return b"" if name is None else b',"name":' + _json(name)


def take_over(row: list[int], area: bytes, bodies: Bodies) -> HttpTalk:
    """The talk that heard what the loops did; `row` and `area` are the slot's."""
    talk = HttpTalk()
    if row[h.H_CLIENT]:
        talk._client = 0
    if row[S_ORDINALS] >= 0:
        talk._beginnings._last["http"] = (row[S_ORDINALS], row[S_ORDINALS + 1])
    for side, here in enumerate(talk._sides):
        here.stage = _STAGES[row[h.H_STAGE + side]]
        here.left = row[h.H_LEFT + side]
    if row[h.H_STATE] != http.HTTP_NONE:
        _take_exchange(talk, row, area, bodies)
    if row[h.H_PARTIAL]:
        here = talk._sides[row[h.H_PARTIAL_SIDE]]
        begin = row[h.H_ASKED] + row[h.H_ANSWER]
        here.buffer += area[begin : begin + row[h.H_PARTIAL]]
        here.begun = Moment(row[h.H_PARTIAL_AT], row[h.H_PARTIAL_NS])
        here.looked = len(here.buffer) if here.stage == "head" else 0
    return talk


def _take_exchange(talk: HttpTalk, row: list[int], area: bytes, bodies: Bodies) -> None:
    """The exchange on its way, with the bodies that are read or were."""
    asked, handle, state = row[h.H_ASKED], 2 * row[S_FLOW], row[h.H_STATE]
    begun = Moment(row[h.H_BEGUN], row[h.H_BEGUN_NS])
    exchange = Exchange(begun, row[h.H_ORDINAL], answered_ns=row[h.H_ANSWERED_NS])
    exchange.request = decode_head(area[:asked])
    exchange.request_body = bodies.pop(handle) or Body()
    exchange.request_done = exchange.request_body.complete = state != http.HTTP_ASKING
    asking, answering = talk._sides
    if state == http.HTTP_ASKING:
        asking.exchange, asking.body = exchange, exchange.request_body
    if exchange.answered_ns or state == http.HTTP_ANSWERING:  # an interim response counts
        answering.exchange, answering.answering = exchange, True
    if state == http.HTTP_ANSWERING:
        exchange.response = decode_head(area[asked : asked + row[h.H_ANSWER]])
        exchange.response_body = answering.body = bodies.pop(handle + 1) or Body()
    talk._exchanges.append(exchange)
