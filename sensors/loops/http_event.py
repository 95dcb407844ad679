"""`http` and `file` events as lines with holes: what goes into these is made outside the loops."""

from __future__ import annotations

from sensors.loops.documents import (
    HTTP,
    begin_event,
    put_ends,
    put_related,
    put_source,
    tell_line,
)
from sensors.loops.http_head import (
    F_AGENT,
    F_DISPOSITION,
    F_ENCODING,
    F_FORWARDED,
    F_LOCATION,
    F_REFERER,
    F_SERVER,
    F_TYPE,
    H_ANSWERED_NS,
    H_BEGUN,
    H_BEGUN_NS,
    H_FIELDS,
    H_METHOD,
    H_NAME,
    H_NAME_KIND,
    H_ORDINAL,
    H_PATH,
    H_PORT,
    H_QUERY,
    H_REASON,
    H_SIZE,
    H_STAGE,
    H_STATUS,
    H_TARGET,
    H_VERSION,
    HTTP_WHOLE,
    N_ADDRESS,
    N_NAME,
)
from sensors.loops.octets import u8
from sensors.loops.slots import BYTES_PER_TELLING
from sensors.loops.text import put, put_bytes, put_control, put_int, put_json, put_json_lower
from sensors.loops.world import HOLE_DOMAIN, HOLE_END, OUT, S_ALLOWANCE, S_AREA, World

#: Holes, with what each is about; several things stand on a line each.
HOLE_DECODED = b"\0P"  # the target
HOLE_FORWARDED, HOLE_NAME = b"\0F", b"\0N"  # addresses told and X-Forwarded-For; Content-Disposition and the target
HOLE_FILE, HOLE_HASHES = b"\0H", b"\0R"  # handle and whether it is whole; handle
HOLE_ASKED_MIME, HOLE_ASKED_BODY = b"\0B", b"\0S"  # handle; handle and Content-Type
HOLE_MIME, HOLE_BODY = b"\0M", b"\0T"  # handle, Content-Type and Content-Encoding; handle and whether it is open

#: The longest extension and file name kept.
_HTTP_EXTENSION_MAX = 32
_HTTP_NAME_MAX = 255


def http_put_text(w: World, at: int, slot: int, value: int) -> int:
    """A text of the slot's area as JSON, without quotes."""
    area = int(w.slots[slot, S_AREA])
    return put_json(w.out, at, w.pool, area + (value >> 16), area + (value & 0xFFFF))


def http_put_raw(w: World, at: int, slot: int, value: int) -> int:
    """A text of the slot's area as it is; nothing where there is none."""
    area = int(w.slots[slot, S_AREA])
    return put_bytes(w.out, at, w.pool, area + (value >> 16), area + (value & 0xFFFF))


def http_put_field(w: World, at: int, slot: int, value: int, begin: bytes) -> int:
    """`,"name":"value"` where there is a value; `begin` is what stands before it."""
    if not value:
        return at
    at = put(w.out, at, begin)
    at = http_put_text(w, at, slot, value)
    return put(w.out, at, b'"')


def http_is_empty(value: int) -> bool:
    return value >> 16 == value & 0xFFFF


def http_nibble(byte: int) -> int:
    """The value of a hexadecimal digit, or -1."""
    if 48 <= byte <= 57:
        return byte - 48
    byte |= 32
    return byte - 87 if 97 <= byte <= 102 else -1


def http_put_decoded(w: World, at: int, slot: int) -> int:
    """`sensors.decode.http.percent_decoded` of the target as JSON text with its quotes, or a hole for what is not
    ASCII."""
    row, out, data = w.slots[slot], w.out, w.pool
    value = int(row[H_TARGET])
    n, end = int(row[S_AREA]) + (value >> 16), int(row[S_AREA]) + (value & 0xFFFF)
    begin = at
    out[at] = 34
    at += 1
    while n < end:
        byte = u8(data, n)
        n += 1
        if byte == 43:
            byte = 32
        elif byte == 37 and n + 1 < end:
            high, low = http_nibble(u8(data, n)), http_nibble(u8(data, n + 1))
            if high >= 0 and low >= 0:
                if high >= 8:
                    at = put(out, begin, HOLE_DECODED)
                    at = http_put_raw(w, at, slot, int(row[H_TARGET]))
                    return put(out, at, HOLE_END)
                byte = high << 4 | low
                n += 2
        if byte == 34 or byte == 92:
            out[at] = 92
            out[at + 1] = byte
            at += 2
        elif byte >= 32:
            out[at] = byte
            at += 1
        else:
            at = put_control(out, at, byte)
    out[at] = 34
    return at + 1


