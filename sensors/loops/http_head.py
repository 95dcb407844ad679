"""Heads of HTTP/1.x messages in a slot's area: what `sensors.decode.http` reads in them, as numbers in the slot's row.

A text is kept as its begin and end, counted from the area's beginning: begin << 16 | end, 0 where it is not there.
"""

from __future__ import annotations

import numpy as np

from sensors.loops.octets import Bytes, Ints, u8
from sensors.loops.world import S_AREA, S_OWN, World

# --- a slot's columns. Pairs hold side 0, which asks, then side 1.
H_STAGE, H_LEFT, H_SIZE = S_OWN, S_OWN + 2, S_OWN + 4  # what comes next, of which so much; bytes of the body so far
H_BEGUN, H_BEGUN_NS, H_ORDINAL = S_OWN + 6, S_OWN + 7, S_OWN + 8  # the exchange
H_ANSWERED_NS = S_OWN + 9
H_STATE = S_OWN + 10
H_CLIENT = S_OWN + 11  # 1 once a request was heard
#: The area: the request's head, the response's, then the beginning of what is not all there, and who sends that.
H_ASKED, H_ANSWER, H_PARTIAL, H_PARTIAL_SIDE = S_OWN + 12, S_OWN + 13, S_OWN + 14, S_OWN + 15
H_PARTIAL_AT, H_PARTIAL_NS = S_OWN + 16, S_OWN + 17
H_STATUS, H_VERSION = S_OWN + 18, S_OWN + 19  # the version's second number, of the request and the response
H_METHOD, H_TARGET, H_PATH, H_QUERY = S_OWN + 21, S_OWN + 22, S_OWN + 23, S_OWN + 24
H_NAME, H_NAME_KIND, H_PORT, H_REASON = S_OWN + 25, S_OWN + 26, S_OWN + 27, S_OWN + 28
#: Fields of both heads, eight each, in the order of _HTTP_FIELDS.
H_FIELDS = S_OWN + 30
F_TYPE, F_LENGTH, F_CODING, F_DISPOSITION = 0, 1, 2, 3
F_HOST, F_REFERER, F_AGENT, F_FORWARDED = 4, 5, 6, 7
F_SERVER, F_LOCATION, F_ENCODING = 12, 13, 14
H_BAY = S_OWN + 46  # the row that told of the body's bytes last

#: What the next bytes of a side are. Of a head, a chunk's size, the line end behind it and a trailer, what is not all
#: there waits in the slot's area.
HTTP_HEAD, HTTP_BODY, HTTP_REST, HTTP_CHUNK_SIZE, HTTP_CHUNK, HTTP_CHUNK_END, HTTP_TRAILER = 0, 1, 2, 3, 4, 5, 6
#: The message is whole, and is told before anything else is done.
HTTP_WHOLE = 7

#: What a host is: none or a single label, a name of several, an IPv4 address.
N_LABEL, N_NAME, N_ADDRESS = 0, 1, 2

#: The longest heads, and the longest request in which something may want escaping in JSON: the longest event with them
#: is shorter than MAX_EVENT.
_HTTP_REQUEST_MAX = 6_400
_HTTP_ESCAPED_MAX = 3_200
_HTTP_RESPONSE_MAX = 6_000
_HTTP_LINES_MAX = 200
_HTTP_REASON_MAX = 200

_HTTP_FIELDS = (
    b"content-type", b"content-length", b"transfer-encoding", b"content-disposition", b"host", b"referer",
    b"user-agent", b"x-forwarded-for",
    b"content-type", b"content-length", b"transfer-encoding", b"content-disposition", b"server", b"location",
    b"content-encoding", b"-",
)  # fmt: skip
#: Known methods but CONNECT, behind which something else follows.
_HTTP_METHODS = (
    b"GET", b"POST", b"HEAD", b"PUT", b"DELETE", b"OPTIONS", b"PATCH", b"TRACE", b"PROPFIND", b"PROPPATCH", b"MKCOL",
    b"COPY", b"MOVE", b"LOCK", b"UNLOCK", b"REPORT", b"SEARCH",
)  # fmt: skip


