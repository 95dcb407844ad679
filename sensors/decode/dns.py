"""DNS messages (RFC 1035 §4) with EDNS (RFC 6891); what their records say is read in `sensors.decode.rdata`.

Pure: bytes in, a Message out, or Undecodable. Every loop has a named bound.
"""

from __future__ import annotations

import struct
from struct import unpack_from
from typing import NamedTuple

from sensors.decode.fault import Undecodable
from sensors.decode.rdata import Names, decode_rdata
from sensors.decode.text import wire_text

#: RFC 1035 §2.3.4: a name has at most 255 octets.
MAX_NAME = 255
#: Compression pointers followed in one name.
MAX_POINTERS = 64
#: Records read of one message; a zone transfer's message may hold more, which are counted only.
MAX_RECORDS = 512
#: Records read of the authority and of the additional section.
MAX_OTHER = 16
#: EDNS options read of one message.
MAX_OPTIONS = 32

TYPES = {
    1: "A", 2: "NS", 5: "CNAME", 6: "SOA", 10: "NULL", 12: "PTR", 13: "HINFO", 15: "MX", 16: "TXT", 17: "RP",
    18: "AFSDB", 24: "SIG", 25: "KEY", 28: "AAAA", 29: "LOC", 32: "NB", 33: "SRV", 35: "NAPTR", 36: "KX", 37: "CERT",
    38: "A6", 39: "DNAME", 41: "OPT", 42: "APL", 43: "DS", 44: "SSHFP", 46: "RRSIG", 47: "NSEC", 48: "DNSKEY",
    49: "DHCID", 50: "NSEC3", 51: "NSEC3PARAM", 52: "TLSA", 53: "SMIMEA", 55: "HIP", 59: "CDS", 60: "CDNSKEY",
    61: "OPENPGPKEY", 62: "CSYNC", 63: "ZONEMD", 64: "SVCB", 65: "HTTPS", 99: "SPF", 108: "EUI48", 109: "EUI64",
    249: "TKEY", 250: "TSIG", 251: "IXFR", 252: "AXFR", 255: "ANY", 256: "URI", 257: "CAA", 32769: "DLV",
    65399: "PRIVATE",
}  # fmt: skip
_OPT = 41
_TO_QUESTION = b"\xc0\x0c"  # a pointer to the name behind the header
CLASSES = {1: "IN", 3: "CH", 4: "HS", 254: "NONE", 255: "ANY"}
OPCODES = {0: "QUERY", 1: "IQUERY", 2: "STATUS", 4: "NOTIFY", 5: "UPDATE", 6: "DSO"}
#: What the NetBIOS name service has under numbers that mean something else in DNS (RFC 1002 §4.2.1).
NETBIOS_TYPES = {"NB": "NB", "SRV": "NBSTAT"}
NETBIOS_OPCODES = {
    "QUERY": "QUERY", "UPDATE": "REGISTRATION", "DSO": "RELEASE", "7": "WACK", "8": "REFRESH", "9": "REFRESH",
    "15": "MULTIHOMED_REGISTRATION",
}  # fmt: skip
EDNS_OPTIONS = {
    1: "llq", 2: "update_lease", 3: "nsid", 5: "dau", 6: "dhu", 7: "n3u", 8: "client_subnet", 9: "expire",
    10: "cookie", 11: "tcp_keepalive", 12: "padding", 13: "chain", 14: "key_tag", 15: "extended_error",
    16: "client_tag", 17: "server_tag", 18: "report_channel", 19: "zoneversion",
}  # fmt: skip
RCODES = {
    0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED", 6: "YXDOMAIN", 7: "YXRRSET",
    8: "NXRRSET", 9: "NOTAUTH", 10: "NOTZONE", 16: "BADVERS", 17: "BADKEY", 18: "BADTIME", 19: "BADMODE",
    20: "BADNAME", 21: "BADALG", 22: "BADTRUNC", 23: "BADCOOKIE",
}  # fmt: skip
_FLAGS = ((0x0400, "AA"), (0x0200, "TC"), (0x0100, "RD"), (0x0080, "RA"), (0x0020, "AD"), (0x0010, "CD"))


