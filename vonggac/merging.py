"""Incidents that become one, and parts that become incidents: entries on both sides, which an undo takes back on both.

A detection counts in one incident that is not merged, whatever is merged, split and undone. So an undo that would give
a detection back while it stands elsewhere by a later act is refused, and names where that is to be undone first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from vonggac.domain.access import EVERYTHING, Action, Principal, Scope
from vonggac.domain.fold import fold, undone_ids
from vonggac.domain.incident import (
    NOT_COUNTED,
    Entry,
    EntryKind,
    Evidence,
    Incident,
    Status,
    entry_id,
    evidence_data,
    incident_id,
)
from vonggac.domain.severity import rating_data
from vonggac.errors import Conflict, SharingRefused, TransitionNotAllowed, UsageRefused
from vonggac.ports import Clock, IncidentStore


@dataclass(frozen=True, slots=True)
class Hand:
    """One principal at the store: it sees what its scope shows, and signs what it writes."""

    store: IncidentStore
    clock: Clock
    principal: Principal
    scope: Scope = EVERYTHING

    def get(self, identity: str) -> Incident:
        return self.store.get(identity, scope=self.scope)

    def history(self, identity: str) -> tuple[Entry, ...]:
        return self.store.history(identity, scope=self.scope)

    def require(self, action: Action) -> None:
        if not self.principal.may(action):
            raise SharingRefused("role_may_not", role=self.principal.role, action=action)

    def at_once(self) -> Hand:
        """For an act on several histories: all learn of it at one instant, so that none is known without the others."""
        now = self.clock()
        return replace(self, clock=lambda: now)

    def entry(self, incident: Incident, kind: EntryKind, data: Mapping[str, Any]) -> Entry:
        """Named by the version it was made against, so that the same act sent twice lands once."""
        now = self.clock()
        identity = entry_id(incident.id, kind, incident.version, self.principal.name, sorted(data.items()))
        return Entry(identity, kind, now, now, self.principal.name, data)


def merge(hand: Hand, identity: str, into: str, reason: str) -> Incident:
    """`identity` is part of `into` from now on, and both histories say so; the whole."""
    if identity == into:
        raise UsageRefused("merge_with_itself", id=identity)
    part, whole = hand.get(identity), hand.get(into)
    if Status.MERGED in (part.status, whole.status):
        raise TransitionNotAllowed(
            "transition_not_allowed", id=identity, status=part.status, to=Status.MERGED, allowed="-"
        )
    if part.counted != whole.counted:
        raise TransitionNotAllowed("merge_uncounted", id=part.number, into=whole.number)
    said = {"reason": reason} if reason else {}
    merged = hand.entry(part, EntryKind.MERGED, {"into": into, "number": whole.number, **said})
    taking = hand.entry(part, EntryKind.ABSORBED, _absorbed(part, part.evidence) | said)
    # The whole is told first: after a crash between the two, merging again adds only what is missing.
    told = hand.store.append(into, [taking], expected_version=whole.version)
    try:
        hand.store.append(identity, [merged], expected_version=part.version)
    except Conflict:
        hand.store.append(into, [hand.entry(told, EntryKind.UNDONE, {"entry": taking.id})])
        raise
    return hand.get(into)


def split(hand: Hand, identity: str, detections: Sequence[str], reason: str) -> Incident:
    """A new incident of these detections; what is split off a mistake or an exercise is one too."""
    whole = hand.get(identity)
    if whole.status is Status.MERGED:
        raise TransitionNotAllowed("split_merged", id=whole.number)
    leaving = [found for found in whole.evidence if found.detection in set(detections)]
    if not leaving or len(leaving) == len(whole.evidence):
        raise UsageRefused("split_what", id=identity)
    # By the version too: the same detections may leave again after an undo, and are another incident then.
    new = incident_id("split", identity, whole.version, *sorted(part.detection for part in leaving))
    opened = hand.store.append(new, _split_off(hand, new, whole, leaving))
    said = {"detections": [part.detection for part in leaving], "into": new, "number": opened.number}
    entry = hand.entry(whole, EntryKind.SPLIT, said | ({"reason": reason} if reason else {}))
    try:
        hand.store.append(identity, [entry], expected_version=whole.version)
    except Conflict:
        back = hand.entry(opened, EntryKind.MERGED, {"into": identity, "number": whole.number})
        hand.store.append(new, [back])
        raise
    return opened


def _split_off(hand: Hand, new: str, whole: Incident, leaving: Sequence[Evidence]) -> list[Entry]:
    now, first = hand.clock(), min(part.start for part in leaving)

    def entry(kind: EntryKind, data: Mapping[str, Any], *parts: object) -> Entry:
        happened = first if kind is not EntryKind.DETECTED else next(p.start for p in leaving if p.detection in parts)
        return Entry(entry_id(new, kind, *parts), kind, happened, now, hand.principal.name, data)

    return [
        entry(EntryKind.OPENED, _opening(whole, leaving[0])),
        *(
            entry(EntryKind.INVOLVED, {"agency": each.agency, "role": str(each.role)}, each.agency, each.role)
            for each in whole.involvements
        ),
        *(entry(EntryKind.DETECTED, evidence_data(part), part.detection) for part in leaving),
    ]


def _opening(whole: Incident, named_by: Evidence) -> dict[str, Any]:
    """What is split off is as its whole was, but for its name."""
    ended = {"status": str(whole.status), "ended_by": whole.ended_by} if whole.status in NOT_COUNTED else {}
    return {
        "key": whole.key,
        "title": named_by.title,
        "title_vi": named_by.title_vi,
        "kind": whole.kind,
        "entity": whole.entity,
        "category": whole.category,
        "rsit": whole.rsit,
        "because": whole.classed_because,
        "map": whole.classed_by,
        "severity": str(whole.severity),
        "rated_by": whole.rated_by,
        "tlp": str(whole.tlp),
        "test": whole.test,
        "origin": whole.origin,
        "cause": str(whole.cause),
        "found": whole.found,
        "split_from": whole.id,
        **ended,
        **({"rating": rating_data(whole.rating)} if whole.rating else {}),
    }


def part_again(hand: Hand, identity: str, merged: Entry) -> None:
    """The whole no longer holds what it took in by this entry of its part; a split that the merge took back stands
    again. Raises TransitionNotAllowed where the part's detections are no longer all in the whole."""
    part, whole = hand.get(identity), hand.store.get(str(merged.data["into"]))
    history = hand.store.history(whole.id)
    gone = undone_ids(history)
    standing = [entry for entry in history if entry.id not in gone]
    taken = [each for each in standing if each.kind is EntryKind.ABSORBED and each.data["incident"] == identity]
    in_both = {found.detection for found in whole.evidence} & {found.detection for found in part.evidence}
    if not taken and not in_both:
        return  # The whole was told already, by a call that ended in between.
    if "split" in merged.data:
        taken += [e for e in standing if e.kind is EntryKind.UNDONE and e.data["entry"] == merged.data["split"]]
    back = [hand.entry(whole, EntryKind.UNDONE, {"entry": each.id}) for each in taken]
    if whole.status is Status.MERGED or not _adds_up(whole, (_with(whole, history, back), part)):
        raise TransitionNotAllowed("undo_there_first", id=part.number, other=whole.number)
    hand.store.append(whole.id, back, expected_version=whole.version)


