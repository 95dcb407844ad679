"""What leaves and what enters: incidents into collections, objects of peers and files into the node.

A peer is not trusted: what it sends is checked object by object, and where the peer speaks for an agency, an incident
that involves others than that agency's own is refused (decision 12).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sharing.markings import tlp_of
from sharing.stix import (
    INCIDENT_CORE,
    OUR_EXTENSION,
    NodeIdentity,
    default_tlp,
    incident_objects,
    incident_stix_id,
    object_id,
)
from vonggac.casework import Casework
from vonggac.domain.access import EVERYTHING, Action, Principal, visible_to
from vonggac.domain.account import Refusal
from vonggac.domain.agency import Directory
from vonggac.domain.detection import Detection, Severity
from vonggac.domain.incident import Entry, EntryKind, Incident, Role, Status, entry_id, incident_id
from vonggac.domain.marking import Tlp
from vonggac.domain.text import nfc
from vonggac.domain.times import format_instant, parse_instant
from vonggac.errors import InvalidRecord, NotFound, SharingRefused
from vonggac.ports import Clock, Collection, FeedQuery, ItemResult, NewItem, Store

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
MAX_OBJECT_DEPTH = 64
MAX_PATTERN = 16_384  # characters


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
        return incident_objects(incident, detections, directory, self._node)

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
        details = _details(obj)
        involved = [
            (str(each.get("agency", "")), str(each.get("role", ""))) for each in details.get("involvements", ())
        ]
        if any(role not in list(Role) or not agency for agency, role in involved):
            return "involvements: an agency is missing or a role is unknown"
        if sender.agency is not None:
            foreign = {agency for agency, _ in involved} - directory.below(sender.agency)
            if foreign:
                return f"{sender.name} may not speak for {', '.join(sorted(foreign))}"
        if self._ours(obj):
            return "known"
        identity = incident_id("stix", obj["id"])
        entries = _entries(identity, obj, details, tlp_of(obj, known, Tlp.AMBER), sender, self._clock())
        before = self._version(identity)
        after = self._store.incidents.append(identity, entries).version
        return "known" if after == before else "new"

    def _version(self, identity: str) -> int:
        """The length of an incident's history; 0 when there is none."""
        try:
            return self._store.incidents.get(identity).version
        except NotFound:
            return 0

    def _ours(self, obj: Mapping[str, Any]) -> bool:
        """An incident that this node shared and that came back."""
        for reference in obj.get("external_references", ()):
            if reference.get("source_name") == "vonggac":
                name = str(reference.get("external_id", ""))
                if self._version(name) and incident_stix_id(self._store.incidents.get(name)) == obj["id"]:
                    return True
        return False


#: Properties that any object may have (STIX 2.1 §3.2), and what they are lists of.
_LISTS: Mapping[str, type] = {"object_marking_refs": str, "granular_markings": Mapping, "external_references": Mapping}


def fault(obj: object) -> str | None:
    """Why this is no STIX 2.1 object that can be kept, or None (STIX 2.1 §3.1, §3.2)."""
    if not isinstance(obj, Mapping):
        return "not a JSON object"
    kind, identity = obj.get("type"), obj.get("id")
    if not isinstance(kind, str) or not isinstance(identity, str):
        return "type or id is missing"
    if not identity.startswith(f"{kind}--"):
        return "id does not begin with the type"
    if obj.get("spec_version", "2.1") != "2.1":
        return f"spec_version {obj['spec_version']} is not 2.1"
    for name in ("created", "modified"):
        if name in obj:
            try:
                parse_instant(str(obj[name]))
            except ValueError:
                return f"{name} is not a time"
    if _depth(obj) > MAX_OBJECT_DEPTH:
        return f"nested deeper than {MAX_OBJECT_DEPTH}"
    for name, inner in _LISTS.items():
        value = obj.get(name, [])
        if not isinstance(value, list) or not all(isinstance(each, inner) for each in value):
            return f"{name} is not a list of {'objects' if inner is Mapping else 'ids'}"
    extensions = obj.get("extensions", {})
    if not isinstance(extensions, Mapping) or not all(isinstance(each, Mapping) for each in extensions.values()):
        return "extensions is not an object of objects"
    if kind == "incident" and not obj.get("name"):
        return "an incident needs a name"
    if kind in ("incident", "indicator") and not ("created" in obj and "modified" in obj):
        return "created or modified is missing"
    if kind == "indicator":
        return _pattern_fault(obj.get("pattern"), obj.get("pattern_type", "stix"))
    return None


