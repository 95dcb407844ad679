"""DNS over UDP, port 53: questions wait in their slot's area as they came, and go into one event with their answers.

It says what `sensors.talks.dns` and `sensors.decode.dns` say. Left to them are messages of several questions, names
with letters beyond ASCII, rare records, and all that cannot be decoded.

A waiting question stands in the area as three numbers of 8 bytes (position, time, size with the side in the lowest
bit) and its bytes. A message that comes is put behind them and read there.
"""

from __future__ import annotations

import numpy as np

from sensors.loops.documents import DNS, begin_event, put_ends, put_related, put_source, tell_line
from sensors.loops.octets import Bytes, Ints, Out, little32, u8, u16, u32
from sensors.loops.slots import BYTES_PER_TELLING, room
from sensors.loops.text import put, put_address, put_bytes, put_hex, put_int, put_json, put_padded
from sensors.loops.world import (
    HOLE_DOMAIN,
    HOLE_END,
    ID_END,
    OUT,
    S_ALLOWANCE,
    S_AREA,
    S_CAPACITY,
    S_OWN,
    S_USED,
    SOURCE_END,
    TAKEN,
    UNUSUAL,
    World,
)

#: A slot's own: how many questions wait, when the last of them came, and whether any message was taken.
S_DNS_WAITING, S_DNS_LAST_NS, S_DNS_HEARD = S_OWN, S_OWN + 1, S_OWN + 2
#: The numbers before a waiting question's bytes.
DNS_HEAD = 24
#: The talk's own bounds, `sensors.talks.dns`.
DNS_MAX_WAITING = 128
DNS_PATIENCE_NS = 30 * 10**9
#: Questions given up in one call; where more are due, the talk does it.
DNS_MAX_GIVEN_UP = 15
#: Answers of one message (the talk tells no more either), and records.
DNS_MAX_ANSWERS = 64
DNS_MAX_RECORDS = 512
DNS_MAX_OTHER = 16
#: `sensors.decode.dns`.
DNS_MAX_NAME = 255
DNS_MAX_POINTERS = 64
DNS_MAX_OPTIONS = 32
DNS_MAX_TYPES = 128
DNS_MAX_PARAMETERS = 32
#: The most text that an event's records and what repeats them may take, and what an event has around them.
DNS_MAX_TEXT = 60_000
DNS_AROUND = 2_048
#: The most text of one record or name without its data's own bytes, of which each takes 8 at most.
DNS_RECORD = 5_000
DNS_PER_BYTE = 8
#: Where `work` has places of text in `out`: of addresses, of hosts, of the flow's ends. A place is its offset << 16
#: and its size.
DNS_HOSTS, DNS_ENDS = 64, 130

# --- words by number: where those of each kind begin in the table. The word at 0 is none.
DNS_CLASSES, DNS_OPCODES, DNS_RCODES, DNS_OPTIONS, DNS_KEYS = 260, 516, 532, 556, 576
_DNS_NAMES = {
    1: "A", 2: "NS", 5: "CNAME", 6: "SOA", 10: "NULL", 12: "PTR", 13: "HINFO", 15: "MX", 16: "TXT", 17: "RP",
    18: "AFSDB", 24: "SIG", 25: "KEY", 28: "AAAA", 29: "LOC", 32: "NB", 33: "SRV", 35: "NAPTR", 36: "KX", 37: "CERT",
    38: "A6", 39: "DNAME", 41: "OPT", 42: "APL", 43: "DS", 44: "SSHFP", 46: "RRSIG", 47: "NSEC", 48: "DNSKEY",
    49: "DHCID", 50: "NSEC3", 51: "NSEC3PARAM", 52: "TLSA", 53: "SMIMEA", 55: "HIP", 59: "CDS", 60: "CDNSKEY",
    61: "OPENPGPKEY", 62: "CSYNC", 63: "ZONEMD", 64: "SVCB", 65: "HTTPS", 99: "SPF", 108: "EUI48", 109: "EUI64",
    249: "TKEY", 250: "TSIG", 251: "IXFR", 252: "AXFR", 255: "ANY", 256: "URI", 257: "CAA", 258: "DLV", 259: "PRIVATE",
    DNS_CLASSES + 1: "IN", DNS_CLASSES + 3: "CH", DNS_CLASSES + 4: "HS", DNS_CLASSES + 254: "NONE",
    DNS_CLASSES + 255: "ANY",
    DNS_OPCODES: "QUERY", DNS_OPCODES + 1: "IQUERY", DNS_OPCODES + 2: "STATUS", DNS_OPCODES + 4: "NOTIFY",
    DNS_OPCODES + 5: "UPDATE", DNS_OPCODES + 6: "DSO",
    DNS_RCODES: "NOERROR", DNS_RCODES + 1: "FORMERR", DNS_RCODES + 2: "SERVFAIL", DNS_RCODES + 3: "NXDOMAIN",
    DNS_RCODES + 4: "NOTIMP", DNS_RCODES + 5: "REFUSED", DNS_RCODES + 6: "YXDOMAIN", DNS_RCODES + 7: "YXRRSET",
    DNS_RCODES + 8: "NXRRSET", DNS_RCODES + 9: "NOTAUTH", DNS_RCODES + 10: "NOTZONE", DNS_RCODES + 16: "BADVERS",
    DNS_RCODES + 17: "BADKEY", DNS_RCODES + 18: "BADTIME", DNS_RCODES + 19: "BADMODE", DNS_RCODES + 20: "BADNAME",
    DNS_RCODES + 21: "BADALG", DNS_RCODES + 22: "BADTRUNC", DNS_RCODES + 23: "BADCOOKIE",
    DNS_OPTIONS + 1: "llq", DNS_OPTIONS + 2: "update_lease", DNS_OPTIONS + 3: "nsid", DNS_OPTIONS + 5: "dau",
    DNS_OPTIONS + 6: "dhu", DNS_OPTIONS + 7: "n3u", DNS_OPTIONS + 8: "client_subnet", DNS_OPTIONS + 9: "expire",
    DNS_OPTIONS + 10: "cookie", DNS_OPTIONS + 11: "tcp_keepalive", DNS_OPTIONS + 12: "padding",
    DNS_OPTIONS + 13: "chain", DNS_OPTIONS + 14: "key_tag", DNS_OPTIONS + 15: "extended_error",
    DNS_OPTIONS + 16: "client_tag", DNS_OPTIONS + 17: "server_tag", DNS_OPTIONS + 18: "report_channel",
    DNS_OPTIONS + 19: "zoneversion",
    DNS_KEYS: "mandatory", DNS_KEYS + 1: "alpn", DNS_KEYS + 2: "no-default-alpn", DNS_KEYS + 3: "port",
    DNS_KEYS + 4: "ipv4hint", DNS_KEYS + 5: "ech", DNS_KEYS + 6: "ipv6hint", DNS_KEYS + 7: "dohpath",
    DNS_KEYS + 8: "ohttp",
}  # fmt: skip
_DNS_WORDS = [_DNS_NAMES.get(n, "") for n in range(DNS_KEYS + 9)]
DNS_LETTERS = np.frombuffer("".join(_DNS_WORDS).encode(), np.int8).copy()
DNS_BORDERS = np.cumsum([0, *map(len, _DNS_WORDS)]).astype(np.int64)
#: How a record's data is read, by its type: as none of the others in hexadecimal.
DNS_BYTES, DNS_NAME, DNS_STRINGS, DNS_KEYED, DNS_NAMED, DNS_SOA, DNS_SERVICE, DNS_PROOF, DNS_TEXTS, DNS_LEFT = range(10)
_DNS_FORMS = {
    DNS_NAME: (2, 3, 4, 5, 7, 8, 9, 12, 23, 39), DNS_STRINGS: (13, 16, 19, 20, 99),
    DNS_KEYED: (25, 43, 44, 48, 52, 53, 59, 60), DNS_NAMED: (15, 18, 21, 33, 36), DNS_SOA: (6,), DNS_SERVICE: (64, 65),
    DNS_PROOF: (24, 46, 47, 50, 51), DNS_TEXTS: (35, 257), DNS_LEFT: (14, 17, 37, 108, 109, 256),
}  # fmt: skip
DNS_FORMS = np.zeros(258, np.int64)
for _form, _kinds in _DNS_FORMS.items():
    DNS_FORMS[list(_kinds)] = _form
