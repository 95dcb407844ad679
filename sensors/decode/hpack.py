"""HPACK: header lists of HTTP/2 (RFC 7541). A Decoder keeps one direction's dynamic table, which is bounded."""

from __future__ import annotations

from collections import deque

from sensors.decode.fault import Undecodable

#: The table's size at first (RFC 9113 §6.5.2), and the largest that an encoder may ask for here.
DEFAULT_TABLE = 4_096
MAX_TABLE = 65_536
#: Octets of names and values in one block, with 32 for each field (RFC 9113 §10.5.1), and fields.
MAX_LIST = 262_144
MAX_FIELDS = 1_024

_STATIC_NAMES = (
    b":authority :method :method :path :path :scheme :scheme :status :status :status :status :status :status :status "
    b"accept-charset accept-encoding accept-language accept-ranges accept access-control-allow-origin age allow "
    b"authorization cache-control content-disposition content-encoding content-language content-length "
    b"content-location content-range content-type cookie date etag expect expires from host if-match "
    b"if-modified-since if-none-match if-range if-unmodified-since last-modified link location max-forwards "
    b"proxy-authenticate proxy-authorization range referer refresh retry-after server set-cookie "
    b"strict-transport-security transfer-encoding user-agent vary via www-authenticate"
).split()
_STATIC_VALUES = {
    2: "GET", 3: "POST", 4: "/", 5: "/index.html", 6: "http", 7: "https", 8: "200", 9: "204", 10: "206", 11: "304",
    12: "400", 13: "404", 14: "500", 16: "gzip, deflate",
}  # fmt: skip
_STATIC = tuple((name, _STATIC_VALUES.get(index, "").encode()) for index, name in enumerate(_STATIC_NAMES, start=1))

#: The symbols of RFC 7541 appendix B by the length of their codes; among equals the codes rise with the symbol.
_SYMBOLS: dict[int, tuple[int, ...]] = {
    5: (48, 49, 50, 97, 99, 101, 105, 111, 115, 116),
    6: (
        32, 37, 45, 46, 47, *range(51, 58), 61, 65, 95, 98, 100, 102, 103, 104, 108, 109, 110, 112, 114, 117,
    ),
    7: (58, *range(66, 88), 89, 106, 107, 113, *range(118, 123)),
    8: (38, 42, 44, 59, 88, 90),
    10: (33, 34, 40, 41, 63),
    11: (39, 43, 124),
    12: (35, 62),
    13: (0, 36, 64, 91, 93, 126),
    14: (94, 125),
    15: (60, 96, 123),
    19: (92, 195, 208),
    20: (128, 130, 131, 162, 184, 194, 224, 226),
    21: (153, 161, 167, 172, 176, 177, 179, 209, 216, 217, 227, 229, 230),
    22: (
        129, 132, 133, 134, 136, 146, 154, 156, 160, 163, 164, 169, 170, 173, 178, 181, 185, 186, 187, 189, 190, 196,
        198, 228, 232, 233,
    ),
    23: (
        1, 135, 137, 138, 139, 140, 141, 143, 147, 149, 150, 151, 152, 155, 157, 158, 165, 166, 168, 174, 175, 180,
        182, 183, 188, 191, 197, 231, 239,
    ),
    24: (9, 142, 144, 145, 148, 159, 171, 206, 215, 225, 236, 237),
    25: (199, 207, 234, 235),
    26: (192, 193, 200, 201, 202, 205, 210, 213, 218, 219, 238, 240, 242, 243, 255),
    27: (203, 204, 211, 212, 214, 221, 222, 223, 241, *range(244, 249), *range(250, 255)),
    28: (*range(2, 9), 11, 12, *range(14, 22), *range(23, 32), 127, 220, 249),
    30: (10, 13, 22, 256),
}  # fmt: skip
_END = 256


def _first_codes() -> tuple[tuple[int, int, tuple[int, ...]], ...]:
    """(length, the first code of that length, symbols in the order of their codes)."""
    rows: list[tuple[int, int, tuple[int, ...]]] = []
    code = last = 0
    for length, symbols in _SYMBOLS.items():
        code <<= length - last
        rows.append((length, code, symbols))
        code += len(symbols)
        last = length
    return tuple(rows)


