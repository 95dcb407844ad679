"""HTTP/1.x: one exchange at a time on each connection. `sensors.talks.http` says the same, and all that is unusual:
pipelining, upgrades, CONNECT, HTTP/0.9, responses without their requests, faults.

Bytes of bodies are told to the engine, which hashes them. They are gathered in bays of the text, so that one row tells
of many pieces of a body.
"""

from __future__ import annotations

from sensors.kernel import FLAGS
from sensors.loops.http_event import http_nibble, http_tell
from sensors.loops.http_head import (
    H_ANSWER,
    H_ANSWERED_NS,
    H_ASKED,
    H_BAY,
    H_BEGUN,
    H_BEGUN_NS,
    H_CLIENT,
    H_LEFT,
    H_METHOD,
    H_ORDINAL,
    H_PARTIAL,
    H_PARTIAL_AT,
    H_PARTIAL_NS,
    H_PARTIAL_SIDE,
    H_SIZE,
    H_STAGE,
    H_STATE,
    H_STATUS,
    HTTP_BODY,
    HTTP_CHUNK,
    HTTP_CHUNK_END,
    HTTP_CHUNK_SIZE,
    HTTP_HEAD,
    HTTP_REST,
    HTTP_TRAILER,
    HTTP_WHOLE,
    http_head_size,
    http_is_chunked,
    http_length,
    http_method,
    http_reads_request,
    http_reads_response,
)
from sensors.loops.kept import recall, remember
from sensors.loops.octets import Bytes, u8
from sensors.loops.slots import keep, next_ordinal, room
from sensors.loops.text import put_bytes
from sensors.loops.world import (
    OUT,
    S_AREA,
    S_ORDINALS,
    S_USED,
    T_BODY,
    TAKEN,
    TELLS,
    UNUSUAL,
    World,
)

#: What the exchange waits for: a request, the rest of its body, a response, the rest of that one's body.
HTTP_NONE, HTTP_ASKING, HTTP_ASKED, HTTP_ANSWERING = 0, 1, 2, 3

_HTTP_LINE_MAX = 256
_HTTP_HEAD_MAX = 8_192
#: Steps that one piece may take: each tells one row of a body's bytes at most.
_HTTP_STEPS_MAX = 900
#: The room kept for the bytes of a body of unknown length, and the most for those of another.
_HTTP_BAY, _HTTP_BAY_MAX = 4_096, 16_384
_FIN = 1


def begins_http(data: Bytes, at: int, end: int, side: int) -> bool:
    """Whether a connection's first piece is a request."""
    return side == 0 and http_method(data, at, end) > 0


def http_frame_body(w: World, slot: int, side: int) -> bool:
    """Where the body ends (RFC 9112 §6.3)."""
    row = w.slots[slot]
    if http_is_chunked(w, slot, side):
        row[H_STAGE + side] = HTTP_CHUNK_SIZE
        return True
    length = http_length(w, slot, side)
    if length < -1:
        return False
    if length > 0:
        row[H_STAGE + side] = HTTP_BODY
        row[H_LEFT + side] = length
    elif length < 0 and side == 1:
        row[H_STAGE + side] = HTTP_REST
    else:
        row[H_STAGE + side] = HTTP_WHOLE
    return True


def http_asked(w: World, slot: int, size: int, position: int, ns: int) -> bool:
    """A request's head is in the slot's area."""
    row = w.slots[slot]
    if not http_reads_request(w, slot, 0, size):
        return False
    row[H_BEGUN], row[H_BEGUN_NS] = position, ns
    row[H_ORDINAL] = next_ordinal(w, slot, S_ORDINALS, position)
    row[H_SIZE] = row[H_SIZE + 1] = row[H_STATUS] = row[H_ANSWERED_NS] = 0
    row[H_ASKED] = size
    row[H_CLIENT] = 1
    row[H_STATE] = HTTP_ASKING
    return http_frame_body(w, slot, 0)


def http_answered(w: World, slot: int, size: int, ns: int) -> bool:
    """A response's head is in the slot's area behind the request's."""
    row = w.slots[slot]
    status = http_reads_response(w, slot, int(row[H_ASKED]), size)
    if not status or status == 101:
        return False
    row[H_ANSWERED_NS] = ns
    if 100 <= status < 200:  # the final response follows
        row[H_STATUS] = 0
        return True
    if row[H_STATE] != HTTP_ASKED:
        return False
    row[H_ANSWER] = size
    row[H_STATE] = HTTP_ANSWERING
    if status == 204 or status == 304 or http_is_head(w, slot):
        row[H_STAGE + 1] = HTTP_WHOLE
        return True
    return http_frame_body(w, slot, 1)


def http_is_head(w: World, slot: int) -> bool:
    """Whether a request's method is HEAD."""
    row = w.slots[slot]
    return bool(row[H_METHOD] == 4 and w.pool[row[S_AREA]] == 72)