#: The fewest octets of data that are read so; and the octets of the numbers that it begins with, as decimal digits, the
#: first one's last.
_DNS_LEAST = {
    6: 22, 13: 2, 14: 2, 15: 3, 17: 2, 18: 3, 19: 1, 20: 1, 21: 3, 24: 19, 25: 4, 33: 7, 35: 8, 36: 3, 37: 5, 43: 4,
    44: 2, 46: 19, 47: 1, 48: 4, 50: 6, 51: 5, 52: 3, 53: 3, 59: 4, 60: 4, 64: 3, 65: 3, 108: 6, 109: 8, 256: 4, 257: 2,
}  # fmt: skip
_DNS_SIZES = {
    6: 44444, 15: 2, 18: 2, 21: 2, 24: 244411, 25: 112, 33: 222, 35: 22, 36: 2, 43: 112, 44: 11, 46: 244411, 48: 112,
    50: 211, 51: 211, 52: 111, 53: 111, 59: 112, 60: 112, 64: 2, 65: 2, 257: 1,
}  # fmt: skip
DNS_LEAST = np.array([_DNS_LEAST.get(n, 0) for n in range(258)], np.int64)
DNS_SIZES = np.array([_DNS_SIZES.get(n, 0) for n in range(258)], np.int64)
#: How a byte stands in a label: as it is; behind a backslash of JSON's; only as \DDD; as part of UTF-8, if it is that.
DNS_PLAIN, DNS_QUOTED, DNS_ODD, DNS_HIGH = 0, 1, 2, 3
DNS_LOOKS = np.array(
    [DNS_HIGH if n > 127 else DNS_QUOTED if n == 34 else DNS_ODD if n in (46, 92, 127) or n < 32 else 0
     for n in range(256)],
    np.int64,
)  # fmt: skip


def is_dns_port(sport: int, dport: int) -> bool:
    """Whether a datagram between these ports is DNS for certain, and not mDNS, LLMNR or the NetBIOS name service."""
    if sport == 137 or dport == 137:
        return False
    return dport == 53 or (sport == 53 and dport != 5353 and dport != 5355)


# --- words and names


def dns_word(out: Out, at: int, index: int, number: int, unknown: bytes) -> int:
    """The word at this index of the table: `unknown` and the number where there is none."""
    begin, end = int(DNS_BORDERS[index]), int(DNS_BORDERS[index + 1])
    if begin < end:
        return put_bytes(out, at, DNS_LETTERS, begin, end)
    return put_int(out, put(out, at, unknown), number)


def dns_type(out: Out, at: int, number: int) -> int:
    index = number if number < 258 else 258 if number == 32_769 else 259 if number == 65_399 else 0
    return dns_word(out, at, index, number, b"TYPE")


def dns_class(out: Out, at: int, number: int) -> int:
    """The top bit is mDNS's own."""
    number &= 0x7FFF
    return dns_word(out, at, DNS_CLASSES + number if number < 256 else 0, number, b"CLASS")


def dns_key(out: Out, at: int, number: int) -> int:
    """A parameter of SVCB."""
    return dns_word(out, at, DNS_KEYS + number if number < 9 else 0, number, b"key")


