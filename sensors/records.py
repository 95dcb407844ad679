"""Records out of text: JSON objects one a line, JSON objects written over many lines, or plain lines.

A bad record is told with its line and reason and the next one is read. Bad UTF-8, NaN, lone surrogates and duplicate
keys do not make a record bad: what cannot be kept of them is replaced, the rest stays.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, NamedTuple

import orjson

from sensors.base import BATCH_UNITS, Batch, Origin, fingerprint
from vonggac.domain.account import Refusal
from vonggac.domain.event import Document
from vonggac.errors import ReadError

#: The longest record, in bytes.
MAX_RECORD = 10_000_000
#: The deepest nesting of a record.
MAX_DEPTH = 64
#: Bytes of records in one batch.
MAX_BATCH_BYTES = 8 << 20

_TOKENS = re.compile(rb'["\\{}]')
_BETWEEN = re.compile(rb"[\s,\[\]\x00]*(?:Record \d+[\s,]*)?\Z")
_BLANK = b" \t\r\n\x00"
_BOM = b"\xef\xbb\xbf"


class Line(NamedTuple):
    """`number` counts from 1; `end` is the byte offset after it; `data` is None for a line that is too long."""

    number: int
    end: int
    data: bytes | None


class Record(NamedTuple):
    """A record's object, or why there is none. `line` is where it begins."""

    line: int
    end: int
    raw: bytes
    value: dict[str, Any] | None
    reason: str


def lines(stream: BinaryIO, number: int = 0, end: int = 0) -> Iterator[Line]:
    """The lines that hold something, without line ends, NULs around them and a BOM before the first. A stream that
    goes on in the middle of its input begins after line `number`, which ended at byte `end`."""
    while data := stream.readline(MAX_RECORD + 2):
        number += 1
        end += len(data)
        if len(data) > MAX_RECORD and not data.endswith(b"\n"):
            while more := stream.readline(1 << 20):
                end += len(more)
                if more.endswith(b"\n"):
                    break
            yield Line(number, end, None)
            continue
        if number == 1:
            data = data.removeprefix(_BOM)
        if stripped := data.strip(_BLANK):
            yield Line(number, end, stripped)


def json_rows(found: Iterator[Line]) -> Iterator[Record]:
    """One object a line."""
    for line in found:
        if line.data is None:
            yield Record(line.number, line.end, b"", None, "record_too_long")
        else:
            value, reason = parse(line.data)
            yield Record(line.number, line.end, line.data, value, reason)


def json_values(stream: BinaryIO) -> Iterator[Record]:
    """Objects over many lines: in an array, one after another, or under the headings that evtx_dump writes."""
    held: list[bytes] = []
    size = depth = begun = number = end = 0
    quoted = False
    for line in lines(stream):
        number, end = line.number, line.end
        if line.data is None or size > MAX_RECORD:
            yield Record(begun or number, end, b"", None, "record_too_long")
            held, size, depth, quoted = [], 0, 0, False
            continue
        start, skip = 0, -1
        for token in _TOKENS.finditer(line.data):
            at, mark = token.start(), token[0]
            if at <= skip:
                continue
            if quoted:
                skip = at + 1 if mark == b"\\" else skip
                quoted = mark != b'"'
            elif mark == b'"':
                quoted = depth > 0
            elif mark == b"{":
                if depth == 0:
                    if _BETWEEN.match(line.data[start:at]) is None:
                        yield Record(number, end, b"", None, "not_json")
                    start, begun = at, number
                depth += 1
            elif mark == b"}" and depth:
                depth -= 1
                if depth == 0:
                    raw = b"\n".join((*held, line.data[start : at + 1]))
                    held, size, start = [], 0, at + 1
                    value, reason = parse(raw)
                    yield Record(begun, end, raw, value, reason)
        if depth:
            held.append(line.data[start:])
            size += len(held[-1]) + 1
        elif _BETWEEN.match(line.data[start:]) is None:
            yield Record(number, end, b"", None, "not_json")
    if depth:
        yield Record(begun, end, b"", None, "record_cut")


