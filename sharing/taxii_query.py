"""TAXII 2.1's query parameters (§3.4): what a page request asks for, and nothing that cannot be understood."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from vonggac.domain.times import parse_instant
from vonggac.errors import UsageRefused
from vonggac.ports import VersionMatch

MAX_PAGE = 1_000
DEFAULT_PAGE = 100


@dataclass(frozen=True, slots=True)
class PageRequest:
    """`one_object`: the id came in the path, so that nothing at all is 404; `plain`: without a filter or a cursor."""

    added_after: datetime | None = None
    ids: frozenset[str] | None = None
    types: frozenset[str] | None = None
    versions: tuple[VersionMatch, ...] = ("last",)
    spec_versions: frozenset[str] | None = None
    limit: int = DEFAULT_PAGE
    cursor: str | None = None
    one_object: bool = False
    plain: bool = True


def page_request(
    parameters: Iterable[tuple[str, str]], *, object_id: str | None = None, every_version: bool = False
) -> PageRequest:
    """The request that these query parameters make; with `object_id` for one object's endpoints (§5.6, §5.8).

    Commas mean OR, fields mean AND, a repeated parameter adds its values. Unknown parameters are ignored (§3.4).
    Raises UsageRefused that names the parameter and its value.
    """
    given: dict[str, list[str]] = {}
    for name, value in parameters:
        given.setdefault(name, []).append(value)
    joined = {name: ",".join(values) for name, values in given.items()}
    added_after = joined.get("added_after") or None
    default_versions = "all" if every_version else "last"
    ids = _values(joined, "match[id]")
    if object_id is not None:
        ids = frozenset({object_id})
    filtered = added_after or any(name.startswith("match[") for name in joined) or joined.get("next")
    return PageRequest(
        added_after=_instant("added_after", added_after) if added_after else None,
        ids=ids,
        types=None if object_id else _values(joined, "match[type]"),
        versions=version_matches("all" if every_version else joined.get("match[version]") or default_versions),
        spec_versions=_values(joined, "match[spec_version]"),
        limit=_limit(joined),
        cursor=joined.get("next") or None,
        one_object=object_id is not None,
        plain=not filtered,
    )


def version_matches(text: str) -> tuple[VersionMatch, ...]:
    """`first`, `last`, `all` or exact times, comma-separated (§3.4.1)."""
    words = [word.strip() for word in text.split(",") if word.strip()] or ["last"]
    return tuple(word if word in ("first", "last", "all") else _instant("match[version]", word) for word in words)


def _values(given: Mapping[str, str], name: str) -> frozenset[str] | None:
    values = frozenset(part.strip() for part in given.get(name, "").split(",") if part.strip())
    return values or None


def _limit(given: Mapping[str, str]) -> int:
    text = given.get("limit")
    if text is None:
        return DEFAULT_PAGE
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise UsageRefused("taxii_parameter", name="limit", value=text, wanted="1…")
    return min(int(text), MAX_PAGE)


def _instant(name: str, text: str) -> datetime:
    try:
        return parse_instant(text)
    except ValueError as error:
        raise UsageRefused("taxii_parameter", name=name, value=text, wanted="RFC 3339") from error