def dns_is_utf8(pool: Bytes, at: int, end: int) -> bool:
    """Whether these bytes are UTF-8 (RFC 3629 §4)."""
    while at < end:
        first = u8(pool, at)
        at += 1
        if first < 0x80:
            continue
        more = 1 if 0xC2 <= first < 0xE0 else 2 if first & 0xF0 == 0xE0 else 3 if 0xF0 <= first < 0xF5 else 0
        if not more or at + more > end:
            return False
        second = u8(pool, at)
        low = 0xA0 if first == 0xE0 else 0x90 if first == 0xF0 else 0x80
        high = 0x9F if first == 0xED else 0x8F if first == 0xF4 else 0xBF
        if second < low or second > high:
            return False
        for n in range(1, more):
            if u8(pool, at + n) & 0xC0 != 0x80:
                return False
        at += more
    return True


def dns_odd_label(pool: Bytes, out: Out, to: int, at: int, end: int) -> int:
    """A label that is not all letters, in JSON; -1 where it is one in UTF-8, which Python alone can judge."""
    odd = high = False
    for n in range(at, end):
        look = DNS_LOOKS[u8(pool, n)]
        odd |= look == DNS_ODD
        high |= look == DNS_HIGH
    if high and not odd:
        if dns_is_utf8(pool, at, end):
            return -1
        odd = True
    for n in range(at, end):
        byte = u8(pool, n)
        if odd and (DNS_LOOKS[byte] >= DNS_ODD or byte == 32):
            out[to], out[to + 1] = 92, 92
            to = put_padded(out, to + 2, byte, 3)
            continue
        if byte == 34:
            out[to] = 92
            to += 1
        out[to] = byte
        to += 1
    return to


def dns_name(pool: Bytes, out: Out, to: int, base: int, at: int, end: int) -> int:
    """The name at `at` of a message (RFC 1035 §4.1.4) as text within JSON; -1 where it is faulty or not for here."""
    begun, octets, pointers = to, 0, 0
    while at < end:
        size = u8(pool, at)
        if size == 0:
            return to
        if size >= 0xC0:
            if at + 1 >= end:
                return -1
            target = base + ((size & 0x3F) << 8 | u8(pool, at + 1))
            pointers += 1
            if target >= at or pointers > DNS_MAX_POINTERS:
                return -1
            at = target
            continue
        octets += size + 1
        last = at + 1 + size
        if size > 63 or last > end or octets > DNS_MAX_NAME:
            return -1
        if to > begun:
            out[to] = 46
            to += 1
        label = to
        for n in range(at + 1, last):
            byte = u8(pool, n)
            if DNS_LOOKS[byte]:
                to = dns_odd_label(pool, out, label, at + 1, last)
                break
            out[to] = byte
            to += 1
        if to < 0:
            return -1
        at = last
    return -1


def dns_lower(out: Out, at: int, end: int) -> None:
    for n in range(at, end):
        if 65 <= out[n] <= 90:
            out[n] += 32


def dns_skip(pool: Bytes, at: int, end: int) -> int:
    """Where what follows a name begins; -1 where it is cut or faulty."""
    while at < end:
        size = u8(pool, at)
        if size == 0:
            return at + 1
        if size >= 0xC0:
            return at + 2 if at + 2 <= end else -1
        if size > 63:
            return -1
        at += size + 1
    return -1


# --- what records say: `sensors.decode.rdata`. All give -1 for what they leave to it.


def dns_strings(pool: Bytes, out: Out, to: int, at: int, end: int, between: int) -> int:
    """Character strings (RFC 1035 §3.3) that are UTF-8, with this character between them where it is not 0."""
    begun = at
    while at < end:
        last = min(end, at + 1 + u8(pool, at))
        if not dns_is_utf8(pool, at + 1, last):
            return -1
        if between and at > begun:
            out[to] = between
            to += 1
        to = put_json(out, to, pool, at + 1, last)
        at += 1 + u8(pool, at)
    return to


def dns_wire_text(pool: Bytes, out: Out, to: int, at: int, end: int) -> int:
    """`sensors.decode.text.wire_text` of printable ASCII."""
    while end > at and pool[end - 1] == 0:
        end -= 1
    if end - at > 1_024:
        return -1
    for n in range(at, end):
        if pool[n] < 32 or pool[n] == 127:  # bytes are seen as signed
            return -1
    return put_json(out, to, pool, at, end)


def dns_numbers(pool: Bytes, out: Out, to: int, at: int, kind: int) -> int:
    """The numbers that such a record has, each with a space behind it."""
    sizes = int(DNS_SIZES[kind])
    while sizes:
        size = sizes % 10
        number = u8(pool, at) if size == 1 else u16(pool, at) if size == 2 else u32(pool, at)
        to = put_int(out, to, number)
        out[to] = 32
        to += 1
        at += size
        sizes //= 10
    return to


def dns_bitmap(pool: Bytes, out: Out, to: int, at: int, end: int) -> int:
    """The types of an NSEC bitmap (RFC 4034 §4.1.2), each behind a space."""
    kinds = 0
    while at + 2 <= end and kinds < DNS_MAX_TYPES:
        window, size = u8(pool, at), u8(pool, at + 1)
        for n in range(at + 2, min(end, at + 2 + size)):
            octet = u8(pool, n)
            for bit in range(8):
                if octet & 0x80 >> bit and kinds < DNS_MAX_TYPES:
                    out[to] = 32
                    to = dns_type(out, to + 1, window << 8 | (n - at - 2) << 3 | bit)
                    kinds += 1
        at += 2 + size
    return to


