"""An event is an ECS document: what makes one valid, where its id comes from, what can be looked up in it.

Field names are those of the Elastic Common Schema 9; what ECS has no name for stands under `vonggac.*`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from hashlib import sha256
from typing import Any

from vonggac.domain.times import parse_instant

Document = dict[str, Any]

ECS_VERSION = "9.0.0"

#: The dataset of what a node asked of a system (`sensors.probing`): no sensor was there to see it.
PROBE = "probe"

#: Every event has these (docs/ecs-fields.md).
REQUIRED = (
    "@timestamp",
    "ecs.version",
    "event.id",
    "event.dataset",
    "event.kind",
    "event.category",
    "event.type",
    "observer.name",
)

#: Where a value that can be hunted stands, by kind of observable.
OBSERVABLE_FIELDS: Mapping[str, tuple[str, ...]] = {
    "ip": ("source.ip", "destination.ip", "related.ip", "dns.resolved_ip"),
    "domain": ("url.domain", "dns.question.name", "tls.client.server_name", "related.hosts"),
    "url": ("url.original", "url.full"),
    "hash": ("related.hash", "file.hash.md5", "file.hash.sha1", "file.hash.sha256", "tls.client.ja3", "tls.client.ja4"),
}


_OBSERVABLE_PATHS = tuple(
    (kind, path, path.partition(".")[0]) for kind, paths in OBSERVABLE_FIELDS.items() for path in paths
)
#: What a flattened document has in place of objects.
_FLATTENED = frozenset(REQUIRED[1:])


def event_id(sensor: str, source: str, position: int, dataset: str, ordinal: int = 0, begun_ns: int = 0) -> str:
    """The id of the `ordinal`-th event of `dataset` that begins at `position` of `source`, as seen by `sensor`.

    `source` is the input's fingerprint (its first record), not its path, so that a moved or compressed copy of the
    same bytes replays to the same ids. The event's own time (`begun_ns`, since 1970) tells two inputs apart that begin
    with the same record. 32 hexadecimal digits.
    """
    parts = "\x1f".join((sensor, source, str(position), dataset, str(ordinal), str(begun_ns)))
    return sha256(parts.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def field(document: Mapping[str, Any], path: str) -> Any:
    """The value at a dotted path, or None. A key that itself holds dots (flattened ECS) is found too."""
    if path in document:
        return document[path]
    here: Any = document
    for part in _parts(path):
        # dict and None first, as asking the abstract class costs ten times as much.
        if here.__class__ is not dict and (here is None or not isinstance(here, Mapping)):
            return None
        here = here.get(part)
    return here


@lru_cache(maxsize=4_096)
def _parts(path: str) -> tuple[str, ...]:
    return tuple(path.split("."))


def put(document: Document, path: str, value: object) -> None:
    """Set the value at a dotted path, making the objects on the way. None is not set: absent means unknown."""
    if value is None:
        return
    if "." in path:
        *parents, path = path.split(".")
        for part in parents:
            document = document.setdefault(part, {})
    document[path] = value


def fault(document: object) -> str | None:
    """Why this is not an event, or None when it is one."""
    if not isinstance(document, dict):
        return "not a JSON object"
    if not _has_all(document):
        for path in REQUIRED:
            if field(document, path) in (None, "", []):
                return f"{path} is missing"
    try:
        parse_instant(str(document["@timestamp"]))
    except ValueError as error:
        return f"@timestamp: {error}"
    return None


def _has_all(document: Document) -> bool:
    """True for a document that surely has what every event has; to ask path by path takes three times as long."""
    try:
        event = document["event"]
        return _FLATTENED.isdisjoint(document) and bool(
            document["@timestamp"]
            and event["id"]
            and event["dataset"]
            and event["kind"]
            and event["category"]
            and event["type"]
            and document["observer"]["name"]
            and document["ecs"]["version"]
        )
    except (KeyError, TypeError):
        return False


def observables(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Each (kind, value) that stands in the event, once; domains and hashes in lower case."""
    seen: set[tuple[str, str]] = set()
    for kind, path, top in _OBSERVABLE_PATHS:
        if top in document or path in document:  # most of them are not
            held = field(document, path)
            if held is None:
                continue
            for value in (held,) if isinstance(held, str) else _texts(held):
                found = (kind, value if kind == "url" else value.lower().rstrip("."))
                if found[1] and found not in seen:
                    seen.add(found)
                    yield found


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _texts(item)
