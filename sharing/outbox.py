"""Published tables on their way to the national reporting system: sent until taken, each once, with the receipt kept.

The record of a table (kind `outbox`) says how far it has come, so a restart repeats nothing and loses nothing. The
receiver knows a table that comes again by its id, which is the request's Idempotency-Key.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

import orjson
import requests

from sharing.session import PeerSession, in_clear
from vonggac.domain.agency import Directory
from vonggac.domain.times import VIETNAM, format_instant, parse_instant
from vonggac.errors import Conflict, NotFound, UsageRefused
from vonggac.ports import Clock, Record, Store
from vonggac.publishing import Publisher, intact
from vonggac.statistics import ask

OUTBOX = "outbox"  # kinds of records
PLAN = "reporting-plan"
#: In whose name tables are published and sent that nobody asked for.
SCHEDULE = "schedule"
#: The pause before a table is sent again doubles from the first to the longest.
FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=1), timedelta(hours=6)
#: Not now: another time the same request may be taken (RFC 9110 §15.5.9, RFC 8470, RFC 6585 §4).
NOT_NOW = frozenset({408, 425, 429})


class State(StrEnum):
    PENDING = "pending"
    DELIVERED = "delivered"
    REFUSED = "refused"  # the receiver will not have it as it is; somebody has to look


@dataclass(frozen=True, slots=True)
class Receiver:
    """The national reporting system; each month from `day` at `hour`, Vietnam's time, the month before is reported.
    A `day` of 0: only by hand."""

    url: str
    token: str
    day: int
    hour: int


@dataclass(frozen=True, slots=True)
class Outbox:
    """What this node reports, and to whom."""

    store: Store
    receiver: Receiver
    clock: Clock

    def add(self, identity: str) -> None:
        """The table is to be sent; one that was added before stays as it is. Raises as `intact` does."""
        intact(self.store, identity)
        now = format_instant(self.clock())
        body = {"id": identity, "state": State.PENDING, "added_at": now, "tries": 0, "next_try": now}
        with suppress(Conflict):
            self.store.records.put(OUTBOX, identity, body, expected_version=0)

    def listed(self) -> list[Mapping[str, Any]]:
        """Every table that was added, the oldest first."""
        bodies = [record.body for record in self.store.records.list(OUTBOX)]
        return sorted(bodies, key=lambda body: (body["added_at"], body["id"]))

    def push(self, identity: str, by: str) -> Mapping[str, Any]:
        """The table is sent now, whenever its next try would be, in the name of `by`; one that was delivered is not
        sent again. What became of it. Raises as `intact` does, and UsageRefused without an address."""
        check_address(self.receiver.url)
        self.add(identity)
        record = self._record(identity)
        if record.body["state"] != State.DELIVERED:
            self._send(record, by)
        return self._record(identity).body

    def push_due(self) -> str:
        """All whose time has come are sent; one line on it. Raises UsageRefused without an address."""
        check_address(self.receiver.url)
        now = self.clock()
        for record in self.store.records.list(OUTBOX):
            if record.body["state"] == State.PENDING and parse_instant(record.body["next_try"]) <= now:
                self._send(record, SCHEDULE)
        return self._line()

    def _record(self, identity: str) -> Record:
        record = self.store.records.get(OUTBOX, identity)
        if record is None:
            raise NotFound("unknown_publication", id=identity)
        return record

    def _send(self, record: Record, by: str) -> None:
        """The record says when this try was, whose it was and what became of it. If somebody else wrote to it
        meanwhile, theirs stays."""
        tries = record.body["tries"] + 1
        outcome = self._outcome(record.key, tries)
        body = {name: value for name, value in record.body.items() if name not in ("next_try", "fault")}
        with suppress(Conflict):
            body |= {"tries": tries, "tried_at": format_instant(self.clock()), "tried_by": by, **outcome}
            self.store.records.put(OUTBOX, record.key, body, expected_version=record.version)

    def _outcome(self, identity: str, tries: int) -> dict[str, Any]:
        again = {"state": State.PENDING, "next_try": format_instant(self.clock() + pause_after(tries))}
        try:
            content = sent_form(intact(self.store, identity))
        except UsageRefused as error:
            return {"state": State.REFUSED, "fault": str(error)}
        try:
            answer = post(self.receiver, identity, content)
        except requests.RequestException as error:
            return {**again, "fault": f"{type(error).__name__}: {error}"}
        if answer.ok:
            return {"state": State.DELIVERED, "receipt": receipt(answer, self.clock())}
        fault = f"HTTP {answer.status_code}: {answer.text[:500]}"
        if answer.status_code in NOT_NOW or answer.status_code >= 500:
            return {**again, "fault": fault}
        return {"state": State.REFUSED, "fault": fault}

    def _line(self) -> str:
        states = [body["state"] for body in self.listed()]
        line = ", ".join(f"{states.count(state)} {state}" for state in State)
        refused = [body["id"] for body in self.listed() if body["state"] == State.REFUSED]
        return f"{line}: {', '.join(refused)}" if refused else line


def sent_form(table: Mapping[str, Any]) -> bytes:
    """The publication as it is sent: what was signed, and the signature (data/schemas/publication.schema.json)."""
    return orjson.dumps({name: value for name, value in table.items() if name != "intact"})


def pause_after(tries: int) -> timedelta:
    """How long until the next try after so many."""
    return min(FIRST_PAUSE * (1 << min(tries - 1, 20)), LONGEST_PAUSE)


def check_address(url: str) -> None:
    """Raises UsageRefused for an address that a table and a token cannot be sent to, or not in clear."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or in_clear(url):
        raise UsageRefused("reporting_address", url=url)


