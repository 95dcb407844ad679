"""The TAXII 2.1 server's meaning (OASIS Standard, 10 June 2021), without HTTP: what each endpoint answers to whom.

`api/routes/taxii.py` gives it paths, headers and media types.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sharing.exchange import Exchange, Sender
from sharing.incoming import fault
from sharing.stix import object_id
from sharing.taxii_query import MAX_PAGE, PageRequest, version_matches
from vonggac.domain.access import Action, Principal, visible_to
from vonggac.domain.agency import Directory
from vonggac.domain.marking import Tlp
from vonggac.domain.times import format_instant, parse_instant
from vonggac.errors import InvalidRecord, NotFound, SharingRefused
from vonggac.ports import Clock, Collection, FeedItem, FeedQuery, Ids, ItemResult, NewItem, Page, Store

STIX_MEDIA = "application/stix+json;version=2.1"
TAXII_MEDIA = "application/taxii+json;version=2.1"
#: The largest request body, in bytes, and the most objects in one.
MAX_CONTENT = 8 * 1024 * 1024
MAX_OBJECTS = 5_000
STATUS = "taxii-status"  # kind of record
STATUS_KEPT = timedelta(days=2)
NO_VERSION = datetime.min.replace(tzinfo=UTC)  # of an object without a readable date


@dataclass(frozen=True, slots=True)
class Answer:
    """A body and, where it holds objects, when its first and last were added (§3.4, X-TAXII-Date-Added-*)."""

    body: Mapping[str, Any]
    first: str | None = None
    last: str | None = None


class TaxiiServer:
    """One API root over one store. Every method takes the principal and shows what its scope allows."""

    def __init__(self, store: Store, exchange: Exchange, clock: Clock, ids: Ids, title: str) -> None:
        self._store = store
        self._exchange = exchange
        self._clock = clock
        self._ids = ids
        self._title = title

    def discovery(self, root: str) -> Answer:
        """§4.1; `root` is the API root's address."""
        return Answer({"title": self._title, "default": root, "api_roots": [root]})

    def api_root(self) -> Answer:
        """§4.2."""
        return Answer({"title": self._title, "versions": [TAXII_MEDIA], "max_content_length": MAX_CONTENT})

    def collections(self, principal: Principal) -> Answer:
        """§5.1: those that the principal can read or write; no empty list."""
        shown = [collection_data(collection, principal) for collection in self._visible(principal)]
        return Answer({"collections": shown} if shown else {})

    def collection(self, principal: Principal, identity: str) -> Answer:
        """§5.2."""
        return Answer(collection_data(self._find(principal, identity), principal))

    def objects(self, principal: Principal, directory: Directory, identity: str, request: PageRequest) -> Answer:
        """§5.4 and, with one id asked for by path, §5.6. An envelope; `{}` when nothing matches."""
        page = self._page(principal, directory, identity, request)
        return _answer(page, "objects", [dict(item.body) for item in page.items])

    def manifest(self, principal: Principal, directory: Directory, identity: str, request: PageRequest) -> Answer:
        """§5.3."""
        page = self._page(principal, directory, identity, request)
        return _answer(page, "objects", [_manifest_record(item) for item in page.items])

    def versions(self, principal: Principal, directory: Directory, identity: str, request: PageRequest) -> Answer:
        """§5.8: the versions of one object."""
        page = self._page(principal, directory, identity, request)
        return _answer(page, "versions", [version_text(item.version) for item in page.items])

    def add(self, principal: Principal, directory: Directory, identity: str, envelope: object) -> Answer:
        """§5.5: the status of an addition that is already done. Good objects of a batch with bad ones are kept."""
        collection = self._writable(principal, identity)
        objects = _envelope_objects(envelope)
        results = self._take(collection, principal, directory, objects)
        body = _status_body(self._ids(), self._clock(), results)
        kept = {**body, "by": principal.name}
        self._store.records.put(STATUS, str(body["id"]), kept, expected_version=0)
        return Answer(body)

    def status(self, principal: Principal, status: str) -> Answer:
        """§4.3: to the submitter only."""
        record = self._store.records.get(STATUS, status)
        if record is None or record.body["by"] != principal.name:
            raise NotFound("taxii_no_status", id=status)
        return Answer({name: value for name, value in record.body.items() if name != "by"})

    def delete(
        self, principal: Principal, directory: Directory, identity: str, stix_id: str, versions: Sequence[str]
    ) -> None:
        """§5.7: needs reading and writing; only versions that the principal can see."""
        collection = self._writable(principal, identity)
        if not collection_data(collection, principal)["can_read"]:
            raise SharingRefused("taxii_may_not", collection=identity)
        request = PageRequest(ids=frozenset({stix_id}), versions=version_matches(",".join(versions)), limit=1)
        self._page(principal, directory, identity, request)
        self._store.feeds.delete_items(collection.id, stix_id, request.versions)

    def forget_statuses(self) -> int:
        """Statuses older than STATUS_KEPT are gone; how many they were."""
        before = format_instant(self._clock() - STATUS_KEPT)
        old = [record for record in self._store.records.list(STATUS) if record.body["request_timestamp"] < before]
        return sum(self._store.records.delete(STATUS, record.key) for record in old)

    # --- inside

    def _visible(self, principal: Principal) -> list[Collection]:
        return [
            collection
            for collection in self._store.feeds.collections()
            if any(collection_data(collection, principal)[right] for right in ("can_read", "can_write"))
        ]

    def _find(self, principal: Principal, identity: str) -> Collection:
        for collection in self._visible(principal):
            if identity in (collection.id, collection.alias):
                return collection
        raise NotFound("taxii_no_collection", collection=identity)

    def _writable(self, principal: Principal, identity: str) -> Collection:
        collection = self._find(principal, identity)
        if not collection_data(collection, principal)["can_write"]:
            raise SharingRefused("taxii_may_not", collection=identity)
        return collection

    def _page(self, principal: Principal, directory: Directory, identity: str, request: PageRequest) -> Page[FeedItem]:
        collection = self._find(principal, identity)
        if not collection_data(collection, principal)["can_read"]:
            raise SharingRefused("taxii_may_not", collection=identity)
        query = FeedQuery(
            collection=collection.id,
            scope=visible_to(principal, directory),
            added_after=request.added_after,
            ids=request.ids,
            types=request.types,
            versions=request.versions,
            spec_versions=request.spec_versions,
            limit=min(request.limit, MAX_PAGE),
            cursor=request.cursor,
        )
        page = self._store.feeds.items(query)
        if request.one_object and not page.items and request.plain:
            raise NotFound("taxii_no_object", id=", ".join(request.ids or ()))
        return page

    def _take(
        self, collection: Collection, principal: Principal, directory: Directory, objects: Sequence[object]
    ) -> list[ItemResult]:
        """One result for each object, in order."""
        checked = [(obj, self._refusal(obj, collection)) for obj in objects]
        good = [dict(obj) for obj, reason in checked if reason is None and isinstance(obj, Mapping)]
        accepted = self._exchange.accept(good, Sender(principal.name, principal.agency), directory)
        stopped = {refusal.location: refusal.reason for refusal in accepted.refused}
        kept = [obj for obj in good if obj["id"] not in stopped]
        agencies = [principal.agency] if principal.agency else []
        items = self._exchange.new_items(collection.id, kept, agencies)
        added = self._store.feeds.add_items(collection.id, self._open_enough(items), self._clock())
        stored = {result.id: result for result in added}
        return [_result(obj, reason, stopped, stored) for obj, reason in checked]

    def _refusal(self, obj: object, collection: Collection) -> str | None:
        reason = fault(obj)
        if reason is None and isinstance(obj, Mapping):
            items = self._exchange.new_items(collection.id, [obj], [])
            if items[0].tlp is Tlp.RED and obj.get("object_marking_refs"):
                return "TLP:RED does not travel by a feed"
        return reason

    def _open_enough(self, items: Sequence[NewItem]) -> list[NewItem]:
        return [item for item in items if item.tlp is not Tlp.RED]


