"""What people do to incidents: each act is an entry appended against the version its author had read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vonggac.dated import in_force, kind_maps, question_of, triad_of
from vonggac.domain.access import EVERYTHING, Action, Principal, Scope
from vonggac.domain.detection import Severity
from vonggac.domain.incident import (
    CORRELATOR,
    FOREIGN_ACTORS,
    REASON_REQUIRED,
    TRANSITIONS,
    Cause,
    Entry,
    EntryKind,
    Incident,
    Status,
    entry_id,
    evidence_data,
    incident_id,
)
from vonggac.domain.marking import Tlp
from vonggac.domain.severity import rating_data
from vonggac.domain.text import nfc
from vonggac.domain.times import day_in_vietnam, format_instant
from vonggac.errors import NotFound, SharingRefused, TransitionNotAllowed, UsageRefused
from vonggac.ports import Clock, IncidentStore

#: The longest note or reason, in characters.
MAX_TEXT = 20_000
#: What a person did and can take back; what the correlator or a peer added is not undone by hand.
UNDOABLE = frozenset(
    {
        EntryKind.CATEGORISED,
        EntryKind.RATED,
        EntryKind.ATTRIBUTED,
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
    gone = {str(entry.data["entry"]) for entry in history if entry.kind is EntryKind.UNDONE}
    acts = (entry for entry in reversed(history) if entry.kind in UNDOABLE and _by_a_person(entry))
    return next((entry for entry in acts if entry.id not in gone), None)


def _by_a_person(entry: Entry) -> bool:
    return entry.actor != CORRELATOR and not entry.actor.startswith(FOREIGN_ACTORS)


class Casework:
    """The acts of one principal on the incidents that its scope shows; everything else is NotFound."""

    def __init__(self, store: IncidentStore, clock: Clock, principal: Principal, scope: Scope = EVERYTHING) -> None:
        self._store = store
        self._clock = clock
        self._principal = principal
        self._scope = scope

    def assign(self, identity: str, to: str | None, *, version: int | None = None) -> Incident:
        return self._act(identity, EntryKind.ASSIGNED, {"to": to or ""}, version)

    def note(self, identity: str, text: str, *, version: int | None = None) -> Incident:
        return self._act(identity, EntryKind.NOTED, {"text": _text(text, "note")}, version)

    def categorise(self, identity: str, category: str, *, version: int | None = None) -> Incident:
        """Its RSIT class stays where it fits the category, by the map in force when it began; else the map gives it."""
        now = self._store.get(identity, scope=self._scope)
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
        """Raises TransitionNotAllowed when the table says no, UsageRefused when a needed reason is missing."""
        now = self._store.get(identity, scope=self._scope)
        if to not in TRANSITIONS[now.status]:
            allowed = ", ".join(sorted(TRANSITIONS[now.status])) or "-"
            raise TransitionNotAllowed("transition_not_allowed", id=identity, status=now.status, to=to, allowed=allowed)
        if to in REASON_REQUIRED and not reason.strip():
            raise UsageRefused("reason_needed", to=to)
        data = {"to": str(to), "reason": nfc(reason.strip())}
        return self._act(identity, EntryKind.TRANSITIONED, data, now.version if version is None else version)

    def merge(self, identity: str, into: str) -> Incident:
        """`identity` is part of `into` from now on; both histories say so. Undo on `identity` parts them again."""
        self._require(Action.WORK_INCIDENTS)
        if identity == into:
            raise UsageRefused("merge_with_itself", id=identity)
        part, whole = (self._store.get(each, scope=self._scope) for each in (identity, into))
        if Status.MERGED in (part.status, whole.status):
            raise TransitionNotAllowed(
                "transition_not_allowed", id=identity, status=part.status, to=Status.MERGED, allowed="-"
            )
        absorbed = {
            "incident": identity,
            "severity": str(part.severity),
            "evidence": [evidence_data(found) for found in part.evidence],
            "involvements": [{"agency": found.agency, "role": str(found.role)} for found in part.involvements],
        }
        merged = self._entry(part, EntryKind.MERGED, {"into": into})
        # The whole is told first: after a crash between the two, merging again adds only what is missing.
        self._store.append(into, [self._entry(part, EntryKind.ABSORBED, {**absorbed, "entry": merged.id})])
        self._store.append(identity, [merged], expected_version=part.version)
        return self._store.get(into, scope=self._scope)

    def split(self, identity: str, detections: Sequence[str]) -> Incident:
        """A new incident of these detections of `identity`; returns the new one."""
        self._require(Action.WORK_INCIDENTS)
        whole = self._store.get(identity, scope=self._scope)
        parts = [found for found in whole.evidence if found.detection in set(detections)]
        if not parts or len(parts) == len(whole.evidence):
            raise UsageRefused("split_what", id=identity)
        new = incident_id("split", identity, *sorted(part.detection for part in parts))
        leaving = self._entry(whole, EntryKind.SPLIT, {"detections": [p.detection for p in parts], "into": new})
        opened = {
            "key": whole.key,
            "title": parts[0].title,
            "title_vi": parts[0].title_vi,
            "kind": whole.kind,
            "entity": whole.entity,
            "category": whole.category,
            "rsit": whole.rsit,
            "because": whole.classed_because,
            "map": whole.classed_by,
            "severity": str(whole.severity),
            "rated_by": whole.rated_by,
            "tlp": str(whole.tlp),
            "origin": whole.origin,
            "cause": str(whole.cause),
            "found": whole.found,
            "split_from": identity,
        } | ({"rating": rating_data(whole.rating)} if whole.rating else {})
        now = self._clock()
        first = min(part.start for part in parts)
        entries = [Entry(entry_id(new, "opened"), EntryKind.OPENED, first, now, self._principal.name, opened)]
        entries += [
            Entry(
                entry_id(new, "involved", found.agency, found.role),
                EntryKind.INVOLVED,
                first,
                now,
                self._principal.name,
                {"agency": found.agency, "role": str(found.role)},
            )
            for found in whole.involvements
        ]
        entries += [
            Entry(
                entry_id(new, "detected", part.detection),
                EntryKind.DETECTED,
                part.start,
                now,
                self._principal.name,
                evidence_data(part),
            )
            for part in parts
        ]
        self._store.append(new, entries)
        self._store.append(identity, [leaving], expected_version=whole.version)
        return self._store.get(new, scope=self._scope)

    def undo(self, identity: str) -> Incident:
        """The last act of a person that still counts no longer counts; a merge is undone on both sides."""
        self._require(Action.WORK_INCIDENTS)
        entry = last_undoable(self._store.history(identity, scope=self._scope))
        if entry is None:
            raise NotFound("nothing_to_undo", id=identity)
        if entry.kind is EntryKind.MERGED:
            self._undo_absorbed(str(entry.data["into"]), entry.id)
        return self._act(identity, EntryKind.UNDONE, {"entry": entry.id}, None)

    def _undo_absorbed(self, whole: str, merged: str) -> None:
        for entry in self._store.history(whole):
            if entry.kind is EntryKind.ABSORBED and entry.data.get("entry") == merged:
                self._store.append(whole, [self._entry(self._store.get(whole), EntryKind.UNDONE, {"entry": entry.id})])

    def _act(
        self,
        identity: str,
        kind: EntryKind,
        data: Mapping[str, Any],
        version: int | None,
        action: Action = Action.WORK_INCIDENTS,
    ) -> Incident:
        self._require(action)
        now = self._store.get(identity, scope=self._scope)
        read = now.version if version is None else version
        return self._store.append(identity, [self._entry(now, kind, data)], expected_version=read)

    def _require(self, action: Action) -> None:
        if not self._principal.may(action):
            raise SharingRefused("role_may_not", role=self._principal.role, action=action)

    def _entry(self, incident: Incident, kind: EntryKind, data: Mapping[str, Any]) -> Entry:
        """Named by the version it was made against, so that the same act sent twice lands once."""
        now = self._clock()
        identity = entry_id(incident.id, kind, incident.version, self._principal.name, sorted(data.items()))
        return Entry(identity, kind, now, now, self._principal.name, data)


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
        "cause": str(incident.cause),
        "status": str(incident.status),
        "contained_at": format_instant(incident.contained_at) if incident.contained_at else None,
        "closed_at": format_instant(incident.closed_at) if incident.closed_at else None,
        "tlp": str(incident.tlp),
        "test": incident.test,
        "origin": incident.origin,
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
    }
