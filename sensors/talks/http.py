"""HTTP/1.x on one connection: requests joined with their responses, bodies hashed (RFC 9112)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from sensors.decode.fault import Undecodable
from sensors.decode.http import Head, decode_head
from sensors.streams import Moment
from sensors.talks.body import Body
from sensors.talks.http2 import Http2Talk
from sensors.talks.http_event import Exchange, file_found, http_found
from sensors.talks.talk import Become, Beginnings, Found, Left, Talk
from sensors.talks.tunnel import NamedTalk, TunnelTalk

#: Requests that wait for their responses (pipelining); past it the oldest is reported without one.
MAX_WAITING = 256
#: Said of a body that only the connection's end ends.
MAX_QUIET = 1 << 30
#: The longest chunk-size line, and trailer.
MAX_LINE = 4_096


@dataclass(slots=True)
class _Side:
    """How far one direction has come. `stage` is what its next bytes are."""

    number: int
    stage: str = "head"  # head body chunk-size chunk chunk-end trailer rest lost tunnel
    buffer: bytearray = field(default_factory=bytearray)
    looked: int = 0  # bytes of the buffer in which the head does not end
    begun: Moment | None = None
    left: int = 0
    exchange: Exchange | None = None
    body: Body | None = None
    answering: bool = False


class HttpTalk:
    name = "http"

    def __init__(self) -> None:
        self.done = False
        self._sides = (_Side(0), _Side(1))
        self._client = -1  # the side that asks, once it has
        self._exchanges: deque[Exchange] = deque()
        self._beginnings = Beginnings()

    def data(self, side: int, data: bytes, at: Moment) -> Iterator[Left]:
        here = self._sides[side]
        if here.stage == "lost":
            if not data.startswith(b"HTTP/1.") and not _begins_request(data):
                return
            here.stage = "head"
        if not here.buffer:
            here.begun = at
        here.buffer += data
        while here.buffer and not self.done:
            before = len(here.buffer), here.stage
            finished = self._step(here, here.begun or at)
            if len(here.buffer) != before[0]:
                here.begun = at
            if finished is not None:
                exchange = here.exchange
                yield from self._finish(here, finished)
                if here.stage == "tunnel" and exchange is not None:
                    self.done = True
                    yield Become(self._inside(here, exchange, at), bytes(here.buffer))
                    return
            elif (len(here.buffer), here.stage) == before:
                break

    def gap(self, side: int, size: int, at: Moment) -> Iterator[Found]:
        """Inside a body of known length the missing bytes are counted; elsewhere the next message is looked for."""
        here = self._sides[side]
        if here.stage in ("body", "chunk") and size <= here.left and here.body is not None:
            here.body.lose(size)
            here.left -= size
            if not here.left:
                if here.stage == "chunk":
                    here.stage = "chunk-end"
                else:
                    yield from self._finish(here, complete=True)
        elif here.stage == "rest" and here.body is not None:
            here.body.lose(size)
        else:
            yield from self._lose(here, size)

    def quiet(self, side: int) -> int:
        """How many of this side's next bytes are body and nothing else; the last byte of a body tells its end."""
        here = self._sides[side]
        if here.body is None or here.buffer:
            return 0
        if here.stage in ("body", "chunk"):
            return here.left - 1
        return MAX_QUIET if here.stage == "rest" else 0

    def close(self, clean: bool) -> Iterator[Found]:
        for here in self._sides:
            if here.body is not None:
                yield from self._finish(here, complete=here.stage == "rest" and clean)
        while self._exchanges:
            yield http_found(self._exchanges.popleft())

    def _lose(self, here: _Side, size: int) -> Iterator[Found]:
        here.buffer.clear()
        here.looked = 0
        if here.body is not None:
            here.body.lose(size)
            yield from self._finish(here, complete=False)
        here.stage = "lost"

    def _step(self, here: _Side, at: Moment) -> bool | None:
        """Take what can be taken of the buffer; True when a message ended with it."""
        if here.stage == "head":
            return self._head(here, at)
        if here.stage in ("body", "chunk", "rest"):
            return self._body(here)
        return self._chunk_line(here)

    def _inside(self, here: _Side, exchange: Exchange, at: Moment) -> Talk:
        """Who reads what follows a successful CONNECT (RFC 9110 §9.3.6) or an upgrade (§7.8)."""
        upgrade = exchange.response.fields.get("upgrade", "").lower() if exchange.response else ""
        if upgrade == "websocket":
            return NamedTalk(upgrade)
        if upgrade == "h2c" and exchange.request is not None:
            ordinal = self._beginnings.next("http", exchange.begun)
            return Http2Talk(Exchange(exchange.begun, ordinal, request=exchange.request, request_done=True))
        other = self._sides[1 - here.number]
        return TunnelTalk(self.name, other.number, bytes(other.buffer), other.begun or at)

    def _head(self, here: _Side, at: Moment) -> bool | None:
        if here.buffer[0] in b"\r\n":  # RFC 9112 §2.2: empty lines before are skipped
            del here.buffer[: len(here.buffer) - len(here.buffer.lstrip(b"\r\n"))]
            return None
        if here.number == 1 - self._client and not here.buffer.startswith(b"HTTP/"):
            if len(here.buffer) >= 5 or not b"HTTP/".startswith(bytes(here.buffer)):
                self._headless(here, at)
            return None
        head = decode_head(here.buffer, here.looked)
        if head is None:
            here.looked = len(here.buffer)
            return None
        here.looked = 0
        del here.buffer[: head.size]
        here.answering = head.status > 0
        if self._client < 0:
            self._client = 1 - here.number if here.answering else here.number
        exchange = self._answered(at) if here.answering else self._asked(at)
        if here.answering:
            exchange.response = head
        else:
            exchange.request = head
        here.exchange = exchange
        if 100 <= head.status < 200 and head.status != 101:
            exchange.response = None  # an interim response; the final one follows (RFC 9110 §15.2)
            return None
        here.body = Body()
        if here.answering:
            exchange.response_body = here.body
        else:
            exchange.request_body = here.body
        return self._frame_body(here, head, exchange)

    def _headless(self, here: _Side, at: Moment) -> None:
        """The answer of HTTP/0.9 is a body and nothing else (RFC 1945 §4.1); to later versions it is no answer."""
        exchange = next((each for each in self._exchanges if each.response_body is None), None)
        if exchange is None or exchange.request is None or exchange.request.version != "0.9":
            raise Undecodable("http", 0, "status_line")
        here.answering = True
        exchange.answered_ns = at.ns
        exchange.response_body = here.body = Body()
        here.exchange = exchange
        here.stage = "rest"

    def _asked(self, at: Moment) -> Exchange:
        """The exchange of a request: of the response that was captured before it, else a new one."""
        if self._exchanges and self._exchanges[-1].request is None:
            exchange = self._exchanges[-1]
            exchange.begun, exchange.ordinal = at, self._beginnings.next("http", at)
            return exchange
        return self._new(at)

    def _new(self, at: Moment) -> Exchange:
        exchange = Exchange(at, self._beginnings.next("http", at))
        self._exchanges.append(exchange)
        return exchange

    def _answered(self, at: Moment) -> Exchange:
        """The oldest request without a response; a response on its own where there is none."""
        for exchange in self._exchanges:
            if exchange.response is None and exchange.request is not None:
                exchange.answered_ns = at.ns
                return exchange
        return self._new(at)

    def _frame_body(self, here: _Side, head: Head, exchange: Exchange) -> bool | None:
        """Where the body ends (RFC 9112 §6.3); True when there is none."""
        method = exchange.request.method if exchange.request else ""
        if head.status == 101 or (method == "CONNECT" and 200 <= head.status < 300):
            here.stage = "tunnel"
            return True
        if head.status in (204, 304) or (head.status and method == "HEAD"):
            return True
        if head.chunked:
            here.stage = "chunk-size"
            return None
        length = head.length
        if length is None:
            if not head.status:
                return True
            here.stage = "rest"
            return None
        here.left = length
        here.stage = "body"
        return True if length == 0 else None

    def _body(self, here: _Side) -> bool | None:
        if here.body is None:
            raise Undecodable("http", 0, "body_without_head")
        size = len(here.buffer) if here.stage == "rest" else min(here.left, len(here.buffer))
        here.body.add(bytes(here.buffer[:size]))
        del here.buffer[:size]
        if here.stage == "rest":
            return None
        here.left -= size
        if here.left:
            return None
        if here.stage == "chunk":
            here.stage = "chunk-end"
            return None
        return True

    def _chunk_line(self, here: _Side) -> bool | None:
        """A chunk's size, the line end after it, or a trailer line (RFC 9112 §7.1)."""
        end = here.buffer.find(b"\n")
        if end < 0:
            if len(here.buffer) > MAX_LINE:
                raise Undecodable("http", 0, "chunk_line_length")
            return None
        line = bytes(here.buffer[:end]).strip()
        del here.buffer[: end + 1]
        if here.stage == "chunk-end":
            if line:
                raise Undecodable("http", 0, "chunk_end")
            here.stage = "chunk-size"
        elif here.stage == "trailer":
            return None if line else True
        else:
            size = line.partition(b";")[0].strip()
            try:
                here.left = int(size, 16) if 0 < len(size) <= 15 else -1
            except ValueError:
                here.left = -1
            if here.left < 0:
                raise Undecodable("http", 0, "chunk_size")
            here.stage = "chunk" if here.left else "trailer"
        return None

    def _finish(self, here: _Side, complete: bool) -> Iterator[Found]:
        """A message ended: its body is a file where it has one, and what can be told of the exchanges is."""
        exchange, body = here.exchange, here.body
        if exchange is not None and body is not None:
            body.complete = complete
            if here.answering:
                exchange.response_done = True
            else:
                exchange.request_done = True
            if body.size or body.missing:
                yield file_found(exchange, body, here.answering)
        here.exchange = here.body = None
        if here.stage != "tunnel":
            here.stage = "head"
        while self._exchanges and self._told(self._exchanges[0]):
            yield http_found(self._exchanges.popleft())

    def _told(self, oldest: Exchange) -> bool:
        """Whether nothing more will be learned of the oldest exchange."""
        waiting = len(self._exchanges)
        return oldest.finished or waiting > MAX_WAITING or (oldest.unasked and waiting > 1)


def _begins_request(data: bytes) -> bool:
    word = data[:24].partition(b" ")
    return bool(word[1]) and word[0].isalpha() and word[0].isupper()
