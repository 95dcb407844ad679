"""Which status an incident may take next, who may give it that, and where a reader will ask why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from vonggac.domain.access import UserRole
from vonggac.domain.incident import Incident, Status

WORKERS = frozenset({UserRole.ANALYST, UserRole.LEAD, UserRole.ADMIN})
LEADS = frozenset({UserRole.LEAD, UserRole.ADMIN})


@dataclass(frozen=True, slots=True)
class Move:
    """`roles` may make it; with `reason` they say why."""

    roles: frozenset[UserRole]
    reason: bool = False


_ON = Move(WORKERS)
_WHY = Move(WORKERS, reason=True)
_END = {Status.CLOSED: _WHY, Status.FALSE_POSITIVE: _WHY, Status.EXERCISE: _WHY}

#: From each status, where it may go. Merging and unmerging are entries of their own.
TRANSITIONS: Mapping[Status, Mapping[Status, Move]] = {
    Status.NEW: {Status.TRIAGED: _ON, Status.CONFIRMED: _ON, **_END},
    Status.TRIAGED: {Status.CONFIRMED: _ON, **_END},
    Status.CONFIRMED: {Status.CONTAINED: _ON, Status.ERADICATED: _ON, **_END},
    Status.CONTAINED: {Status.ERADICATED: _ON, Status.CONFIRMED: _ON, **_END},
    Status.ERADICATED: {Status.CONFIRMED: _ON, **_END},
    Status.REOPENED: {Status.TRIAGED: _ON, Status.CONFIRMED: _ON, **_END},
    Status.CLOSED: {Status.REOPENED: _WHY},
    Status.FALSE_POSITIVE: {Status.REOPENED: _WHY},
    Status.EXERCISE: {Status.REOPENED: _WHY},
    Status.MERGED: {},
}


def taking_back(role: str) -> frozenset[UserRole]:
    """Who may take back what somebody of this role decided: what a lead decided, only a lead."""
    return LEADS if role in LEADS else WORKERS


def roles_for(incident: Incident, to: Status) -> frozenset[UserRole]:
    """Who may move the incident there; nobody where the table has no such move."""
    move = TRANSITIONS[incident.status].get(to)
    return move.roles & taking_back(incident.ended_by) if move else frozenset()


def moves(incident: Incident, role: UserRole) -> dict[Status, Move]:
    """Those that somebody of this role may make now, in the order of Status."""
    there = TRANSITIONS[incident.status]
    return {to: there[to] for to in Status if role in roles_for(incident, to)}
