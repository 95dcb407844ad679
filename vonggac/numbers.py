"""What people call an incident by: its id or its readable number, in any case, alone or in the address of its page."""

from __future__ import annotations

import re

from vonggac.domain.access import EVERYTHING, Scope
from vonggac.errors import NotFound
from vonggac.ports import IncidentQuery, IncidentStore

_ID = re.compile(r"inc-[0-9a-f]{24}")
_NUMBER = re.compile(r"VN-[0-9]{4}-[0-9]{6,}", re.IGNORECASE)


def incident_named(store: IncidentStore, name: str, scope: Scope = EVERYTHING) -> str:
    """The id of the incident that is meant. Raises NotFound for a number that none in the scope bears; whether there is
    an incident of an id, the store says when it is asked."""
    number = _NUMBER.search(name)
    if number is None:
        found = _ID.search(name)
        return found[0] if found else name.strip()
    page = store.find(IncidentQuery(scope=scope, number=number[0].upper(), limit=1))
    if not page.items:
        raise NotFound("no_such_number", number=number[0].upper())
    return page.items[0].id