def dns_parameter(pool: Bytes, out: Out, to: int, key: int, at: int, end: int) -> int:
    """One parameter's value of SVCB (RFC 9460 §14.3.2)."""
    if key == 1:
        return dns_strings(pool, out, to, at, end, 44 if key else 0)
    if key == 3 and end - at == 2:
        return put_int(out, to, u16(pool, at))
    if key == 4 or key == 6 or key == 0:
        width = 4 if key == 4 else 16 if key == 6 else 2
        begun = to
        for n in range(at, end - width + 1, width):
            if to > begun:
                out[to] = 44
                to += 1
            to = put_address(out, to, pool, n, width) if key else dns_key(out, to, u16(pool, n))
        return to
    if key == 7:
        return dns_wire_text(pool, out, to, at, end)
    return put_hex(out, to, pool, at, end)


def dns_service(pool: Bytes, out: Out, to: int, base: int, kind: int, at: int, last: int, end: int) -> int:
    """SVCB and HTTPS (RFC 9460 §2.1)."""
    to = dns_numbers(pool, out, to, at, kind)
    named = to
    to = dns_name(pool, out, to, base, at + 2, end)
    at = dns_skip(pool, at + 2, end)
    if to < 0 or at < 0:
        return -1
    if to == named:
        out[to] = 46
        to += 1
    parts = 2
    while at + 4 <= last and parts < DNS_MAX_PARAMETERS:
        key, size = u16(pool, at), u16(pool, at + 2)
        out[to] = 32
        to = dns_key(out, to + 1, key)
        out[to] = 61
        ended = dns_parameter(pool, out, to + 1, key, at + 4, min(last, at + 4 + size))
        if ended < 0:
            return -1
        to = ended if ended > to + 1 else to
        at += 4 + size
        parts += 1
    return to


def dns_proof(pool: Bytes, out: Out, to: int, base: int, kind: int, at: int, last: int, end: int) -> int:
    """RRSIG and SIG (RFC 4034 §3.1), NSEC (§4.1), NSEC3 (RFC 5155 §3.2) and its parameters."""
    if kind == 46 or kind == 24:
        to = dns_type(out, to, u16(pool, at))
        out[to] = 32
        to = dns_numbers(pool, out, to + 1, at + 2, kind)
        to = dns_name(pool, out, to, base, at + 18, end)
        at = dns_skip(pool, at + 18, end)
        if to < 0 or at < 0:
            return -1
        out[to] = 32
        return put_hex(out, to + 1, pool, at, max(at, last))
    if kind == 47:
        to = dns_name(pool, out, to, base, at, end)
        at = dns_skip(pool, at, end)
        return dns_bitmap(pool, out, to, at, last) if to >= 0 and at >= 0 else -1
    to = dns_numbers(pool, out, to, at, kind)
    salt = u8(pool, at + 4)
    at += 5
    if at + salt > last:
        return -1
    if salt:
        to = put_hex(out, to, pool, at, at + salt)
    else:
        out[to] = 45
        to += 1
    if kind == 51:
        return to
    at += salt
    if at >= last or at + 1 + u8(pool, at) > last:
        return -1
    out[to] = 32
    to = put_hex(out, to + 1, pool, at + 1, at + 1 + u8(pool, at))
    return dns_bitmap(pool, out, to, at + 1 + u8(pool, at), last)


def dns_texts(pool: Bytes, out: Out, to: int, base: int, kind: int, at: int, last: int, end: int) -> int:
    """CAA (RFC 8659 §4.1) and NAPTR (RFC 3403 §4.1)."""
    if kind == 257:
        to = dns_numbers(pool, out, to, at, kind)
        size = u8(pool, at + 1)
        at += 2
        if at + size > last:
            return -1
        to = dns_wire_text(pool, out, to, at, at + size)
        if to < 0:
            return -1
        out[to] = 32
        return dns_wire_text(pool, out, to + 1, at + size, last)
    to = dns_numbers(pool, out, to, at, kind)
    at += 4
    for _ in range(3):
        if at >= last or at + 1 + u8(pool, at) > last:
            return -1
        to = dns_wire_text(pool, out, to, at + 1, at + 1 + u8(pool, at))
        if to < 0:
            return -1
        out[to] = 32
        to += 1
        at += 1 + u8(pool, at)
    return dns_name(pool, out, to, base, at, end)


def dns_authority(pool: Bytes, out: Out, to: int, base: int, kind: int, at: int, end: int) -> int:
    """SOA."""
    to = dns_name(pool, out, to, base, at, end)
    at = dns_skip(pool, at, end)
    if to < 0 or at < 0:
        return -1
    out[to] = 32
    to = dns_name(pool, out, to + 1, base, at, end)
    at = dns_skip(pool, at, end)
    if to < 0 or at < 0 or at + 20 > end:
        return -1
    out[to] = 32
    return dns_numbers(pool, out, to + 1, at, kind) - 1


def dns_data(pool: Bytes, out: Out, to: int, base: int, number: int, at: int, last: int, end: int) -> int:
    """The text of a record's data at[:last], within JSON; names in it may go on as far as the message's `end`."""
    size = last - at
    if (number == 1 and size == 4) or (number == 28 and size == 16):
        return put_address(out, to, pool, at, size)
    kind = number if number < 258 else 43 if number == 32_769 else 0
    least = int(DNS_LEAST[kind])
    form = int(DNS_FORMS[kind]) if size >= least else DNS_BYTES
    if form == DNS_NAME:
        return dns_name(pool, out, to, base, at, end)
    if form == DNS_STRINGS:
        return dns_strings(pool, out, to, at, last, 32 if least else 0)
    if form == DNS_NAMED:
        to = dns_numbers(pool, out, to, at, kind)
        return dns_name(pool, out, to, base, at + least - 1, end)
    if form == DNS_SOA:
        return dns_authority(pool, out, to, base, kind, at, end)
    if form == DNS_PROOF:
        return dns_proof(pool, out, to, base, kind, at, last, end)
    if form == DNS_SERVICE:
        return dns_service(pool, out, to, base, kind, at, last, end)
    if form == DNS_TEXTS:
        return dns_texts(pool, out, to, base, kind, at, last, end)
    if form == DNS_LEFT:
        return -1
    if form == DNS_KEYED:
        to = dns_numbers(pool, out, to, at, kind)
        at += least
    return put_hex(out, to, pool, at, last)