def post(receiver: Receiver, identity: str, content: bytes) -> requests.Response:
    """The receiver's answer. Raises RequestException."""
    headers: dict[str, str | bytes] = {
        "Content-Type": "application/json",
        "Accept": "application/json",
        "Idempotency-Key": identity,
    }
    if receiver.token:
        headers["Authorization"] = f"Bearer {receiver.token}".encode()  # as text it would have to be Latin-1
    with PeerSession(receiver.url) as session:
        return session.post(receiver.url, data=content, headers=headers)


def receipt(answer: requests.Response, now: datetime) -> dict[str, Any]:
    """What the receiver said: status, when, the digest of its answer, and the number that it gave (`id`), if any."""
    try:
        said = orjson.loads(answer.content)
    except orjson.JSONDecodeError:
        said = None
    number = said.get("id") if isinstance(said, Mapping) else None
    return {
        "status": answer.status_code,
        "at": format_instant(now),
        "digest": sha256(answer.content).hexdigest(),
        "id": None if number is None else str(number)[:200],
    }


# --- the schedule --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Schedule:
    """Each month the month before and the year up to its end are published and put into the outbox, counted by each of
    `tables`."""

    outbox: Outbox
    publisher: Callable[[], Publisher]
    directory: Callable[[], Directory]
    tables: Sequence[str]

    def run(self) -> str:
        """What is due is published, and what waits is sent; one line on it."""
        month = due_month(self.outbox.receiver, self.outbox.clock())
        if month:
            self.report(month)
        return self.outbox.push_due() if self.outbox.receiver.url else "-"

    def report(self, month: str) -> None:
        """The tables of a month (`2026-10`) are published and stand in the outbox, each once. The plan keeps the
        instant, so that a run which was cut short goes on with the tables that it had begun, and one that the settings
        name later in the month counts what the others count."""
        records, clock = self.outbox.store.records, self.outbox.clock
        with suppress(Conflict):  # begun before
            records.put(PLAN, month, {"at": format_instant(clock()), "tables": {}}, expected_version=0)
        plan = records.get(PLAN, month)
        if plan is None:
            return
        done, now = dict(plan.body["tables"]), parse_instant(plan.body["at"])
        for by in self.tables:
            if by not in done:
                done[by] = [self._added(period, by, now) for period in periods_of(month)]
                records.put(PLAN, month, {**plan.body, "tables": done})

    def _added(self, period: str, by: str, now: datetime) -> str:
        """The id of the table, published and in the outbox."""
        table = self.publisher().publish(self.directory(), ask(period, by=by), now=now, by=SCHEDULE)
        identity = str(table["id"])
        self.outbox.add(identity)
        return identity


def periods_of(month: str) -> tuple[str, str]:
    """The month, and its year up to its end, as questions write them."""
    year, number = month.split("-")
    return f"{year}-M{int(number)}", f"{year}-M1..M{int(number)}"


def due_month(receiver: Receiver, now: datetime) -> str:
    """The month before this one once its time to be reported has come, as `2026-10`; else empty."""
    local = now.astimezone(VIETNAM)
    if not receiver.url or not receiver.day or (local.day, local.hour) < (receiver.day, receiver.hour):
        return ""
    year, month = (local.year, local.month - 1) if local.month > 1 else (local.year - 1, 12)
    return f"{year}-{month:02d}"
