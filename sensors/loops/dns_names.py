"""Words and names of DNS (RFC 1035 §3.1, §4.1.4), as JSON."""

from __future__ import annotations

import numpy as np

from sensors.loops.octets import Bytes, Out, u8
from sensors.loops.text import put, put_bytes, put_int, put_padded

#: `sensors.decode.dns`.
DNS_MAX_NAME = 255
DNS_MAX_POINTERS = 64

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
#: How a byte stands in a label: as it is; behind a backslash of JSON's; only as \DDD; as part of UTF-8, if it is that.
DNS_PLAIN, DNS_QUOTED, DNS_ODD, DNS_HIGH = 0, 1, 2, 3
DNS_LOOKS = np.array(
    [DNS_HIGH if n > 127 else DNS_QUOTED if n == 34 else DNS_ODD if n in (46, 92, 127) or n < 32 else 0
     for n in range(256)],
    np.int64,
)  # fmt: skip


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


LOOPS = (
    dns_word, dns_type, dns_class, dns_key, dns_is_utf8, dns_odd_label, dns_name, dns_lower, dns_skip,
)  # fmt: skip
