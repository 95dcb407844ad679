"""Published tables and opened cells, in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from api.pages.stats import Row, cell_address, row_of, span
from api.pages.words import Words
from vonggac.cells import incident_row
from vonggac.comparison import answer_data
from vonggac.domain.access import Scope
from vonggac.messages import say
from vonggac.ports import Store
from vonggac.publishing import published
from vonggac.revision import revision
from vonggac.statistics import TOTAL, Question, answer, cell

PAGE = 50


@dataclass(frozen=True, slots=True)
class Cell:
    """A page of the incidents that a figure counts."""

    row: str
    by: str
    period: str
    known_at: datetime | None
    figure: float
    incidents: tuple[Mapping[str, Any], ...]
    first: int
    more: bool


def opened(
    store: Store, scope: Scope, question: Question, key: str, which: str, page: int, words: Words, now: datetime
) -> Cell:
    """The incidents of one figure within the scope, the oldest first."""
    body = answer_data(answer(store, words.directory, question, now=now, scope=scope), words.lang)
    rows = {row["key"]: row for row in body["rows"]}
    rows[TOTAL] = {**body["total"], "label": say(words.lang, "stats.total")}
    row = rows.get(key, {"label": key, "current": 0, "previous": 0})
    period = question.period if which == "current" else question.against
    first = (page - 1) * PAGE
    counted = list(islice(cell(store, words.directory, question, key, period, scope=scope), first, first + PAGE + 1))
    return Cell(
        row=row["label"],
        by=say(words.lang, f"stats.by_{question.by}"),
        period=span(body["period" if which == "current" else "against"]),
        known_at=question.known_at,
        figure=row[which],
        incidents=tuple(incident_row(store, each, question) for each in counted[:PAGE]),
        first=first,
        more=len(counted) > PAGE,
    )


@dataclass(frozen=True, slots=True)
class Published:
    """A publication as its page shows it; without a table where it is not what was signed."""

    body: Mapping[str, Any]
    intact: bool
    by: str
    period: str
    against: str
    rows: tuple[Row, ...]
    total: Row
    sentences: tuple[str, ...]

    def cell(self, key: str, which: str) -> str:
        """The page of the incidents that the figure counted, as they were known then."""
        asked = {**self.body["question"], "definitions": self.body["definitions"]["id"]}
        return cell_address(asked, key, which)


def shown(store: Store, identity: str, words: Words) -> Published:
    """Raises NotFound."""
    body = published(store, identity)
    table = body["table"][words.lang]
    return Published(
        body=body,
        intact=body["intact"],
        by=say(words.lang, f"stats.by_{body['question']['by']}"),
        period=span(table["period"]),
        against=span(table["against"]),
        rows=tuple(row_of(row, row["label"], words.lang) for row in table["rows"]),
        total=row_of(table["total"], say(words.lang, "stats.total"), words.lang),
        sentences=tuple(table["sentences"][words.lang]),
    )


def beside_now(store: Store, scope: Scope, identity: str, words: Words, now: datetime) -> dict[str, Any]:
    """The revision with its last row as `sum`, with reasons and categories in words."""
    found = revision(store, words.directory, identity, now=now, lang=words.lang, scope=scope)
    whys = {why: say(words.lang, f"stats.why.{why}") for why in found["changes"]["counts"]}
    return {
        **found,
        "sum": {"label": say(words.lang, "stats.total"), **found["total"]},
        "whys": [(whys[why], count) for why, count in found["changes"]["counts"].items()],
        "listed": [{**each, "why": whys[each["why"]], **_sides(each, words)} for each in found["changes"]["listed"]],
    }


def _sides(change: Mapping[str, Any], words: Words) -> dict[str, str]:
    return {side: _state(change[side], words) for side in ("before", "now")}


def _state(state: Mapping[str, Any] | None, words: Words) -> str:
    """What an incident counted as; a dash where it did not."""
    if state is None:
        return "–"
    agencies = words.agencies({each["agency"] for each in state["involvements"]})
    parts = (
        words.category(state["category"]),
        words.say(f"severity.{state['severity']}"),
        say(words.lang, f"stats.cause.{state['cause']}"),
        agencies,
    )
    return " · ".join(part for part in parts if part)
