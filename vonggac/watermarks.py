"""How far rules have been matched, in the order in which events arrived, and what their windows held there.

There is one record for each set of rules that was run together, as nearly always all of them stand at the same place.
Rules are known by their ids: a new version of one goes on where the old one stood. A record moves only after the
detections up to its position are stored, and its windows are written before it, so that whoever reads it has both.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256

from vonggac.domain.times import format_instant
from vonggac.errors import Conflict
from vonggac.ports import Clock, Position, Record, RecordStore

WATERMARK = "matched"  # kinds of records
WINDOWS = "windows"
#: Records of sets of rules that are no longer run are kept, in case they are again; the oldest go first.
MAX_WATERMARKS = 32
#: Windows' states are written in records of about this size, in characters; a larger state has one of its own.
_CHUNK = 4_000_000


@dataclass(frozen=True, slots=True)
class Watermark:
    """Everything these rules detect up to the position is stored; `windows` are the keys of their states there."""

    key: str
    watches: frozenset[str]
    position: Position
    at: str
    windows: tuple[str, ...]
    version: int = 0

    @property
    def events(self) -> int:
        """How many events it stands behind: of two watermarks of a store, the greater is further."""
        return sum(self.position.values())


def key_of(watches: Collection[str]) -> str:
    return sha256("\n".join(sorted(watches)).encode()).hexdigest()[:32]


def reaches(position: Position, other: Position) -> bool:
    """Whether the position is, in every partition, where the other is or further."""
    return all(position.get(partition, 0) >= number for partition, number in other.items())


def earlier(one: Position, other: Position) -> Position:
    """In every partition where the one that is less far stands."""
    return {partition: min(number, other.get(partition, 0)) for partition, number in one.items()}


class Watermarks:
    """The watermarks of a store, which several processes may move."""

    def __init__(self, records: RecordStore, clock: Clock) -> None:
        self._records = records
        self._clock = clock

    def all(self) -> list[Watermark]:
        return [_watermark(record) for record in self._records.list(WATERMARK)]

    def states(self, watermark: Watermark) -> dict[str, bytes]:
        """Correlation's id -> the state of its windows; those that cannot be found are left out."""
        found: dict[str, bytes] = {}
        for key in watermark.windows:
            record = self._records.get(WINDOWS, key)
            if record is not None:
                found |= {identity: text.encode() for identity, text in record.body["states"].items()}
        return found

    def move(self, watches: Collection[str], position: Position, states: Mapping[str, bytes]) -> None:
        """The rules' watermark stands at the position, unless another process has moved it there or further, or moves
        it right now."""
        key = key_of(watches)
        record = self._records.get(WATERMARK, key)
        known = None if record is None else _watermark(record)
        if known is not None and reaches(known.position, position):
            return
        windows = {f"{key}/{_digest(position)}/{at}": {"states": chunk} for at, chunk in enumerate(_chunks(states))}
        body = {
            "watches": sorted(watches),
            "position": dict(position),
            "at": format_instant(self._clock()),
            "windows": list(windows),
        }
        self._records.put_many(WINDOWS, windows)
        try:
            self._records.put(WATERMARK, key, body, expected_version=known.version if known else 0)
        except Conflict:
            return
        for old in set(known.windows if known else ()) - set(windows):
            self._records.delete(WINDOWS, old)

    def tidy(self) -> None:
        """Watermarks that another of more rules has overtaken are gone, the oldest above MAX_WATERMARKS, and windows
        that no watermark names: a crash leaves such."""
        newest_first = sorted(self.all(), key=lambda watermark: watermark.at, reverse=True)
        kept = [one for one in newest_first if not any(_covers(other, one) for other in newest_first)][:MAX_WATERMARKS]
        for watermark in newest_first:
            if watermark not in kept:
                self._records.delete(WATERMARK, watermark.key)
        named = {key for watermark in kept for key in watermark.windows}
        for record in self._records.list(WINDOWS):
            if record.key not in named:
                self._records.delete(WINDOWS, record.key)


def _watermark(record: Record) -> Watermark:
    body = record.body
    watches, windows = frozenset(body["watches"]), tuple(body["windows"])
    return Watermark(record.key, watches, body["position"], body["at"], windows, record.version)


def _covers(one: Watermark, other: Watermark) -> bool:
    return one.watches > other.watches and reaches(one.position, other.position)


def _digest(position: Position) -> str:
    return sha256(json.dumps(sorted(position.items())).encode()).hexdigest()[:16]


def _chunks(states: Mapping[str, bytes]) -> Iterator[dict[str, str]]:
    chunk: dict[str, str] = {}
    size = 0
    for identity, state in states.items():
        if chunk and size + len(state) > _CHUNK:
            yield chunk
            chunk, size = {}, 0
        chunk[identity] = state.decode()
        size += len(state)
    if chunk:
        yield chunk
