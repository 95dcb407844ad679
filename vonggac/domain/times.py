"""Instants, half-open periods and the two ways a Vietnamese record writes a time.

An instant is an aware UTC `datetime`. Reports are reckoned in Asia/Ho_Chi_Minh (UTC+7, no summer time since 1975).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from operator import itemgetter
from zoneinfo import ZoneInfo

VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

#: The characters of a text in the form of `format_instant` that are no digits.
_SIGNS = itemgetter(4, 7, 10, 13, 16, 19, 26)
_OUR_SIGNS = ("-", "-", "T", ":", ":", ".", "Z")

_DAY_FIRST = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})(?:[ T](\d{1,2}):(\d{2})(?::(\d{2}))?)?")
_RFC3339 = re.compile(
    r"(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}:\d{2})(?:\.(\d+))?([Zz]|[+-]\d{2}:?\d{2})",
)
_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})")
_YEAR = re.compile(r"(\d{4})")
_QUARTER = re.compile(r"(\d{4})-Q([1-4])")
_MONTHS = re.compile(r"(\d{4})-M(\d{1,2})(?:\.\.M?(\d{1,2}))?")


def from_epoch_us(microseconds: int) -> datetime:
    """The instant so many microseconds after 1970-01-01T00:00:00Z, without float rounding."""
    return _EPOCH + timedelta(microseconds=microseconds)


def to_epoch_us(instant: datetime) -> int:
    """Whole microseconds since 1970-01-01T00:00:00Z."""
    since = instant - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def format_instant(instant: datetime) -> str:
    """RFC 3339 in UTC with six digits and `Z`, so that text order is time order."""
    utc = instant if instant.tzinfo is UTC else instant.astimezone(UTC)
    return utc.isoformat(timespec="microseconds")[:26] + "Z"


def parse_instant(text: str) -> datetime:
    """An RFC 3339 instant with any number of fraction digits (RFC 3339 §5.6). ValueError otherwise."""
    if len(text) == 27 and _SIGNS(text) == _OUR_SIGNS:  # as `format_instant` writes it, and most do
        return datetime.fromisoformat(text)
    match = _RFC3339.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"not an RFC 3339 time: {text!r}")
    day, clock, fraction, zone = match.groups()
    if zone in "Zz":
        whole = datetime.fromisoformat(f"{day}T{clock}.{(fraction or '0')[:6]:0<6}+00:00")
        return whole.replace(tzinfo=UTC)
    whole = datetime.fromisoformat(f"{day}T{clock}{zone}")
    return (whole + timedelta(microseconds=int((fraction or "0")[:6].ljust(6, "0")))).astimezone(UTC)


def parse_record_time(text: str) -> datetime:
    """RFC 3339, or `dd/mm/yyyy[ hh:mm[:ss]]` or `yyyy-mm-dd` read in Vietnam's time. ValueError otherwise."""
    text = text.strip()
    if match := _DAY_FIRST.fullmatch(text):
        day, month, year, hour, minute, second = (int(part or 0) for part in match.groups())
        return datetime(year, month, day, hour, minute, second, tzinfo=VIETNAM).astimezone(UTC)
    if match := _DATE.fullmatch(text):
        return datetime(*(int(part) for part in match.groups()), tzinfo=VIETNAM).astimezone(UTC)  # type: ignore[misc, arg-type]
    return parse_instant(text)


def day_in_vietnam(instant: datetime) -> date:
    """The calendar day there: what the law and decisions on networks and units date by."""
    return instant.astimezone(VIETNAM).date()


@dataclass(frozen=True, slots=True)
class Period:
    """Half-open `[start, end)` between two instants; `text` is how it was asked for."""

    start: datetime
    end: datetime
    text: str

    def __post_init__(self) -> None:
        if self.end <= self.start:
            raise ValueError("period_backwards")

    def holds(self, instant: datetime) -> bool:
        return self.start <= instant < self.end

    def year_before(self) -> Period:
        """The same months and days one year earlier; 29 February becomes 28 February, and what ends with 28 February
        does so there too.

        Raises ValueError with the key of the reason: of a part of 29 February before part of 28 February nothing may
        be left (`period_backwards`), and there is no year before the first (`no_year_before`).
        """
        try:
            start, end = _year_earlier(self.start), _end_a_year_earlier(self.end)
        except (ValueError, OverflowError) as error:
            raise ValueError("no_year_before") from error
        return Period(start, end, _span_text(start, end))

    @property
    def days(self) -> float:
        return (self.end - self.start) / timedelta(days=1)


def parse_period(text: str) -> Period:
    """`2020`, `2020-Q1`, `2020-M4`, `2020-M1..M4` or `START/END` (dates in Vietnam's time, END not included).

    Raises ValueError with the key of the reason (`not_a_period`, `no_such_month`, `no_such_day`, `period_backwards`).
    """
    text = text.strip()
    if match := _YEAR.fullmatch(text):
        return _months(int(match[1]), 1, 12, text)
    if match := _QUARTER.fullmatch(text):
        last = int(match[2]) * 3
        return _months(int(match[1]), last - 2, last, text)
    if match := _MONTHS.fullmatch(text):
        first = int(match[2])
        return _months(int(match[1]), first, int(match[3] or first), text)
    start, slash, end = text.partition("/")
    if not slash:
        raise ValueError("not_a_period")
    try:
        bounds = parse_record_time(start), parse_record_time(end)
    except (ValueError, OverflowError) as error:
        raise ValueError("no_such_day") from error
    return Period(*bounds, text)


def _months(year: int, first: int, last: int, text: str) -> Period:
    if not (1 <= first <= 12 and 1 <= last <= 12):
        raise ValueError("no_such_month")
    if last < first:
        raise ValueError("period_backwards")
    after = (year + 1, 1) if last == 12 else (year, last + 1)
    try:
        bounds = _local(year, first, 1), _local(*after, 1)
    except (ValueError, OverflowError) as error:
        raise ValueError("no_such_day") from error
    return Period(*bounds, text)


def _local(year: int, month: int, day: int) -> datetime:
    return datetime(year, month, day, tzinfo=VIETNAM).astimezone(UTC)


def _year_earlier(instant: datetime) -> datetime:
    local = instant.astimezone(VIETNAM)
    day = 28 if (local.month, local.day) == (2, 29) else local.day
    return local.replace(year=local.year - 1, day=day).astimezone(UTC)


def _end_a_year_earlier(instant: datetime) -> datetime:
    """What ends as 29 February begins has 28 February as its last day, a year earlier too."""
    local = instant.astimezone(VIETNAM)
    if (local.month, local.day) == (2, 29) and local.time() == local.min.time():
        return _local(local.year - 1, 3, 1)
    return _year_earlier(instant)


def _span_text(start: datetime, end: datetime) -> str:
    return "/".join(_shortest(instant.astimezone(VIETNAM)) for instant in (start, end))


def _shortest(local: datetime) -> str:
    return local.date().isoformat() if local.time() == local.min.time() else local.isoformat()