# --- messages


def dns_scan(pool: Bytes, base: int, end: int) -> int:
    """Where the OPT record begins, 0 where there is none; -1 where the message is not for here.

    Otherwise the borders of its question and of all records lie within the message.
    """
    questions, answers = u16(pool, base + 4), u16(pool, base + 6)
    others = answers + u16(pool, base + 8)
    records = others + u16(pool, base + 10)
    if questions > 1 or answers > DNS_MAX_ANSWERS or records > DNS_MAX_RECORDS:
        return -1
    at, opt = base + 12, 0
    if questions:
        while at < end and 0 < u8(pool, at) < 64:
            at += 1 + u8(pool, at)
        if at + 5 > end or u8(pool, at):  # a pointer, of which there is nothing before
            return -1
        at += 5
    for n in range(records):
        begun = at
        at = dns_skip(pool, at, end)
        if at < 0 or at + 10 > end:
            return -1
        if n >= others and u16(pool, at) == 41:
            if opt or at != begun + 1:
                return -1
            opt = begun
        at += 10 + u16(pool, at + 8)
        if at > end:
            return -1
    return opt


def dns_rcode(pool: Bytes, base: int, opt: int) -> int:
    """With the bits that EDNS adds (RFC 6891 §6.1.3)."""
    rcode = u8(pool, base + 3) & 15
    return rcode | u8(pool, opt + 5) << 4 if opt else rcode


def dns_flags(out: Out, at: int, bits: int) -> int:
    """The end of what was before, and `"header_flags":[…]`."""
    at = put(out, at, b'","header_flags":[')
    begun = at
    for n in range(6):
        if bits & (0x0400, 0x0200, 0x0100, 0x0080, 0x0020, 0x0010)[n]:
            if at > begun:
                out[at] = 44
                at += 1
            out[at] = out[at + 3] = 34
            out[at + 1] = (65, 84, 82, 82, 65, 67)[n]  # AA TC RD RA AD CD
            out[at + 2] = (65, 67, 68, 65, 68, 68)[n]
            at += 4
    out[at] = 93
    return at + 1


def dns_record(
    pool: Bytes, out: Out, at: int, stop: int, base: int, where: int, end: int, about: int, size: int
) -> tuple[int, int, int]:
    """A record as an object: where it ends in `out` (-1: not for here), where its data's text begins there, and where
    the next record begins. `out` has the question's name at `about`, where `size` is not -1."""
    fixed = dns_skip(pool, where, end)
    kind, length = u16(pool, fixed), u16(pool, fixed + 8)
    if at + DNS_RECORD + DNS_PER_BYTE * length > stop:
        return -1, 0, 0
    at = put(out, at, b'{"name":"')
    if size >= 0 and u16(pool, where) == 0xC00C:
        for n in range(size):
            out[at + n] = out[about + n]
        at += size
    else:
        named = at
        at = dns_name(pool, out, at, base, where, end)
        if at < 0:
            return -1, 0, 0
        dns_lower(out, named, at)
    at = put(out, at, b'","type":"')
    at = dns_type(out, at, kind)
    at = put(out, at, b'","class":"')
    at = dns_class(out, at, u16(pool, fixed + 2))
    at = put(out, at, b'","ttl":')
    at = put_int(out, at, u32(pool, fixed + 4))
    at = put(out, at, b',"data":"')
    begun = at
    at = dns_data(pool, out, at, base, kind, fixed + 10, fixed + 10 + length, end)
    if at < 0:
        return -1, 0, 0
    return put(out, at, b'"}'), begun, fixed + 10 + length


def dns_is_new(out: Out, work: Ints, first: int, count: int, begin: int, size: int) -> bool:
    """Whether none of these places has the text that stands at `begin`."""
    for n in range(first, first + count):
        other = int(work[n] >> 16)
        if work[n] & 0xFFFF == size:
            same = 0
            while same < size and out[other + same] == out[begin + same]:
                same += 1
            if same == size:
                return False
    return True


def dns_has_parts(out: Out, at: int, end: int) -> bool:
    """Whether the name that stands there may have parts to be told: a dot in it, and nothing as \\DDD."""
    dots = False
    while at < end:
        if out[at] == 92:
            if out[at + 1] == 92:
                return False
            at += 1
        dots |= out[at] == 46
        at += 1
    return dots


def dns_answers(
    pool: Bytes, out: Out, work: Ints, at: int, stop: int, base: int, where: int, end: int, about: int, size: int,
    hosts: int,
) -> tuple[int, int, int, int, int]:  # fmt: skip
    """`"answers":[…]` and what they resolve to: where it ends in `out` (-1: not for here), where the next record
    begins, how many addresses and hosts `work` has, and how far text may go on."""
    addresses = 0
    at = put(out, at, b',"answers":[')
    for n in range(u16(pool, base + 6)):
        if n:
            out[at] = 44
            at += 1
        kind = u16(pool, dns_skip(pool, where, end))
        at, begun, where = dns_record(pool, out, at, stop, base, where, end, about, size)
        if at < 0:
            return -1, 0, 0, 0, 0
        length = at - 2 - begun
        if kind == 1 or kind == 28:
            if dns_is_new(out, work, 0, addresses, begun, length):
                work[addresses] = begun << 16 | length
                addresses += 1
                stop -= 2 * length + 6
        elif (kind == 5 or kind == 2 or kind == 12) and length:
            work[DNS_HOSTS + hosts] = begun << 16 | length
            hosts += 1
            stop -= length + 3
    out[at] = 93
    at += 1
    if addresses:
        at = put(out, at, b',"resolved_ip":')
        at = dns_list(out, work, at, 0, addresses)
    return at, where, addresses, hosts, stop


