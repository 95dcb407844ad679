"""What is kept of a TLS handshake in a slot, and where loops put what they read of it."""

from __future__ import annotations

from sensors.loops.octets import Bytes
from sensors.loops.world import S_OWN

# --- columns of a slot. Pairs hold side 0, then side 1; offsets are into the area, one more, 0 is none.
TLS_HEADER, TLS_HEADED, TLS_LEFT = S_OWN, S_OWN + 2, S_OWN + 4  # a record's header so far, its size, bytes to come
TLS_SEALED, TLS_APPLIED = S_OWN + 6, S_OWN + 8
TLS_CLIENT, TLS_SERVER, TLS_CHAIN = S_OWN + 10, S_OWN + 11, S_OWN + 12  # messages: the hellos are a pair too
TLS_CHAINED = S_OWN + 14  # how many certificates
TLS_ALERT, TLS_CURVE = S_OWN + 16, S_OWN + 17
TLS_BEST, TLS_CIPHER = S_OWN + 18, S_OWN + 19  # what the server chose
TLS_KEPT, TLS_TAIL = S_OWN + 20, S_OWN + 21  # where the kept messages end, where the unfinished one begins
TLS_OPEN = S_OWN + 22  # whose that is: 1 + side

# --- what a hello says: offsets and numbers, see `tls_hello`
TLS_VERSION, TLS_SESSION, TLS_CHOSEN, TLS_SUITES, TLS_SUITES_COUNT = 0, 1, 2, 3, 4
TLS_EXTENSIONS, TLS_EXTENSIONS_COUNT, TLS_NAMED, TLS_NAME, TLS_NAME_SIZE = 5, 6, 7, 8, 9
TLS_ALPN, TLS_ALPN_END, TLS_GROUPS, TLS_GROUPS_COUNT, TLS_FORMATS, TLS_FORMATS_COUNT = 10, 11, 12, 13, 14, 15
TLS_SIGNATURES, TLS_SIGNATURES_COUNT, TLS_BEST_VERSION, TLS_SHARE, TLS_RESUMES = 16, 17, 18, 19, 20
TLS_JA3_AT, TLS_JA4_AT = 21, 22  # where fingerprints stand in `scratch`
TLS_FACTS = 23
TLS_FACTS_ROOM = 64

# --- `scratch`: what hellos say, the server's name, fingerprints as JSON; numbers to be sorted; the text that a
# --- fingerprint is made of, and its digest
TLS_FACTS_AT, TLS_NAME_TEXT, TLS_PRINTS = 4_096, 5_120, 5_632
TLS_SORTED, TLS_DIGEST, TLS_TEXT = 6_144, 10_240, 11_264

# --- holes
#: `"subject":…` and so on of a certificate (its DER in base64).
HOLE_CERTIFICATE = b"\0C"
#: `,"hosts":[…],"hash":[…]`. It is about four things, on a line each: fingerprints as JSON, the server's name, the
#: client's certificate, the server's.
HOLE_RELATED = b"\0L"


def tls_copies(to: Bytes, place: int, data: Bytes, at: int, size: int) -> None:
    """Bytes from the data to the place. Views save the compiled loop a look at each offset's sign."""
    target, source = to[place : place + size], data[at : at + size]
    for n in range(size):
        target[n] = source[n]


LOOPS = (
    tls_copies,
)  # fmt: skip