def _http_ends(words: tuple[bytes, ...]) -> Ints:
    return np.cumsum([0, *map(len, words)], dtype=np.int64)


_HTTP_FIELD_TEXT = np.frombuffer(b"".join(_HTTP_FIELDS), np.int8).copy()
_HTTP_FIELD_ENDS = _http_ends(_HTTP_FIELDS)
_HTTP_METHOD_TEXT = np.frombuffer(b"".join(_HTTP_METHODS), np.int8).copy()
_HTTP_METHOD_ENDS = _http_ends(_HTTP_METHODS)


def http_method(data: Bytes, at: int, end: int) -> int:
    """The length of a known method with a space behind it; 0 for anything else."""
    for n in range(len(_HTTP_METHOD_ENDS) - 1):
        word = int(_HTTP_METHOD_ENDS[n])
        size = int(_HTTP_METHOD_ENDS[n + 1]) - word
        if at + size < end and data[at] == _HTTP_METHOD_TEXT[word] and data[at + size] == 32:
            same = 1
            while same < size and data[at + same] == _HTTP_METHOD_TEXT[word + same]:
                same += 1
            if same == size:
                return size
    return 0


def http_head_size(before: Bytes, begin: int, size: int, data: Bytes, at: int, end: int) -> int:
    """How many bytes of a piece belong to a head that began with `before[begin : begin + size]`: 0 where it does not
    end in it, -1 where it has bytes that are not for the loops."""
    bare = size > 0 and before[begin + size - 1] == 10  # nothing stands on the line so far, but perhaps a CR
    returned = size > 0 and before[begin + size - 1] == 13
    if returned:
        bare = size > 1 and before[begin + size - 2] == 10
    for n in range(at, end):
        byte = data[n]
        if byte == 10:
            if bare:
                return n + 1 - at
            bare, returned = True, False
        elif returned:
            return -1
        elif byte == 13:
            returned = True
        elif 32 <= byte < 127 or byte == 9:
            bare = False
        else:
            return -1
    return 0


def http_trim(data: Bytes, begin: int, end: int) -> tuple[int, int]:
    """Without spaces and tabs around."""
    while begin < end and (data[begin] == 32 or data[begin] == 9):
        begin += 1
    while begin < end and (data[end - 1] == 32 or data[end - 1] == 9):
        end -= 1
    return begin, end


def http_field(data: Bytes, begin: int, end: int, answering: int) -> int:
    """Which of the eight wanted fields of a request or a response has this name; -1 for the others."""
    for n in range(8 * answering, 8 * answering + 8):
        word = int(_HTTP_FIELD_ENDS[n])
        size = int(_HTTP_FIELD_ENDS[n + 1]) - word
        if size == end - begin:
            same = 0
            while same < size and u8(data, begin + same) | 32 == _HTTP_FIELD_TEXT[word + same]:
                same += 1
            if same == size:
                return n
    return -1


def http_fields(w: World, slot: int, at: int, end: int, answering: int) -> bool:
    """The wanted fields of a head's lines are in the slot's row; False where the head is not for the loops."""
    row, data = w.slots[slot], w.pool
    area, lines = int(row[S_AREA]), 0
    for n in range(8 * answering, 8 * answering + 8):
        row[H_FIELDS + n] = 0
    while at < end:
        stop, colon = at, -1
        while data[stop] != 10:
            if data[stop] == 58 and colon < 0:
                colon = stop
            stop += 1
        behind = stop + 1
        if stop > at and data[stop - 1] == 13:
            stop -= 1
        if stop > at and (data[at] == 32 or data[at] == 9):
            return False
        lines += 1
        if lines > _HTTP_LINES_MAX:
            return False
        if colon >= 0:
            _, name_end = http_trim(data, at, colon)
            n = http_field(data, at, name_end, answering)
            if n >= 0:
                if row[H_FIELDS + n]:
                    return False
                begin, stop = http_trim(data, colon + 1, stop)
                row[H_FIELDS + n] = (begin - area) << 16 | stop - area
        at = behind
    return True


