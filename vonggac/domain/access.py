"""Who sees what. `visible_to` is the one function that decides; every query, page, count and export uses its answer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from vonggac.domain.agency import Directory
from vonggac.domain.marking import Tlp


class UserRole(StrEnum):
    VIEWER = "viewer"
    ANALYST = "analyst"
    LEAD = "lead"
    STATISTICIAN = "statistician"
    SUBSCRIBER = "subscriber"
    SENSOR = "sensor"
    PEER = "peer"
    ADMIN = "admin"


class Action(StrEnum):
    READ_CONSOLE = "read-console"
    READ_STATISTICS = "read-statistics"
    PUBLISH = "publish"
    WORK_INCIDENTS = "work-incidents"
    SHARE = "share"
    READ_FEED = "read-feed"
    WRITE_FEED = "write-feed"
    SEND_EVENTS = "send-events"
    ADMINISTER = "administer"


_READER = frozenset({Action.READ_CONSOLE, Action.READ_STATISTICS})
_ANALYST = _READER | {Action.WORK_INCIDENTS, Action.READ_FEED}

ALLOWED: dict[UserRole, frozenset[Action]] = {
    UserRole.VIEWER: _READER,
    UserRole.STATISTICIAN: _READER | {Action.PUBLISH},
    UserRole.ANALYST: _ANALYST,
    UserRole.LEAD: _ANALYST | {Action.SHARE, Action.PUBLISH},
    UserRole.SUBSCRIBER: frozenset({Action.READ_FEED}),
    UserRole.PEER: frozenset({Action.READ_FEED, Action.WRITE_FEED}),
    UserRole.SENSOR: frozenset({Action.SEND_EVENTS}),
    UserRole.ADMIN: frozenset(Action),
}


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks: a person, a program or a peer; `agency` is None for the national centre's own."""

    name: str
    role: UserRole
    agency: str | None = None

    def may(self, action: Action) -> bool:
        return action in ALLOWED[self.role]


#: The program itself, at its own command line or in a job.
OPERATOR = Principal("operator", UserRole.ADMIN)


@dataclass(frozen=True, slots=True)
class Scope:
    """What a principal may see: anything marked up to `open_to`, and up to `own_to` what involves one of `agencies`.

    `agencies` of None means every agency. A marking of None means nothing at all.
    """

    open_to: Tlp | None
    own_to: Tlp | None
    agencies: frozenset[str] | None

    def allows(self, tlp: Tlp, agencies: Iterable[str]) -> bool:
        if self.open_to is not None and tlp.rank <= self.open_to.rank:
            return True
        if self.own_to is None or tlp.rank > self.own_to.rank:
            return False
        return self.agencies is None or not self.agencies.isdisjoint(agencies)


EVERYTHING = Scope(open_to=Tlp.RED, own_to=Tlp.RED, agencies=None)
NOTHING = Scope(open_to=None, own_to=None, agencies=frozenset())


def visible_to(principal: Principal, directory: Directory) -> Scope:
    """The scope of a principal (TLP 2.0, FIRST: AMBER is for the recipient's organisation and its clients, RED for
    named persons only, so it never leaves by a feed).

    People of the national centre see everything. People of an agency see GREEN, and whatever involves their agency or
    one below it. Programs that subscribe or peer see GREEN, and AMBER where their own agency is involved.
    """
    if principal.role in (UserRole.SUBSCRIBER, UserRole.PEER):
        own = directory.below(principal.agency) if principal.agency else frozenset()
        return Scope(open_to=Tlp.GREEN, own_to=Tlp.AMBER, agencies=own)
    if principal.role is UserRole.SENSOR:
        return NOTHING
    if principal.agency is None:
        return EVERYTHING
    return Scope(open_to=Tlp.GREEN, own_to=Tlp.RED, agencies=directory.below(principal.agency))
