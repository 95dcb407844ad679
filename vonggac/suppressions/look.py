"""What a suppression holds back, would hold back, and what somebody should look at."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from vonggac.domain.agency import Directory
from vonggac.domain.detection import Detection, to_document
from vonggac.domain.suppression import Hits, Known, Reading, Standing, Suppression, fit_of
from vonggac.domain.times import format_instant
from vonggac.ports import EventQuery, EventStore
from vonggac.suppressions.kept import act_data, conditions_data

EXPIRING = timedelta(days=7)
UNUSED = timedelta(days=30)
#: A preview looks at no more detections than this, and shows so many of those it would hold back.
MAX_LOOKED_AT = 100_000
DEFAULT_PERIOD = timedelta(days=30)
SHOWN = 10
_PAGE = 500


@dataclass(frozen=True, slots=True)
class Preview:
    """What a suppression would have held back of the detections in `[since, until)`; `complete` when all of these were
    looked at, `newest` the last few of them, newest first."""

    since: datetime
    until: datetime
    count: int
    looked_at: int
    complete: bool
    newest: tuple[Detection, ...]


def preview(
    events: EventStore, suppression: Suppression, directory: Directory, since: datetime, until: datetime
) -> Preview:
    """Of the detections in `[since, until)`, whatever the suppression's validity."""
    codes = directory.below(suppression.agency) if suppression.agency is not None else None
    fit = fit_of(suppression, directory.below)
    terms = {"rule.id": suppression.rule} if suppression.rule is not None else {}
    query = EventQuery(since=since, until=until, terms=terms, agencies=codes, limit=_PAGE)
    count = looked_at = 0
    newest: deque[Detection] = deque(maxlen=SHOWN)
    while True:
        page = events.search_detections(query)
        looked_at += len(page.items)
        found = [detection for detection in page.items if fit(Reading(detection))]
        count += len(found)
        newest.extend(found)
        if page.next is None or looked_at >= MAX_LOOKED_AT:
            return Preview(since, until, count, looked_at, page.next is None, tuple(reversed(newest)))
        query = replace(query, cursor=page.next)


def preview_data(found: Preview) -> dict[str, Any]:
    """The preview as one JSON object."""
    return {
        "since": format_instant(found.since),
        "until": format_instant(found.until),
        "count": found.count,
        "looked_at": found.looked_at,
        "complete": found.complete,
        "newest": [to_document(detection) for detection in found.newest],
    }


def notices(suppression: Suppression, hits: Hits | None, now: datetime, known: Known) -> list[str]:
    """What somebody should look at: `expiring` within a week, `unused` for a month, `unknown-rule` or `unknown-kind`
    where no rule of that id or kind is there any more."""
    standing = suppression.standing(now)
    if standing not in (Standing.IN_FORCE, Standing.WAITING):
        return []
    found = []
    if suppression.until - now <= EXPIRING:
        found.append("expiring")
    if now - max(suppression.start, suppression.made.at) >= UNUSED and (hits is None or now - hits.last >= UNUSED):
        found.append("unused")
    if suppression.rule is not None and suppression.rule not in known:
        found.append("unknown-rule")
    if suppression.kind is not None and not any(suppression.kind in each.kinds for each in known.values()):
        found.append("unknown-kind")
    return found


def suppression_data(suppression: Suppression, hits: Hits | None, now: datetime, known: Known) -> dict[str, Any]:
    """The suppression as one JSON object (`suppression list`, the API)."""
    told = known.get(suppression.rule) if suppression.rule is not None else None
    return {
        "id": suppression.id,
        "version": len(suppression.acts),
        "standing": str(suppression.standing(now)),
        "notices": notices(suppression, hits, now, known),
        "rule": suppression.rule,
        "rule_name": told.name if told is not None else None,
        "rule_name_vi": told.name_vi if told is not None else None,
        "kind": suppression.kind,
        "agency": suppression.agency,
        "conditions": conditions_data(suppression.conditions),
        "valid_from": format_instant(suppression.start),
        "valid_until": format_instant(suppression.until),
        "author": suppression.made.actor,
        "reason": suppression.made.reason,
        "ticket": suppression.ticket,
        "made_at": format_instant(suppression.made.at),
        "hits": hits.count if hits is not None else 0,
        "first_hit": format_instant(hits.first) if hits is not None else None,
        "last_hit": format_instant(hits.last) if hits is not None else None,
        "history": [act_data(act) for act in suppression.acts],
    }


def standings(suppressions: Iterable[Suppression], now: datetime) -> dict[Standing, int]:
    """How many stand how."""
    counts = dict.fromkeys(Standing, 0)
    for suppression in suppressions:
        counts[suppression.standing(now)] += 1
    return counts
