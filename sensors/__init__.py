"""The sensors room: what brings traffic and records in, whatever they come from, as batches of ECS events.

Only this room touches packets. `open_source` is the way in; READERS lists the kinds of input it can tell apart.
"""

from __future__ import annotations

import io
from collections.abc import Generator, Iterator
from importlib import import_module
from pathlib import Path
from typing import BinaryIO

from sensors.base import Batch, Origin, Reader, fingerprint
from sensors.source import Input, open_input
from vonggac.domain.account import Refusal
from vonggac.errors import ReadError, UnknownInput

__all__ = ["READERS", "open_source", "reader_for"]

#: `module:class` of each reader, asked in this order; a module is imported when an input is looked at.
READERS = (
    "sensors.pcap:PcapReader",
    "sensors.pcap:PcapngReader",
    "sensors.zeek:ZeekTsvReader",
    "sensors.eve:EveReader",
    "sensors.zeek:ZeekJsonReader",
    "sensors.ndjson:NdjsonReader",
    "sensors.ndjson:JsonReader",
)


def reader_for(head: bytes) -> Reader | None:
    """The reader that accepts these first bytes (at most SNIFF_BYTES, decompressed)."""
    for name in READERS:
        module, _, cls = name.partition(":")
        reader: Reader = getattr(import_module(module), cls)()
        if reader.accepts(head):
            return reader
    return None


def open_source(location: str, origin: Origin, *, follow: bool = False, state: Path | None = None) -> Iterator[Batch]:
    """The batches of a path, of a folder (files in sorted order), of stdin (`-`) or of an interface (`iface:NAME`).

    Raises UnknownInput here, before anything is yielded, when it does not exist or is of no known kind. What cannot be
    read later is a Refusal in the last batch. To `follow` a log or a folder of logs means to go on with what is added,
    behind what the file `state` says was read; see `sensors.follow`.
    """
    if location.startswith("iface:"):
        from sensors.live import capture

        return capture(location, origin)
    if follow and location != "-":
        from sensors.follow import follow as following

        kept = (lambda _: state) if state else None
        return (batch for batch in following([location], origin, kept) if batch is not None)
    if location != "-" and Path(location).is_dir():
        return _open_folder(Path(location), origin)
    return _open_one(location, origin)


def _open_one(location: str, origin: Origin) -> Generator[Batch, None, None]:
    source = open_input(location)
    try:
        reader = _recognise(source)
    except ReadError as error:
        source.close()
        raise UnknownInput("input_unknown_kind", location=location, detail=str(error)) from error
    if reader is None:
        source.close()
        raise UnknownInput("input_unknown_kind", location=location)
    return _read(reader, source, location, origin)


def _recognise(source: Input) -> Reader | None:
    """Ask the readers as soon as there are bytes, so that a slow pipe is not waited for longer than needed."""
    head = source.seen or source.look()
    while (reader := reader_for(head)) is None and not source.looked_all:
        head = source.look()
    return reader


def _read(reader: Reader, source: Input, location: str, origin: Origin) -> Generator[Batch, None, None]:
    stream: BinaryIO = io.BufferedReader(source, 1 << 18)
    with stream:
        yield from reader.read(stream, location, origin)


def _open_folder(folder: Path, origin: Origin) -> Iterator[Batch]:
    """Every file below the folder that is not hidden. One readable file is enough; the others are refused by name."""
    paths = sorted(str(p) for p in folder.rglob("*") if p.is_file() and not p.name.startswith("."))
    for path in paths:
        try:
            _open_one(path, origin).close()
        except UnknownInput:
            continue
        return _read_files(paths, origin)
    raise UnknownInput("input_unknown_kind", location=str(folder))


def _read_files(paths: list[str], origin: Origin) -> Iterator[Batch]:
    """One file open at a time."""
    for path in paths:
        try:
            yield from _open_one(path, origin)
        except UnknownInput as error:
            yield _refused(path, error.key)


def _refused(location: str, reason: str) -> Batch:
    return Batch(fingerprint(location.encode()), location, 0, 1, (), (Refusal(location, 0, reason),))
