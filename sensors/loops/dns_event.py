"""The event of a DNS message and, where one came, its answer: `sensors.talks.dns` writes the same."""

from __future__ import annotations

import numpy as np

from sensors.loops.dns_names import (
    DNS_OPCODES,
    DNS_OPTIONS,
    DNS_RCODES,
    dns_class,
    dns_lower,
    dns_name,
    dns_skip,
    dns_type,
    dns_word,
)
from sensors.loops.dns_records import dns_data, dns_wire_text
from sensors.loops.documents import DNS, begin_event, put_ends, put_related, put_source, tell_line
from sensors.loops.octets import Bytes, Ints, Out, little32, u8, u16, u32
from sensors.loops.slots import BYTES_PER_TELLING
from sensors.loops.text import put, put_address, put_bytes, put_int
from sensors.loops.world import HOLE_DOMAIN, HOLE_END, ID_END, OUT, S_ALLOWANCE, SOURCE_END, World

#: The numbers before a waiting question's bytes.
DNS_HEAD = 24
#: Answers of one message (the talk tells no more either), and records.
DNS_MAX_ANSWERS = 64
DNS_MAX_RECORDS = 512
DNS_MAX_OTHER = 16
DNS_MAX_OPTIONS = 32
#: The most text that an event's records and what repeats them may take, and what an event has around them.
DNS_MAX_TEXT = 60_000
DNS_AROUND = 2_048
#: The most text of one record or name without its data's own bytes, of which each takes 8 at most.
DNS_RECORD = 5_000
DNS_PER_BYTE = 8
#: Where `work` has places of text in `out`: of addresses, of hosts, of the flow's ends. A place is its offset << 16
#: and its size.
DNS_HOSTS, DNS_ENDS = 64, 130


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


LOOPS = (
    dns_scan, dns_rcode, dns_flags, dns_record, dns_is_new, dns_has_parts, dns_list, dns_answers, dns_object,
    dns_section, dns_edns, dns_extra, dns_related, dns_number, dns_put_number, dns_tell,
)  # fmt: skip
