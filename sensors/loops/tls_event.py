"""The event of a TLS handshake: `sensors.talks.tls_event` writes the same."""

from __future__ import annotations

import numpy as np

from sensors.loops.documents import TLS, begin_event, put_ends, put_related, put_source, tell_line
from sensors.loops.octets import Bytes, Ints, Out, u8, u16, u24
from sensors.loops.slots import BYTES_PER_TELLING
from sensors.loops.text import put, put_base64, put_bytes, put_int, put_json_lower
from sensors.loops.tls_hello import read_tls_hello, tls_facts
from sensors.loops.tls_names import TLS_GROUP, put_tls_name, put_tls_protocol, put_tls_version
from sensors.loops.tls_prints import tls_prints
from sensors.loops.tls_slot import (
    HOLE_CERTIFICATE,
    HOLE_RELATED,
    TLS_ALERT,
    TLS_ALPN,
    TLS_ALPN_END,
    TLS_BEST_VERSION,
    TLS_CHAIN,
    TLS_CHAINED,
    TLS_CHOSEN,
    TLS_CLIENT,
    TLS_CURVE,
    TLS_FACTS_ROOM,
    TLS_JA3_AT,
    TLS_JA4_AT,
    TLS_NAME,
    TLS_NAME_SIZE,
    TLS_NAME_TEXT,
    TLS_PRINTS,
    TLS_RESUMES,
    TLS_SEALED,
    TLS_SERVER,
    TLS_SESSION,
    TLS_SHARE,
    TLS_SUITES,
    TLS_SUITES_COUNT,
)
from sensors.loops.world import HOLE_DOMAIN, HOLE_END, OUT, S_ALLOWANCE, S_AREA, S_BEGUN, S_BEGUN_NS, World

TLS_SHOWN = 64  # `sensors.talks.tls_event.MAX_OFFERED`


def put_tls_client(w: World, at: int, facts: Ints) -> int:
    """`,"client":{` with what a ClientHello says; the object stays open."""
    out, text = w.out, w.scratch.view(np.int8)
    at = put(out, at, b',"client":{"ja3":"')
    at = put_bytes(out, at, text, int(facts[TLS_JA3_AT]), int(facts[TLS_JA3_AT]) + 32)
    at = put(out, at, b'","ja4":"')
    at = put_bytes(out, at, text, int(facts[TLS_JA4_AT]), int(facts[TLS_JA4_AT]) + 36)
    size = int(facts[TLS_NAME_SIZE])
    if size:
        at = put(out, at, b'","server_name":"')
        at = put_bytes(out, at, text, TLS_NAME_TEXT, TLS_NAME_TEXT + size)
    at = put(out, at, b'"')
    count = min(int(facts[TLS_SUITES_COUNT]), TLS_SHOWN)
    for n in range(count):
        at = put(out, at, b'","' if n else b',"supported_ciphers":["')
        at = put_tls_name(out, at, u16(w.pool, int(facts[TLS_SUITES]) + 2 * n))
    return put(out, at, b'"]') if count else at


def put_tls_resumed(out: Out, at: int, resumed: bool) -> int:
    return put(out, at, b',"resumed":true' if resumed else b',"resumed":false')


def put_tls_chosen(w: World, at: int, facts: Ints) -> int:
    """What a ServerHello says, into `"server":{`, which stays open."""
    out = w.out
    at = put(out, at, b',"version":"')
    at = put_tls_version(out, at, int(facts[TLS_BEST_VERSION]))
    at = put(out, at, b'","cipher":"')
    at = put_tls_name(out, at, int(facts[TLS_CHOSEN]))
    begin, end = int(facts[TLS_ALPN]), int(facts[TLS_ALPN_END])
    if begin:
        at = put(out, at, b'","next_protocol":"')
        at = put_tls_protocol(out, at, w.pool, begin + 1, min(end, begin + 1 + u8(w.pool, begin)))
    at = put(out, at, b'","server":{"ja3s":"')
    at = put_bytes(out, at, w.scratch.view(np.int8), int(facts[TLS_JA3_AT]), int(facts[TLS_JA3_AT]) + 32)
    return put(out, at, b'"')


