"""Figures as a reader expects them: decimal comma and dotted thousands in Vietnamese, days as dd/mm/yyyy in both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any

from vonggac.domain.times import VIETNAM, parse_instant
from vonggac.messages import say

DASH = "–"
#: Counts that are sums of shares are exact to this many parts.
_PARTS = 10**6

_GROUPS = {"vi": str.maketrans(",.", ".,"), "en": {}}


def decimal(value: float | Decimal | Fraction, places: int, lang: str) -> str:
    """The number rounded half-up (away from zero at the half), a minus sign for negative ones."""
    exact = Fraction(value).limit_denominator(_PARTS) if isinstance(value, float) else Fraction(value)
    step = Decimal(1).scaleb(-places)
    rounded = (Decimal(exact.numerator) / Decimal(exact.denominator)).quantize(step, rounding=ROUND_HALF_UP)
    text = f"{abs(rounded):,}".translate(_GROUPS[lang])
    return f"−{text}" if rounded < 0 else text


def count(value: float | None, lang: str) -> str:
    """A count: whole ones without decimals, sums of shares with one; a dash where there is none."""
    if value is None:
        return DASH
    return decimal(value, 0 if value == int(value) else 1, lang)


def rate(value: float, lang: str) -> str:
    """A rate with one decimal; one that would round to nothing is `< 0,1`."""
    return f"< {decimal(0.1, 1, lang)}" if 0 < value < 0.05 else decimal(value, 1, lang)


def share(value: float | None, lang: str) -> str:
    """A share of 0 to 1 as per cent with one decimal; a dash where nobody kept it."""
    return DASH if value is None else f"{decimal(100 * value, 1, lang)} %"


def change(current: float, previous: float, lang: str) -> str:
    """`−51,4 %` or `+3,2 %`, from the two counts; a dash where previous is 0."""
    percent = change_percent(current, previous)
    if percent is None:
        return DASH
    text = decimal(percent, 1, lang)
    return f"{'+' if percent > 0 and text.strip('0.,') else ''}{text} %"


def change_percent(current: float, previous: float) -> Fraction | None:
    """100 * (current - previous) / previous, exact; None where previous is 0."""
    now, then = (Fraction(value).limit_denominator(_PARTS) for value in (current, previous))
    return 100 * (now - then) / then if then else None


def duration(seconds: float | None, lang: str) -> str:
    """Days and hours, hours and minutes, or minutes: the two largest units that are not zero."""
    if seconds is None:
        return DASH
    minutes = int(seconds / 60 + 0.5)
    days, hours, rest = minutes // 1440, minutes // 60 % 24, minutes % 60
    parts = [("days", days), ("hours", hours)] if days else [("hours", hours), ("minutes", rest)]
    said = [say(lang, f"report.{unit}", count=count(number, lang)) for unit, number in parts if number]
    return " ".join(said) or say(lang, "report.minutes", count="0")


def day(instant: datetime) -> str:
    """The day in Vietnam."""
    return f"{instant.astimezone(VIETNAM):%d/%m/%Y}"


def moment(instant: datetime) -> str:
    """The day and minute in Vietnam."""
    return f"{instant.astimezone(VIETNAM):%d/%m/%Y %H:%M}"


def span(period: Mapping[str, Any]) -> str:
    """The first and the last day of a body's period, or its minutes where it does not begin and end at midnight."""
    start, end = (parse_instant(period[edge]).astimezone(VIETNAM) for edge in ("start", "end"))
    if any(edge.time() != edge.min.time() for edge in (start, end)):
        return f"{moment(start)} {DASH} {moment(end)}"
    last = end - timedelta(days=1)
    return day(start) if start.date() == last.date() else f"{day(start)} {DASH} {day(last)}"


def period_name(period: Mapping[str, Any], lang: str) -> str:
    """How people call a period: `năm 2020`, `quý I/2020`, `4 tháng đầu năm 2020`, `tháng 4/2020`, else by its days."""
    months = _whole_months(period)
    if months is None:
        return span(period)
    year, first, last = months
    quarter = last // 3 if last - first == 2 and last % 3 == 0 else 0
    if (first, last) == (1, 12):
        key = "year"
    elif first == last:
        key = "month_of_year"
    elif quarter:
        key = "quarter"
    else:
        key = "first_months" if first == 1 else "months"
    return say(
        lang,
        f"report.periods.{key}",
        year=year,
        first=month_name(first, lang),
        last=month_name(last, lang),
        count=last - first + 1,
        quarter=("", "I", "II", "III", "IV")[quarter] if lang == "vi" else quarter,
    )


def month_name(month: int, lang: str) -> str:
    """`tháng 4` or `April`."""
    return say(lang, f"report.month.{month}")


def month_labels(periods: Sequence[Mapping[str, Any]], lang: str) -> list[str]:
    """`Tháng 4` for each month; `04/2020` where they are of several years."""
    starts = [parse_instant(period["start"]).astimezone(VIETNAM) for period in periods]
    if len({start.year for start in starts}) == 1:
        return [capitalised(month_name(start.month, lang)) for start in starts]
    return [f"{start:%m/%Y}" for start in starts]


def capitalised(text: str) -> str:
    """The text with its first letter as a sentence begins."""
    return text[:1].upper() + text[1:]


def _whole_months(period: Mapping[str, Any]) -> tuple[int, int, int] | None:
    """(year, first month, last month) where the period is whole months of one year."""
    start, end = (parse_instant(period[edge]).astimezone(VIETNAM) for edge in ("start", "end"))
    last = end - timedelta(days=1)
    whole = all(edge.day == 1 and edge.time() == edge.min.time() for edge in (start, end))
    return (start.year, start.month, last.month) if whole and start.year == last.year else None
