"""The statistics page: a period asked for in a form, the comparison, and its picture."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from starlette.datastructures import QueryParams

from api.pages.words import Words
from vonggac.comparison import answer_data, as_known
from vonggac.domain.access import Scope
from vonggac.domain.stats import By
from vonggac.domain.times import VIETNAM, parse_instant
from vonggac.errors import UsageRefused
from vonggac.messages import say
from vonggac.ports import Store
from vonggac.reports import figures
from vonggac.statistics import TOTAL, answer, ask

#: What of a question is left out where it was not asked.
RARE = ("units", "known_at", "definitions")
#: The picture shows the largest rows; the table has them all.
BARS = 12


@dataclass(frozen=True, slots=True)
class Asked:
    """The form's fields, and the `period` that those of its `kind` make, as `stats compare` takes it. `known_at` and
    `definitions` come by the address alone, as from a link."""

    kind: str
    year: int
    quarter: int
    first_month: int
    last_month: int
    start: str
    last_day: str
    against: str
    by: By
    units: str = ""
    known_at: str = ""
    definitions: str = ""
    period: str = ""

    def address(self, form: str, lang: str) -> str:
        """The same comparison from the API."""
        return f"/api/v1/stats/compare?{urlencode({**self.question(), 'lang': lang, 'format': form})}"

    def question(self) -> dict[str, str]:
        """What `stats compare` is asked."""
        asked = {"period": self.period, "against": self.against or "previous-year", "by": str(self.by)}
        return asked | {name: value for name in RARE if (value := getattr(self, name))}

    def cell(self, key: str, which: str) -> str:
        """The page of the incidents that a figure counts."""
        return cell_address(self.question(), key, which)


def cell_address(question: Mapping[str, str | None], key: str, which: str) -> str:
    """The page of the incidents that one figure of a question's answer counts."""
    asked = {name: value for name, value in question.items() if value}
    return f"/stats/cell?{urlencode({**asked, 'key': key, 'of': which})}"


KINDS = ("to-date", "year", "quarter", "months", "span")


def asked_by(parameters: QueryParams, now: datetime) -> Asked:
    """The question of an address; without one, this year up to today. Raises UsageRefused."""
    today = now.astimezone(VIETNAM).date()
    kind = parameters.get("kind") or ("given" if parameters.get("period") else "to-date")
    if kind not in (*KINDS, "given"):
        raise UsageRefused("bad_choice", value=kind, what="kind", known=", ".join(KINDS))
    try:
        by = By(parameters.get("by") or By.CATEGORY)
    except ValueError as error:
        raise UsageRefused("bad_choice", value=parameters["by"], what="by", known=", ".join(By)) from error
    asked = Asked(
        kind=kind,
        year=_whole(parameters, "year", today.year),
        quarter=_whole(parameters, "quarter", (today.month + 2) // 3),
        first_month=_whole(parameters, "m1", 1),
        last_month=_whole(parameters, "m2", today.month),
        start=parameters.get("from") or f"{today.year}-01-01",
        last_day=parameters.get("to") or today.isoformat(),
        against=parameters.get("against", "").strip(),
        by=by,
        **{name: parameters.get(name, "").strip() for name in RARE},
    )
    if kind == "given":
        return _given(asked, parameters.get("period", "").strip())
    return replace(asked, period=_period(asked, today))


_WRITTEN = re.compile(r"(?P<year>\d{4})(?:-Q(?P<quarter>[1-4])|-M(?P<m1>\d{1,2})(?:\.\.M?(?P<m2>\d{1,2}))?)?")
_DAYS = re.compile(r"(?P<start>\d{4}-\d{2}-\d{2})/(?P<end>\d{4}-\d{2}-\d{2})")


def _given(asked: Asked, text: str) -> Asked:
    """A period that came as `stats compare` writes it, in the form's fields where they can hold it."""
    asked = replace(asked, period=text)
    if found := _WRITTEN.fullmatch(text):
        year = int(found["year"])
        if found["quarter"]:
            return replace(asked, kind="quarter", year=year, quarter=int(found["quarter"]))
        if found["m1"]:
            first = int(found["m1"])
            return replace(asked, kind="months", year=year, first_month=first, last_month=int(found["m2"] or first))
        return replace(asked, kind="year", year=year)
    if found := _DAYS.fullmatch(text):
        try:
            last = date.fromisoformat(found["end"]) - timedelta(days=1)
        except (ValueError, OverflowError):
            return asked  # the comparison says what is wrong with it
        return replace(asked, kind="span", start=found["start"], last_day=last.isoformat())
    return asked


def _period(asked: Asked, today: date) -> str:
    texts = {
        "to-date": lambda: f"{today.year}-01-01/{today + timedelta(days=1)}",
        "year": lambda: f"{asked.year}",
        "quarter": lambda: f"{asked.year}-Q{asked.quarter}",
        "months": lambda: f"{asked.year}-M{asked.first_month}..M{asked.last_month}",
        # People mean the last day to be part of it; the question's end is not.
        "span": lambda: f"{asked.start}/{_day_after(asked.last_day)}",
    }
    return texts[asked.kind]()


def _day_after(text: str) -> date:
    try:
        return date.fromisoformat(text) + timedelta(days=1)
    except (ValueError, OverflowError) as error:
        raise UsageRefused("bad_time", text=text, reason=error) from error


def _whole(parameters: QueryParams, name: str, default: int) -> int:
    text = parameters.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 4):
        raise UsageRefused("bad_period", text=text, reason=name)
    return int(text)