def http_put_by(
    w: World, slot: int, side: int, data: Bytes, at: int, end: int, most: int, position: int, ns: int
) -> bool:
    """Bytes that are the beginning of something wait in the slot's area; False where there are more than `most`."""
    row = w.slots[slot]
    partial = int(row[H_PARTIAL])
    used = int(row[H_ASKED] + row[H_ANSWER]) + partial
    if partial + end - at > most or not room(w, slot, used, end - at):
        return False
    keep(w, slot, used, data, at, end - at)
    if not partial:
        row[H_PARTIAL_SIDE], row[H_PARTIAL_AT], row[H_PARTIAL_NS] = side, position, ns
    row[H_PARTIAL] = partial + end - at
    return True


def http_hears_head(w: World, slot: int, side: int, data: Bytes, at: int, end: int, position: int, ns: int) -> int:
    """Where the bytes of a head that begin or go on here end; -1 where they are not for the loops."""
    row = w.slots[slot]
    partial = int(row[H_PARTIAL])
    if not partial and (data[at] == 13 or data[at] == 10):  # empty lines before are skipped
        return at + 1
    if side == 0 and row[H_STATE] != HTTP_NONE:
        return -1
    if side == 1:
        if row[H_STATE] != HTTP_ASKING and row[H_STATE] != HTTP_ASKED:
            return -1
        word = b"HTTP/"
        for n in range(partial, min(5, partial + end - at)):
            if data[at + n - partial] != word[n]:
                return -1
    before = int(row[S_AREA] + row[H_ASKED] + row[H_ANSWER])
    size = http_head_size(w.pool, before, partial, data, at, end)
    if size < 0 or not http_put_by(
        w, slot, side, data, at, at + size if size else end, _HTTP_HEAD_MAX, position, ns
    ):  # fmt: skip
        return -1
    if not size:
        return end
    whole = int(row[H_PARTIAL])
    row[H_PARTIAL] = 0
    if side == 0:
        heard = http_asked(w, slot, whole, int(row[H_PARTIAL_AT]), int(row[H_PARTIAL_NS]))
    else:
        heard = http_answered(w, slot, whole, int(row[H_PARTIAL_NS]))
        # What follows an interim response would be written over its beginning, which may still be asked for.
        heard = heard and not (partial and row[H_STATE] != HTTP_ANSWERING and at + size < end)
    return at + size if heard else -1


def http_bay(w: World, flow: int, slot: int, side: int, size: int) -> int:
    """The number of the row whose bay has room for so many bytes more of a body."""
    row, number, handle = w.slots[slot], int(w.numbers[TELLS]), 2 * flow + side
    last = int(row[H_BAY + side])
    bay = w.tells[last]
    # A row of an earlier run is another thing's by now.
    is_told = row[H_SIZE + side] > 0 and last < number and bay[0] == T_BODY and bay[1] == handle
    if is_told and bay[3] + size <= bay[4]:
        return last
    begin = int(w.numbers[OUT])
    more = min(int(row[H_LEFT + side]), _HTTP_BAY_MAX) if row[H_STAGE + side] == HTTP_BODY else _HTTP_BAY
    bay = w.tells[number]
    bay[0], bay[1], bay[2], bay[3], bay[4] = T_BODY, handle, begin, begin, begin + max(size, more)
    row[H_BAY + side] = number
    w.numbers[TELLS] = number + 1
    w.numbers[OUT] = bay[4]
    return number


def http_hears_body(w: World, flow: int, slot: int, side: int, data: Bytes, at: int, end: int) -> int:
    """Where the bytes of a body that go on here end."""
    row = w.slots[slot]
    stage = row[H_STAGE + side]
    size = end - at if stage == HTTP_REST else min(end - at, int(row[H_LEFT + side]))
    bay = w.tells[http_bay(w, flow, slot, side, size)]
    bay[3] = put_bytes(w.out, int(bay[3]), data, at, at + size)
    row[H_SIZE + side] += size
    if stage != HTTP_REST:
        row[H_LEFT + side] -= size
        if not row[H_LEFT + side]:
            if stage == HTTP_CHUNK:
                row[H_STAGE + side] = HTTP_CHUNK_END
            else:
                row[H_STAGE + side] = HTTP_WHOLE
    return at + size


def http_chunk_size(data: Bytes, at: int, end: int) -> int:
    """The number on a line before a chunk; -1 where it is not plainly one."""
    size, begin = 0, at
    while at < end:
        digit = http_nibble(u8(data, at))
        if digit < 0:
            break
        size = size << 4 | digit
        at += 1
        if at - begin > 15:
            return -1
    if at == begin:
        return -1
    while at < end and (data[at] == 32 or data[at] == 9):
        at += 1
    return size if at == end or data[at] == 59 else -1


