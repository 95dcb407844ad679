"""What makes a document storable, and what it means that a document matches a query: the same for every backend."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Any, NamedTuple

import orjson

from vonggac.domain.account import Refusal
from vonggac.domain.detection import SUPPRESSED_BY, Detection, to_document
from vonggac.domain.event import OBSERVABLE_FIELDS, Document, fault, field, observables
from vonggac.domain.times import parse_instant, to_epoch_us
from vonggac.ports import EventQuery, Wanted

#: The longest id a document may have: Elasticsearch takes no longer `_id`.
ID_BYTES_MAX = 512
#: Values longer than this are looked up by their digest.
VALUE_CHARS_MAX = 512
#: Months before and after are no packet's or record's time, and each would open a partition of its own.
FIRST_YEAR, LAST_YEAR = 1970, 2099

#: The location that a refusal of the store names: its offset counts from the batch's first document.
BATCH = "batch"

_OBSERVABLE_PATHS = frozenset(path for paths in OBSERVABLE_FIELDS.values() for path in paths)


class Prepared(NamedTuple):
    """A document ready to store: its place in the batch, its time in microseconds since 1970, and the month of that
    (`YYYY-MM`, UTC)."""

    offset: int
    id: str
    time_us: int
    month: str
    dataset: str | None
    agency: str | None
    values: tuple[str, ...]
    suppressed_by: str | None
    body: bytes

    def refused(self, reason: str) -> Refusal:
        return Refusal(BATCH, self.offset, reason)


def prepare_events(documents: Sequence[Document]) -> tuple[list[Prepared], list[Refusal]]:
    """Each event ready to store, or why it is refused; a refusal's offset is the place in the sequence."""
    return _sorted_out(fault(document) or _prepare(offset, document) for offset, document in enumerate(documents))


def prepare_detections(detections: Sequence[Detection]) -> tuple[list[Prepared], list[Refusal]]:
    """Each detection's document ready to store, or why it is refused."""
    return _sorted_out(
        _prepare(offset, to_document(detection), detection.suppressed_by) for offset, detection in enumerate(detections)
    )


def _sorted_out(outcomes: Iterable[Prepared | str]) -> tuple[list[Prepared], list[Refusal]]:
    ready: list[Prepared] = []
    refused: list[Refusal] = []
    for offset, outcome in enumerate(outcomes):
        if isinstance(outcome, Prepared):
            ready.append(outcome)
        else:
            refused.append(Refusal(BATCH, offset, outcome))
    return ready, refused


def _prepare(offset: int, document: Document, suppressed_by: str | None = None) -> Prepared | str:
    """A document that has an `@timestamp` and an `event.id`, ready to store; the reason when it cannot be stored."""
    identity = field(document, "event.id")
    if not isinstance(identity, str) or not identity.isprintable() or len(identity.encode()) > ID_BYTES_MAX:
        return f"event.id is not a printable text of at most {ID_BYTES_MAX} bytes"
    instant = parse_instant(str(document["@timestamp"]))
    if not FIRST_YEAR <= instant.year <= LAST_YEAR:
        return f"@timestamp: the year {instant.year} is outside {FIRST_YEAR} to {LAST_YEAR}"
    try:
        body = orjson.dumps(document)
    except (TypeError, ValueError) as error:  # lone surrogates, integers beyond 64 bits, what JSON has no form for
        return f"not representable as JSON: {error}"
    agency = field(document, "organization.id")
    dataset = field(document, "event.dataset")
    return Prepared(
        offset,
        identity,
        to_epoch_us(instant),
        _month(instant.year, instant.month),
        None if dataset is None else str(dataset),
        None if agency is None else str(agency),
        values_of(document),
        suppressed_by,
        body,
    )


@lru_cache
def _month(year: int, month: int) -> str:
    return f"{year:04d}-{month:02d}"


def values_of(document: Document) -> tuple[str, ...]:
    """What a value index has of the document."""
    values = {value: None for _, value in observables(document)}
    if all(len(value) <= VALUE_CHARS_MAX for value in values):
        return tuple(values)
    return tuple({look_up_form(value): None for value in values})


def month_span(month: str) -> tuple[datetime, datetime]:
    """The first instant of a `YYYY-MM` (UTC) and the first after it."""
    year, number = int(month[:4]), int(month[5:])
    after = (year + 1, 1) if number == 12 else (year, number + 1)
    return datetime(year, number, 1, tzinfo=UTC), datetime(*after, 1, tzinfo=UTC)


def look_up_form(value: str) -> str:
    """The value as it stands in a value index."""
    if len(value) <= VALUE_CHARS_MAX:
        return value
    return "sha256:" + sha256(value.encode("utf-8", "surrogatepass")).hexdigest()


def spellings(value: str) -> tuple[str, ...]:
    """The forms in which `domain.event.observables` may have written the value: as given (a URL), in lower case
    without the final dot (names, hashes), as the address it spells."""
    found = {value: None, value.lower().rstrip("."): None}
    with suppress(ValueError):
        found[str(ip_address(value))] = None
    return tuple(found)


def narrowing_value(query: EventQuery) -> str | None:
    """A value that every match holds, so that the value index can be used; None when the query names none."""
    if query.value is not None:
        return query.value
    return next(
        (term for path, term in query.terms.items() if path in _OBSERVABLE_PATHS and isinstance(term, str)), None
    )


def suppression_of(query: EventQuery) -> str | None:
    """The suppression by which every match is held back; None when the query names none."""
    named = query.terms.get(SUPPRESSED_BY)
    return named if isinstance(named, str) else None


def matches(document: Document, terms: Mapping[str, str | int], values: Iterable[str] | None) -> bool:
    """Whether each field equals its term (one of a list's members does; 443 and "443" are equal) and one of the values
    stands in the document."""
    if not all(_holds(field(document, path), str(term)) for path, term in terms.items()):
        return False
    if values is None:
        return True
    held = {value for _, value in observables(document)}
    return not held.isdisjoint(values)


def stands_in(document: Document, wanted: Wanted) -> bool:
    """Whether what is looked up stands in the document, in any spelling."""
    if wanted.network is not None:
        return any(kind == "ip" and _inside(value, wanted.network) for kind, value in observables(document))
    exact = frozenset(spellings(wanted.value))
    ending = f".{wanted.value}" if wanted.below and "." in wanted.value else None
    return any(
        value in exact or (kind == "domain" and ending is not None and value.endswith(ending))
        for kind, value in observables(document)
    )


def _inside(value: str, network: IPv4Network | IPv6Network) -> bool:
    try:
        return ip_address(value) in network
    except ValueError:
        return False


def _holds(found: Any, term: str) -> bool:
    if isinstance(found, (list, tuple)):
        return any(_holds(item, term) for item in found)
    if isinstance(found, bool):
        return term == ("true" if found else "false")
    return found is not None and not isinstance(found, Mapping) and str(found) == term
