"""A realistic mix of packets: the made days, large downloads, and, where they are present, the real captures of
`../shared`; each many times over with other addresses, all in one order of time.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from random import Random

from sensors.chunk import Chunk
from sensors.compiled import Loops
from sensors.made import day
from sensors.made.tls import certificate, client_hello, sealed, server_hello
from sensors.made.traffic import Capture, request, response
from sensors.pcap import _MAGICS, chunks
from vonggac.errors import ReadError

SHARED = Path(__file__).parents[2].parent / "shared" / "data" / "pcap"
HOUR_NS = 3_600 * 10**9
#: Copies of each part: together a little over 500,000 packets, of which one in six begins an event.
SHARED_COPIES, DAY_COPIES, BULK_COPIES = 22, 3, 26
#: Captures that are rarer in a network's day than in a collection of captures.
RARE = {"synscan": 10, "ip_fragmented_garbage": 1}

Frame = tuple[int, bytes, int]  # ns from the part's first packet, bytes, length on the wire


def write_mix(path: Path) -> int:
    """The mix as a pcap; how many packets it has. The same bytes in every run."""
    random = Random(7)
    records: list[Frame] = []
    for frames, copies in _parts():
        span = max(1, max(ns for ns, _, _ in frames))
        for number in range(copies):
            begin = random.randrange(HOUR_NS)
            # A part longer than an hour is played faster, so that all of them overlap.
            scale = min(1.0, HOUR_NS / span)
            for ns, data, wire in frames:
                records.append((begin + int(ns * scale), _moved(data, number), wire))
    records.sort(key=lambda record: record[0])
    base = int(day.EPOCH) * 10**9
    with path.open("wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, 1))
        for ns, data, wire in records:
            seconds, rest = divmod(base + ns, 10**9)
            out.write(struct.pack("<IIII", seconds, rest // 1000, len(data), wire) + data)
    return len(records)


def _parts() -> Iterator[tuple[list[Frame], int]]:
    for site in day.SITES:
        yield _frames_of(day.make_capture(site)), DAY_COPIES
    yield _frames_of(_downloads().bytes()), BULK_COPIES
    if SHARED.is_dir():
        for path in sorted(SHARED.rglob("*.pcap")):
            if "malformed" not in path.parts and (frames := _frames_of(path.read_bytes())):
                yield frames, RARE.get(path.stem, SHARED_COPIES)


def _downloads() -> Capture:
    """Large answers, one in eight over plain HTTP, the others over TLS."""
    capture = Capture(day.EPOCH, "10.0.0.53")
    random = Random(3)
    for number in range(40):
        client, server = f"10.1.0.{number + 1}", f"198.51.100.{number + 1}"
        if number % 8 == 0:
            asked = request(f"/tai-ve/{number}.zip", "kho.example")
            body = response(random.randbytes(300_000), content_type="application/zip")
            capture.http(number * 30.0, client, server, [(asked, body)])
            continue
        hello = server_hello(certificate(f"kho-{number}.example", "Example CA"))
        sealed_body = b"".join(b"\x17\x03\x03\x40\x00" + random.randbytes(0x4000) for _ in range(20))
        parts = [(0, client_hello(f"kho-{number}.example")), (1, hello), (0, sealed()), (1, sealed() + sealed_body)]
        capture.tcp(number * 30.0, client, server, 443, parts)
    return capture


def _frames_of(capture: bytes) -> list[Frame]:
    """The Ethernet frames of a pcap's bytes; none of other link types."""
    import io

    found: list[Frame] = []
    if capture[:4] not in _MAGICS:
        return found
    try:
        for chunk in chunks(io.BytesIO(capture), "", Loops()):
            found += _frames(chunk)
    except ReadError:
        pass  # a capture that breaks off gives what it has
    base = min((ns for ns, _, _ in found), default=0)
    return [(ns - base, data, wire) for ns, data, wire in found]


def _frames(chunk: Chunk) -> Iterator[Frame]:
    rows = zip(chunk.starts, chunk.lengths, chunk.wires, chunk.times, strict=True)
    for start, length, wire, ns in rows:
        if chunk.linktype == 1:
            yield int(ns), bytes(chunk.data[start : start + length]), int(wire)


def _moved(frame: bytes, number: int) -> bytes:
    """The frame with other addresses: bits of the first two octets turned, the same in both."""
    at = 12
    while frame[at : at + 2] in (b"\x81\x00", b"\x88\xa8"):
        at += 4
    kind, at = frame[at : at + 2], at + 2
    if kind == b"\x08\x00" and len(frame) >= at + 20:
        places = (at + 12, at + 16)
    elif kind == b"\x86\xdd" and len(frame) >= at + 40:
        places = (at + 8 + 4, at + 24 + 4)
    else:
        return frame
    changed = bytearray(frame)
    for place in places:
        if frame[place] < 224:
            changed[place + 1] ^= number
    return bytes(changed)