def dns_list(out: Out, work: Ints, at: int, first: int, count: int) -> int:
    """The texts at these places as a list, in the lower case."""
    out[at] = 91
    for n in range(first, first + count):
        place = int(work[n])
        begin, size = place >> 16, place & 0xFFFF
        out[at + 1] = 34
        for octet in range(size):
            byte = out[begin + octet]
            out[at + 2 + octet] = byte + 32 if 65 <= byte <= 90 else byte
        # Names in another case than one before it are the same host.
        if dns_is_new(out, work, first, n - first, at + 2, size):
            work[n] = (at + 2) << 16 | size
            out[at + 2 + size] = 34
            out[at + 3 + size] = 44
            at += size + 3
    out[at] = 93
    return at + 1


def dns_object(
    pool: Bytes, out: Out, work: Ints, at: int, stop: int, base: int, end: int, asked: int, asked_end: int, opt: int
) -> tuple[int, int, int, int, int, int, int]:
    """`,"dns":{…}` of a message, whose question is that of the message at `asked` (-1: none).

    Where it ends in `out` (-1: not for here), where the first record behind the answers begins, how far text may go on,
    how many addresses and hosts `work` has; the name's offset in `out`, and its size where it is the message's own
    question, else -1.
    """
    bits, answers = u16(pool, base + 2), u16(pool, base + 6)
    refused = (-1, 0, 0, 0, 0, 0, 0)
    at = put(out, at, b',"dns":{"id":"')
    at = put_int(out, at, u16(pool, base))
    at = put(out, at, b'","type":"answer","op_code":"' if bits & 0x8000 else b'","type":"query","op_code":"')
    at = dns_word(out, at, DNS_OPCODES + (bits >> 11 & 15), bits >> 11 & 15, b"")
    at = dns_flags(out, at, bits)
    where = base + 12
    if u16(pool, base + 4):
        where = dns_skip(pool, where, end) + 4
    about = size = hosts = addresses = 0
    if asked >= 0 or answers:
        at = put(out, at, b',"question":{"name":"')
        about = at
        if asked >= 0:
            at = dns_name(pool, out, at, asked, asked + 12, asked_end)
        else:
            at = dns_name(pool, out, at, base, where, end)
        if at < 0:
            return refused
        dns_lower(out, about, at)
        size = at - about
        out[at] = 34
        at += 1
        if asked >= 0:
            kind = dns_skip(pool, asked + 12, asked_end)
            at = put(out, at, b',"type":"')
            at = dns_type(out, at, u16(pool, kind))
            at = put(out, at, b'","class":"')
            at = dns_class(out, at, u16(pool, kind + 2))
            out[at] = 34
            at += 1
        if dns_has_parts(out, about, about + size):
            at = put(out, at, HOLE_DOMAIN)
            at = put_bytes(out, at, out.view(np.int8), about, about + size)
            at = put(out, at, HOLE_END)
        out[at] = 125
        at += 1
        if size:
            work[DNS_HOSTS] = about << 16 | size
            hosts = 1
            stop -= size + 3
    own = size if asked == base else -1
    if bits & 0x8000:
        at = put(out, at, b',"response_code":"')
        rcode = dns_rcode(pool, base, opt)
        at = dns_word(out, at, DNS_RCODES + rcode if rcode < 24 else 0, rcode, b"")
        out[at] = 34
        at, where, addresses, hosts, stop = dns_answers(
            pool, out, work, at + 1, stop, base, where, end, about, own, hosts
        )
    elif answers:  # they are read, and not told
        ended, where, _, _, _ = dns_answers(pool, out, work, at, stop, base, where, end, about, own, hosts)
        at = min(at, ended)
    if at < 0:
        return refused
    out[at] = 125
    return at + 1, where, stop, addresses, hosts, about, own


def dns_section(
    pool: Bytes, out: Out, at: int, stop: int, base: int, where: int, end: int, about: int, size: int, records: int,
    opt: int,
) -> tuple[int, int]:  # fmt: skip
    """The records of the authority or the additional section as a list, of which one at least is not the OPT record:
    where it ends in `out` (-1: not for here), and where the next section begins."""
    told = 0
    out[at] = 91
    for _ in range(records):
        if where == opt:
            where += 11 + u16(pool, opt + 9)
            continue
        if told == DNS_MAX_OTHER:  # only its name is read
            if at + DNS_RECORD > stop or dns_name(pool, out, at + 1, base, where, end) < 0:
                return -1, 0
            where = dns_skip(pool, where, end)
            where += 10 + u16(pool, where + 8)
            continue
        at, _, where = dns_record(pool, out, at + 1, stop, base, where, end, about, size)
        if at < 0:
            return -1, 0
        out[at] = 44
        told += 1
    out[at] = 93
    return at + 1, where


