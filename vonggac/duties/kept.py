"""Filings, marks and notices as records. All are appended and none is changed; two of the same id are one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from vonggac.domain.duty import Filing, Mark
from vonggac.domain.times import format_instant, parse_instant
from vonggac.errors import Conflict
from vonggac.ports import RecordStore

FILING, MARK, NOTICE, WATCH = "duty-filing", "duty-mark", "duty-notice", "duty-watch"  # kinds of records


def load_filings(records: RecordStore) -> list[Filing]:
    return [filing_from(record.key, record.body) for record in records.list(FILING)]


def load_marks(records: RecordStore) -> list[Mark]:
    return [_mark_from(record.key, record.body) for record in records.list(MARK)]


def add_filing(records: RecordStore, filing: Filing) -> None:
    records.put(FILING, filing.id, filing_data(filing), expected_version=0)


def add_mark(records: RecordStore, mark: Mark) -> None:
    records.put(MARK, mark.id, mark_data(mark), expected_version=0)


def add_notice(records: RecordStore, key: str, body: Mapping[str, Any]) -> bool:
    """True when this notice was not given before."""
    try:
        records.put(NOTICE, key, body, expected_version=0)
    except Conflict:
        return False
    return True


def watched_since(records: RecordStore) -> datetime | None:
    """Since when duties are watched here; None before the first look."""
    record = records.get(WATCH, WATCH)
    return parse_instant(record.body["since"]) if record else None


def watched_until(records: RecordStore) -> datetime | None:
    """Up to when every warning has been given."""
    record = records.get(WATCH, WATCH)
    return parse_instant(record.body["until"]) if record else None


def put_watched(records: RecordStore, since: datetime, until: datetime) -> None:
    records.put(WATCH, WATCH, {"since": format_instant(since), "until": format_instant(until)})


def filing_data(filing: Filing) -> dict[str, Any]:
    return {
        "duty": filing.duty,
        "subject": filing.subject,
        "agency": filing.agency,
        "at": format_instant(filing.at),
        "recorded_at": format_instant(filing.recorded_at),
        "by": filing.by,
        "digest": filing.digest,
        "note": filing.note,
        "corrects": filing.corrects,
    }


def filing_from(identity: str, body: Mapping[str, Any]) -> Filing:
    texts = {name: str(body[name]) for name in ("duty", "subject", "agency", "by", "digest", "note", "corrects")}
    return Filing(id=identity, at=parse_instant(body["at"]), recorded_at=parse_instant(body["recorded_at"]), **texts)


def mark_data(mark: Mark) -> dict[str, Any]:
    return {
        "duty": mark.duty,
        "incident": mark.incident,
        "agency": mark.agency,
        "at": format_instant(mark.at),
        "recorded_at": format_instant(mark.recorded_at),
        "by": mark.by,
        "reason": mark.reason,
        "standing": mark.standing,
    }


def _mark_from(identity: str, body: Mapping[str, Any]) -> Mark:
    return Mark(
        identity,
        body["duty"],
        body["incident"],
        body["agency"],
        parse_instant(body["at"]),
        parse_instant(body["recorded_at"]),
        body["by"],
        body["reason"],
        body["standing"],
    )