def http_put_name(w: World, at: int, slot: int) -> int:
    """The host in lower case; without anything to escape."""
    row = w.slots[slot]
    area, value = int(row[S_AREA]), int(row[H_NAME])
    return put_json_lower(w.out, at, w.pool, area + (value >> 16), area + (value & 0xFFFF))


def http_put_extension(w: World, at: int, slot: int) -> int:
    """`,"extension":"…"` of the path's last part: what is behind its last dot, where that is letters and digits."""
    row, out, data = w.slots[slot], w.out, w.pool
    value = int(row[H_PATH])
    begin, end = int(row[S_AREA]) + (value >> 16), int(row[S_AREA]) + (value & 0xFFFF)
    n = end
    while n > begin and (48 <= u8(data, n - 1) <= 57 or 97 <= u8(data, n - 1) | 32 <= 122):
        n -= 1
    if n in (begin, end) or data[n - 1] != 46:
        return at
    at = put(out, at, b',"extension":"')
    at = put_bytes(out, at, data, n, min(end, n + _HTTP_EXTENSION_MAX))
    return put(out, at, b'"')


def http_put_url(w: World, at: int, slot: int) -> int:
    """`sensors.talks.http_event.url_fields`."""
    out, row = w.out, w.slots[slot]
    at = http_put_field(w, at, slot, int(row[H_TARGET]), b',"url":{"original":"')
    at = put(out, at, b',"scheme":"http"')
    if not http_is_empty(int(row[H_PATH])):
        at = http_put_field(w, at, slot, int(row[H_PATH]), b',"path":"')
        at = http_put_extension(w, at, slot)
    at = http_put_field(w, at, slot, int(row[H_QUERY]), b',"query":"')
    port = int(row[H_PORT])
    if port >= 0:
        at = put(out, at, b',"port":')
        at = put_int(out, at, port)
    if row[H_NAME]:
        at = put(out, at, b',"domain":"')
        at = http_put_name(w, at, slot)
        at = put(out, at, b'","full":"http://')
        at = http_put_name(w, at, slot)
        if port >= 0 and port != 80:
            out[at] = 58
            at = put_int(out, at + 1, port)
        at = http_put_text(w, at, slot, int(row[H_PATH]))
        if row[H_QUERY]:
            out[at] = 63
            at = http_put_text(w, at + 1, slot, int(row[H_QUERY]))
        at = put(out, at, b'"')
        if row[H_NAME_KIND] == N_NAME:
            at = put(out, at, HOLE_DOMAIN)
            at = http_put_name(w, at, slot)
            at = put(out, at, HOLE_END)
    return put(out, at, b"}")


def http_put_related(w: World, at: int, flow: int, slot: int, exchange: bool) -> int:
    """`related` with the ends, the host and, of an exchange, who it was forwarded for; it stays open."""
    out, row = w.out, w.slots[slot]
    ends = at + 18  # behind `,"related":{"ip":[`
    at = put_related(w, at, flow)
    if row[H_NAME_KIND] == N_ADDRESS:
        begin = at
        at = put(out, at, b',"')
        at = http_put_name(w, at, slot)
        at = put(out, at, b'"')
        size = at - begin - 1
        for n in range(ends, begin - size + 1):  # an address that is an end's is there already
            same = 0
            while same < size and out[n + same] == out[begin + 1 + same]:
                same += 1
            if same == size:
                at = begin
                break
    if exchange and not http_is_empty(int(row[H_FIELDS + F_FORWARDED])):
        end = at
        at = put(out, at, HOLE_FORWARDED)
        for n in range(ends, end):
            out[at + n - ends] = out[n]
        at += end - ends
        out[at] = 10
        at = http_put_raw(w, at + 1, slot, int(row[H_FIELDS + F_FORWARDED]))
        at = put(out, at, HOLE_END)
    at = put(out, at, b"]")
    if row[H_NAME] and row[H_NAME_KIND] != N_ADDRESS:
        at = put(out, at, b',"hosts":["')
        at = http_put_name(w, at, slot)
        at = put(out, at, b'"]')
    return at