@dataclass(frozen=True, slots=True)
class Row:
    key: str
    label: str
    current: float
    previous: float
    change: str


@dataclass(frozen=True, slots=True)
class Bar:
    """One row of the picture; lengths and places in its own units, `y` from the top."""

    label: str
    y: int
    current: float
    previous: float
    current_length: float
    previous_length: float


@dataclass(frozen=True, slots=True)
class Chart:
    width: int
    height: int
    bars: tuple[Bar, ...]
    hidden: int


@dataclass(frozen=True, slots=True)
class Statistics:
    asked: Asked
    period: str
    against: str
    by_label: str
    rows: tuple[Row, ...]
    total: Row
    ratio: str
    interval: str
    verdict_kind: str
    verdict: str
    beside: tuple[str, ...]
    source: str
    digest: str
    chart: Chart


def statistics(store: Store, scope: Scope, asked: Asked, words: Words, now: datetime) -> Statistics:
    """The comparison in words."""
    lang = words.lang
    question = ask(**asked.question())
    body = answer_data(answer(store, words.directory, question, now=now, scope=scope), lang)
    total = body["total"]
    rows = tuple(row_of(row, row["label"], lang) for row in body["rows"])
    return Statistics(
        asked=asked,
        period=span(body["period"]),
        against=span(body["against"]),
        by_label=say(lang, f"stats.by_{asked.by}"),
        rows=rows,
        total=row_of(total, say(lang, "stats.total"), lang),
        ratio=_decimal(total["rate_ratio"], lang),
        interval=" – ".join(_decimal(bound, lang, "∞") for bound in total["ci95"]) if total["ci95"] else "–",
        verdict_kind=total["verdict"],
        verdict=body["sentences"][lang][0],
        beside=(*as_known(body, lang), *body["sentences"][lang][1:]),
        source=say(lang, "stats.source", definitions=body["definitions"], digest=body["digest"][:12]),
        digest=body["digest"],
        chart=chart(rows),
    )


def row_of(row: Mapping[str, Any], label: str, lang: str) -> Row:
    return Row(
        row.get("key", TOTAL),
        label,
        row["current"],
        row["previous"],
        figures.change(row["current"], row["previous"], lang),
    )


def span(period: Mapping[str, str]) -> str:
    """`01/01/2026 – 22/11/2026`, the last day included."""
    start, end = (parse_instant(period[name]).astimezone(VIETNAM) for name in ("start", "end"))
    last = end - timedelta(microseconds=1)
    return f"{start:%d/%m/%Y} – {last:%d/%m/%Y}"


def _decimal(value: float | None, lang: str, none: str = "–") -> str:
    if value is None:
        return none
    text = f"{value:.2f}"
    return text.replace(".", ",") if lang == "vi" else text


WIDTH, ROW_HEIGHT, LONGEST = 440, 52, 390


def chart(rows: Sequence[Row]) -> Chart:
    """Two bars for each of the largest rows, on one scale that begins at zero."""
    shown = rows[:BARS]
    most = max((max(row.current, row.previous) for row in shown), default=0) or 1
    bars = tuple(
        Bar(
            row.label,
            index * ROW_HEIGHT,
            row.current,
            row.previous,
            round(LONGEST * row.current / most, 1),
            round(LONGEST * row.previous / most, 1),
        )
        for index, row in enumerate(shown)
    )
    return Chart(WIDTH, max(1, len(bars)) * ROW_HEIGHT, bars, len(rows) - len(shown))