def collection_data(collection: Collection, principal: Principal) -> dict[str, Any]:
    """The collection as this principal may use it (§5.2.1)."""
    data: dict[str, Any] = {
        "id": collection.id,
        "title": collection.title,
        "description": collection.description,
        "can_read": collection.can_read and principal.may(Action.READ_FEED),
        "can_write": collection.can_write and principal.may(Action.WRITE_FEED),
        "media_types": [STIX_MEDIA],
    }
    if collection.alias:
        data["alias"] = collection.alias
    return data


def version_text(version: datetime) -> str:
    """As TAXII's examples and STIX write it: milliseconds, or all six digits where there are more."""
    text = format_instant(version)
    return text[:-4] + "Z" if text.endswith("000Z") else text


def _answer(page: Page[FeedItem], name: str, values: list[Any]) -> Answer:
    if not values:
        return Answer({})
    body: dict[str, Any] = {"more": page.next is not None, name: values}
    if page.next is not None:
        body["next"] = page.next
    return Answer(body, format_instant(page.items[0].date_added), format_instant(page.items[-1].date_added))


def _manifest_record(item: FeedItem) -> dict[str, str]:
    return {
        "id": item.id,
        "date_added": format_instant(item.date_added),
        "version": version_text(item.version),
        "media_type": f"application/stix+json;version={item.spec_version}",
    }


def _envelope_objects(envelope: object) -> Sequence[object]:
    """The objects of an envelope (§3.7). Raises InvalidRecord when it is none."""
    objects = envelope.get("objects") if isinstance(envelope, Mapping) else None
    if not isinstance(objects, list) or not objects:
        raise InvalidRecord("taxii_envelope", location="objects", line=0, reason="no list of objects")
    if len(objects) > MAX_OBJECTS:
        raise InvalidRecord("taxii_envelope", location="objects", line=0, reason=f"more than {MAX_OBJECTS}")
    return objects


def _result(
    obj: object, reason: str | None, stopped: Mapping[str, str], stored: Mapping[str, ItemResult]
) -> ItemResult:
    identity = str(obj.get("id", "")) if isinstance(obj, Mapping) else ""
    why = reason or stopped.get(identity)
    if why is None and identity in stored:
        return stored[identity]
    stamp = obj.get("modified") or obj.get("created") if isinstance(obj, Mapping) else None
    try:
        version = parse_instant(str(stamp))
    except ValueError:
        version = NO_VERSION
    return ItemResult(identity, version, "refused", why or "not stored")


def _status_body(identity: str, now: datetime, results: Sequence[ItemResult]) -> dict[str, Any]:
    """§4.3.1. Counts and lists agree; a list that would be empty is left out."""
    good = [result for result in results if result.outcome != "refused"]
    bad = [result for result in results if result.outcome == "refused"]
    body: dict[str, Any] = {
        "id": object_id("status", identity).removeprefix("status--"),
        "status": "complete",
        "request_timestamp": format_instant(now),
        "total_count": len(results),
        "success_count": len(good),
        "failure_count": len(bad),
        "pending_count": 0,
    }
    if good:
        body["successes"] = [_detail(result) for result in good]
    if bad:
        body["failures"] = [_detail(result) for result in bad]
    return body


def _detail(result: ItemResult) -> dict[str, str]:
    dated = result.version is not NO_VERSION
    detail = {"id": result.id, "version": version_text(result.version) if dated else ""}
    return {**detail, "message": result.reason} if result.reason else detail