def put_tls_end(w: World, at: int, row: Ints, side: int, said: bool) -> int:
    """An end's certificate, where it showed one, into its object, which closes.

    `said`: the object is open and has something from a hello.
    """
    if not row[TLS_CHAIN + side]:
        return put(w.out, at, b"}") if said else at
    at = put(w.out, at, b"," if said else b',"server":{' if side else b',"client":{')
    at = put_tls_leaf(w, put(w.out, at, HOLE_CERTIFICATE), row, side)
    return put(w.out, put(w.out, at, HOLE_END), b"}")


def put_tls_extra(w: World, at: int, row: Ints, facts: Ints) -> int:
    """The fields of `vonggac.tls` before the name's parts, each behind a comma."""
    out = w.out
    if row[TLS_CLIENT]:
        at = put(out, at, b',"client_version":"')
        at = put_tls_version(out, at, int(facts[TLS_BEST_VERSION]))
        at = put(out, at, b'"')
        if facts[TLS_ALPN]:
            at = put_tls_offered(out, at, w.pool, int(facts[TLS_ALPN]), int(facts[TLS_ALPN_END]))
    if row[TLS_CHAINED]:
        at = put_int(out, put(out, at, b',"client_chain_length":'), int(row[TLS_CHAINED]))
    if row[TLS_CHAINED + 1]:
        at = put_int(out, put(out, at, b',"chain_length":'), int(row[TLS_CHAINED + 1]))
    if row[TLS_ALERT]:
        at = put_int(out, put(out, at, b',"alert":'), int(row[TLS_ALERT]))
    return at


def put_tls_offered(out: Out, at: int, data: Bytes, begin: int, end: int) -> int:
    at = put(out, at, b',"client_alpns":[')
    first, count = at, 0
    while begin < end and count < TLS_SHOWN:
        stop = begin + 1 + u8(data, begin)
        if stop > begin + 1 and begin + 1 < end:
            if at > first:
                out[at] = 44
                at += 1
            out[at] = 34
            at = put_tls_protocol(out, at + 1, data, begin + 1, min(stop, end))
            out[at] = 34
            at += 1
        begin = stop
        count += 1
    return put(out, at, b"]")


def put_tls_leaf(w: World, at: int, row: Ints, side: int) -> int:
    """The DER of an end's own certificate in base64, where it showed one."""
    if not row[TLS_CHAIN + side]:
        return at
    leaf = int(row[S_AREA] + row[TLS_CHAIN + side]) + 9  # behind the message's head, the list's size and its own
    return put_base64(w.out, at, w.pool, leaf, leaf + u24(w.pool, leaf - 3))


def put_tls_related(w: World, at: int, row: Ints, size: int, prints: int) -> int:
    """The rest of `related`, the list of hashes last, or a hole where certificates say more; the object stays open."""
    out, text = w.out, w.scratch.view(np.int8)
    if row[TLS_CHAIN] or row[TLS_CHAIN + 1]:
        at = put_bytes(out, put(out, at, HOLE_RELATED), text, TLS_PRINTS, prints)
        at = put_bytes(out, put(out, at, b"\n"), text, TLS_NAME_TEXT, TLS_NAME_TEXT + size)
        for side in range(2):
            at = put_tls_leaf(w, put(out, at, b"\n"), row, side)
        return put(out, at, HOLE_END)
    if size:
        at = put(out, at, b',"hosts":["')
        at = put_bytes(out, at, text, TLS_NAME_TEXT, TLS_NAME_TEXT + size)
        at = put(out, at, b'"]')
    if prints > TLS_PRINTS:
        at = put(out, at, b',"hash":[')
        at = put_bytes(out, at, text, TLS_PRINTS, prints)
        at = put(out, at, b"]")
    return at