_CODES = _first_codes()


def huffman_decoded(data: bytes) -> bytes:
    """RFC 7541 §5.2; padding is the beginning of the end symbol, under 8 bits of it."""
    out = bytearray()
    bits = held = at = 0
    while True:
        while held < 30 and at < len(data):
            bits = bits << 8 | data[at]
            held += 8
            at += 1
        for length, first, symbols in _CODES:
            if length > held:
                if held > 7 or bits != (1 << held) - 1:
                    raise Undecodable("hpack", at, "huffman_padding")
                return bytes(out)
            offset = (bits >> (held - length)) - first
            if offset < len(symbols):
                if symbols[offset] == _END:
                    raise Undecodable("hpack", at, "huffman_end")
                out.append(symbols[offset])
                held -= length
                bits &= (1 << held) - 1
                break


class Decoder:
    """Reads the header blocks of one direction, in order; each changes what the next may refer to."""

    def __init__(self) -> None:
        self._table: deque[tuple[bytes, bytes]] = deque()  # the newest first
        self._size = 0
        self._limit = DEFAULT_TABLE

    def decode(self, block: bytes) -> list[tuple[bytes, bytes]]:
        """Names and values in order. Raises Undecodable, after which the table cannot be relied on."""
        try:
            return self._fields(block)
        except IndexError as error:
            raise Undecodable("hpack", len(block), "cut") from error

    def _fields(self, block: bytes) -> list[tuple[bytes, bytes]]:
        fields: list[tuple[bytes, bytes]] = []
        at = total = 0
        while at < len(block):
            first = block[at]
            if first & 0x80:
                index, at = _integer(block, at, 7)
                field = self._entry(index, at)
            elif first & 0xE0 == 0x20:
                size, at = _integer(block, at, 5)
                if size > MAX_TABLE:
                    raise Undecodable("hpack", at, "table_size")
                self._limit = size
                self._evict()
                continue
            else:
                keep = bool(first & 0x40)
                index, at = _integer(block, at, 6 if keep else 4)
                if index:
                    name = self._entry(index, at)[0]
                else:
                    name, at = _string(block, at)
                value, at = _string(block, at)
                field = (name, value)
                if keep:
                    self._add(field)
            fields.append(field)
            total += len(field[0]) + len(field[1]) + 32
            if total > MAX_LIST or len(fields) > MAX_FIELDS:
                raise Undecodable("hpack", at, "list_size")
        return fields

    def _entry(self, index: int, at: int) -> tuple[bytes, bytes]:
        if 0 < index <= len(_STATIC):
            return _STATIC[index - 1]
        if 0 < index - len(_STATIC) <= len(self._table):
            return self._table[index - len(_STATIC) - 1]
        raise Undecodable("hpack", at, "index")

    def _add(self, field: tuple[bytes, bytes]) -> None:
        self._table.appendleft(field)
        self._size += len(field[0]) + len(field[1]) + 32
        self._evict()

    def _evict(self) -> None:
        while self._size > self._limit:
            name, value = self._table.pop()
            self._size -= len(name) + len(value) + 32


def _integer(block: bytes, at: int, prefix: int) -> tuple[int, int]:
    """RFC 7541 §5.1, up to four octets behind the prefix."""
    limit = (1 << prefix) - 1
    value = block[at] & limit
    at += 1
    if value < limit:
        return value, at
    for shift in range(0, 28, 7):
        octet = block[at]
        at += 1
        value += (octet & 0x7F) << shift
        if not octet & 0x80:
            return value, at
    raise Undecodable("hpack", at, "integer")


def _string(block: bytes, at: int) -> tuple[bytes, int]:
    coded = bool(block[at] & 0x80)
    size, at = _integer(block, at, 7)
    if at + size > len(block):
        raise Undecodable("hpack", at, "string_length")
    raw = block[at : at + size]
    return huffman_decoded(raw) if coded else raw, at + size