def http_put_file_name(w: World, at: int, slot: int, side: int) -> int:
    """`file.name`: of Content-Disposition, else (of a response) the path's last part."""
    out, row, data = w.out, w.slots[slot], w.pool
    area = int(row[S_AREA])
    if row[H_FIELDS + 8 * side + F_DISPOSITION]:
        at = put(out, at, HOLE_NAME)
        at = http_put_raw(w, at, slot, int(row[H_FIELDS + 8 * side + F_DISPOSITION]))
        out[at] = 10
        at += 1
        if side:
            at = http_put_raw(w, at, slot, int(row[H_TARGET]))
        return put(out, at, HOLE_END)
    if not side:
        return at
    value = int(row[H_PATH])
    begin, end = area + (value >> 16), area + (value & 0xFFFF)
    n = end
    while n > begin and data[n - 1] != 47:
        n -= 1
    if n == end:
        return at
    at = put(out, at, b',"name":"')
    at = put_json(out, at, data, n, min(end, n + _HTTP_NAME_MAX))
    return put(out, at, b'"')


def http_put_facts(w: World, at: int, flow: int, slot: int) -> int:
    """`http`: method, status, sizes."""
    out, row = w.out, w.slots[slot]
    at = put(out, at, b',"http":{"version":"1.')
    at = put_int(out, at, int(row[H_VERSION]))
    at = put(out, at, b'","request":{"method":"')
    at = put_bytes(out, at, w.pool, int(row[S_AREA]), int(row[S_AREA] + row[H_METHOD]))
    at = put(out, at, b'"')
    at = http_put_field(w, at, slot, int(row[H_FIELDS + F_REFERER]), b',"referrer":"')
    at = put(out, at, b',"body":{"bytes":')
    at = put_int(out, at, int(row[H_SIZE]))
    at = put(out, at, b"}")
    if row[H_SIZE]:
        at = put_int(out, put(out, at, HOLE_ASKED_MIME), 2 * flow)
        at = put(out, at, HOLE_END)
    at = put(out, at, b"}")
    if row[H_STATUS]:
        at = put(out, at, b',"response":{"status_code":')
        at = put_int(out, at, int(row[H_STATUS]))
        at = put(out, at, b',"body":{"bytes":')
        at = put_int(out, at, int(row[H_SIZE + 1]))
        at = put(out, at, b"}")
        if row[H_SIZE + 1]:
            at = put_int(out, put(out, at, HOLE_MIME), 2 * flow + 1)
            out[at] = 10
            at = http_put_raw(w, at + 1, slot, int(row[H_FIELDS + 8 + F_TYPE]))
            out[at] = 10
            at = http_put_raw(w, at + 1, slot, int(row[H_FIELDS + F_ENCODING]))
            at = put(out, at, HOLE_END)
        at = put(out, at, b"}")
    return put(out, at, b"}")


def http_put_request(w: World, at: int, flow: int, slot: int) -> int:
    """`vonggac.http.request`."""
    out, row = w.out, w.slots[slot]
    at = put(out, at, b'"request":{"decoded":')
    at = http_put_decoded(w, at, slot)
    at = http_put_field(w, at, slot, int(row[H_FIELDS + F_TYPE]), b',"content_type":"')
    if not http_is_empty(int(row[H_FIELDS + F_FORWARDED])):
        at = http_put_field(w, at, slot, int(row[H_FIELDS + F_FORWARDED]), b',"forwarded_for":"')
    if row[H_SIZE]:
        at = put_int(out, put(out, at, HOLE_ASKED_BODY), 2 * flow)
        out[at] = 10
        at = http_put_raw(w, at + 1, slot, int(row[H_FIELDS + F_TYPE]))
        at = put(out, at, HOLE_END)
    return put(out, at, b"}")


def http_put_response(w: World, at: int, flow: int, slot: int) -> int:
    """`vonggac.http.response`, and what a body's text adds."""
    out, row = w.out, w.slots[slot]
    begin = at
    first = at = put(out, at, b',"response":')
    if row[H_VERSION] != row[H_VERSION + 1]:
        at = put(out, at, b',"version":"1.')
        at = put_int(out, at, int(row[H_VERSION + 1]))
        at = put(out, at, b'"')
    if not http_is_empty(int(row[H_REASON])):
        at = http_put_field(w, at, slot, int(row[H_REASON]), b',"status_msg":"')
    at = http_put_field(w, at, slot, int(row[H_FIELDS + 8 + F_TYPE]), b',"content_type":"')
    at = http_put_field(w, at, slot, int(row[H_FIELDS + F_SERVER]), b',"server":"')
    at = http_put_field(w, at, slot, int(row[H_FIELDS + F_LOCATION]), b',"location":"')
    opened = at > first
    if opened:
        out[first] = 123  # an object begins where its first field had a comma
    else:
        at = begin
    if row[H_SIZE + 1]:
        at = put_int(out, put(out, at, HOLE_BODY), 2 * flow + 1)
        at = put(out, at, b"\n1\0" if opened else b"\n0\0")
    elif opened:
        at = put(out, at, b"}")
    return at


