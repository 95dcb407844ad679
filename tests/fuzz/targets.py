"""What is fuzzed: each target takes bytes and must give no exception, within the time and memory of `tests.fuzz`.

All inputs are captures, so that one mutator that knows records serves all; seeds are the made day and, where they are
present, the small real captures of `../shared`.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from struct import pack, unpack_from

from sensors import kernel
from sensors.base import Origin
from sensors.decode.fault import Undecodable
from sensors.decode.frame import Segment, decode_frame
from sensors.made import day
from sensors.pcap import PcapReader
from sensors.streams import Budget, Moment
from sensors.talks.recognise import recognise_datagram
from sensors.talks.stream import Stream
from tests.unit.sensors.wire import EARS, lines
from vonggac.domain.event import fault

SHARED = Path(__file__).parents[2].parent / "shared" / "data" / "pcap"
#: Packets of a seed, and bytes of its capture.
SEED_PACKETS, SEED_BYTES = 24, 12_000
HEAD = 24
_RECORD = 16
_EPOCH = 1_600_000_000


def frames(data: bytes) -> list[bytes]:
    """The frames of a little-endian capture, as far as its records go; a length is taken modulo what is there."""
    found, at = [], HEAD
    while at + _RECORD <= len(data):
        size = unpack_from("<I", data, at + 8)[0] % max(1, len(data) - at - _RECORD + 1)
        found.append(data[at + _RECORD : at + _RECORD + size])
        at += _RECORD + size
    return found


def capture(linktype: int, packets: list[bytes]) -> bytes:
    """The capture of these frames, a millisecond apart."""
    parts = [pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, linktype)]
    for number, frame in enumerate(packets):
        parts.append(pack("<IIII", _EPOCH, number * 1_000, len(frame), len(frame)) + frame)
    return b"".join(parts)


def linktype_of(data: bytes) -> int:
    """One that the decoder knows, whatever the bytes say."""
    known = (1, 113, 276, 101, 12, 14, 228, 229, 0, 9, 108)
    told = unpack_from("<I", data, 20)[0] if len(data) >= HEAD else 1
    return told if told in known else known[told % len(known)]


# --- the targets


def whole(data: bytes) -> None:
    """A capture with whatever header and lengths: every event is one."""
    for batch in PcapReader().read(io.BytesIO(data), "fuzz.pcap", Origin("s")) if PcapReader().accepts(data) else ():
        for event in batch.events:
            if reason := fault(event):
                raise AssertionError(f"{reason}: {event}")


def packets(data: bytes) -> None:
    """Frames one by one: the decoder keeps what it understood and raises nothing."""
    for frame in frames(data):
        decode_frame(linktype_of(data), frame, len(frame))


def talks(data: bytes) -> None:
    """Payloads without the kernel: streams in the order of the packets, datagrams alone."""
    budget, streams = Budget(), {}
    for number, frame in enumerate(frames(data)):
        at = Moment(number, number * 1_000_000)
        for segment in decode_frame(linktype_of(data), frame, len(frame)).segments:
            if segment.protocol == 6:
                key = frozenset(((segment.src, segment.sport), (segment.dst, segment.dport)))
                stream = streams.setdefault(key, Stream(budget))
                _pushed(stream, segment, at)
            elif segment.protocol == 17 and segment.payload:
                _received(segment, at)
    for stream in streams.values():
        _quietly(lambda stream=stream: list(stream.finish(True)))
        if not stream.done:
            list(stream.close(False))
    if budget.used:
        raise AssertionError(f"{budget.used} bytes are still counted as waiting")


def _pushed(stream: Stream, segment: Segment, at: Moment) -> None:
    side = int((segment.src, segment.sport) > (segment.dst, segment.dport))
    if not stream.done and segment.payload:
        _quietly(lambda: list(stream.push(side, segment.payload, segment.missing, segment.seq, -1, -1, at)))


def _received(segment: Segment, at: Moment) -> None:
    verdict = recognise_datagram(segment.payload, segment.sport, segment.dport)
    if verdict.talk is not None:
        talk = verdict.talk()
        _quietly(lambda: list(talk.data(0, segment.payload, at)))
        _quietly(lambda: list(talk.data(1, segment.payload, at)))
        list(talk.close(True))


def _quietly(action: Callable[[], object]) -> None:
    with contextlib.suppress(Undecodable):
        action()


def ears(data: bytes) -> None:
    """What the loops hear is what the talks hear, byte for byte."""
    linktype, given = linktype_of(data), frames(data)
    heard, told = (lines(given, loops, linktype=linktype) for loops in (EARS, kernel))
    if sorted(heard) != sorted(told):
        apart = sorted({*heard} ^ {*told})
        raise AssertionError(b"\n".join(apart).decode("utf-8", "replace"))


TARGETS: dict[str, Callable[[bytes], None]] = {"whole": whole, "packets": packets, "talks": talks, "ears": ears}

# --- seeds


def seeds() -> Iterator[bytes]:
    """Stretches of captures: every kind of traffic that is known here, some packets each."""
    for site in day.SITES:
        yield from _stretches(day.make_capture(site), 40)
    for path in sorted(SHARED.rglob("*.pcap")) if SHARED.is_dir() else ():
        yield from _stretches(path.read_bytes(), 12)


def _stretches(data: bytes, most: int) -> Iterator[bytes]:
    if data[:4] != b"\xd4\xc3\xb2\xa1":
        return
    linktype = unpack_from("<I", data, 20)[0] & 0xFFFF
    found = [*_cut(frames(data))]
    for stretch in found if len(found) <= most else Random(0).sample(found, most):
        yield capture(linktype, stretch)


def _cut(given: list[bytes]) -> Iterator[list[bytes]]:
    stretch: list[bytes] = []
    for frame in given:
        if stretch and (len(stretch) == SEED_PACKETS or sum(map(len, stretch)) + len(frame) > SEED_BYTES):
            yield stretch
            stretch = []
        stretch.append(frame[:SEED_BYTES])
    if stretch:
        yield stretch


def mutated(data: bytes, most: int, seed: int, mutate: Callable[[bytes, int], bytes]) -> bytes:
    """One packet of the capture changed, or packets dropped, repeated, exchanged or cut."""
    random = Random(seed)
    given = frames(data)
    if not given or random.random() < 0.05:
        return mutate(data, most)
    at = random.randrange(len(given))
    choice = random.random()
    if choice < 0.7:
        given[at] = mutate(given[at], len(given[at]) + 64)
    elif choice < 0.78:
        del given[at]
    elif choice < 0.86:
        given.insert(random.randrange(len(given)), given[at])
    elif choice < 0.93:
        other = random.randrange(len(given))
        given[at], given[other] = given[other], given[at]
    else:
        given[at] = given[at][: random.randrange(len(given[at]) + 1)]
    return capture(linktype_of(data), given)[:most]
