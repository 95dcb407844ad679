"""Which incidents may be the same as the one on the page, and of which it is a part."""

from __future__ import annotations

from dataclasses import dataclass

from api.pages.words import Words, defang
from vonggac.domain.access import Scope
from vonggac.domain.duplicates import Candidate, Shared
from vonggac.domain.incident import Incident
from vonggac.duplicates import duplicates_of
from vonggac.errors import NotFound
from vonggac.messages import say
from vonggac.ports import IncidentStore

#: As many as a reader will compare.
SHOWN = 5


@dataclass(frozen=True, slots=True)
class Line:
    """An incident, and what both have in common, in words."""

    incident: Incident
    reasons: str


def lines(store: IncidentStore, incident: Incident, scope: Scope, words: Words) -> tuple[Line, ...]:
    """None where it is part of another already."""
    if incident.merged_into:
        return ()
    return tuple(_line(each, words) for each in duplicates_of(store, incident, scope)[:SHOWN])


def _line(found: Candidate, words: Words) -> Line:
    reasons = (
        say(
            words.lang, f"duplicate.{sign.what}", value=sign.value if sign.what is Shared.ENTITY else defang(sign.value)
        )
        for sign in found.signs
    )
    return Line(found.incident, "; ".join(reasons))


def whole_of(store: IncidentStore, incident: Incident, scope: Scope) -> Incident | None:
    """What it is part of, where the reader may see that."""
    try:
        return store.get(incident.merged_into, scope=scope) if incident.merged_into else None
    except NotFound:
        return None
