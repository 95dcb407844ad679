"""TLS: a talk from what the loop keeps of a connection, and the parts of its event that are not for loops."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable
from functools import lru_cache

import orjson

from sensors.decode.tls import decode_certificates, decode_hello
from sensors.decode.x509 import decode_certificate
from sensors.loops.tls_slot import (
    HOLE_CERTIFICATE,
    HOLE_RELATED,
    TLS_ALERT,
    TLS_APPLIED,
    TLS_CHAIN,
    TLS_CLIENT,
    TLS_CURVE,
    TLS_HEADED,
    TLS_HEADER,
    TLS_LEFT,
    TLS_OPEN,
    TLS_SEALED,
    TLS_SERVER,
    TLS_TAIL,
)
from sensors.loops.world import S_BEGUN, S_BEGUN_NS, S_USED
from sensors.streams import Moment
from sensors.talks.tls import TlsTalk
from sensors.talks.tls_event import certificate_fields

_HANDSHAKE = 22


def take_over(row: list[int], area: bytes) -> TlsTalk:
    """The talk as it would be had it heard all that the slot's row and area say. A body that it will not look at is
    made of zeros."""
    talk = TlsTalk()
    talk._begun = Moment(row[S_BEGUN], row[S_BEGUN_NS])
    talk._sealed = [bool(row[TLS_SEALED + side]) for side in (0, 1)]
    talk._applied = [bool(row[TLS_APPLIED + side]) for side in (0, 1)]
    talk._alert, talk._curve = row[TLS_ALERT], row[TLS_CURVE]
    if row[TLS_CLIENT]:
        talk._client = decode_hello(_body(area, row[TLS_CLIENT]), client=True)
    if row[TLS_SERVER]:
        talk._server = decode_hello(_body(area, row[TLS_SERVER]), client=False)
    for side in (0, 1):
        if row[TLS_CHAIN + side]:
            chain = decode_certificates(_body(area, row[TLS_CHAIN + side]))
            talk._chains[side] = tuple(decode_certificate(der) for der in chain)
        unfinished = area[row[TLS_TAIL] : row[S_USED]] if row[TLS_OPEN] == side + 1 else b""
        headed = row[TLS_HEADED + side]
        record = row[TLS_HEADER + side].to_bytes(headed) if headed else b""
        if headed == 5:
            size = int.from_bytes(record[3:]) - row[TLS_LEFT + side]
            if record[0] == _HANDSHAKE and not talk._sealed[side]:
                border = len(unfinished) - size
                record += unfinished[border:]
                unfinished = unfinished[:border]
            else:
                record += bytes(size)
        talk._records[side].extend(record)
        talk._messages[side].extend(unfinished)
    return talk


def _body(area: bytes, place: int) -> bytes:
    """The body of the message at this place, one more than its offset."""
    return area[place + 3 : place + 3 + int.from_bytes(area[place : place + 3])]


@lru_cache(maxsize=512)
def _certificate(about: bytes) -> bytes:
    """The fields of whoever showed this certificate."""
    return orjson.dumps(certificate_fields(decode_certificate(b64decode(about))))[1:-1]


def _related(about: bytes) -> bytes:
    """`related.hosts` and `related.hash`: what hellos said comes before what certificates say."""
    prints, _, shown = about.partition(b"\n")
    hosts, hashes = _named(shown)
    return b"".join((hosts, b',"hash":[', prints, b"," if prints else b"", hashes, b"]"))


@lru_cache(maxsize=1_024)
def _named(about: bytes) -> tuple[bytes, bytes]:
    """`,"hosts":[…]` and the hashes between commas, of a server's name and both ends' certificates."""
    name, *ends = about.split(b"\n")
    hosts = [name.decode()] if name else []
    shown = [decode_certificate(b64decode(der)) for der in ends if der]
    for certificate in shown:
        hosts += [name.lower() for name in certificate.alternative_names[:32] if not name.startswith("*")]
    hashes = orjson.dumps([*dict.fromkeys(certificate.sha256.lower() for certificate in shown)])[1:-1]
    return b',"hosts":' + orjson.dumps([*dict.fromkeys(hosts)]) if hosts else b"", hashes


#: What goes into the holes of the loop's events.
HOLES: dict[bytes, Callable[[bytes], bytes]] = {HOLE_CERTIFICATE: _certificate, HOLE_RELATED: _related}
