"""What people do to incidents: each act is an entry appended against the version its author had read."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from vonggac.dated import in_force, kind_maps, question_of, severity_table, triad_of
from vonggac.domain.access import EVERYTHING, Action, Principal, Scope, UserRole
from vonggac.domain.detection import Severity
from vonggac.domain.fold import undone_ids
from vonggac.domain.incident import (
    CORRELATOR,
    FOREIGN_ACTORS,
    Cause,
    Entry,
    EntryKind,
    Incident,
    Status,
    evidence_data,
)
from vonggac.domain.lifecycle import TRANSITIONS, roles_for, taking_back
from vonggac.domain.marking import Tlp
from vonggac.domain.severity import Grading, rating_data
from vonggac.domain.text import nfc
from vonggac.domain.times import day_in_vietnam, format_instant
from vonggac.errors import NotFound, SharingRefused, TransitionNotAllowed, UsageRefused
from vonggac.merging import Hand, merge, part_again, split, take_in_again
from vonggac.numbers import incident_named
from vonggac.ports import Clock, IncidentStore

#: The longest note or reason, in characters.
MAX_TEXT = 20_000
#: What a person did and can take back; what the correlator or a peer added is not undone by hand.
UNDOABLE = frozenset(
    {
        EntryKind.CATEGORISED,
        EntryKind.RATED,
        EntryKind.ATTRIBUTED,
        EntryKind.GRADED,
        EntryKind.MARKED,
        EntryKind.TRANSITIONED,
        EntryKind.ASSIGNED,
        EntryKind.NOTED,
        EntryKind.MERGED,
        EntryKind.SPLIT,
    }
)


def last_undoable(history: Sequence[Entry]) -> Entry | None:
    """The last act of a person that still counts; None when there is none."""
    gone = undone_ids(history)
    acts = (entry for entry in reversed(history) if entry.kind in UNDOABLE and _by_a_person(entry))
    return next((entry for entry in acts if entry.id not in gone), None)


def _by_a_person(entry: Entry) -> bool:
    return entry.actor != CORRELATOR and not entry.actor.startswith(FOREIGN_ACTORS)


class Casework:
    """The acts of one principal on the incidents that its scope shows; everything else is NotFound."""

    def __init__(self, store: IncidentStore, clock: Clock, principal: Principal, scope: Scope = EVERYTHING) -> None:
        self._hand = Hand(store, clock, principal, scope)

    def assign(self, identity: str, to: str | None, *, version: int | None = None) -> Incident:
        return self._act(identity, EntryKind.ASSIGNED, {"to": to or ""}, version)

    def note(self, identity: str, text: str, *, version: int | None = None) -> Incident:
        return self._act(identity, EntryKind.NOTED, {"text": _text(text, "note")}, version)

    def categorise(self, identity: str, category: str, *, version: int | None = None) -> Incident:
        """Its RSIT class stays where it fits the category, by the map in force when it began; else the map gives it."""
        now = self._hand.get(identity)
        kinds = in_force(kind_maps(), day_in_vietnam(now.first_at))
        data = {"category": category, "rsit": kinds.class_beside(category, now.rsit)}
        return self._act(identity, EntryKind.CATEGORISED, data, now.version if version is None else version)

    def rate(self, identity: str, severity: Severity, *, version: int | None = None) -> Incident:
        return self._act(identity, EntryKind.RATED, {"severity": str(severity)}, version)

    def attribute(self, identity: str, cause: Cause, *, version: int | None = None) -> Incident:
        return self._act(identity, EntryKind.ATTRIBUTED, {"cause": str(cause)}, version)

    def mark(self, identity: str, tlp: Tlp, *, version: int | None = None) -> Incident:
        return self._act(identity, EntryKind.MARKED, {"tlp": str(tlp)}, version)

    def shared(self, identity: str, collection: str) -> Incident:
        return self._act(identity, EntryKind.SHARED, {"collection": collection}, None, Action.SHARE)

    def transition(self, identity: str, to: Status, reason: str = "", *, version: int | None = None) -> Incident:
        """Raises TransitionNotAllowed when the table says no, SharingRefused with the roles that may when
        this one may not, UsageRefused when a needed reason is missing."""
        now = self._hand.get(identity)
        move = TRANSITIONS[now.status].get(to)
        if move is None:
            allowed = ", ".join(sorted(TRANSITIONS[now.status])) or "-"
            raise TransitionNotAllowed("transition_not_allowed", id=identity, status=now.status, to=to, allowed=allowed)
        self._require_role(roles_for(now, to), identity, to)
        if move.reason and not reason.strip():
            raise UsageRefused("reason_needed", to=to)
        data = {"to": str(to), "reason": _reason(reason), "role": str(self._hand.principal.role)}
        return self._act(identity, EntryKind.TRANSITIONED, data, now.version if version is None else version)

    def grade(
        self, identity: str, conditions: Collection[str], beyond_owner: bool, *, version: int | None = None
    ) -> Incident:
        """Which conditions of (a) of QĐ 05/2017/QĐ-TTg, Article 9, hold, by the table in force when it began, and
        whether (b) its owner cannot control or handle it. Raises UsageRefused for a condition that the table lacks."""
        now = self._hand.get(identity)
        table = severity_table(now)
        for name in conditions:
            if name not in table.conditions:
                raise UsageRefused("bad_choice", value=name, what="condition", known=", ".join(table.conditions))
        data = {
            "conditions": [name for name in table.conditions if name in conditions],
            "beyond_owner": beyond_owner,
            "table": table.id,
            "basis": table.asks_basis,
            "system_level": now.system_level,
        }
        return self._act(identity, EntryKind.GRADED, data, now.version if version is None else version)

    def merge(self, identity: str, into: str, reason: str = "") -> Incident:
        """`identity` is part of `into` (an id or a number) from now on; both histories say so. Undo on `identity` parts
        them again."""
        self._hand.require(Action.WORK_INCIDENTS)
        whole = incident_named(self._hand.store, into, self._hand.scope)
        return merge(self._hand.at_once(), identity, whole, _reason(reason))

    def split(self, identity: str, detections: Sequence[str], reason: str = "") -> Incident:
        """A new incident of these detections; returns the new one. Undo on `identity` brings them back."""
        self._hand.require(Action.WORK_INCIDENTS)
        return split(self._hand.at_once(), identity, detections, _reason(reason))

    def undo(self, identity: str) -> Incident:
        """The last act of a person that still counts no longer counts; a merge or a split is undone on both sides."""
        self._hand.require(Action.WORK_INCIDENTS)
        entry = last_undoable(self._hand.history(identity))
        if entry is None:
            raise NotFound("nothing_to_undo", id=identity)
        self._require_role(taking_back(str(entry.data.get("role", ""))), identity, "undo")
        hand = self._hand.at_once()
        if entry.kind is EntryKind.SPLIT:
            return take_in_again(hand, identity, entry)
        if entry.kind is EntryKind.MERGED:
            part_again(hand, identity, entry)
        now = hand.get(identity)
        undo = hand.entry(now, EntryKind.UNDONE, {"entry": entry.id})
        return hand.store.append(identity, [undo], expected_version=now.version)

    def _act(
        self,
        identity: str,
        kind: EntryKind,
        data: Mapping[str, Any],
        version: int | None,
        action: Action = Action.WORK_INCIDENTS,
    ) -> Incident:
        self._hand.require(action)
        now = self._hand.get(identity)
        read = now.version if version is None else version
        return self._hand.store.append(identity, [self._hand.entry(now, kind, data)], expected_version=read)

    def _require_role(self, roles: Collection[UserRole], identity: str, what: str) -> None:
        role = self._hand.principal.role
        if role not in roles:
            raise SharingRefused("act_for_roles", id=identity, what=what, role=role, roles=", ".join(sorted(roles)))


def _reason(text: str) -> str:
    return _text(text, "reason") if text.strip() else ""


def _text(text: str, what: str) -> str:
    cleaned = nfc(text.strip())
    if not cleaned or len(cleaned) > MAX_TEXT:
        raise UsageRefused("text_length", what=what, most=MAX_TEXT)
    return cleaned


def history_data(history: Sequence[Entry]) -> list[dict[str, Any]]:
    """The history as JSON objects, in order."""
    return [
        {
            "id": entry.id,
            "kind": str(entry.kind),
            "happened_at": format_instant(entry.happened_at),
            "known_at": format_instant(entry.known_at),
            "actor": entry.actor,
            "data": dict(entry.data),
        }
        for entry in history
    ]


def incident_data(incident: Incident) -> dict[str, Any]:
    """The incident as one JSON object (`incident show`, the API, exports)."""
    return {
        "id": incident.id,
        "number": incident.number,
        "version": incident.version,
        "title": incident.title,
        "title_vi": incident.title_vi,
        "kind": incident.kind,
        "entity": incident.entity,
        "category": incident.category,
        "triad": triad_of(incident),
        "rsit": incident.rsit,
        "classed": {"because": incident.classed_because, "by": incident.classed_by},
        "severity": str(incident.severity),
        "rating": rating_data(incident.rating) if incident.rating else None,
        "rated_by": incident.rated_by,
        "machines": len(incident.machines),
        "systems": list(incident.systems),
        "system_level": incident.system_level,
        "question": question_of(incident),
        "grading": _grading_data(incident.grading) if incident.grading else None,
        "cause": str(incident.cause),
        "status": str(incident.status),
        "contained_at": format_instant(incident.contained_at) if incident.contained_at else None,
        "closed_at": format_instant(incident.closed_at) if incident.closed_at else None,
        "tlp": str(incident.tlp),
        "test": incident.test,
        "origin": incident.origin,
        "origin_number": incident.origin_number,
        "opened_at": format_instant(incident.opened_at),
        "first_at": format_instant(incident.first_at),
        "last_at": format_instant(incident.last_at),
        "changed_at": format_instant(incident.changed_at),
        "assignee": incident.assignee,
        "involvements": [{"agency": found.agency, "role": str(found.role)} for found in incident.involvements],
        "evidence": [evidence_data(part) for part in incident.evidence],
        "notes": [{"at": format_instant(note.at), "actor": note.actor, "text": note.text} for note in incident.notes],
        "techniques": list(incident.techniques),
        "shared_to": list(incident.shared_to),
        "merged_into": incident.merged_into,
        "parts": list(incident.parts),
    }


def _grading_data(grading: Grading) -> dict[str, Any]:
    return {
        "grade": str(grading.grade),
        "conditions": list(grading.conditions),
        "beyond_owner": grading.beyond_owner,
        "table": grading.table,
        "by": grading.by,
    }