def http_line_end(data: Bytes, at: int) -> int:
    """Where the head's line that begins here ends, without its line end."""
    begin = at
    while data[at] != 10:
        at += 1
    return at - 1 if at > begin and data[at - 1] == 13 else at


def http_length(w: World, slot: int, answering: int) -> int:
    """Content-Length; -1 where there is none, -2 where it is not for the loops."""
    row, data = w.slots[slot], w.pool
    value = int(row[H_FIELDS + 8 * answering + F_LENGTH])
    if not value:
        return -1
    begin, end = int(row[S_AREA]) + (value >> 16), int(row[S_AREA]) + (value & 0xFFFF)
    length = 0
    if begin == end or end - begin > 15:
        return -2
    for n in range(begin, end):
        if not 48 <= data[n] <= 57:
            return -2
        length = 10 * length + u8(data, n) - 48
    return length


def http_is_chunked(w: World, slot: int, answering: int) -> bool:
    """Whether Transfer-Encoding has the word `chunked` in it."""
    row, data = w.slots[slot], w.pool
    value = int(row[H_FIELDS + 8 * answering + F_CODING])
    word = b"chunked"
    for begin in range(row[S_AREA] + (value >> 16), row[S_AREA] + (value & 0xFFFF) - 6):
        same = 0
        while same < 7 and u8(data, begin + same) | 32 == word[same]:
            same += 1
        if same == 7:
            return True
    return False


def http_is_address(data: Bytes, begin: int, end: int) -> bool:
    """Whether it is an IPv4 address as `ipaddress` knows it."""
    dots, number, digits = 0, 0, 0
    for n in range(begin, end):
        byte = u8(data, n)
        if byte == 46:
            if not digits:
                return False
            dots += 1
            number = digits = 0
        elif 48 <= byte <= 57:
            if digits and not number:
                return False
            number = 10 * number + byte - 48
            digits += 1
            if number > 255:
                return False
        else:
            return False
    return dots == 3 and digits > 0


def http_host(w: World, slot: int, begin: int, end: int) -> bool:
    """A host with or without a port, as `sensors.decode.http.split_target` reads it, is in the slot's row; False for
    one that is not made of letters, digits, dots, hyphens and underscores."""
    row, data = w.slots[slot], w.pool
    area = int(row[S_AREA])
    row[H_NAME] = row[H_NAME_KIND] = 0
    row[H_PORT] = -1
    stop, dotted = begin, False
    while stop < end and data[stop] != 58:
        byte = u8(data, stop)
        if not (48 <= byte <= 57 or 97 <= byte | 32 <= 122 or byte == 45 or byte == 46 or byte == 95):
            return False
        stop += 1
    if stop < end:
        port = 0
        if not 1 <= end - stop - 1 <= 5:
            return False
        for n in range(stop + 1, end):
            if not 48 <= data[n] <= 57:
                return False
            port = 10 * port + u8(data, n) - 48
        row[H_PORT] = port
    while stop > begin and data[stop - 1] == 46:
        stop -= 1
    if stop == begin:
        return True
    for n in range(begin, stop):
        dotted = dotted or data[n] == 46
    row[H_NAME] = (begin - area) << 16 | stop - area
    if http_is_address(data, begin, stop):
        row[H_NAME_KIND] = N_ADDRESS
    elif dotted:
        row[H_NAME_KIND] = N_NAME
    return True


def http_authority(data: Bytes, begin: int, end: int) -> int:
    """Where the authority of a target in absolute form begins; 0 in any other form (RFC 9112 §3.2)."""
    at = begin
    while at < end and at - begin < 21:
        byte = u8(data, at)
        letter = 97 <= byte | 32 <= 122
        if not letter and (at == begin or not (48 <= byte <= 57 or byte == 43 or byte == 45 or byte == 46)):
            break
        at += 1
    if at > begin and at + 3 <= end and data[at] == 58 and data[at + 1] == 47 and data[at + 2] == 47:
        return at + 3
    return 0