def dns_edns(pool: Bytes, out: Out, scratch: Out, at: int, stop: int, opt: int) -> int:
    """`"edns":{…}`; -1 where it is not for here."""
    where, last = opt + 11, opt + 11 + u16(pool, opt + 9)
    if at + DNS_RECORD + DNS_PER_BYTE * (last - where) > stop:
        return -1
    at = put(out, at, b'"edns":{"version":')
    at = put_int(out, at, u8(pool, opt + 6))
    at = put(out, at, b',"udp_size":')
    at = put_int(out, at, u16(pool, opt + 3))
    at = put(out, at, b',"do":true' if u8(pool, opt + 7) & 0x80 else b',"do":false')
    begun, options, n = where, 0, where
    while n + 4 <= last and options < DNS_MAX_OPTIONS and n + 4 + u16(pool, n + 2) <= last:
        at = put(out, at, b'","' if options else b',"options":["')
        code = u16(pool, n)
        at = dns_word(out, at, DNS_OPTIONS + code if code < 20 else 0, code, b"")
        options += 1
        n += 4 + u16(pool, n + 2)
    if options:
        at = put(out, at, b'"]')
    where, subnets, errors = begun, 0, 0
    for _ in range(options):
        code, size = u16(pool, where), u16(pool, where + 2)
        where += 4
        if code == 8 and size >= 4 and (u8(pool, where + 1) == 1 or u8(pool, where + 1) == 2):
            subnets += 1
            width = 4 if u8(pool, where + 1) == 1 else 16
            for octet in range(width):
                scratch[octet] = u8(pool, where + 4 + octet) if 4 + octet < size else 0
            at = put(out, at, b',"client_subnet":"')
            at = put_address(out, at, scratch, 0, width)
            out[at] = 47
            at = put_int(out, at + 1, u8(pool, where + 2))
            out[at] = 34
            at += 1
        elif code == 15 and size >= 2:
            errors += 1
            at = put(out, at, b',"extended_error":')
            at = put_int(out, at, u16(pool, where))
            if size > 2:
                at = put(out, at, b',"extended_error_text":"')
                at = dns_wire_text(pool, out, at, where + 2, where + size)
                if at < 0:
                    return -1
                out[at] = 34
                at += 1
        where += size
    if subnets > 1 or errors > 1:
        return -1
    out[at] = 125
    return at + 1


def dns_extra(
    pool: Bytes, out: Out, scratch: Out, at: int, stop: int, base: int, where: int, end: int, about: int, size: int,
    opt: int,
) -> int:  # fmt: skip
    """What else the message has, `,"dns":{…}` within `vonggac`, or nothing; -1 where it is not for here."""
    begun = at
    at = put(out, at, b',"dns":')
    authorities, additionals = u16(pool, base + 8), u16(pool, base + 10)
    if authorities:
        at = put(out, at, b'{"authorities":')
        at, where = dns_section(pool, out, at, stop, base, where, end, about, size, authorities, opt)
        if at < 0:
            return -1
    if additionals > (1 if opt else 0):
        at = put(out, at, b',"additionals":' if authorities else b'{"additionals":')
        at, where = dns_section(pool, out, at, stop, base, where, end, about, size, additionals, opt)
        if at < 0:
            return -1
    if opt:
        out[at] = 44 if authorities or additionals > 1 else 123
        at = dns_edns(pool, out, scratch, at + 1, stop, opt)
        if at < 0:
            return -1
    if not authorities and not additionals:
        return begun
    out[at] = 125
    return at + 1


def dns_related(out: Out, work: Ints, begin: int, at: int, addresses: int, hosts: int) -> int:
    """The rest of `related`, whose list of addresses began at `begin` with the flow's ends: what was resolved, and the
    names; each text once."""
    begin += 1
    ends = 0
    for n in range(begin, at):
        if out[n] == 34:
            if n - begin > 1:
                work[DNS_ENDS + ends] = begin << 16 | n - begin
                ends += 1
            begin = n + 1
    for n in range(addresses):
        begin, size = int(work[n]) >> 16, int(work[n]) & 0xFFFF
        if dns_is_new(out, work, DNS_ENDS, ends, begin, size):
            out[at], out[at + 1] = 44, 34
            for octet in range(size):
                out[at + 2 + octet] = out[begin + octet]
            out[at + 2 + size] = 34
            at += size + 3
    if not hosts:
        return put(out, at, b"]}}")
    at = put(out, at, b'],"hosts":')
    return put(out, dns_list(out, work, at, DNS_HOSTS, hosts), b"}}")


def dns_tell(w: World, flow: int, slot: int, head: int, base: int, end: int, ns: int, trial: bool) -> bool:
    """The event of the message at `base`, which begins as the numbers at `head` in the pool say: they are its own, or
    those of the question that it answers at `ns`. False where it is not for here; nothing is told then. A `trial` tells
    nothing either way: it is written where text goes next, with room left before it."""
    pool, out = w.pool, w.out
    opt = dns_scan(pool, base, end)
    if opt < 0:
        return False
    position, begun = dns_number(pool, head), dns_number(pool, head + 8)
    joined = head != base - DNS_HEAD
    asked, asked_end = base if u16(pool, base + 4) else -1, end
    if asked < 0 and joined and u16(pool, head + DNS_HEAD + 4):
        asked = head + DNS_HEAD
        asked_end = asked + (dns_number(pool, head + 16) >> 1)
    begin = int(w.numbers[OUT])
    at = begin + DNS_AROUND + int(w.numbers[SOURCE_END] - w.numbers[ID_END])
    if not trial:
        at = begin_event(w, begin, b"dns", b'"category":["network"],"type":["protocol"]', position, begun, 0)
        if joined:
            at = put_int(out, put(out, at, b',"duration":'), ns - begun)
        if u8(pool, base + 2) & 0x80:
            success = not dns_rcode(pool, base, opt)
            at = put(out, at, b',"outcome":"success"' if success else b',"outcome":"failure"')
        at = put_ends(w, at, flow, DNS, 0, 0)
    stop = begin + DNS_MAX_TEXT
    at, where, stop, addresses, hosts, about, own = dns_object(
        pool, out, w.work, at, stop, base, end, asked, asked_end, opt
    )
    if at < 0:
        return False
    if not trial:
        at = put_source(w, at, position)
    at = dns_extra(pool, out, w.scratch, at, stop, base, where, end, about, own, opt)
    if trial or at < 0:
        return at >= 0
    out[at] = 125
    related = at + 1
    at = put_related(w, related, flow)
    at = dns_related(out, w.work, related + len(b',"related":{"ip":['), at, addresses, hosts)
    tell_line(w, begin, at)
    w.slots[slot, S_ALLOWANCE] -= BYTES_PER_TELLING
    return True


