"""CSV with a header row, and plain lists of one value a line."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime

from correlator.indicators.reading import (
    DOMAIN,
    HASH,
    JA4,
    TYPES,
    Reading,
    as_network,
    kind_of,
    named_by_value,
    refang,
)
from correlator.indicators.stix import meant
from correlator.patterns.tree import PatternError
from vonggac.domain.indicator import Indicator, IndicatorKind
from vonggac.domain.marking import Tlp, parse_tlp
from vonggac.domain.times import parse_record_time

_REMARK = re.compile(r"(?:^|\s)#.*|^(?:;|//).*", re.DOTALL)
_MAIL = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]+@(?:[\w-]{1,63}\.)+[\w-]{2,63}")


def read_text(reading: Reading, content: bytes) -> Iterator[Indicator]:
    """The indicators of a text: CSV where its first row names the columns `type` and `value`, else a plain list."""
    first = next((line for line in _lines(Reading(""), content) if line.strip() and not line.startswith("#")), "")
    columns = [column.strip().strip('"').lower() for column in first.split(",")]
    if "type" in columns and "value" in columns:
        yield from _csv(reading, content)
    else:
        yield from _plain(reading, content)


def _lines(reading: Reading, content: bytes) -> Iterator[str]:
    """Lines with their ends; one that is not UTF-8 is left out."""
    for number, line in enumerate(io.BytesIO(content), 1):
        try:
            yield line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError:
            reading.refuse(number, "not UTF-8 text")


def _csv(reading: Reading, content: bytes) -> Iterator[Indicator]:
    """Columns in any order (RFC 4180): `type`, `value`; and where wanted `id`, `name`, `tlp`, `confidence` (0 to 100),
    `valid_from`, `valid_until`, `last_seen`, `labels` (with `;` between)."""
    lines = (line for line in _lines(reading, content) if not line.startswith("#"))
    rows = csv.DictReader(lines, skipinitialspace=True)
    rows.fieldnames = [name.strip().lower() for name in rows.fieldnames or ()]
    while True:
        try:
            row = next(rows, None)
        except csv.Error as error:
            reading.refuse(rows.line_num, str(error))
            continue
        if row is None:
            return
        cells = {name: value.strip() for name, value in row.items() if isinstance(name, str) and isinstance(value, str)}
        try:
            yield from _row(reading, rows.line_num, cells)
        except (ValueError, PatternError) as error:
            reading.refuse(rows.line_num, str(error))


def _row(reading: Reading, line: int, row: Mapping[str, str]) -> Iterator[Indicator]:
    """The indicators of a row. Raises ValueError and PatternError, which say what is wrong."""
    kind = TYPES.get(row.get("type", "").lower())
    if kind is None:
        raise ValueError(f"unknown type {row.get('type', '')!r}; known: {', '.join(TYPES)}")
    written = row.get("value", "")
    values = meant(written) if kind is IndicatorKind.PATTERN else [(kind, refang(written))]
    tlp = parse_tlp(row["tlp"]) if row.get("tlp") else Tlp.AMBER
    times = {name: _time(row, name) for name in ("valid_from", "valid_until", "last_seen")}
    for each, value in values:
        actual = as_network(each, value)
        if fault := _fault(actual, value):
            raise ValueError(fault)
        if reading.checked(line, actual, value):
            one = named_by_value(actual, value, reading.location, tlp)
            yield replace(
                one,
                id=row.get("id") or one.id,
                name=row.get("name", ""),
                confidence=_percent(row),
                labels=tuple(label.strip() for label in row.get("labels", "").split(";") if label.strip()),
                valid_from=times["valid_from"],
                valid_until=times["valid_until"],
                seen=times["last_seen"],
            )


def _fault(kind: IndicatorKind, value: str) -> str:
    if kind is IndicatorKind.DOMAIN and not DOMAIN.fullmatch(value):
        return f"not a domain name: {value[:80]!r}"
    if kind is IndicatorKind.HASH and not (HASH.fullmatch(value) or JA4.fullmatch(value)):
        return f"not an MD5, SHA-1, SHA-256 or SHA-512 hash, JA3 or JA4: {value[:140]!r}"
    return ""


def _time(row: Mapping[str, str], name: str) -> datetime | None:
    if not row.get(name):
        return None
    try:
        return parse_record_time(row[name])
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error


def _percent(row: Mapping[str, str]) -> int | None:
    text = row.get("confidence", "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 4 and int(text) <= 100):
        raise ValueError(f"confidence: {text[:20]!r} is no number from 0 to 100")
    return int(text)


def _plain(reading: Reading, content: bytes) -> Iterator[Indicator]:
    """One value a line; what follows `#` at the beginning or after a blank is a remark, and so is a line that begins
    with `;` or `//`."""
    for number, line in enumerate(_lines(reading, content), 1):
        value = refang(_REMARK.sub("", line).strip() if line[0] in "#;/" or "#" in line else line)
        if not value:
            continue
        kind = kind_of(value)
        if kind is not None:
            if kind is not IndicatorKind.URL or reading.checked(number, kind, value):
                yield named_by_value(kind, value, reading.location)
        elif _MAIL.fullmatch(value):
            quoted = value.replace("\\", "\\\\").replace("'", "\\'")
            yield named_by_value(IndicatorKind.PATTERN, f"[email-addr:value = '{quoted}']", reading.location)
        else:
            reading.refuse(number, f"neither address, domain, URL, hash nor mail address: {value[:80]!r}")
