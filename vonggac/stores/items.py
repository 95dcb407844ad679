"""Shared objects: what makes two of them the same, and which versions a query means. The same for every backend."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256

import orjson

from vonggac.domain.marking import Tlp
from vonggac.errors import UsageRefused
from vonggac.ports import Collection, NewItem, VersionMatch

#: Reasons of a refused item, as ItemResult gives them.
OTHER_CONTENT = "another object with this id and version is in the collection"
TOO_STRICT = "marked stricter than the collection allows"


def digest(item: NewItem) -> str:
    """Equal for equal content, whatever the order of its keys; 64 hexadecimal digits. TypeError when it is not JSON."""
    return sha256(orjson.dumps(item.body, option=orjson.OPT_SORT_KEYS)).hexdigest()


def collection_document(collection: Collection) -> dict[str, object]:
    return {
        "id": collection.id,
        "title": collection.title,
        "description": collection.description,
        "alias": collection.alias,
        "can_read": collection.can_read,
        "can_write": collection.can_write,
        "max_tlp": str(collection.max_tlp),
    }


def collection_from(document: dict[str, object]) -> Collection:
    return Collection(**{**document, "max_tlp": Tlp(str(document["max_tlp"]))})  # type: ignore[arg-type]


def exact_versions(versions: Sequence[VersionMatch]) -> list[datetime]:
    """The instants among the matches. Raises UsageRefused for a text that is not first, last or all."""
    for version in versions:
        if isinstance(version, str) and version not in ("first", "last", "all"):
            raise UsageRefused("bad_version_match", version=version)
    return [version for version in versions if isinstance(version, datetime)]