# --- the talk


def dns_number(pool: Bytes, at: int) -> int:
    """A number before a waiting question's bytes."""
    return little32(pool, at) | little32(pool, at + 4) << 32


def dns_put_number(pool: Bytes, at: int, number: int) -> None:
    for n in range(8):
        pool[at + n] = (number >> 8 * n & 255 ^ 128) - 128  # as bytes are signed


def dns_late(pool: Bytes, at: int, waiting: int, ns: int) -> int:
    """How many of the questions that wait from there on have waited for too long by now, the oldest first."""
    late = 0
    while late < waiting and ns - dns_number(pool, at + 8) > DNS_PATIENCE_NS:
        at += DNS_HEAD + (dns_number(pool, at + 16) >> 1)
        late += 1
    return late


def dns_drop(pool: Bytes, state: Ints, at: int, end: int) -> int:
    """Forget the question at this offset; what stands behind it moves, as far as `end`. How far it did."""
    step = DNS_HEAD + (dns_number(pool, at + 16) >> 1)
    for n in range(at, end - step):
        pool[n] = pool[n + step]
    state[S_USED] -= step
    state[S_DNS_WAITING] -= 1
    return step


def dns_same_question(pool: Bytes, a: int, a_end: int, b: int) -> bool:
    """Whether the message at `b` has the same question as that at `a`, which has one, in whatever case."""
    if not u16(pool, b + 4):
        return False
    end = dns_skip(pool, a + 12, a_end)
    for n in range(12, end - a):
        one, other = u8(pool, a + n), u8(pool, b + n)
        if one != other and (one | 32 != other | 32 or not 97 <= one | 32 <= 122):
            return False
    return u16(pool, end) == u16(pool, b + end - a)


def dns_asked(pool: Bytes, at: int, waiting: int, side: int, base: int, end: int) -> int:
    """Which of the questions that wait from there on is the oldest of the other side that the message at `base`
    answers; -1 where none is."""
    for _ in range(waiting):
        what = dns_number(pool, at + 16)
        asked = at + DNS_HEAD
        if (
            what & 1 != side
            and u16(pool, asked) == u16(pool, base)
            and (not u16(pool, base + 4) or dns_same_question(pool, base, end, asked))
        ):
            return at
        at = asked + (what >> 1)
    return -1


def dns_hears(
    w: World, flow: int, slot: int, side: int, data: Bytes, at: int, end: int, position: int, ns: int
) -> int:  # fmt: skip
    """One datagram is one message."""
    state, pool = w.slots[slot], w.pool
    size, used = end - at, int(state[S_USED])
    step = DNS_HEAD + size
    if size < 12 or (used + step > state[S_CAPACITY] and not room(w, slot, used, step)):
        return UNUSUAL
    area = int(state[S_AREA])
    for n in range(size):
        pool[area + used + DNS_HEAD + n] = data[at + n]
    head = area + used
    dns_put_number(pool, head, position)
    dns_put_number(pool, head + 8, ns)
    dns_put_number(pool, head + 16, size << 1 | side)
    waiting = int(state[S_DNS_WAITING])
    answers = u8(pool, head + DNS_HEAD + 2) & 0x80 != 0
    late = dns_late(pool, area, waiting, ns)
    if not answers:
        late = max(late, waiting + 1 - DNS_MAX_WAITING)
        # Questions wait in the order of time, so that asking them again gives up none.
        if waiting and ns < state[S_DNS_LAST_NS]:
            return UNUSUAL
    trial = late > 0 or not answers
    if trial:
        told = late <= DNS_MAX_GIVEN_UP and dns_tell(w, flow, slot, head, head + DNS_HEAD, head + step, ns, trial)
        if not told:
            return UNUSUAL
        trial = False
    for _ in range(late):
        base = area + DNS_HEAD
        dns_tell(w, flow, slot, area, base, base + (dns_number(pool, area + 16) >> 1), ns, trial)
        head -= dns_drop(pool, state, area, head + step)
    state[S_DNS_HEARD] = 1
    if not answers:
        state[S_USED] = head + step - area
        state[S_DNS_WAITING] += 1
        state[S_DNS_LAST_NS] = ns
        return TAKEN
    base = head + DNS_HEAD
    asked = dns_asked(pool, area, waiting - late, side, base, base + size)
    if not dns_tell(w, flow, slot, head if asked < 0 else asked, base, base + size, ns, trial):
        return UNUSUAL
    if asked >= 0:
        dns_drop(pool, state, asked, head)
    return TAKEN


def dns_ends(w: World, flow: int, slot: int) -> int:
    """The flow ended: what still waits has no answer."""
    state, pool = w.slots[slot], w.pool
    waiting, at = int(state[S_DNS_WAITING]), int(state[S_AREA])
    if waiting > DNS_MAX_GIVEN_UP:
        return UNUSUAL
    for _ in range(waiting):
        base, size = at + DNS_HEAD, dns_number(pool, at + 16) >> 1
        dns_tell(w, flow, slot, at, base, base + size, dns_number(pool, at + 8), waiting < 0)
        at = base + size
    return TAKEN


LOOPS = (
    is_dns_port, dns_word, dns_type, dns_class, dns_key, dns_is_utf8, dns_odd_label, dns_name, dns_lower, dns_skip,
    dns_strings, dns_wire_text, dns_numbers, dns_bitmap, dns_parameter, dns_service, dns_proof, dns_texts,
    dns_authority, dns_data, dns_scan, dns_rcode, dns_flags, dns_record, dns_is_new, dns_has_parts, dns_list,
    dns_answers, dns_object, dns_section, dns_edns, dns_extra, dns_related, dns_number, dns_put_number, dns_tell,
    dns_late, dns_drop, dns_same_question, dns_asked, dns_hears, dns_ends,
)  # fmt: skip
