"""The job that warns before a duty is due and records when it was missed; each notice is given once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from vonggac.domain.agency import Directory
from vonggac.domain.duty import OPEN, Duty, Owed
from vonggac.domain.times import format_instant
from vonggac.duties.kept import add_notice, put_watched, watched_until
from vonggac.duties.law import all_duties
from vonggac.duties.look import reckoned, since_when
from vonggac.ports import Store

#: What turns up so late after it was due is still noticed: a case typed in a week after, a mark set afterwards.
_STRAGGLERS = timedelta(days=7)


def watch(store: Store, directory: Directory, now: datetime) -> str:
    """Every warning and every missed time limit up to now is on record; how many were new.

    The place where the last run stood is kept, so that a restart looks at all that was due since. Notices are records
    under the instant they are for: giving one again adds nothing.
    """
    since = since_when(store, now)
    until = min(watched_until(store.records) or since, now)  # a clock that was ahead once must not hide anything
    ahead = _longest_warning(all_duties())
    found = reckoned(store, directory, max(since, until - _STRAGGLERS), now + ahead + timedelta(days=1), now)
    given = {"warning": 0, "overdue": 0}
    for each in found:
        if each.state not in OPEN:
            continue
        for kind, instant in _passed(each.owed, now):
            key = f"{each.owed.key}/{kind}/{format_instant(instant)}"
            body = {
                "duty": each.owed.duty.id,
                "subject": each.owed.subject,
                "agency": each.owed.agency,
                "kind": kind,
                "for": format_instant(instant),
                "due": format_instant(each.owed.due),
                "given_at": format_instant(now),
            }
            given[kind] += add_notice(store.records, key, body)
    put_watched(store.records, since, now)
    return f"{given['warning']} warnings, {given['overdue']} overdue"


def _passed(owed: Owed, now: datetime) -> Iterator[tuple[str, datetime]]:
    yield from (("warning", instant) for instant in owed.warn_at if instant <= now)
    if now > owed.due:
        yield "overdue", owed.due


def _longest_warning(duties: tuple[Duty, ...]) -> timedelta:
    return max((each.delta for duty in duties for each in duty.warn_before), default=timedelta())
