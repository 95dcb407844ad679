"""Lines of FTP's control connection (RFC 959, RFC 2428), as `sensors.decode.ftp` and `reply` read them.

A slot's area keeps lines as entries: what is not all there of either side's, commands that wait for their replies,
lines of replies that are not told yet, and the last USER.
"""

from __future__ import annotations

from sensors.loops.http_head import http_is_address, http_trim
from sensors.loops.kept import (
    E_OWN,
    E_SIZE,
    ENTRY_HEAD,
    entry_add,
    entry_find,
    entry_more,
    entry_number,
    entry_set,
)
from sensors.loops.octets import Bytes, u8
from sensors.loops.world import S_OWN, World

# --- a slot's columns
FTP_CLIENT = S_OWN  # the side that gives commands, and 1; 0 before any bytes
FTP_WAITING = S_OWN + 1  # commands
FTP_CODE = S_OWN + 2  # of the reply that is open, or 0
FTP_LINES, FTP_WHOLE = S_OWN + 3, S_OWN + 4  # of replies, all and those of whole replies
FTP_STATUS, FTP_ANSWERED_NS = S_OWN + 5, S_OWN + 6  # of the last whole reply; 0 where none waits to be told
FTP_AGREED, FTP_OFFSET = S_OWN + 7, S_OWN + 8  # whether a data connection waits for its command, which begins there

# --- kinds of entries; only a part has an owner, its side
FTP_PART, FTP_COMMAND, FTP_REPLY, FTP_USER = 0, 1, 2, 3
# --- numbers of entries. Text is the argument of a command or what follows a reply's code, counted from the first byte.
FTP_VERB, FTP_VERB_SIZE = E_OWN, E_OWN + 1  # of a command: the verb where it has four letters, else 0
FTP_ENDS = E_OWN  # of a reply's line: the code, where it is the last
FTP_TEXT, FTP_TEXT_END = E_OWN + 2, E_OWN + 3
FTP_PORT, FTP_ADDRESS = E_OWN + 4, E_OWN + 5  # where its data connection is opened to: 0 where no word is of one
#: Added to the port where the server listens there.
FTP_PASSIVE = 1 << 16

#: A line that is longer, or than the second one where it is not ASCII, is not for the loops: no text needs cutting.
_FTP_LINE_MAX, _FTP_ENCODED_MAX = 512, 128


#: The hole for a text that is not ASCII, which is as it was sent.
HOLE_FTP_TEXT = b"\0f"


def _ftp_word(verb: str) -> int:
    return int.from_bytes(verb.encode(), "big")


FTP_V_USER, FTP_V_PASS, FTP_V_ACCT, FTP_V_ADAT = map(_ftp_word, ("USER", "PASS", "ACCT", "ADAT"))
FTP_V_PORT, FTP_V_EPRT, FTP_V_REST, FTP_V_AUTH = map(_ftp_word, ("PORT", "EPRT", "REST", "AUTH"))
FTP_V_RETR, FTP_V_STOR, FTP_V_STOU, FTP_V_APPE = map(_ftp_word, ("RETR", "STOR", "STOU", "APPE"))
FTP_V_LIST, FTP_V_NLST, FTP_V_MLSD = map(_ftp_word, ("LIST", "NLST", "MLSD"))


def ftp_has(data: Bytes, at: int, end: int, word: bytes) -> bool:
    """Whether a word of lower case letters stands there, in either case."""
    for begin in range(at, end - len(word) + 1):
        same = 0
        while same < len(word) and u8(data, begin + same) | 32 == word[same]:
            same += 1
        if same == len(word):
            return True
    return False


