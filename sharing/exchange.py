"""What leaves and what enters: incidents into collections, objects of peers and files into the node.

A peer is not trusted: what it sends is checked object by object, and where the peer speaks for an agency, an incident
that involves others than that agency's own is refused (decision 12).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sharing.incoming import Word, changes, details_of, fault, opening
from sharing.markings import tlp_of
from sharing.stix import (
    DUPLICATE_OF,
    NUMBERED,
    NodeIdentity,
    default_tlp,
    incident_objects,
    incident_stix_id,
    object_id,
    shared_events,
)
from vonggac.casework import Casework
from vonggac.domain.access import EVERYTHING, Action, Principal, visible_to
from vonggac.domain.account import Refusal
from vonggac.domain.agency import Directory
from vonggac.domain.detection import Detection
from vonggac.domain.incident import Entry, EntryKind, Incident, Role, entry_id, incident_id
from vonggac.domain.marking import Tlp
from vonggac.domain.times import parse_instant
from vonggac.errors import InvalidRecord, NotFound, SharingRefused
from vonggac.ports import Clock, Collection, FeedQuery, IncidentQuery, ItemResult, NewItem, Store

#: The collections of a new node, by alias: (title, description, can be written to).
DEFAULT_COLLECTIONS: Mapping[str, tuple[str, str, bool]] = {
    "incidents": (
        "Sự cố đã chia sẻ",
        "Sự cố nút này chia sẻ, kèm chỉ dấu và lượt thấy / incidents this node shares, with indicators and sightings",
        False,
    ),
    "submissions": (
        "Sự cố các cơ quan gửi",
        "Sự cố các cơ quan và nút bạn gửi lên / incidents that agencies and peers submit",
        True,
    ),
}
INDICATOR = "indicator"  # kind of record


@dataclass(frozen=True, slots=True)
class Sender:
    """Whose objects these are; with an agency it may speak for that agency and those below it only."""

    name: str
    agency: str | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """Objects taken = incidents + indicators + others (kept in the feed only) + known already + refused."""

    taken: int = 0
    incidents: int = 0
    indicators: int = 0
    others: int = 0
    known: int = 0
    refused: tuple[Refusal, ...] = ()


def collection_id(node: str, alias: str) -> str:
    """The UUID of one of a node's collections."""
    return object_id("collection", node, alias).removeprefix("collection--")


