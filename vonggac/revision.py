"""A published table beside what the records say now: the differences, and the incidents that make them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from vonggac.comparison import answer_data
from vonggac.definitions import definitions, definitions_data
from vonggac.domain.access import EVERYTHING, Scope
from vonggac.domain.agency import Directory
from vonggac.domain.fold import fold
from vonggac.domain.incident import Incident
from vonggac.domain.states import State, state_of
from vonggac.domain.times import Period, format_instant, parse_instant
from vonggac.ports import StateQuery, Store
from vonggac.publishing import digest_of, intact, units_data
from vonggac.statistics import Question, answer, ask

#: The most changes that one revision names; all are counted.
MAX_CHANGES = 1_000


@dataclass(frozen=True, slots=True)
class Change:
    """One incident that counts otherwise than it did in one of the two periods (`current` or `previous`): why, and as
    what before and now."""

    period: str
    incident: Incident
    why: str
    before: State | None
    now: State | None


def revision(
    store: Store, directory: Directory, identity: str, *, now: datetime, lang: str, scope: Scope = EVERYTHING
) -> dict[str, Any]:
    """The published table beside what the records say of the same question now, and what made the difference.

    The change of the total is what came (`learned-later`, `counts-since`) less what went (`no-longer-counts`), and
    `loaded_later`: what an answer for the same instant would say today beyond what was published, of cases that were
    loaded since then and bear an earlier date of recording. `other_since` names what else is not as it was, the
    `definitions` or the `directory`. Figures are those of all incidents; the ones that are listed are those that the
    scope allows. Raises NotFound, and UsageRefused for a table that is not what was signed.
    """
    body = intact(store, identity)
    before, question = body["table"][lang], asked_again(body)
    known_at = parse_instant(body["question"]["known_at"])
    today = replace(question, known_at=None)
    after = answer_data(answer(store, directory, today, now=now), lang)
    again = answer_data(answer(store, directory, question, now=now), lang)
    changes = [
        change
        for which, period in (("current", question.period), ("previous", question.against))
        for change in changes_since(store, question, which, period, known_at)
    ]
    seen = [change for change in changes if scope.allows(change.incident.tlp, change.incident.agencies)]
    return {
        "id": identity,
        "published_at": body["published_at"],
        "known_at": body["question"]["known_at"],
        "now": format_instant(now),
        "by": body["question"]["by"],
        "total": _beside(before["total"], after["total"]),
        "rows": _rows_beside(before["rows"], after["rows"]),
        "loaded_later": {name: again["total"][name] - before["total"][name] for name in ("current", "previous")},
        "other_since": _other_since(body, directory),
        "changes": {
            "counts": dict(sorted(Counter(change.why for change in changes).items())),
            "listed": [_change_data(change) for change in seen[:MAX_CHANGES]],
            "more": len(changes) - min(len(seen), MAX_CHANGES),
        },
    }


def asked_again(body: Mapping[str, Any]) -> Question:
    """The question of a publication, by the definitions that it was answered with."""
    return ask(**{**body["question"], "definitions": body["definitions"]["id"]})


def _other_since(body: Mapping[str, Any], directory: Directory) -> list[str]:
    terms = body["definitions"]
    others = {
        "definitions": digest_of(definitions_data(definitions(terms["id"]))) != terms["digest"],
        "directory": digest_of(units_data(directory)) != body["directory"],
    }
    return [name for name, other in others.items() if other]


def _beside(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: {
            "published": before.get(name, 0),
            "now": after.get(name, 0),
            "difference": after.get(name, 0) - before.get(name, 0),
        }
        for name in ("current", "previous")
    }


def _rows_beside(before: Iterable[Mapping[str, Any]], after: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    then, now = ({row["key"]: row for row in rows} for rows in (before, after))
    return [
        {"key": key, "label": (then.get(key) or now[key])["label"], **_beside(then.get(key, {}), now.get(key, {}))}
        for key in dict.fromkeys((*then, *now))
    ]


def changes_since(store: Store, question: Question, which: str, period: Period, known_at: datetime) -> list[Change]:
    """The incidents of a period that count otherwise now than they did at an instant."""
    terms = definitions(question.definitions)

    def counting(state: State | None) -> State | None:
        """The state if it counts in the period."""
        if state is None or not period.holds(state.occurred_at) or not state.facts.counted:
            return None
        return state if terms.row_of(state.facts.category) is not None else None

    found = []
    for identity in store.incidents.changed(StateQuery(period.start, period.end), known_at):
        history = store.incidents.history(identity)
        now, then = fold(identity, history), fold(identity, history, known_at=known_at)
        if now is None:
            continue
        before = None if then is None else counting(state_of(then, known_at))
        after = counting(state_of(now, now.changed_at))
        why = _why(before, after, unknown=then is None)
        if why:
            found.append(Change(which, now, why, before, after))
    return found


def _why(before: State | None, after: State | None, *, unknown: bool) -> str:
    """Why an incident counts otherwise; empty where it counts the same."""
    if before is None and after is None:
        return ""
    if before is None:
        return "learned-later" if unknown else "counts-since"
    if after is None:
        return "no-longer-counts"
    for name, then, now in (
        ("category", before.facts.category, after.facts.category),
        ("severity", before.facts.severity, after.facts.severity),
        ("cause", before.facts.cause, after.facts.cause),
        ("agencies", before.parties, after.parties),
        ("time", before.occurred_at, after.occurred_at),
    ):
        if then != now:
            return f"other-{name}"
    return ""


def _change_data(change: Change) -> dict[str, Any]:
    return {
        "period": change.period,
        "incident": change.incident.id,
        "number": change.incident.number,
        "why": change.why,
        "learned_at": format_instant(change.incident.changed_at),
        "before": _state_data(change.before),
        "now": _state_data(change.now),
    }


def _state_data(state: State | None) -> dict[str, Any] | None:
    if state is None:
        return None
    return {
        "occurred_at": format_instant(state.occurred_at),
        "category": state.facts.category,
        "severity": state.facts.severity,
        "cause": state.facts.cause,
        "involvements": [{"agency": each.agency, "role": str(each.role)} for each in state.parties],
    }