class Question(NamedTuple):
    name: str
    type: str
    class_: str


class Record(NamedTuple):
    name: str
    type: str
    class_: str
    ttl: int
    data: str


class Edns(NamedTuple):
    """The OPT record (RFC 6891 §6.1): code and octets of each option."""

    udp_size: int
    version: int
    dnssec: bool
    options: tuple[tuple[int, bytes], ...]


class Message(NamedTuple):
    id: int
    response: bool
    opcode: str
    rcode: str
    flags: tuple[str, ...]
    questions: tuple[Question, ...]
    answers: tuple[Record, ...]
    authorities: tuple[Record, ...]
    additionals: tuple[Record, ...]  # without the OPT record
    edns: Edns | None
    counts: tuple[int, int, int, int]
    trailing: int  # bytes after the last record


def decode_dns(data: bytes) -> Message:
    """The message: all of its answers up to 512 records, and the first of the other two sections."""
    try:
        return _message(data)
    except (IndexError, struct.error) as error:
        raise Undecodable("dns", len(data), "cut") from error


def _message(data: bytes) -> Message:
    ident, bits, *counts = unpack_from("!HHHHHH", data, 0)
    at = 12
    known: dict[int, tuple[str, int]] = {}
    names = Names(lambda where: _name(data, where, known), type_name)
    questions: list[Question] = []
    for _ in range(min(counts[0], MAX_RECORDS)):
        name, at = _name(data, at, known)
        kind, class_ = unpack_from("!HH", data, at)
        at += 4
        # The top bit of the class is mDNS's "unicast answer wanted" (RFC 6762 §5.4).
        questions.append(Question(name, type_name(kind), _class_name(class_ & 0x7FFF)))
    sections: tuple[list[Record], list[Record], list[Record]] = ([], [], [])
    edns: Edns | None = None
    extended = 0
    borders = (counts[1], counts[1] + counts[2])
    for index in range(min(sum(counts[1:]), MAX_RECORDS)):
        if questions and data[at : at + 2] == _TO_QUESTION:  # by far the most common
            name, at = questions[0].name, at + 2
        else:
            name, at = _name(data, at, known)
        kind, class_, ttl, size = unpack_from("!HHIH", data, at)
        at += 10
        if at + size > len(data):
            raise Undecodable("dns", at - 2, "record_length")
        section = sections[0 if index < borders[0] else 1 if index < borders[1] else 2]
        if kind == _OPT and index >= borders[1]:
            extended = ttl >> 24
            edns = Edns(class_, ttl >> 16 & 0xFF, bool(ttl & 0x8000), _options(data, at, size))
        elif section is sections[0] or len(section) < MAX_OTHER:
            read = decode_rdata if section is sections[0] else _lenient
            text = read(data, kind, at, size, names)
            section.append(Record(name, type_name(kind), _class_name(class_ & 0x7FFF), ttl, text))
        at += size
    rcode = (bits & 15) | extended << 4
    return Message(
        ident,
        bool(bits & 0x8000),
        OPCODES.get(bits >> 11 & 15, str(bits >> 11 & 15)),
        RCODES.get(rcode, str(rcode)),
        tuple(name for bit, name in _FLAGS if bits & bit),
        tuple(questions),
        tuple(sections[0]),
        tuple(sections[1]),
        tuple(sections[2]),
        edns,
        (counts[0], counts[1], counts[2], counts[3]),
        len(data) - at,
    )


def netbios_name(name: str) -> tuple[str, int] | None:
    """The name and the service byte in a first-level encoded NetBIOS name (RFC 1001 §14.1); None where it is none."""
    first, _, scope = name.partition(".")
    if len(first) != 32 or not all("A" <= letter <= "P" for letter in first):
        return None
    octets = bytes((ord(first[n]) - 65) << 4 | ord(first[n + 1]) - 65 for n in range(0, 32, 2))
    text = wire_text(octets[:15].rstrip(b" \0"))
    return (f"{text}.{scope}" if scope else text), octets[15]