def _pattern_fault(pattern: object, language: object) -> str | None:
    """Why an indicator's pattern is none (STIX 2.1 §4.7, §9); those of other languages (Sigma, Snort) are not read."""
    if not isinstance(pattern, str) or not pattern:
        return "an indicator needs a pattern"
    if language != "stix":
        return None
    if len(pattern) > MAX_PATTERN:
        return f"a pattern longer than {MAX_PATTERN} characters"
    from stix2patterns.exceptions import ParseException
    from stix2patterns.v21.pattern import Pattern

    try:
        Pattern(pattern)
    except ParseException as error:
        return f"not a STIX pattern: {str(error)[:200]}"
    except RecursionError:
        return "a pattern nested too deeply"
    return None


def _depth(value: object) -> int:
    """How deep a JSON value is nested, counted without recursion and only as far as it matters."""
    level, here = 0, [value]
    while here and level <= MAX_OBJECT_DEPTH + 1:
        level += 1
        inner: list[object] = []
        for item in here:
            if isinstance(item, Mapping):
                inner += [each for each in item.values() if isinstance(each, (Mapping, list))]
            elif isinstance(item, list):
                inner += [each for each in item if isinstance(each, (Mapping, list))]
        here = inner
    return level


def _details(obj: Mapping[str, Any]) -> Mapping[str, Any]:
    extension = obj.get("extensions", {}).get(OUR_EXTENSION, {})
    return extension if isinstance(extension, Mapping) else {}


def _entries(
    identity: str,
    obj: Mapping[str, Any],
    details: Mapping[str, Any],
    tlp: Tlp,
    sender: Sender,
    now: datetime,
) -> list[Entry]:
    """What the object says, as entries whose ids make the same version say it once."""
    actor = f"peer:{sender.name}"
    happened = parse_instant(str(details.get("first_at") or obj["created"]))
    opened = {
        "title": nfc(str(obj["name"])),
        "title_vi": nfc(str(obj.get("description") or obj["name"])),
        "kind": str(details.get("kind", "")),
        "entity": str(details.get("entity", "")),
        "category": str(details.get("category") or "other"),
        "severity": _severity(obj, details),
        "tlp": str(tlp),
        "test": bool(details.get("test", False)),
        "origin": str(obj["id"]),
    }
    entries = [Entry(entry_id(identity, "opened"), EntryKind.OPENED, happened, now, actor, opened)]
    entries += [
        Entry(
            entry_id(identity, "involved", each["agency"], each["role"]),
            EntryKind.INVOLVED,
            happened,
            now,
            actor,
            {"agency": str(each["agency"]), "role": str(each["role"])},
        )
        for each in details.get("involvements", ())
    ]
    status = _status(obj)
    if status is not None:
        version = str(obj["modified"])
        changed = parse_instant(version)
        data = {"to": str(status), "reason": f"{sender.name}: {format_instant(changed)}"}
        entries.append(Entry(entry_id(identity, "status", version), EntryKind.TRANSITIONED, changed, now, actor, data))
    return entries


def _severity(obj: Mapping[str, Any], details: Mapping[str, Any]) -> str:
    if details.get("severity") in list(Severity):
        return str(details["severity"])
    criticality = obj.get("extensions", {}).get(INCIDENT_CORE, {}).get("criticality")
    if not isinstance(criticality, int):
        return str(Severity.MEDIUM)
    return str(list(Severity)[min(3, max(0, (criticality - 1) // 25))])


def _status(obj: Mapping[str, Any]) -> Status | None:
    """What a peer's word makes of the incident here: withdrawn is a false positive, closed is closed."""
    core = obj.get("extensions", {}).get(INCIDENT_CORE, {})
    if obj.get("revoked") or core.get("determination") == "false-positive":
        return Status.FALSE_POSITIVE
    return Status.CLOSED if core.get("investigation_status") == "closed" else None
