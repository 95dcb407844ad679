"""Reports ask their questions through one callable, so that they know neither the store nor how it is counted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeAlias

from vonggac.domain.stats import By
from vonggac.domain.times import VIETNAM, Period, parse_period
from vonggac.errors import UsageRefused
from vonggac.reports import figures
from vonggac.reports.document import Document
from vonggac.reports.pages import as_html, as_pdf
from vonggac.statistics import Question

Body: TypeAlias = Mapping[str, Any]
Compare: TypeAlias = Callable[[Question], Body]

FORMS = ("html", "pdf", "json")


@dataclass(frozen=True, slots=True)
class Report:
    """A report as people read it, when it was made, and every comparison that its figures stand in, with what else
    they are reckoned from."""

    name: str
    made_at: datetime
    document: Document
    bodies: Mapping[str, Body | Sequence[Body]]

    def render(self, form: str) -> bytes:
        """The report in one of FORMS. Raises UsageRefused for another."""
        if form not in FORMS:
            raise UsageRefused("bad_choice", value=form, what="--format", known=", ".join(FORMS))
        if form == "html":
            return as_html(self.document)
        if form == "pdf":
            return as_pdf(self.document, self.made_at)
        import orjson

        return orjson.dumps({"report": self.name, "title": self.document.title, "bodies": self.bodies}) + b"\n"


def months_of(question: Question) -> list[Question]:
    """The same question for each month of the period, against the same days of the year before; the first and the last
    month are cut where the period begins and ends."""
    period = question.period
    start = period.start.astimezone(VIETNAM)
    year, month = start.year, start.month
    asked: list[Question] = []
    while (whole := month_of(year, month)).start < period.end:
        cut = Period(max(whole.start, period.start), min(whole.end, period.end), whole.text)
        asked.append(replace(question, period=cut, against=cut.year_before(), by=By.NONE))
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    return asked


def by_month(body: Body, months: Sequence[Body], lang: str) -> Body:
    """The comparison with a row for each month that was asked for; their labels are in the language."""
    labels = figures.month_labels([each["period"] for each in months], lang)
    rows = [
        {**each["total"], "key": each["period"]["text"], "label": label}
        for label, each in zip(labels, months, strict=True)
    ]
    return {**body, "by": "month", "rows": rows, "overlap": {"current": 0, "previous": 0}}


def month_of(year: int, month: int) -> Period:
    return parse_period(f"{year}-M{month}")


def before(year: int, month: int) -> tuple[int, int]:
    """The month before."""
    return (year - 1, 12) if month == 1 else (year, month - 1)