class Exchange:
    """Sharing of one node's store."""

    def __init__(self, store: Store, clock: Clock, node: NodeIdentity) -> None:
        self._store = store
        self._clock = clock
        self._node = node

    def ensure_collections(self) -> None:
        """The default collections are there."""
        known = {collection.id for collection in self._store.feeds.collections()}
        for alias, (title, description, writable) in DEFAULT_COLLECTIONS.items():
            identity = collection_id(self._node.name, alias)
            if identity not in known:
                self._store.feeds.put_collection(
                    Collection(identity, title, description, alias, can_read=True, can_write=writable)
                )

    def objects_of(self, incident: Incident, directory: Directory) -> list[dict[str, Any]]:
        """The STIX objects of an incident."""
        detections: list[Detection] = self._store.events.detections([part.detection for part in incident.evidence])
        events = self._store.events.events(shared_events(detections))
        return incident_objects(incident, detections, directory, self._node, events, self._known_parts(incident))

    def _known_parts(self, incident: Incident) -> list[Incident]:
        """Those of its parts that others know: shared once, or from a peer. Not one that is marked more strictly."""
        parts = (self._store.incidents.get(part) for part in incident.parts)
        return [
            part
            for part in parts
            if part.tlp.rank <= incident.tlp.rank and (part.shared_to or part.origin.startswith("incident--"))
        ]

    def share(
        self, identity: str, principal: Principal, directory: Directory, alias: str = "incidents"
    ) -> tuple[ItemResult, ...]:
        """The incident's objects stand in the collection, and its history says so.

        Raises SharingRefused when the principal may not share, or the incident's TLP may not enter the collection.
        """
        if not principal.may(Action.SHARE):
            raise SharingRefused("role_may_not", role=principal.role, action=Action.SHARE)
        scope = visible_to(principal, directory)
        incident = self._store.incidents.get(identity, scope=scope)
        collection = self.collection(alias)
        if incident.tlp.rank > collection.max_tlp.rank:
            most = collection.max_tlp.label
            raise SharingRefused(
                "tlp_too_strict", id=identity, tlp=incident.tlp.label, collection=collection.title, most=most
            )
        if collection.id not in incident.shared_to:
            # First the record that it was shared, then the objects: so what is out is always on record.
            work = Casework(self._store.incidents, self._clock, principal, scope)
            incident = work.shared(identity, collection.id)
        objects = self.objects_of(incident, directory)
        items = self.new_items(collection.id, objects, sorted(incident.agencies))
        return self._store.feeds.add_items(collection.id, items, self._clock())

    def collection(self, alias: str) -> Collection:
        """The collection of that alias or id. Raises SharingRefused when there is none to share into."""
        for collection in self._store.feeds.collections():
            if alias in (collection.alias, collection.id):
                return collection
        raise SharingRefused("no_collection", collection=alias)

    def new_items(
        self, collection: str, objects: Sequence[Mapping[str, Any]], agencies: Sequence[str]
    ) -> list[NewItem]:
        """The objects on their way into a collection, each with its marking and version.

        An object without dates (an observable) keeps the version that the collection already has of the same content.
        """
        known = {str(obj["id"]): obj for obj in objects}
        undated = frozenset(str(obj["id"]) for obj in objects if "modified" not in obj and "created" not in obj)
        there = self._versions(collection, undated)
        now = self._clock()
        items = []
        for obj in objects:
            stamp = obj.get("modified") or obj.get("created")
            kept = there.get(str(obj["id"]))
            version = parse_instant(str(stamp)) if stamp else kept[0] if kept and kept[1] == obj else now
            tlp = tlp_of(obj, known, default_tlp(obj))
            items.append(NewItem(str(obj["id"]), str(obj["type"]), version, obj, tlp, tuple(agencies)))
        return items

    def _versions(self, collection: str, ids: frozenset[str]) -> dict[str, tuple[datetime, Mapping[str, Any]]]:
        if not ids:
            return {}
        query = FeedQuery(collection, EVERYTHING, ids=ids, limit=len(ids))
        return {item.id: (item.version, item.body) for item in self._store.feeds.items(query).items}

    def accept(self, objects: Iterable[object], sender: Sender, directory: Directory) -> Accepted:
        """Incidents and indicators among the objects are the node's from now on; each refused one is named."""
        taken, incidents, indicators, others, known = 0, 0, 0, 0, 0
        refused: list[Refusal] = []
        good: dict[str, Mapping[str, Any]] = {}
        for obj in objects:
            taken += 1
            reason = fault(obj)
            if reason or not isinstance(obj, Mapping):
                name = str(obj.get("id", "?")) if isinstance(obj, Mapping) else "?"
                refused.append(Refusal(name, taken, reason or "not an object"))
            else:
                good[str(obj["id"])] = obj
        duplicates = taken - len(refused) - len(good)
        for obj in good.values():
            if obj["type"] not in ("incident", "indicator"):
                others += 1
                continue
            try:
                if obj["type"] == "incident":
                    outcome = self._accept_incident(obj, good, sender, directory)
                else:
                    outcome = self._accept_indicator(obj, good, sender)
            except (AttributeError, InvalidRecord, KeyError, TypeError, ValueError) as error:
                # A peer may put anything anywhere: an object that is not as STIX says must not keep the others.
                outcome = f"not readable as STIX 2.1 ({type(error).__name__}: {error})"
            incidents += outcome == "new" and obj["type"] == "incident"
            indicators += outcome == "new" and obj["type"] == "indicator"
            known += outcome == "known"
            if outcome not in ("new", "known"):
                refused.append(Refusal(str(obj["id"]), taken, outcome))
        for obj in good.values():
            if obj.get("relationship_type") == DUPLICATE_OF and not obj.get("revoked"):
                self._liken(obj, sender)
        return Accepted(taken, incidents, indicators, others, known + duplicates, tuple(refused))

    def _accept_indicator(self, obj: Mapping[str, Any], known: Mapping[str, Mapping[str, Any]], sender: Sender) -> str:
        """The newest version of the indicator is on record: `new`, or `known` when it was already."""
        record = self._store.records.get(INDICATOR, str(obj["id"]))
        if record is not None and str(record.body["object"].get("modified", "")) >= str(obj.get("modified", "")):
            return "known"
        body = {"object": dict(obj), "tlp": str(tlp_of(obj, known, Tlp.AMBER)), "source": sender.name}
        self._store.records.put(INDICATOR, str(obj["id"]), body)
        return "new"

    def _accept_incident(
        self,
        obj: Mapping[str, Any],
        known: Mapping[str, Mapping[str, Any]],
        sender: Sender,
        directory: Directory,
    ) -> str:
        """`new`, `known`, or why it is refused. A later version adds what it changes to the same history."""
        details = details_of(obj)
        involved = [
            (str(each.get("agency", "")), str(each.get("role", ""))) for each in details.get("involvements", ())
        ]
        if any(role not in list(Role) or not agency for agency, role in involved):
            return "involvements: an agency is missing or a role is unknown"
        if sender.agency is not None:
            foreign = {agency for agency, _ in involved} - directory.below(sender.agency)
            if foreign:
                return f"{sender.name} may not speak for {', '.join(sorted(foreign))}"
        if self._own(obj):
            return "known"
        identity = incident_id("stix", obj["id"])
        word = Word(obj, tlp_of(obj, known, Tlp.AMBER), f"peer:{sender.name}", self._clock())
        there = self._there(identity)
        entries = opening(identity, word) if there is None else changes(*there, word)
        before = there[0].version if there else 0
        after = self._store.incidents.append(identity, entries).version
        return "known" if after == before else "new"

    def _there(self, identity: str) -> tuple[Incident, Sequence[Entry]] | None:
        """An incident with its history; None when there is none."""
        try:
            return self._store.incidents.get(identity), self._store.incidents.history(identity)
        except NotFound:
            return None

    def _liken(self, obj: Mapping[str, Any], sender: Sender) -> None:
        """Both incidents of the relationship, where they are here, bear the peer's word; nothing is merged by it."""
        one, other = (self._meant(str(obj.get(name, ""))) for name in ("source_ref", "target_ref"))
        if one is None or other is None or one.id == other.id:
            return
        actor, now = f"peer:{sender.name}", self._clock()
        for incident, same in ((one, other), (other, one)):
            identity = entry_id(incident.id, EntryKind.LIKENED, actor, same.id)
            said = {"incident": same.id, "number": same.number}
            self._store.incidents.append(incident.id, [Entry(identity, EntryKind.LIKENED, now, now, actor, said)])

    def _meant(self, stix_id: str) -> Incident | None:
        """The incident here that the object of this id tells of: a peer's, or one of ours that was shared."""
        there = self._there(incident_id("stix", stix_id))
        if there is not None:
            return there[0]
        for collection in self._store.feeds.collections():
            query = FeedQuery(collection.id, EVERYTHING, ids=frozenset({stix_id}), limit=1)
            for item in self._store.feeds.items(query).items:
                if (ours := self._own(item.body)) is not None:
                    return ours
        return None

    def _own(self, obj: Mapping[str, Any]) -> Incident | None:
        """The incident that this node numbered and of which the object tells; a peer's own may bear the same number."""
        for reference in obj.get("external_references", ()):
            if reference.get("source_name") != NUMBERED:
                continue
            query = IncidentQuery(number=str(reference.get("external_id", "")), limit=1)
            for incident in self._store.incidents.find(query).items:
                ours = not incident.origin.startswith("incident--") or reference.get("description") == self._node.name
                if ours and incident_stix_id(incident) == obj["id"]:
                    return incident
        return None
