"""Looking in the store for incidents that may be one and the same (`vonggac.domain.duplicates`)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from itertools import islice

from vonggac.domain.access import EVERYTHING, Scope
from vonggac.domain.duplicates import NEAR, Candidate, candidates, pairs
from vonggac.domain.incident import Incident, Status
from vonggac.errors import NotFound
from vonggac.ports import IncidentQuery, IncidentStore

#: So many incidents of its category and time a page compares one with, the newest first.
LOOKED_AT = 200
_PAGE = 500
_STANDING = frozenset(Status) - {Status.MERGED}


def duplicates_of(
    store: IncidentStore, incident: Incident, scope: Scope = EVERYTHING, most: int = LOOKED_AT
) -> tuple[Candidate, ...]:
    """Those in the scope that may be the same as this one."""
    query = IncidentQuery(
        scope=scope,
        statuses=_STANDING,
        categories=frozenset({incident.category}),
        last_from=incident.first_at - NEAR,
        first_until=incident.last_at + NEAR,
        limit=min(_PAGE, most),
    )
    others = {other.id: other for other in islice(_all(store, query), most)}
    return candidates(incident, {**others, **_likened(store, incident, scope)}.values())


def duplicate_pairs(store: IncidentStore, since: datetime) -> Iterator[tuple[Incident, Candidate]]:
    """Each two that may be the same, of what was last seen since then."""
    return pairs(_all(store, IncidentQuery(statuses=_STANDING, last_from=since, limit=_PAGE)))


def _likened(store: IncidentStore, incident: Incident, scope: Scope) -> dict[str, Incident]:
    found = {}
    for identity in incident.likened:
        try:
            found[identity] = store.get(identity, scope=scope)
        except NotFound:
            continue  # Not for this reader.
    return found


def _all(store: IncidentStore, query: IncidentQuery) -> Iterator[Incident]:
    while True:
        page = store.find(query)
        yield from page.items
        if page.next is None:
            return
        query = replace(query, cursor=page.next)