def http_chunk_line(w: World, slot: int, side: int, size: int, empty: bool) -> bool:
    """A line between chunks was heard: it is empty, or has a size (RFC 9112 §7.1)."""
    row = w.slots[slot]
    stage = row[H_STAGE + side]
    if stage == HTTP_CHUNK_END:
        row[H_STAGE + side] = HTTP_CHUNK_SIZE
        return empty
    if stage == HTTP_TRAILER:
        if empty:
            row[H_STAGE + side] = HTTP_WHOLE
        return True
    row[H_LEFT + side] = size
    row[H_STAGE + side] = HTTP_CHUNK if size else HTTP_TRAILER
    return size >= 0


def http_bare_line(data: Bytes, at: int, end: int) -> int:
    """Where a line ends without its CR; -1 where it begins with a space or has something that is not text."""
    if end > at and (data[at] == 32 or data[at] == 9):
        return -1
    if end > at and data[end - 1] == 13:
        end -= 1
    for n in range(at, end):
        if 0 <= data[n] < 32 and data[n] != 9:
            return -1
    return end


def http_hears_line(w: World, slot: int, side: int, data: Bytes, at: int, end: int, position: int, ns: int) -> int:
    """Where a line between chunks that begins or goes on here ends; -1 where it is not for the loops."""
    row = w.slots[slot]
    stop = at
    while stop < end and data[stop] != 10:
        stop += 1
    partial = int(row[H_PARTIAL])
    if stop == end or partial:
        if not http_put_by(w, slot, side, data, at, stop, _HTTP_LINE_MAX, position, ns):
            return -1
        if stop == end:
            return end
        begin = int(row[S_AREA] + row[H_ASKED] + row[H_ANSWER])
        bare = http_bare_line(w.pool, begin, begin + int(row[H_PARTIAL]))
        size = http_chunk_size(w.pool, begin, bare)
        row[H_PARTIAL] = 0
    else:
        begin = at
        bare = http_bare_line(data, at, stop)
        size = http_chunk_size(data, at, bare)
    if bare < 0 or not http_chunk_line(w, slot, side, size, bare == begin):
        return -1
    return stop + 1


def http_finish(w: World, flow: int, slot: int, side: int) -> None:
    """A message ended, whole or not: its body is a file where it has one; behind a response the exchange is told."""
    row = w.slots[slot]
    for n in range(2):  # one call in the source is one copy of what it calls
        exchange = n == 1
        if side == 1 if exchange else row[H_SIZE + side] > 0:
            http_tell(w, flow, slot, side, exchange)
    row[H_STAGE + side] = HTTP_HEAD
    if side == 0:
        row[H_STATE] = HTTP_ASKED
    else:
        row[H_STATE] = HTTP_NONE
        row[H_ASKED] = row[H_ANSWER] = 0


def http_hears(
    w: World, flow: int, slot: int, side: int, data: Bytes, at: int, end: int, position: int, ns: int
) -> int:
    row = w.slots[slot]
    remember(w, slot)
    bay = int(row[H_BAY + side])
    filled = w.tells[bay, 3]
    for _ in range(_HTTP_STEPS_MAX):
        if at >= end:
            row[S_USED] = row[H_ASKED] + row[H_ANSWER] + row[H_PARTIAL]
            return TAKEN
        stage = row[H_STAGE + side]
        if stage in (HTTP_BODY, HTTP_REST, HTTP_CHUNK):
            at = http_hears_body(w, flow, slot, side, data, at, end)
        elif row[H_PARTIAL] and row[H_PARTIAL_SIDE] != side:
            break
        elif stage == HTTP_HEAD:
            at = http_hears_head(w, slot, side, data, at, end, position, ns)
        else:
            at = http_hears_line(w, slot, side, data, at, end, position, ns)
        if at < 0:
            break
        if row[H_STAGE + side] == HTTP_WHOLE:
            http_finish(w, flow, slot, side)
    recall(w, slot)  # nothing of these bytes was heard
    w.tells[bay, 3] = filled
    return UNUSUAL


def http_ends(w: World, flow: int, slot: int) -> int:
    """What was begun is told as it is. A response to the connection's end is whole where its side ended it."""
    row = w.slots[slot]
    if row[H_STAGE + 1] == HTTP_REST and w.flows[flow, FLAGS + 1] & _FIN:
        row[H_STAGE + 1] = HTTP_WHOLE
    for side in range(2):
        if row[H_STATE] == HTTP_ASKING or (side == 1 and row[H_STATE] != HTTP_NONE):
            http_finish(w, flow, slot, side)
    return TAKEN


LOOPS = (
    begins_http, http_frame_body, http_asked, http_is_head, http_answered, http_put_by, http_hears_head,
    http_bay, http_hears_body, http_chunk_size, http_chunk_line, http_bare_line, http_hears_line, http_finish,
    http_hears, http_ends,
)  # fmt: skip
