"""What people do to suppressions: acts, appended against the version that their author had read, never taken away."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from vonggac.domain.access import Action, Principal, UserRole
from vonggac.domain.agency import Directory
from vonggac.domain.suppression import Act, ActKind, Condition, Known, Standing, Suppression
from vonggac.domain.text import nfc
from vonggac.domain.times import format_instant
from vonggac.errors import Conflict, NotFound, SharingRefused, TransitionNotAllowed, UsageRefused
from vonggac.ports import Clock, Ids, Record, RecordStore
from vonggac.suppressions.checks import checked
from vonggac.suppressions.kept import SUPPRESSION, load_suppressions, put_suppression, suppression_from

#: The longest reason or ticket, in characters.
MAX_TEXT = 2_000
#: Who may keep every agency's detections out of incidents; an analyst names an agency.
FOR_ALL = frozenset({UserRole.LEAD, UserRole.ADMIN})


@dataclass(frozen=True, slots=True)
class Draft:
    """A suppression as its author gives it. Without a `start` it holds from now on."""

    until: datetime
    reason: str
    rule: str | None = None
    kind: str | None = None
    agency: str | None = None
    conditions: tuple[Condition, ...] = ()
    start: datetime | None = None
    ticket: str = ""


class Suppressing:
    """The acts of one principal. What concerns none of its agencies is NotFound."""

    def __init__(
        self,
        records: RecordStore,
        clock: Clock,
        ids: Ids,
        directory: Directory,
        principal: Principal,
        longest: timedelta,
    ) -> None:
        """`longest`: how far from now one may hold."""
        self._records = records
        self._clock = clock
        self._ids = ids
        self._directory = directory
        self._principal = principal
        self._longest = longest

    # reading

    def all(self) -> list[Suppression]:
        """Those that concern the principal's agencies, the newest first."""
        seen = [each for each in load_suppressions(self._records) if self._concerns(each)]
        return sorted(seen, key=lambda each: (each.made.at, each.id), reverse=True)

    def get(self, identity: str) -> Suppression:
        return self._read(identity)[0]

    def _read(self, identity: str) -> tuple[Suppression, Record]:
        record = self._records.get(SUPPRESSION, identity)
        found = suppression_from(record) if record is not None else None
        if record is None or found is None or not self._concerns(found):
            raise NotFound("unknown_suppression", id=identity)
        return found, record

    def _concerns(self, suppression: Suppression) -> bool:
        own = self._principal.agency
        if own is None or suppression.agency is None:
            return True
        return suppression.agency in self._directory.below(own) or own in self._directory.below(suppression.agency)

    # acting

    def example(self, draft: Draft, known: Known) -> Suppression:
        """What the draft would cover, whatever it says of time and reason; for a preview."""
        now = self._clock()
        made = Act(ActKind.MADE, now, self._principal.name, "", now)
        return self._covering(draft, known, now, made)

    def make(self, draft: Draft, known: Known) -> Suppression:
        """It holds detections back from now on. Raises UsageRefused or SharingRefused with what is wrong."""
        now = self._clock()
        start = draft.start or now
        made = Act(ActKind.MADE, now, self._principal.name, _text(draft.reason, "reason"), draft.until)
        suppression = self._covering(draft, known, start, made)
        if draft.until <= start:
            raise UsageRefused("suppression_backwards", start=format_instant(start), until=format_instant(draft.until))
        self._check_length(draft.until, now)
        put_suppression(self._records, suppression, 0)
        return suppression

    def _covering(self, draft: Draft, known: Known, start: datetime, made: Act) -> Suppression:
        self._require(draft.agency)
        if draft.agency is not None and self._directory.latest(draft.agency) is None:
            raise UsageRefused("unknown_agency", code=draft.agency)
        if not (draft.rule or draft.kind or draft.conditions):
            raise UsageRefused("suppression_of_everything")
        if draft.rule is not None and draft.rule not in known:
            raise UsageRefused("suppression_rule", rule=draft.rule)
        if draft.kind is not None and not any(draft.kind in each.kinds for each in known.values()):
            raise UsageRefused("suppression_kind", kind=draft.kind)
        conditions = checked(draft.conditions, any_field=draft.rule is not None)
        ticket = _text(draft.ticket, "ticket") if draft.ticket.strip() else ""
        identity = f"sup-{self._ids()[:16]}"
        return Suppression(identity, draft.rule, draft.kind, draft.agency, conditions, start, (made,), ticket)

    def extend(self, identity: str, until: datetime, reason: str, *, version: int | None = None) -> Suppression:
        """It holds until then. One that is over stays so: what it missed meanwhile would be held back afterwards."""
        found, record = self._for_act(identity)
        now = self._clock()
        if until <= found.until:
            raise UsageRefused("suppression_no_later", until=format_instant(found.until))
        self._check_length(until, now)
        extended = Act(ActKind.EXTENDED, now, self._principal.name, _text(reason, "reason"), until)
        return self._append(found, record, extended, version)

    def end(self, identity: str, reason: str, *, version: int | None = None) -> Suppression:
        """It holds nothing back that happens from now on."""
        found, record = self._for_act(identity)
        now = self._clock()
        ended = Act(ActKind.ENDED, now, self._principal.name, _text(reason, "reason"), max(now, found.start))
        return self._append(found, record, ended, version)

    def _for_act(self, identity: str) -> tuple[Suppression, Record]:
        found, record = self._read(identity)
        self._require(found.agency)
        if found.standing(self._clock()) in (Standing.EXPIRED, Standing.ENDED):
            raise TransitionNotAllowed("suppression_over", id=identity, until=format_instant(found.until))
        return found, record

    def _append(self, found: Suppression, record: Record, act: Act, version: int | None) -> Suppression:
        if version not in (None, len(found.acts)):
            raise Conflict("suppression_changed", id=found.id, expected=version, found=len(found.acts))
        changed = replace(found, acts=(*found.acts, act))
        put_suppression(self._records, changed, record.version)
        return changed

    def may_change(self, suppression: Suppression) -> bool:
        """Whether the principal may end or extend it now."""
        try:
            self._require(suppression.agency)
        except SharingRefused:
            return False
        return suppression.standing(self._clock()) in (Standing.WAITING, Standing.IN_FORCE)

    def _require(self, agency: str | None) -> None:
        own = self._principal.agency
        if not self._principal.may(Action.WORK_INCIDENTS):
            raise SharingRefused("role_may_not", role=self._principal.role, action=Action.WORK_INCIDENTS)
        if agency is None:
            if own is not None:
                raise SharingRefused("suppression_agency", own=own, agency="*")
            if self._principal.role not in FOR_ALL:
                raise SharingRefused("suppression_for_all", role=self._principal.role)
            return
        if own is not None and agency not in self._directory.below(own):
            raise SharingRefused("suppression_agency", own=own, agency=agency)

    def _check_length(self, until: datetime, now: datetime) -> None:
        if until > now + self._longest:
            raise UsageRefused(
                "suppression_too_long", days=self._longest.days, most=format_instant(now + self._longest)
            )


def _text(text: str, what: str) -> str:
    cleaned = nfc(text.strip())
    if not cleaned or len(cleaned) > MAX_TEXT:
        raise UsageRefused("text_length", what=what, most=MAX_TEXT)
    return cleaned
