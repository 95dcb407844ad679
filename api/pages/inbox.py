"""The inbox: which incidents an address asks for, and the addresses of its neighbours."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from urllib.parse import urlencode

from starlette.datastructures import QueryParams

from api.pages.choice import offered
from api.pages.words import Words
from vonggac.definitions import definitions
from vonggac.domain.access import Scope
from vonggac.domain.agency import Agency
from vonggac.domain.incident import Incident, Status
from vonggac.errors import UsageRefused
from vonggac.ports import IncidentQuery, IncidentStore

PAGE = 50
#: What still needs somebody; the inbox shows these unless asked otherwise.
OPEN = frozenset({Status.NEW, Status.TRIAGED, Status.CONFIRMED, Status.CONTAINED, Status.ERADICATED, Status.REOPENED})


@dataclass(frozen=True, slots=True)
class Asked:
    """The filters of an inbox address. `status` is `open`, `all` or one status."""

    status: str = "open"
    category: str = ""
    agency: str = ""
    assignee: str = ""
    q: str = ""
    cursor: str = ""

    @property
    def statuses(self) -> frozenset[Status] | None:
        if self.status == "all":
            return None
        return OPEN if self.status == "open" else frozenset({Status(self.status)})

    @property
    def filtered(self) -> bool:
        return bool(self.category or self.agency or self.assignee or self.q)

    def address(self, **changed: str) -> str:
        """The inbox with these filters; a change of filter begins at the first page."""
        wanted = replace(self, **{"cursor": "", **changed})
        pairs = {
            "status": wanted.status if wanted.status != "open" else "",
            "category": wanted.category,
            "agency": wanted.agency,
            "assignee": wanted.assignee,
            "q": wanted.q,
            "cursor": wanted.cursor,
        }
        query = urlencode({name: value for name, value in pairs.items() if value})
        return f"/?{query}" if query else "/"


def asked_by(parameters: QueryParams) -> Asked:
    """Raises UsageRefused for a status there is none of."""
    status = parameters.get("status") or "open"
    known = ("open", "all", *Status)
    if status not in known:
        raise UsageRefused("bad_choice", value=status, what="status", known=", ".join(known))
    names = ("category", "agency", "assignee", "q", "cursor")
    return Asked(status, **{name: parameters.get(name, "").strip()[:500] for name in names})


@dataclass(frozen=True, slots=True)
class Tab:
    key: str
    count: int
    address: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class Inbox:
    asked: Asked
    incidents: tuple[Incident, ...]
    tabs: tuple[Tab, ...]
    next: str | None
    categories: tuple[tuple[str, str], ...]
    agencies: tuple[Agency, ...]


def inbox(store: IncidentStore, scope: Scope, asked: Asked, words: Words, day: date) -> Inbox:
    """What the page shows on that day."""
    query = IncidentQuery(
        scope=scope,
        statuses=asked.statuses,
        categories=frozenset({asked.category}) if asked.category else None,
        agency=asked.agency or None,
        assignee=asked.assignee or None,
        text=asked.q or None,
        limit=PAGE,
        cursor=asked.cursor or None,
    )
    page = store.find(query)
    categories = definitions().categories.values()
    return Inbox(
        asked=asked,
        incidents=page.items,
        tabs=tuple(_tabs(store, query, asked)),
        next=asked.address(cursor=page.next) if page.next else None,
        categories=tuple((category.key, words.category(category.key)) for category in categories),
        agencies=tuple(offered(words.directory, scope, day, asked.agency)),
    )


def _tabs(store: IncidentStore, query: IncidentQuery, asked: Asked) -> Iterator[Tab]:
    """One for what is open, one for each status that has incidents, one for all."""
    each = {status: store.count(replace(query, statuses=frozenset({status}), cursor=None)) for status in Status}
    open_count = sum(count for status, count in each.items() if status in OPEN)
    for key, count in [("open", open_count), *each.items(), ("all", sum(each.values()))]:
        if count or key in ("open", "all", asked.status):
            yield Tab(str(key), count, asked.address(status=str(key)), key == asked.status)