def parse(data: bytes) -> tuple[dict[str, Any] | None, str]:
    """(the object, "") or (None, the reason)."""
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        value = _lenient(data)
        if value is None:
            return None, "not_json"
    if not isinstance(value, dict):
        return None, "not_an_object"
    if data.count(b"{") + data.count(b"[") > MAX_DEPTH and _deeper(value, MAX_DEPTH):
        return None, "record_too_deep"
    return value, ""


def _lenient(data: bytes) -> Any:
    """What the strict parser refuses but a reader can still use; None where nothing can be made of it."""
    try:
        return _clean(json.loads(data.decode("utf-8", "replace"), parse_constant=lambda _: None), MAX_DEPTH)
    except (ValueError, RecursionError):
        return None


def _clean(value: Any, depth: int) -> Any:
    """The value as strict JSON can hold it: no lone surrogates, no number beyond 64 bits."""
    if depth < 0:
        raise RecursionError
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, dict):
        return {_clean(key, depth): _clean(item, depth - 1) for key, item in value.items()}
    if isinstance(value, list):
        return [_clean(item, depth - 1) for item in value]
    if isinstance(value, int) and not -(1 << 63) <= value < 1 << 64:
        return str(value)
    return value


def _deeper(value: Any, limit: int) -> bool:
    """Whether a value is nested more deeply than the limit, found without recursion."""
    level: list[Any] = [value]
    for _ in range(limit):
        level = [
            item
            for holder in level
            for item in (holder.values() if isinstance(holder, dict) else holder)
            if isinstance(item, (dict, list))
        ]
        if not level:
            return False
    return True


def whole_objects(head: bytes) -> Iterator[dict[str, Any]]:
    """The lines of an input's first bytes that are objects by themselves; a cut last line is none."""
    for line in head.removeprefix(_BOM).split(b"\n"):
        stripped = line.strip(_BLANK)
        if stripped.startswith(b"{") and stripped.endswith(b"}"):
            value, _ = parse(stripped)
            if value is not None:
                yield value


#: Makes an event of a record's object and its line, or says by a reason's key why it is none.
Convert = Callable[[dict[str, Any], int], Document | str]


def batches(
    records: Iterator[Record], location: str, begin: Callable[[str], Convert], source: str = ""
) -> Iterator[Batch]:
    """The batches of a text source. `begin` gets the source's fingerprint (its first record) once that is known; it is
    given where the records do not begin with the first."""
    convert = begin(source) if source else None
    events: list[Document] = []
    refused: list[Refusal] = []
    taken = size = position = line = 0
    try:
        for record in records:
            if convert is None:
                source = fingerprint(record.raw)
                convert = begin(source)
            taken += 1
            position, line = record.end, record.line
            size += len(record.raw)
            event = convert(record.value, record.line) if record.value is not None else record.reason
            if isinstance(event, str):
                refused.append(Refusal(location, record.line, event))
            else:
                events.append(event)
            if taken >= BATCH_UNITS or size > MAX_BATCH_BYTES:
                yield Batch(source, location, position, taken, tuple(events), tuple(refused))
                events, refused, taken, size = [], [], 0, 0
    except ReadError as error:
        refused.append(Refusal(location, line + 1, error.key))
        taken += 1
    if taken or not source:
        yield Batch(source or fingerprint(location.encode()), location, position, taken, tuple(events), tuple(refused))


class LineReader:
    """A kind of input with one record a line, which can also be read on from the middle."""

    name = ""
    #: What lines begin with that say how to read the others.
    header = b""

    def accepts(self, head: bytes) -> bool:
        raise NotImplementedError

    def begin(self, origin: Origin) -> Callable[[str], Convert]:
        """What makes events of a source's records, once its fingerprint is known."""
        raise NotImplementedError

    def rows(self, found: Iterator[Line]) -> Iterator[Record]:
        """The records of lines; where they do not begin with the first, the header's come before them."""
        return json_rows(found)

    def read(self, stream: BinaryIO, location: str, origin: Origin) -> Iterator[Batch]:
        return batches(self.rows(lines(stream)), location, self.begin(origin))