def take_in_again(hand: Hand, identity: str, leaving: Entry) -> Incident:
    """What was split off by this entry is part of the incident again, with what joined it since. Raises
    TransitionNotAllowed where it has been merged or split since."""
    whole, part = hand.get(identity), hand.store.get(str(leaving.data["into"]))
    merged = _rejoined(hand.store.history(part.id), leaving.id)
    said = {"split": leaving.id}
    joined_since = [found for found in part.evidence if found.detection not in leaving.data["detections"]]
    adding = [
        hand.entry(whole, EntryKind.UNDONE, {"entry": leaving.id}),
        hand.entry(whole, EntryKind.ABSORBED, _absorbed(part, joined_since) | said),
    ]
    after = _with(whole, hand.history(identity), adding)
    if (part.status is Status.MERGED and merged is None) or not _adds_up(after, (whole, part)):
        raise TransitionNotAllowed("undo_there_first", id=whole.number, other=part.number)
    if merged is None:
        # The part is told first: after a crash between the two, the split still stands and can be undone again.
        merged = hand.entry(part, EntryKind.MERGED, {"into": whole.id, "number": whole.number, **said})
        part = hand.store.append(part.id, [merged], expected_version=part.version)
    try:
        hand.store.append(whole.id, adding, expected_version=whole.version)
    except Conflict:
        hand.store.append(part.id, [hand.entry(part, EntryKind.UNDONE, {"entry": merged.id})])
        raise
    return hand.get(identity)


def _rejoined(history: Sequence[Entry], leaving: str) -> Entry | None:
    """The entry that stands and says that the part went back to where it had been split off."""
    gone = undone_ids(history)
    merges = (entry for entry in history if entry.kind is EntryKind.MERGED and entry.id not in gone)
    return next((entry for entry in merges if entry.data.get("split") == leaving), None)


def _with(incident: Incident, history: Sequence[Entry], entries: Sequence[Entry]) -> Incident:
    after = fold(incident.id, [*history, *entries])
    return after or incident


def _adds_up(whole: Incident, parts: Sequence[Incident]) -> bool:
    """Whether each detection of the whole is in exactly one of the parts, and nothing else is."""
    held = [found.detection for part in parts for found in part.evidence]
    return sorted(held) == sorted(found.detection for found in whole.evidence)


def _absorbed(part: Incident, evidence: Sequence[Evidence]) -> dict[str, Any]:
    return {
        "incident": part.id,
        "number": part.number,
        "severity": str(part.severity),
        "evidence": [evidence_data(found) for found in evidence],
        "involvements": [{"agency": found.agency, "role": str(found.role)} for found in part.involvements],
    }
