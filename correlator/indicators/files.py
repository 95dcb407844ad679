"""Indicator files: STIX 2.1 bundles, MISP events, CSV and plain lists. A bad record is named and left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from correlator.indicators.lists import read_text
from correlator.indicators.misp import read_event
from correlator.indicators.reading import Reading
from correlator.indicators.stix import read_objects
from vonggac.domain.indicator import Indicator
from vonggac.errors import InvalidRecord, UnknownInput

MAX_FILE_BYTES = 256 << 20


@dataclass(frozen=True, slots=True)
class LoadedIndicators:
    """What a file gave. `skipped` counts, by reason, what is not meant for detection: no fault, but not silent."""

    indicators: tuple[Indicator, ...] = ()
    faults: tuple[InvalidRecord, ...] = ()
    skipped: Mapping[str, int] = field(default_factory=dict)


class IndicatorFiles:
    """The indicators of files and folders, one after the other, so that a million never stand in memory as objects.

    Iterate once; then `faults` and `skipped` are complete. Folders are read file by file in order of name. Raises
    UnknownInput, while iterating, where there is no such file, or it cannot be read or holds nothing of a known kind.
    """

    def __init__(self, paths: Iterable[Path]) -> None:
        self._paths = tuple(paths)
        self.faults: list[InvalidRecord] = []
        self.skipped: Counter[str] = Counter()

    def __iter__(self) -> Iterator[Indicator]:
        for path in self._paths:
            for file in sorted(inner for inner in path.iterdir() if inner.is_file()) if path.is_dir() else (path,):
                reading = Reading(str(file))
                yield from _indicators(reading, _content(file))
                self.faults += reading.faults
                self.skipped.update(reading.skipped)
                if reading.refused > len(reading.faults):
                    self.skipped["refused without being named"] += reading.refused - len(reading.faults)


def read_indicators(path: Path) -> LoadedIndicators:
    """The indicators of a file or a folder, all at once."""
    files = IndicatorFiles([path])
    return LoadedIndicators(tuple(files), tuple(files.faults), dict(files.skipped))


def parse_indicators(content: bytes, location: str) -> LoadedIndicators:
    """As `read_indicators`, from bytes that were read already."""
    reading = Reading(location)
    return LoadedIndicators(tuple(_indicators(reading, content)), tuple(reading.faults), dict(reading.skipped))


def _content(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        content = path.read_bytes() if size <= MAX_FILE_BYTES else b""
    except OSError as error:
        raise UnknownInput("indicators_unreadable", path=path, reason=error.strerror) from error
    if size > MAX_FILE_BYTES:
        raise UnknownInput("indicators_unreadable", path=path, reason=f"larger than {MAX_FILE_BYTES} bytes")
    return content


def _indicators(reading: Reading, content: bytes) -> Iterator[Indicator]:
    """The form is recognised by the first character that is no blank."""
    stripped = content[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
    if stripped[:1] not in (b"{", b"[") or stripped[1:2] == b".":  # a list may begin with a defanged dot
        yield from read_text(reading, content)
        return
    try:
        data = orjson.loads(content.lstrip(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as error:
        reading.refuse(error.lineno, f"not valid JSON: {error.msg}")
        return
    yield from _json(reading, data)


def _json(reading: Reading, data: Any) -> Iterator[Indicator]:
    if isinstance(data, dict) and data.get("type") == "bundle":
        yield from read_objects(reading, data.get("objects", []))
    elif isinstance(data, dict) and isinstance(data.get("objects"), list):  # a TAXII envelope
        yield from read_objects(reading, data["objects"])
    elif isinstance(data, dict) and data.get("type") == "indicator":
        yield from read_objects(reading, [data])
    elif isinstance(data, list) and (not data or any(isinstance(item, dict) and "pattern" in item for item in data)):
        yield from read_objects(reading, data)
    else:
        events = data.get("response", [data]) if isinstance(data, dict) else data
        found = [event.get("Event") for event in events if isinstance(event, dict)] if isinstance(events, list) else []
        maps = [event for event in found if isinstance(event, dict)]
        if not maps:
            reading.refuse(1, "neither a STIX bundle nor a MISP event")
        for event in maps:
            yield from read_event(reading, event)
