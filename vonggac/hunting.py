"""Is or was this in our network, as far as events are retained? With what no answer can be given for.

An answer is `found` with the ids of the events; else `not-covered` where in some of the hours nobody was watching or
data was lost, with these; else `not-found`. Also a `found` names such hours. What was not found is on record: what was
asked, when, over which period, and up to which position of the store.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from ipaddress import ip_address, ip_network
from itertools import groupby, islice
from typing import Any
from urllib.parse import urlsplit

from correlator.engine import Correlator
from correlator.indicators import IndicatorSet, canonical
from correlator.rule import Rule
from vonggac.coverage import Gap, Retained
from vonggac.domain.detection import Detection
from vonggac.domain.event import Document, field, observables
from vonggac.domain.indicator import Indicator, IndicatorKind
from vonggac.domain.times import format_instant, parse_instant
from vonggac.ports import Clock, EventQuery, Store, Wanted

#: The most event ids that one answer names.
MAX_EVENTS = 1_000
HUNT = "hunt"  # kinds of records
HUNTED = "hunted"
_PAGE = 1_000


@dataclass(frozen=True, slots=True)
class Answer:
    """`what` is value, pattern or rule."""

    what: str
    wanted: str
    events: tuple[str, ...]
    more: bool
    gaps: tuple[Gap, ...]

    @property
    def status(self) -> str:
        return "found" if self.events else "not-covered" if self.gaps else "not-found"

    def data(self) -> dict[str, Any]:
        said: dict[str, Any] = {self.what: self.wanted, "status": self.status, "events": list(self.events)}
        if self.more:
            said["more"] = True
        if self.gaps:
            said["not_covered"] = [gap.data() for gap in self.gaps]
        return said


class Hunter:
    """Hunts in one store over one period, by default over all that is retained."""

    def __init__(
        self, store: Store, clock: Clock, since: datetime | None = None, until: datetime | None = None
    ) -> None:
        self._store = store
        self._clock = clock
        self._since, self._until = since, until
        self._position = store.events.position()
        self._gaps = tuple(self._not_covered())

    def values(self, values: Iterable[str]) -> list[Answer]:
        """One answer for each address, network, name (or a name below it), URL in any of its forms, or hash."""
        found: dict[str, tuple[str, ...]] = dict.fromkeys(values, ())
        for value, events in self.events_with(found):
            found[value] = tuple(islice((event["event"]["id"] for event in events), MAX_EVENTS + 1))
        return self._recorded(self._answer("value", value, events) for value, events in found.items())

    def patterns(self, indicators: Sequence[Indicator]) -> list[Answer]:
        """Patterns that say more than a value, looked for in all events, be they in force or not."""
        if not indicators:
            return []
        known = IndicatorSet(replace(each, valid_from=None, valid_until=None, confidence=None) for each in indicators)
        found: dict[str | None, dict[str, None]] = {each.id: {} for each in indicators}
        for detection in self._detections(Correlator((), known)):
            found[detection.indicator_id].update(dict.fromkeys(detection.evidence))
        return self._recorded(self._answer("pattern", each.value, found[each.id]) for each in indicators)

    def rules(self, rules: Sequence[Rule]) -> list[Answer]:
        """Each rule over all events."""
        found: dict[str, dict[str, None]] = {rule.info.id: {} for rule in rules}
        for detection in self._detections(Correlator(rules)):
            found[detection.rule.id].update(dict.fromkeys(detection.evidence))
        return self._recorded(self._answer("rule", rule, events) for rule, events in found.items())

    def events_with(self, values: Iterable[str]) -> Iterator[tuple[str, Iterator[Document]]]:
        """For values that may stand in some event: the value, and the events that hold it, each once; to be read before
        the next value is."""
        asked = [(value, wanted) for value in dict.fromkeys(values) for wanted in wanted_of(value)]
        found = self._store.events.holding([wanted for _, wanted in asked], self._since, self._until)
        for value, parts in groupby(found, key=lambda part: asked[part[0]][0]):
            yield value, _each_once((event for _, events in parts for event in events), _url_form(value))

    def all_events(self) -> Iterator[Sequence[Document]]:
        query = EventQuery(since=self._since, until=self._until, limit=_PAGE)
        while True:
            page = self._store.events.search_events(query)
            yield page.items
            if page.next is None:
                return
            query = replace(query, cursor=page.next)

    def _detections(self, correlator: Correlator) -> Iterator[Detection]:
        for events in self.all_events():
            yield from correlator.feed(events)
        yield from correlator.finish()

    def _answer(self, what: str, wanted: str, events: Iterable[str]) -> Answer:
        found = tuple(islice(events, MAX_EVENTS + 1))
        return Answer(what, wanted, found[:MAX_EVENTS], len(found) > MAX_EVENTS, self._gaps)

    def _not_covered(self) -> list[Gap]:
        oldest = next(iter(self._store.events.search_events(EventQuery(limit=1)).items), None)
        coverage = Retained(self._store.records, None if oldest is None else parse_instant(str(oldest["@timestamp"])))
        now = self._clock()
        first, end = coverage.span or (now, now)
        since, until = self._since or first, min(self._until or end, now)
        return coverage.gaps(since, until) if since < until else []

    def _recorded(self, answers: Iterable[Answer]) -> list[Answer]:
        """The answers, those that found nothing on record: the newest to each question."""
        given = list(answers)
        period = [None if at is None else format_instant(at) for at in (self._since, self._until)]
        common = {
            "since": period[0],
            "until": period[1],
            "position": self._position,
            "at": format_instant(self._clock()),
        }
        negative = {
            _key(answer.what, answer.wanted, *map(str, period)): {**answer.data(), **common}
            for answer in given
            if not answer.events
        }
        if negative:
            self._store.records.put_many(HUNT, negative)
        return given


def hunt_received(
    store: Store, clock: Clock, indicators: Iterable[Indicator], take: Callable[[Sequence[Detection]], object]
) -> Mapping[str, int]:
    """Every indicator that has not been hunted, or has changed since, is looked for in all events there are; what it is
    found in is detected as if it had been known then. How many answers of each status there were."""
    known = {record.key: record.body["digest"] for record in store.records.list(HUNTED)}
    by_id: dict[str, list[Indicator]] = {}
    for indicator in indicators:
        by_id.setdefault(indicator.id, []).append(indicator)
    new = {identity: parts for identity, parts in by_id.items() if known.get(identity) != _digest(parts)}
    if not new:
        return {}
    hunter = Hunter(store, clock)
    parts_of_all = [part for parts in new.values() for part in parts]
    patterns = [part for part in parts_of_all if part.kind is IndicatorKind.PATTERN]
    values = list(dict.fromkeys(part.value for part in parts_of_all if part.kind is not IndicatorKind.PATTERN))
    correlator = Correlator((), IndicatorSet(parts_of_all))
    # Patterns may need any event; for values the few that hold them are enough.
    pages = (
        hunter.all_events()
        if patterns
        else _in_pages(event for _, events in hunter.events_with(values) for event in events)
    )
    for page in pages:
        take(correlator.feed(page))
    answers = {answer.wanted: answer.status for answer in (*hunter.values(values), *hunter.patterns(patterns))}
    counts: dict[str, int] = {}
    hunted: dict[str, dict[str, Any]] = {}
    for identity, parts in new.items():
        statuses = [answers[part.value] for part in parts]
        status = next(each for each in ("found", "not-covered", "not-found") if each in statuses)
        counts[status] = counts.get(status, 0) + 1
        hunted[identity] = {"digest": _digest(parts), "status": status, "at": format_instant(clock())}
    store.records.put_many(HUNTED, hunted)
    return counts


def wanted_of(value: str) -> list[Wanted]:
    """What to look up so that no event with the value is missed: for a URL also its host, as they may stand apart."""
    value = value.strip()
    with suppress(ValueError):
        return [Wanted(str(ip_address(value)))]
    if "/" not in value:
        return [Wanted(value.lower().rstrip("."), below=True)]
    with suppress(ValueError):
        return [Wanted("", network=ip_network(value, strict=False))]
    form = _url_form(value)
    if form is None:
        return [Wanted(value)]
    host = urlsplit(value if "://" in value else f"http://{value}").hostname or ""
    return [Wanted(each) for each in dict.fromkeys((value, f"http://{form}", f"https://{form}", host))]


def _url_form(value: str) -> str | None:
    """The canonical form of a URL; None for what is none."""
    if "/" not in value:
        return None
    with suppress(ValueError):
        ip_network(value.strip(), strict=False)
        return None
    with suppress(ValueError):
        return canonical(IndicatorKind.URL, value)
    return None


def _each_once(events: Iterable[Document], url: str | None) -> Iterator[Document]:
    """Each event once; where a URL in canonical form is given, only those that have it."""
    seen: set[str] = set()
    for event in events:
        identity = event["event"]["id"]
        if identity not in seen and (url is None or url in _urls(event)):
            seen.add(identity)
            yield event


def _urls(event: Document) -> Iterator[str]:
    """The canonical forms of the event's URLs; a request line has its host beside it."""
    for kind, value in observables(event):
        if kind == "url":
            host = field(event, "url.domain") or field(event, "destination.ip") or ""
            with suppress(ValueError):
                yield canonical(IndicatorKind.URL, f"{host}{value}" if value.startswith("/") else value)


def _in_pages(events: Iterator[Document]) -> Iterator[list[Document]]:
    while page := list(islice(events, _PAGE)):
        yield page


def _digest(parts: Sequence[Indicator]) -> str:
    return sha256(repr(parts).encode()).hexdigest()[:32]


def _key(*parts: str) -> str:
    return sha256("\x1f".join(parts).encode()).hexdigest()[:32]