def tls_tells(w: World, flow: int, row: Ints) -> None:
    """The connection's event, from what was seen of its handshake."""
    facts, first, second = w.scratch.view(np.int64), tls_facts(0), tls_facts(1)
    client, server = facts[first : first + TLS_FACTS_ROOM], facts[second : second + TLS_FACTS_ROOM]
    read_tls_hello(w, row, 0, client)
    read_tls_hello(w, row, 1, server)
    name, size, out = int(client[TLS_NAME]), int(client[TLS_NAME_SIZE]), w.out
    put_json_lower(w.scratch, TLS_NAME_TEXT, w.pool, name, name + size)
    prints = tls_prints(w, row, client, server)
    begin = int(w.numbers[OUT])
    kinds = b'"category":["network"],"type":["connection","protocol"]'
    at = begin_event(w, begin, b"tls", kinds, int(row[S_BEGUN]), int(row[S_BEGUN_NS]), 0)
    at = put_ends(w, at, flow, TLS, TLS_NAME_TEXT, size)
    sealed = bool(row[TLS_SEALED] and row[TLS_SEALED + 1])
    established = bool(sealed and row[TLS_SERVER] and not row[TLS_ALERT])
    at = put(out, at, b',"tls":{"established":true' if established else b',"tls":{"established":false')
    best = 0
    if row[TLS_CLIENT]:
        at = put_tls_client(w, at, client)
        at = put_tls_end(w, at, row, 0, True)
        best = int(client[TLS_BEST_VERSION])
    if row[TLS_SERVER]:
        best = int(server[TLS_BEST_VERSION])
    if row[TLS_CLIENT] or row[TLS_SERVER]:
        at = put(out, at, b',"version_protocol":"ssl"' if best <= 0x0300 else b',"version_protocol":"tls"')
    if row[TLS_SERVER]:
        at = put_tls_chosen(w, at, server)
        at = put_tls_end(w, at, row, 1, True)
        at = put_tls_outcome(w, at, row, client, server, sealed)
    if not row[TLS_CLIENT]:
        at = put_tls_end(w, at, row, 0, False)
    if not row[TLS_SERVER]:
        at = put_tls_end(w, at, row, 1, False)
    at = put_source(w, put(out, at, b"}"), int(row[S_BEGUN]))
    at = put_tls_vonggac(w, at, row, client)
    at = put_tls_related(w, put(out, put_related(w, at, flow), b"]"), row, size, prints)
    tell_line(w, begin, put(out, at, b"}}"))
    row[S_ALLOWANCE] -= BYTES_PER_TELLING


def put_tls_outcome(w: World, at: int, row: Ints, client: Ints, server: Ints, sealed: bool) -> int:
    """Whether a session was taken up again, and the curve: the server's share decides where it stands."""
    best, curve = int(server[TLS_BEST_VERSION]), int(row[TLS_CURVE])
    if best >= 0x0304:
        at = put_tls_resumed(w.out, at, bool(server[TLS_RESUMES]))
    if curve or server[TLS_SHARE]:
        at = put(w.out, at, b',"curve":"')
        at = put_tls_name(w.out, at, TLS_GROUP + (curve if curve else int(server[TLS_SHARE])))
        at = put(w.out, at, b'"')
    if best < 0x0304 and row[TLS_CLIENT]:
        # Both sides encrypt at once, without a certificate (RFC 5246 §7.3, RFC 5077 §3.1).
        at = put_tls_resumed(w.out, at, bool(sealed and not row[TLS_CHAIN + 1] and client[TLS_SESSION]))
    return at


def put_tls_vonggac(w: World, at: int, row: Ints, client: Ints) -> int:
    """`,"tls":{…}}`: the end of `vonggac`."""
    first = at
    at = put_tls_extra(w, at + 7, row, client)
    if at == first + 7:
        return put(w.out, first, b"}")
    put(w.out, first, b',"tls":{')  # its last byte is where the first field's comma was
    if client[TLS_NAME_SIZE]:
        name = TLS_NAME_TEXT + int(client[TLS_NAME_SIZE])
        at = put_bytes(w.out, put(w.out, at, HOLE_DOMAIN), w.scratch.view(np.int8), TLS_NAME_TEXT, name)
        at = put(w.out, at, HOLE_END)
    return put(w.out, at, b"}}")


LOOPS = (
    put_tls_client, put_tls_resumed, put_tls_chosen, put_tls_leaf, put_tls_end, put_tls_offered, put_tls_extra,
    put_tls_related, put_tls_outcome, put_tls_vonggac, tls_tells,
)  # fmt: skip
