"""HTTP/2 without TLS, from its preface or after an upgrade: one event per stream (RFC 9113)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from sensors.decode import http2 as wire
from sensors.decode.fault import Undecodable
from sensors.decode.hpack import Decoder
from sensors.decode.http import Head
from sensors.streams import Moment
from sensors.talks.body import Body
from sensors.talks.http_event import Exchange, file_found, http_found
from sensors.talks.talk import Beginnings, Found

#: Streams open at a time; past it the oldest is reported as it is.
MAX_STREAMS = 256
#: Octets of one header block over all its CONTINUATION frames.
MAX_BLOCK = 262_144


@dataclass(slots=True)
class _Block:
    """A header block that goes on in CONTINUATION frames: of which stream, and what its first frame said."""

    stream: int
    ends: bool  # the stream ends with it
    promised: int = 0  # PUSH_PROMISE: the stream it asks on
    data: bytearray = field(default_factory=bytearray)


@dataclass(slots=True)
class _Side:
    """How far one direction has come."""

    buffer: bytearray = field(default_factory=bytearray)
    begun: Moment | None = None
    hpack: Decoder = field(default_factory=Decoder)
    block: _Block | None = None
    frame: wire.Frame | None = None  # a DATA frame whose payload is still coming
    left: int = 0  # of its payload
    padding: int = 0  # of what is left
    lost: bool = False


class Http2Talk:
    name = "http2"

    def __init__(self, upgraded: Exchange | None = None) -> None:
        """`upgraded` is the HTTP/1.1 request whose answer comes on stream 1 (RFC 7540 §3.2)."""
        self.done = False
        self._sides = (_Side(), _Side())
        self._client = 0 if upgraded is not None else -1
        self._streams: dict[int, Exchange] = {}  # the oldest first
        self._beginnings = Beginnings()
        if upgraded is not None:
            upgraded.stream = 1
            self._streams[1] = upgraded

    def data(self, side: int, data: bytes, at: Moment) -> Iterator[Found]:
        here = self._sides[side]
        if here.lost:
            return
        if not here.buffer:
            here.begun = at
        here.buffer += data
        begun = here.begun or at
        while True:
            before = len(here.buffer)
            yield from self._step(side, here, begun)
            if len(here.buffer) == before:
                return
            begun = here.begun = at

    def gap(self, side: int, size: int, at: Moment) -> Iterator[Found]:
        """Inside a body the missing bytes are counted; elsewhere frames and header tables of this side are lost."""
        here = self._sides[side]
        exchange = self._streams.get(here.frame.stream) if here.frame else None
        if exchange is not None and size <= here.left - here.padding:
            here.left -= size
            self._body(exchange, side).lose(size)
            if here.left == 0:
                yield from self._data_ended(side, here)
            return
        here.lost = True
        here.buffer.clear()
        self.done = all(each.lost for each in self._sides)
        if self.done:
            yield from self.close(False)

    def close(self, clean: bool) -> Iterator[Found]:
        for stream in list(self._streams):
            yield from self._end(stream)

    def _step(self, side: int, here: _Side, at: Moment) -> Iterator[Found]:
        """Take what can be taken of the buffer: the preface, a piece of a body, or a whole frame."""
        buffer = here.buffer
        if here.frame is not None:
            yield from self._data_piece(side, here)
            return
        if buffer[:4] == wire.PREFACE[:4] and here.block is None:
            if len(buffer) >= len(wire.PREFACE):
                self._client = side
                del buffer[: len(wire.PREFACE)]
            return
        if len(buffer) < wire.HEADER:
            return
        frame = wire.frame_header(buffer)
        if here.block is not None and (frame.kind != wire.CONTINUATION or frame.stream != here.block.stream):
            raise Undecodable("http2", 3, "continuation")
        if frame.kind == wire.DATA:
            yield from self._data_begins(side, here, frame)
            return
        if frame.size > wire.MAX_FRAME:
            raise Undecodable("http2", 0, "frame_length")
        if len(buffer) < wire.HEADER + frame.size:
            return
        payload = bytes(buffer[wire.HEADER : wire.HEADER + frame.size])
        del buffer[: wire.HEADER + frame.size]
        yield from self._frame(side, here, frame, payload, at)

    def _data_begins(self, side: int, here: _Side, frame: wire.Frame) -> Iterator[Found]:
        padded = bool(frame.flags & wire.PADDED)
        if len(here.buffer) < wire.HEADER + padded:
            return
        padding = here.buffer[wire.HEADER] if padded else 0
        if padding + padded > frame.size:
            raise Undecodable("http2", wire.HEADER, "padding")
        del here.buffer[: wire.HEADER + padded]
        here.frame, here.left, here.padding = frame, frame.size - padded, padding
        if here.left == 0:
            yield from self._data_ended(side, here)

    def _data_piece(self, side: int, here: _Side) -> Iterator[Found]:
        size = min(here.left, len(here.buffer))
        piece = bytes(here.buffer[:size])
        del here.buffer[:size]
        here.left -= size
        useful = size - max(0, here.padding - here.left)  # the padding stands at the end
        here.padding = min(here.padding, here.left)
        exchange = self._streams.get(here.frame.stream) if here.frame else None
        if exchange is not None and useful > 0:
            self._body(exchange, side).add(piece[:useful])
        if here.left == 0:
            yield from self._data_ended(side, here)

    def _data_ended(self, side: int, here: _Side) -> Iterator[Found]:
        frame, here.frame = here.frame, None
        if frame is not None and frame.flags & wire.END_STREAM:
            yield from self._half_closed(side, frame.stream)

    def _frame(self, side: int, here: _Side, frame: wire.Frame, payload: bytes, at: Moment) -> Iterator[Found]:
        if frame.kind in (wire.HEADERS, wire.PUSH_PROMISE):
            promised = 0
            payload = wire.unpadded(payload, frame)
            if frame.kind == wire.PUSH_PROMISE:
                promised, payload = int.from_bytes(payload[:4]) & 0x7FFFFFFF, payload[4:]
            ends = bool(frame.flags & wire.END_STREAM) and frame.kind == wire.HEADERS
            here.block = _Block(frame.stream, ends, promised)
        if frame.kind in (wire.HEADERS, wire.PUSH_PROMISE, wire.CONTINUATION):
            if here.block is None:
                raise Undecodable("http2", 3, "continuation")
            here.block.data += payload
            if len(here.block.data) > MAX_BLOCK:
                raise Undecodable("http2", 0, "header_block")
            if frame.flags & wire.END_HEADERS:
                block, here.block = here.block, None
                yield from self._headers(side, here, block, at)
        elif frame.kind == wire.RST_STREAM and frame.stream in self._streams:
            yield from self._end(frame.stream)

    def _headers(self, side: int, here: _Side, block: _Block, at: Moment) -> Iterator[Found]:
        head = wire.head_of(here.hpack.decode(bytes(block.data)))
        if block.promised:
            yield from self._open(block.promised, at)
            self._streams[block.promised].request = head
            self._streams[block.promised].request_done = True
            return
        if self._client < 0:
            self._client = side if not head.status else 1 - side
        if block.stream not in self._streams:
            yield from self._open(block.stream, at)
        self._head(self._streams[block.stream], side, head, at)
        if block.ends:
            yield from self._half_closed(side, block.stream)

    def _head(self, exchange: Exchange, side: int, head: Head, at: Moment) -> None:
        """A request, a response (the final one, RFC 9110 §15.2), or trailers, of which nothing is kept."""
        if side == self._client:
            if exchange.request is None and head.method:
                exchange.request = head
        elif head.status >= 200 and exchange.response is None:
            exchange.response = head
            exchange.answered_ns = at.ns if exchange.request is not None else 0

    def _open(self, stream: int, at: Moment) -> Iterator[Found]:
        self._streams[stream] = Exchange(at, self._beginnings.next("http", at), stream=stream)
        if len(self._streams) > MAX_STREAMS:
            yield from self._end(next(iter(self._streams)))

    def _body(self, exchange: Exchange, side: int) -> Body:
        if side == self._client:
            exchange.request_body = exchange.request_body or Body()
            return exchange.request_body
        exchange.response_body = exchange.response_body or Body()
        return exchange.response_body

    def _half_closed(self, side: int, stream: int) -> Iterator[Found]:
        """This side has said all it has to say on the stream."""
        exchange = self._streams.get(stream)
        if exchange is None:
            return
        answering = side != self._client
        body = exchange.response_body if answering else exchange.request_body
        if body is not None:
            body.complete = True
        if answering:
            exchange.response_done = True
        else:
            exchange.request_done = True
        if exchange.finished or (answering and exchange.request is None):
            yield from self._end(stream)

    def _end(self, stream: int) -> Iterator[Found]:
        """Nothing more is expected of the stream: its bodies are files, and it is an event."""
        exchange = self._streams.pop(stream)
        for answering, body in ((False, exchange.request_body), (True, exchange.response_body)):
            if body is not None and (body.size or body.missing):
                yield file_found(exchange, body, answering)
        if exchange.request is not None or exchange.response is not None:
            yield http_found(exchange)