def http_target(w: World, slot: int, begin: int, end: int) -> bool:
    """The parts of a request's URL are in the slot's row."""
    row, data = w.slots[slot], w.pool
    area = int(row[S_AREA])
    row[H_TARGET] = (begin - area) << 16 | end - area
    host = int(row[H_FIELDS + F_HOST])
    host_begin, host_end = area + (host >> 16), area + (host & 0xFFFF)
    authority = http_authority(data, begin, end)
    if authority:
        begin = authority
        while begin < end and data[begin] != 47 and data[begin] != 63 and data[begin] != 35:
            begin += 1
        if begin > authority:
            host_begin, host_end = authority, begin
    if not http_host(w, slot, host_begin, host_end):
        return False
    mark = begin
    while mark < end and data[mark] != 63:
        mark += 1
    row[H_PATH] = (begin - area) << 16 | mark - area
    row[H_QUERY] = 0
    if mark < end:
        stop = mark + 1
        while stop < end and data[stop] != 35:
            stop += 1
        row[H_QUERY] = (mark + 1 - area) << 16 | stop - area
    return True


def http_reads_request(w: World, slot: int, begin: int, size: int) -> bool:
    """A request's head in the slot's area, from `begin` on, is in its row; False where it is not for the loops."""
    row, data = w.slots[slot], w.pool
    area = int(row[S_AREA])
    begin += area
    end = begin + size
    if size > _HTTP_REQUEST_MAX:
        return False
    if size > _HTTP_ESCAPED_MAX:
        for n in range(begin, end):
            if data[n] == 34 or data[n] == 92 or data[n] == 9:
                return False
    method = http_method(data, begin, end)
    stop = http_line_end(data, begin)
    if not method or stop - 9 < begin + method:
        return False
    version = b" HTTP/1."
    for n in range(8):
        if data[stop - 9 + n] != version[n]:
            return False
    minor = u8(data, stop - 1) - 48
    if minor != 0 and minor != 1:
        return False
    row[H_METHOD] = method
    row[H_VERSION] = minor
    target, target_end = http_trim(data, begin + method + 1, stop - 9)
    if target >= target_end:
        return False
    while data[stop] != 10:
        stop += 1
    return http_fields(w, slot, stop + 1, end, 0) and http_target(w, slot, target, target_end)


def http_reads_response(w: World, slot: int, begin: int, size: int) -> int:
    """The same of a response's head: its status, or 0 where it is not for the loops."""
    row, data = w.slots[slot], w.pool
    area = int(row[S_AREA])
    begin += area
    end = begin + size
    stop = http_line_end(data, begin)
    if size > _HTTP_RESPONSE_MAX or stop - begin < 12:
        return 0
    version = b"HTTP/1."
    for n in range(7):
        if data[begin + n] != version[n]:
            return 0
    minor = u8(data, begin + 7) - 48
    if (minor != 0 and minor != 1) or data[begin + 8] != 32:
        return 0
    status = 0
    for n in range(begin + 9, begin + 12):
        if not 48 <= data[n] <= 57:
            return 0
        status = 10 * status + u8(data, n) - 48
    if stop > begin + 12 and data[begin + 12] != 32:
        return 0
    reason, reason_end = http_trim(data, min(begin + 13, stop), stop)
    if reason_end - reason > _HTTP_REASON_MAX:
        return 0
    row[H_STATUS] = status
    row[H_VERSION + 1] = minor
    row[H_REASON] = (reason - area) << 16 | reason_end - area
    while data[stop] != 10:
        stop += 1
    return status if http_fields(w, slot, stop + 1, end, 1) else 0


LOOPS = (
    http_method, http_head_size, http_trim, http_field, http_fields, http_line_end, http_length,
    http_is_chunked, http_is_address, http_host, http_authority, http_target, http_reads_request, http_reads_response,
)  # fmt: skip