def http_put_messages(w: World, at: int, flow: int, slot: int) -> int:
    """`vonggac.http`."""
    at = put(w.out, at, b',"http":{')
    at = http_put_request(w, at, flow, slot)
    if w.slots[slot, H_STATUS]:
        at = http_put_response(w, at, flow, slot)
    return put(w.out, at, b"}")


def http_put_extras(w: World, at: int, slot: int) -> int:
    """What `event` has more: how it ended, and after what time."""
    out, row = w.out, w.slots[slot]
    if row[H_STATUS]:
        at = put(out, at, b',"outcome":"success"' if row[H_STATUS] < 400 else b',"outcome":"failure"')
    if row[H_ANSWERED_NS]:
        at = put(out, at, b',"duration":')
        at = put_int(out, at, max(0, int(row[H_ANSWERED_NS] - row[H_BEGUN_NS])))
    return at


def http_put_file(w: World, at: int, flow: int, slot: int, side: int) -> int:
    """`file`: the body that one side sent."""
    out, row = w.out, w.slots[slot]
    at = put(out, at, b',"file":{"size":')
    at = put_int(out, at, int(row[H_SIZE + side]))
    at = http_put_file_name(w, at, slot, side)
    at = put_int(out, put(out, at, HOLE_FILE), 2 * flow + side)
    return put(out, at, b"\n1\0}" if row[H_STAGE + side] == HTTP_WHOLE else b"\n0\0}")


def http_put_passage(w: World, at: int, slot: int, side: int) -> int:
    """`vonggac.file`: how the body went by."""
    out, whole = w.out, w.slots[slot, H_STAGE + side] == HTTP_WHOLE
    at = put(out, at, b',"file":{"direction":"response"' if side else b',"file":{"direction":"request"')
    at = put(out, at, b',"complete":true' if whole else b',"complete":false')
    return put(out, at, b',"missing_bytes":0}')


def http_tell(w: World, flow: int, slot: int, side: int, exchange: bool) -> None:
    """`sensors.talks.http_event.http_found` of the exchange as far as it was seen or, where that is not wanted,
    `file_found` of the body that one side sent."""
    out, row = w.out, w.slots[slot]
    begin = int(w.numbers[OUT])
    position, ns, ordinal = int(row[H_BEGUN]), int(row[H_BEGUN_NS]), int(row[H_ORDINAL])
    if exchange:
        dataset, kinds = b"http", b'"category":["network","web"],"type":["access","protocol"]'
    else:
        dataset, kinds = b"file", b'"category":["file","network"],"type":["info"]'
        ordinal = 2 * ordinal + 1 - side
    at = begin_event(w, begin, dataset, kinds, position, ns, ordinal)
    if exchange:
        at = http_put_extras(w, at, slot)
    at = put_ends(w, at, flow, HTTP, 0, 0)
    at = http_put_facts(w, at, flow, slot) if exchange else http_put_file(w, at, flow, slot, side)
    at = http_put_url(w, at, slot)
    if exchange and not http_is_empty(int(row[H_FIELDS + F_AGENT])):
        at = http_put_field(w, at, slot, int(row[H_FIELDS + F_AGENT]), b',"user_agent":{"original":"')
        at = put(out, at, b"}")
    at = put_source(w, at, position)
    at = http_put_messages(w, at, flow, slot) if exchange else http_put_passage(w, at, slot, side)
    at = put(out, at, b"}")
    at = http_put_related(w, at, flow, slot, exchange)
    if not exchange and row[H_STAGE + side] == HTTP_WHOLE:
        at = put_int(out, put(out, at, HOLE_HASHES), 2 * flow + side)
        at = put(out, at, HOLE_END)
    tell_line(w, begin, put(out, at, b"}}"))
    row[S_ALLOWANCE] -= BYTES_PER_TELLING


LOOPS = (
    http_put_text, http_put_raw, http_put_field, http_is_empty, http_nibble, http_put_decoded, http_put_name,
    http_put_extension, http_put_url, http_put_related, http_put_file_name, http_put_facts,
    http_put_request, http_put_response, http_put_messages, http_put_extras, http_put_file, http_put_passage, http_tell,
)  # fmt: skip
