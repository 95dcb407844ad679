"""What a reader is: cheap to ask, lazy to read, and it hands on batches that account for every record.

A reader's `accepts` looks at the first bytes only. `read` yields batches in input order; a batch's `taken` counts the
input's own units (packets, records, rows), of which `refused` could not be used, each with its reason. Events of
undecodable bytes are `anomaly` events and count as taken and passed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, BinaryIO, Protocol

import orjson

from vonggac.domain.account import Refusal, Tally
from vonggac.domain.event import Document
from vonggac.lines import Lines

#: How many bytes `accepts` is given to tell what an input is.
SNIFF_BYTES = 65_536
#: A batch ends when it has so many input units; packets come by the chunk, so it may have as many more less one.
BATCH_UNITS = 4_096


class Keep(Protocol):
    """Where packets are kept as evidence: `sensors.evidence.Ring`."""

    def add(self, chunk: Any, digest: str, source: str, marks: set[int]) -> None: ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Origin:
    """Who saw it: the sensor's name and, where it is known, the agency it stands in; where its packets are kept."""

    sensor: str
    agency: str | None = None
    agency_name: str | None = None
    ring: Keep | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Batch:
    """Some consecutive units of one source. `position` is where the next batch begins, in the source's own measure
    (packet index or byte offset); once the batch's events are stored, reading may resume there."""

    source: str  # fingerprint of the source, see `fingerprint`
    location: str  # for people: path, "-" or "iface:eth0"
    position: int
    taken: int
    events: Sequence[Document]
    refused: tuple[Refusal, ...] = ()
    #: For the closing summary: units taken of which no event was made, and losses inside the sensor, by reason
    #: (`ethertype_0x0806`, `tcp.data_offset`, `flows_evicted`).
    counts: Mapping[str, int] = field(default_factory=dict)

    @property
    def text(self) -> bytes:
        """The events as JSON, one a line."""
        if isinstance(self.events, Lines):
            return self.events.text
        return b"".join([orjson.dumps(event) + b"\n" for event in self.events])

    @property
    def tally(self) -> Tally:
        reasons: dict[str, int] = {}
        for refusal in self.refused:
            reasons[refusal.reason] = reasons.get(refusal.reason, 0) + 1
        return Tally(self.taken, self.taken - len(self.refused), 0, reasons)


def batch_data(batch: Batch) -> dict[str, Any]:
    """The batch as a JSON object, for the spool and for sending."""
    return {
        "source": batch.source,
        "location": batch.location,
        "position": batch.position,
        "taken": batch.taken,
        "events": [*batch.events],
        "refused": [[refusal.location, refusal.offset, refusal.reason] for refusal in batch.refused],
        "counts": dict(batch.counts),
    }


def batch_from(data: Mapping[str, Any]) -> Batch:
    """The batch that `batch_data` wrote. Raises KeyError, TypeError or ValueError for anything else."""
    events = data["events"]
    if not isinstance(events, list) or not all(isinstance(event, dict) for event in events):
        raise TypeError("events is not a list of objects")
    return Batch(
        source=str(data["source"]),
        location=str(data["location"]),
        position=int(data["position"]),
        taken=int(data["taken"]),
        events=tuple(events),
        refused=tuple(Refusal(str(place), int(offset), str(why)) for place, offset, why in data["refused"]),
        counts={str(reason): int(count) for reason, count in data["counts"].items()},
    )


class Reader(Protocol):
    """One kind of input."""

    name: str

    def accepts(self, head: bytes) -> bool:
        """Whether these first bytes (decompressed, at most SNIFF_BYTES) are of this kind."""
        ...

    def read(self, stream: BinaryIO, location: str, origin: Origin) -> Iterator[Batch]:
        """The batches of a stream that stands at its beginning. Raises ReadError only where nothing more can be read;
        what was read before has been yielded."""
        ...


def fingerprint(first_record: bytes) -> str:
    """What names a source: its first record's bytes, so that a moved, compressed or grown copy keeps its name."""
    return sha256(first_record).hexdigest()[:16]