def begins_ftp(data: Bytes, at: int, end: int) -> bool:
    """Whether a connection's first piece is a greeting that names FTP and no server of mail."""
    if not 7 <= end - at <= 2 * _FTP_LINE_MAX or (data[at + 3] != 32 and data[at + 3] != 45):
        return False
    code = ftp_code(data, at, end)
    if code != 220 and code != 120 and code != 421:
        return False
    stop = at
    while stop < end and data[stop] != 10 and data[stop] != 13:
        stop += 1
    if ftp_has(data, at, stop, b"smtp"):
        return False
    if ftp_has(data, at, stop, b"ftp"):
        return True
    mail = ftp_has(data, at, stop, b"lmtp") or ftp_has(data, at, stop, b"exim")
    mail = mail or ftp_has(data, at, stop, b"postfix") or ftp_has(data, at, stop, b"sendmail")
    return not mail and ftp_has(data, at, stop, b"filezilla")


def ftp_is_plain(data: Bytes, at: int, end: int) -> bool:
    """Whether it is lines without tabs and ASCII's other controls."""
    for n in range(at, end):
        byte = data[n]
        if (0 <= byte < 32 and byte != 10 and byte != 13) or byte == 127:
            return False
    return True


def ftp_is_ascii(data: Bytes, at: int, end: int) -> bool:
    for n in range(at, end):  # noqa: SIM110 a generator is not for the compiler
        if data[n] < 0:
            return False
    return True


def ftp_keep(w: World, slot: int, side: int, data: Bytes, at: int, end: int) -> int:
    """The entry of the side's line, of which these are the next bytes; -1 where it is not for the loops."""
    entry = entry_find(w, slot, FTP_PART, side)
    if end - at > _FTP_LINE_MAX:
        return -1
    if entry < 0:
        return entry_add(w, slot, FTP_PART, side, data, at, end - at)
    if entry_number(w, entry, E_SIZE) + end - at > _FTP_LINE_MAX:
        return -1
    return entry_more(w, slot, entry, data, at, end - at)


def ftp_line_end(w: World, entry: int) -> int:
    """Where the line ends without its CR; -1 where it is not for the loops."""
    begin = entry + ENTRY_HEAD
    end = begin + entry_number(w, entry, E_SIZE)
    while end > begin and w.pool[end - 1] == 13:
        end -= 1
    for n in range(begin, end):
        if w.pool[n] == 13:
            return -1
    return end if end - begin <= _FTP_ENCODED_MAX or ftp_is_ascii(w.pool, begin, end) else -1


def ftp_set_text(w: World, entry: int, begin: int, end: int) -> None:
    begin, end = http_trim(w.pool, begin, end)
    entry_set(w, entry, FTP_TEXT, begin - entry - ENTRY_HEAD)
    entry_set(w, entry, FTP_TEXT_END, end - entry - ENTRY_HEAD)


def ftp_text(w: World, entry: int) -> tuple[int, int]:
    """Where an entry's text stands."""
    begin = entry + ENTRY_HEAD
    return begin + entry_number(w, entry, FTP_TEXT), begin + entry_number(w, entry, FTP_TEXT_END)


def ftp_reads_command(w: World, entry: int, end: int) -> bool:
    """The verb and where its argument stands are in the entry's numbers; False where the line is no command."""
    data, at, verb = w.pool, entry + ENTRY_HEAD, 0
    while at < end and 97 <= u8(data, at) | 32 <= 122:
        verb = (verb & 0xFFFFFF) << 8 | u8(data, at) & 0xDF
        at += 1
    size = at - entry - ENTRY_HEAD
    if not 3 <= size <= 10 or (at < end and data[at] != 32):
        return False
    entry_set(w, entry, FTP_VERB, verb if size == 4 else 0)
    entry_set(w, entry, FTP_VERB_SIZE, size)
    ftp_set_text(w, entry, at, end)
    return True


def ftp_code(data: Bytes, at: int, end: int) -> int:
    """The code of a line that begins or ends a reply; 0 of any other (RFC 959 §4.2)."""
    if end - at < 3 or not 49 <= data[at] <= 57 or (end - at > 3 and data[at + 3] != 32 and data[at + 3] != 45):
        return 0
    if not 48 <= data[at + 1] <= 57 or not 48 <= data[at + 2] <= 57:
        return 0
    return 100 * u8(data, at) + 10 * u8(data, at + 1) + u8(data, at + 2) - 5_328


