"""The indices and what of a document is searchable; everything else is kept in `_source` and not indexed.

Nothing is mapped dynamically: an attacker names the fields of what he sends. Instants that queries need are `long`
microseconds since 1970, as Elasticsearch's `date` has milliseconds; `@timestamp` is a `date` beside them, for people.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: Counted up when the mappings change; stands in each index as `_meta.schema`.
SCHEMA = 5

#: The object in which an event's or detection's own search fields stand; taken off again when it is read.
OWN = "vonggac_store"

#: Longer values are not indexed under their field.
IGNORE_ABOVE = 1_024

KEYWORDS = frozenset(
    {
        "destination.domain",
        "dns.question.name",
        "dns.question.registered_domain",
        "dns.question.type",
        "dns.response_code",
        "event.action",
        "event.category",
        "event.code",
        "event.dataset",
        "event.kind",
        "event.outcome",
        "event.provider",
        "event.type",
        "file.hash.sha256",
        "file.name",
        "flow.id",
        "host.name",
        "http.request.method",
        "network.community_id",
        "network.protocol",
        "network.transport",
        "observer.name",
        "organization.id",
        "rule.id",
        "rule.ruleset",
        "threat.technique.id",
        "tls.client.server_name",
        "url.domain",
        "user.name",
        "vonggac.detection.category",
        "vonggac.detection.indicator_id",
        "vonggac.detection.kind",
        "vonggac.detection.level",
        "vonggac.detection.suppressed_by",
    }
)
LONGS = frozenset({"destination.port", "http.response.status_code", "source.port"})
IPS = frozenset({"destination.ip", "source.ip"})

_KEYWORD = {"type": "keyword"}
_LONG = {"type": "long"}
_KEPT = {"type": "object", "enabled": False}

_SHARED_SETTINGS = {"number_of_shards": 1, "auto_expand_replicas": "0-1"}


def _document_mapping() -> dict[str, Any]:
    properties: dict[str, Any] = {
        "@timestamp": {"type": "date"},
        OWN: {
            "properties": {
                "time": _LONG,
                "id": _KEYWORD,
                "values": _KEYWORD,
                "addresses": {"type": "ip"},
                "names": _KEYWORD,  # label by label from the end, so that the names below one begin with it
            }
        },
    }
    for path in sorted(KEYWORDS):
        _nest(properties, path, {"type": "keyword", "ignore_above": IGNORE_ABOVE})
    for path in sorted(LONGS):
        _nest(properties, path, _LONG)
    for path in sorted(IPS):
        _nest(properties, path, {"type": "ip"})
    return _mapping(properties)


def _nest(properties: dict[str, Any], path: str, leaf: Mapping[str, Any]) -> None:
    *parents, last = path.split(".")
    for part in parents:
        properties = properties.setdefault(part, {"properties": {}})["properties"]
    properties[last] = leaf


def _mapping(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"dynamic": False, "_meta": {"schema": SCHEMA}, "properties": properties}


#: Of the monthly event indices (as a template) and of the detections.
DOCUMENTS: dict[str, Any] = {
    "settings": {
        "index": _SHARED_SETTINGS | {"codec": "best_compression", "mapping": {"ignore_malformed": True}},
    },
    "mappings": _document_mapping(),
}

#: Index name without its prefix -> body of its creation.
INDICES: dict[str, dict[str, Any]] = {
    "detections": DOCUMENTS,
    "incidents": {
        "settings": {"index": _SHARED_SETTINGS},
        "mappings": _mapping(
            {
                "id": _KEYWORD,
                "key": _KEYWORD,
                "status": _KEYWORD,
                "category": _KEYWORD,
                "severity": _KEYWORD,
                "assignee": _KEYWORD,
                "tlp": {"type": "integer"},
                "number": _KEYWORD,
                "first_at": _LONG,
                "last_at": _LONG,
                "opened_at": _LONG,
                "changed_at": _LONG,
                "agencies": _KEYWORD,
                "detections": _KEYWORD,
                "words_fold": _KEYWORD,
                "entries": _KEPT,
                "states": {
                    "type": "nested",
                    "dynamic": False,
                    "properties": {
                        "occurred_at": _LONG,
                        "since": _LONG,
                        "until": _LONG,
                        "facts": _KEYWORD,
                        "agencies": _KEYWORD,
                        "detect": _LONG,
                        "contain": _LONG,
                        "close": _LONG,
                    },
                },
            }
        ),
    },
    # The last readable number given in each year.
    "numbers": {"settings": {"index": _SHARED_SETTINGS}, "mappings": _mapping({"last": _LONG})},
    "collections": {
        "settings": {"index": _SHARED_SETTINGS},
        "mappings": _mapping(
            {"id": _KEYWORD, "last_added": _LONG, "writer": _KEYWORD, "writer_until": _LONG, "collection": _KEPT}
        ),
    },
    "items": {
        "settings": {"index": _SHARED_SETTINGS},
        "mappings": _mapping(
            {
                "collection": _KEYWORD,
                "id": _KEYWORD,
                "version": _LONG,
                "type": _KEYWORD,
                "spec_version": _KEYWORD,
                "date_added": _LONG,
                "tlp": {"type": "integer"},
                "agencies": _KEYWORD,
                "digest": {"type": "keyword", "index": False, "doc_values": False},
                "body": _KEPT,
            }
        ),
    },
    "records": {
        "settings": {"index": _SHARED_SETTINGS},
        "mappings": _mapping({"kind": _KEYWORD, "key": _KEYWORD, "version": _LONG, "body": _KEPT}),
    },
}
