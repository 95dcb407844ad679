from datetime import UTC, datetime

import pytest

from vonggac.domain.access import UserRole
from vonggac.domain.fold import fold
from vonggac.domain.incident import ENDED, Entry, EntryKind, Incident, Status
from vonggac.domain.lifecycle import LEADS, TRANSITIONS, WORKERS, moves, roles_for

START = datetime(2026, 3, 1, tzinfo=UTC)


def in_status(status: Status, role: str = "") -> Incident:
    opened = Entry("o", EntryKind.OPENED, START, START, "lan", {"title": "t"})
    moved = Entry("m", EntryKind.TRANSITIONED, START, START, "lan", {"to": str(status), "role": role})
    incident = fold("inc-1", [opened, moved])
    assert incident is not None
    return incident


@pytest.mark.parametrize("status", sorted(ENDED))
def test_what_a_lead_ended_only_a_lead_reopens(status: Status) -> None:
    assert roles_for(in_status(status, "lead"), Status.REOPENED) == LEADS
    assert roles_for(in_status(status, "analyst"), Status.REOPENED) == WORKERS


def test_what_ended_and_was_opened_again_is_everybodys() -> None:
    assert roles_for(in_status(Status.REOPENED, "lead"), Status.TRIAGED) == WORKERS


def test_every_end_and_reopening_needs_a_reason_and_nothing_else_does() -> None:
    asked = {to for row in TRANSITIONS.values() for to, move in row.items() if move.reason}
    assert asked == ENDED | {Status.REOPENED}


@pytest.mark.parametrize("role", sorted(set(UserRole) - WORKERS))
def test_who_does_not_work_on_incidents_moves_none(role: UserRole) -> None:
    assert all(moves(in_status(status), role) == {} for status in Status)


def test_moves_are_those_of_the_table() -> None:
    assert set(moves(in_status(Status.CONFIRMED), UserRole.ANALYST)) == set(TRANSITIONS[Status.CONFIRMED])