def ftp_number(data: Bytes, at: int, end: int) -> int:
    """Digits and nothing else, of which there may be 18; else 0."""
    number = 0
    if end - at > 18:
        return 0
    for n in range(at, end):
        if not 48 <= data[n] <= 57:
            return 0
        number = 10 * number + u8(data, n) - 48
    return number


def ftp_host_port(data: Bytes, begin: int, end: int) -> tuple[int, int]:
    """Port and IPv4 address of the first `h1,h2,h3,h4,p1,p2` (RFC 959 §4.1.2); port 0 where there is none."""
    for start in range(begin, end):
        at, parts, value, large = start, 0, 0, False
        while parts < 6:
            number, first = 0, at
            while at < end and at - first < 3 and 48 <= data[at] <= 57:
                number = 10 * number + u8(data, at) - 48
                at += 1
            if at == first:
                break
            parts += 1
            large = large or number > 255
            value = value << 8 | number & 255
            if parts < 6:
                if at == end or data[at] != 44:
                    break
                at += 1
        if parts == 6:
            return 0 if large else value & 0xFFFF, value >> 16
    return 0, -1


def ftp_port_end(data: Bytes, at: int, end: int, mark: int) -> int:
    """Where one to five digits end of which this is the first, and behind which the mark stands; -1 otherwise."""
    last = at
    while last < end and last - at < 5 and 48 <= data[last] <= 57:
        last += 1
    for stop in range(last, at, -1):
        if stop < end and data[stop] == mark:
            return stop
    return -1


def ftp_address_end(data: Bytes, at: int, end: int, mark: int) -> int:
    """Where an address of up to 45 characters ends, behind which a mark and a port stand; -1 otherwise."""
    last = at
    while last < end and last - at < 45:
        byte = u8(data, last)
        if not (48 <= byte <= 58 or byte == 46 or 97 <= byte | 32 <= 102):
            break
        last += 1
    for stop in range(last, at - 1, -1):
        if stop < end and data[stop] == mark and ftp_port_end(data, stop + 1, end, mark) >= 0:
            return stop
    return -1


def ftp_extended(data: Bytes, begin: int, end: int) -> tuple[int, int]:
    """Port and IPv4 address (-1: none) of the first `|1|132.235.1.2|6275|` or `|||6446|` (RFC 2428 §2, §3); port 0
    where there is none, -1 where the address has colons."""
    for start in range(begin, end - 1):
        mark = int(data[start])
        for given in range(1, -1, -1):  # a family, or none
            at = start + 1 + given
            if at >= end or data[at] != mark or (given and data[at - 1] != 49 and data[at - 1] != 50):
                continue
            stop = ftp_address_end(data, at + 1, end, mark)
            if stop >= 0:
                port = ftp_number(data, stop + 1, ftp_port_end(data, stop + 1, end, mark))
                return ftp_end_of(data, at + 1, stop, port if port < 65_536 else 0)
    return 0, -1


def ftp_end_of(data: Bytes, begin: int, end: int, port: int) -> tuple[int, int]:
    """The same of an address that is written as usual."""
    if begin == end:
        return port, -1
    for n in range(begin, end):
        if data[n] == 58:
            return -1, -1
    if not http_is_address(data, begin, end):
        return 0, -1
    address = number = 0
    for n in range(begin, end):
        if data[n] == 46:
            address, number = address << 8 | number, 0
        else:
            number = 10 * number + u8(data, n) - 48
    return port, address << 8 | number


LOOPS = (
    ftp_has, ftp_code, begins_ftp, ftp_is_plain, ftp_is_ascii, ftp_keep, ftp_line_end, ftp_set_text, ftp_text,
    ftp_reads_command, ftp_number, ftp_host_port, ftp_port_end, ftp_address_end, ftp_end_of, ftp_extended,
)  # fmt: skip