def plausible(data: bytes) -> bool:
    """Whether a payload on any port is a DNS message, for recognition by content: strict on purpose."""
    if len(data) < 17:
        return False
    bits, questions, answers, authority, additional = unpack_from("!HHHHH", data, 2)
    opcode, response = bits >> 11 & 15, bits & 0x8000
    if questions != 1 or opcode not in (0, 4, 5) or bits & 0x0040 or (not response and answers):
        return False
    if answers > 256 or authority > 64 or additional > 64:
        return False
    try:
        message = decode_dns(data)
    except Undecodable:
        return False
    question = message.questions[0]
    return not question.type.startswith("TYPE") and question.class_ in ("IN", "CH", "ANY") and not message.trailing


def type_name(number: int) -> str:
    """RFC 3597 §5 for the unknown ones."""
    return TYPES.get(number) or f"TYPE{number}"


def _class_name(number: int) -> str:
    return CLASSES.get(number) or f"CLASS{number}"


def _name(data: bytes, at: int, known: dict[int, tuple[str, int]]) -> tuple[str, int]:
    """The name at `at` as text without the last dot, and where the bytes after it begin (RFC 1035 §4.1.4).

    `known` has the text and the octets of names read before, by offset: a message's bytes are read once, however often
    its pointers name them.
    """
    chain: list[tuple[int, str, int]] = []  # offset, label, octets; a pointer's target has no label
    after = -1
    pointers = walked = 0
    suffix, octets = "", 0
    while size := data[at]:
        if size >= 0xC0:
            pointers += 1
            target = (size & 0x3F) << 8 | data[at + 1]
            after = at + 2 if after < 0 else after
            if pointers > MAX_POINTERS or target >= at:
                raise Undecodable("dns", at, "pointer_loop")
            if target in known:
                suffix, octets = known[target]
                break
            chain.append((target, "", 0))
            at = target
            continue
        if size > 63:
            raise Undecodable("dns", at, "label_type")
        walked += size + 1
        if walked > MAX_NAME:
            raise Undecodable("dns", at, "name_length")
        label = data[at + 1 : at + 1 + size]
        if len(label) < size:
            raise Undecodable("dns", at, "cut")
        chain.append((at, _label(label), size + 1))
        at += size + 1
    for offset, text, length in reversed(chain):
        octets += length
        if octets > MAX_NAME:
            raise Undecodable("dns", offset, "name_length")
        if length:
            suffix = f"{text}.{suffix}" if suffix else text
        known[offset] = (suffix, octets)
    return suffix, at + 1 if after < 0 else after


def _label(label: bytes) -> str:
    """Printable ASCII as it is, valid UTF-8 (mDNS) too; other bytes as \\DDD (RFC 4343 §2.1)."""
    if label.isascii() and label.isalnum():
        return label.decode("ascii")
    try:
        text = label.decode("utf-8")
    except UnicodeDecodeError:
        text = ""
    if text and text.isprintable() and "." not in text and "\\" not in text:
        return text
    return "".join(chr(b) if 33 <= b < 127 and b not in (46, 92) else f"\\{b:03d}" for b in label)


def _lenient(data: bytes, kind: int, at: int, size: int, names: Names) -> str:
    """A record's data beside the answers, where a fault in it costs no more than its text."""
    try:
        return decode_rdata(data, kind, at, size, names)
    except (Undecodable, IndexError, struct.error):
        return data[at : at + size].hex()


def _options(data: bytes, at: int, size: int) -> tuple[tuple[int, bytes], ...]:
    """EDNS options; a cut one ends the list."""
    found: list[tuple[int, bytes]] = []
    end = at + size
    while at + 4 <= end and len(found) < MAX_OPTIONS:
        code, length = unpack_from("!HH", data, at)
        if at + 4 + length > end:
            break
        found.append((code, data[at + 4 : at + 4 + length]))
        at += 4 + length
    return tuple(found)
