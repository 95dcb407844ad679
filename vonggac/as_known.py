"""Lists of incidents as they were known at an instant: what the inbox showed then."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from vonggac.domain.incident import Incident
from vonggac.domain.searching import search_text, search_words
from vonggac.domain.times import parse_record_time
from vonggac.errors import UsageRefused
from vonggac.ports import Counted, IncidentQuery, IncidentStore, StateQuery

_EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
_LATEST = datetime(9999, 1, 1, tzinfo=UTC)
#: The first stretch of time that is looked through, back from the instant; each is twice the one before.
_STRETCH = timedelta(days=30)
_MOST = timedelta(days=36_500)
_PAGE = 1_000


def instant_of(text: str | None) -> datetime | None:
    """The instant that a person wrote; None for none. Raises UsageRefused."""
    try:
        return parse_record_time(text) if text else None
    except (ValueError, OverflowError) as error:
        raise UsageRefused("bad_time", text=text) from error


def incidents_known(store: IncidentStore, query: IncidentQuery, known_at: datetime) -> Iterator[Incident]:
    """Every incident that fitted the query as it was known then, those that happened last first; nothing is hidden or
    shown that the query's scope does not hide or show now. The query's limit and cursor say nothing here."""
    end, stretch = _LATEST, _STRETCH
    while end > _EARLIEST:
        start = max(_EARLIEST, min(end, known_at) - stretch)
        period = StateQuery(start, end, known_at, query.scope)
        for each in reversed(list(_counted(store, period))):
            incident = store.get(each.incident, scope=query.scope, known_at=known_at)
            if _fits(incident, query):
                yield incident
        end, stretch = start, min(2 * stretch, _MOST)


def _counted(store: IncidentStore, period: StateQuery) -> Iterator[Counted]:
    among, cursor = frozenset().union(*store.tally(period).facts()), None
    while True:
        page = store.counted_in(period, among, limit=_PAGE, cursor=cursor)
        yield from page.items
        cursor = page.next
        if cursor is None:
            return


def _fits(incident: Incident, query: IncidentQuery) -> bool:
    text = search_text(incident)
    return (
        (query.statuses is None or incident.status in query.statuses)
        and (query.categories is None or incident.category in query.categories)
        and (query.agency is None or query.agency in incident.agencies)
        and (query.assignee is None or query.assignee == incident.assignee)
        and all(word in text for word in search_words(query.text))
    )
