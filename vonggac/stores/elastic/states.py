"""What incidents counted as, and from when until when they were known so: nested in each incident's document.

Facts and agencies are one keyword each, as text; agencies too long for a keyword are named by their incident.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from itertools import pairwise
from math import ceil
from typing import Any

from vonggac.domain.states import Agencies, Facts, Span, State
from vonggac.domain.times import from_epoch_us, to_epoch_us
from vonggac.ports import StateQuery
from vonggac.stores.elastic.filters import within_scope
from vonggac.stores.elastic.server import Query, Server
from vonggac.stores.histories import agencies_from, agencies_text, facts_from, facts_text, parties_from, parties_text

#: `until` of the state that is known now.
NOW = (1 << 63) - 1
PATH = "states"
#: Longer parties are not a keyword (a Lucene term has at most 32,766 bytes).
_LONGEST = 8_000
#: How many values one answer counts (`search.max_buckets` is 65,536).
_BUCKETS = 60_000
#: Into how many parts an interval is cut at most to find where a rank lies, as a power of two.
_PARTS_BITS = 12


#: The incidents whose states are as `documents` makes them.
WITH_AGENCIES: Query = {"nested": {"path": PATH, "query": {"exists": {"field": f"{PATH}.agencies"}}}}


def complete(source: Mapping[str, Any]) -> bool:
    """Whether an incident's document is one of WITH_AGENCIES."""
    return any(state.get("agencies") for state in source.get(PATH, ()))


def documents(identity: str, states: Sequence[State]) -> list[dict[str, Any]]:
    """The nested documents of one incident."""
    ends = [*(to_epoch_us(state.since) for state in states[1:]), NOW]
    return [_document(identity, state, end) for state, end in zip(states, ends, strict=True)]


def _document(identity: str, state: State, until: int) -> dict[str, Any]:
    agencies = agencies_text(state.agencies)
    return {
        "occurred_at": to_epoch_us(state.occurred_at),
        "since": to_epoch_us(state.since),
        "until": until,
        "facts": facts_text(state.facts),
        "agencies": agencies if len(agencies.encode()) <= _LONGEST else f"#{identity}",
        "involved": parties_text(state.parties),
        **{str(span): length for span, length in state.spans.items()},
    }


def states_from(source: Sequence[Mapping[str, Any]]) -> tuple[State, ...]:
    """The states that `documents` made."""
    return tuple(
        State(
            from_epoch_us(each["since"]),
            from_epoch_us(each["occurred_at"]),
            facts_from(each["facts"]),
            parties_from(each["involved"]),
            {span: each[span] for span in Span if span in each},
        )
        for each in source
    )


class ElasticTally:
    """`vonggac.ports.Tally` by aggregations, one for each part that is asked for."""

    def __init__(self, server: Server, index: str, query: StateQuery, cuts: Sequence[datetime]) -> None:
        self._server = server
        self._index = index
        self._query = query
        self._slices = [_occurred(start, end) for start, end in pairwise((query.start, *cuts, query.end))]

    def facts(self) -> list[dict[Facts, int]]:
        return [{facts_from(key): count for key, count in self._tally("facts", [part])} for part in self._slices]

    def agencies(self, among: Set[Facts]) -> list[dict[Agencies, int]]:
        return [self._agencies([part, _among(among)]) for part in self._slices]

    def _agencies(self, conditions: Sequence[Query]) -> dict[Agencies, int]:
        found: Counter[Agencies] = Counter()
        for key, count in self._tally("agencies", conditions):
            found[self._long(key) if key.startswith("#") else agencies_from(key)] += count
        return dict(found)

    def _long(self, key: str) -> Agencies:
        found, known_at = self._server.get(self._index, key[1:]), self._query.known_at
        states = states_from(found.source[PATH]) if found else ()
        return [state for state in states if known_at is None or state.since <= known_at][-1].agencies

    def _tally(self, field: str, more: Sequence[Query]) -> Iterator[tuple[str, int]]:
        """Each value of the field, and how many states have it: at once where there are not too many."""
        terms = {"field": f"{PATH}.{field}", "size": _BUCKETS}
        found = self._aggregate(more, {"by": {"terms": terms}})["by"]
        if found["sum_other_doc_count"]:
            yield from self._page_by_page(field, more)
            return
        for bucket in found["buckets"]:
            yield bucket["key"], bucket["doc_count"]

    def _page_by_page(self, field: str, more: Sequence[Query]) -> Iterator[tuple[str, int]]:
        after: dict[str, Any] = {}
        while True:
            by = {"size": _BUCKETS, "sources": [{"by": {"terms": {"field": f"{PATH}.{field}"}}}], **after}
            answer = self._aggregate(more, {"by": {"composite": by}})["by"]
            for bucket in answer["buckets"]:
                yield bucket["key"]["by"], bucket["doc_count"]
            if "after_key" not in answer:
                return
            after = {"after": answer["after_key"]}

    def quantiles(self, among: Set[Facts], shares: Sequence[Fraction]) -> dict[Span, tuple[int, tuple[int, ...]]]:
        ends = {
            f"{span}_{name}": {name: {"field": f"{PATH}.{span}"}}
            for span in Span
            for name in ("value_count", "min", "max")
        }
        told = self._aggregate([_among(among)], ends)
        sought: dict[tuple[Span, int], _Rank] = {}
        counts: dict[Span, int] = {}
        for span in Span:
            count, low, high = (told[f"{span}_{name}"]["value"] for name in ("value_count", "min", "max"))
            counts[span] = int(count)
            for at, share in enumerate(shares if count else ()):
                sought[span, at] = _Rank(max(1, ceil(share * count)), int(low), int(high))
        found = self._ranked(among, sought)
        return {
            span: (count, tuple(found[span, at] for at in range(len(shares) if count else 0)))
            for span, count in counts.items()
        }

    def _ranked(self, among: Set[Facts], sought: Mapping[tuple[Span, int], _Rank]) -> dict[tuple[Span, int], int]:
        """The length at each rank: the part it lies in is looked for, of all at once, until it is one second."""
        ranks = dict(sought)
        while open_ := {place: rank for place, rank in ranks.items() if rank.low < rank.high}:
            asked = {rank.name(place[0]): rank.parts(place[0]) for place, rank in open_.items()}
            told = self._aggregate([_among(among)], asked)
            for place, rank in open_.items():
                ranks[place] = rank.narrowed(told[rank.name(place[0])]["buckets"])
        return {place: rank.low for place, rank in ranks.items()}

    def _aggregate(self, more: Sequence[Query], asked: Mapping[str, Any]) -> dict[str, Any]:
        inside: Query = {"bool": {"filter": [*_conditions(self._query), *more]}}
        whole = {"bool": {"filter": [within_scope(self._query.scope), {"nested": {"path": PATH, "query": inside}}]}}
        aggregations = {"states": {"nested": {"path": PATH}, "aggs": {"known": {"filter": inside, "aggs": asked}}}}
        answer = self._server.search(self._index, whole, size=0, aggs=aggregations)
        return dict(answer["aggregations"]["states"]["known"])


@dataclass(frozen=True, slots=True)
class _Rank:
    """The length at a rank, counted from 1 among those that are not less than `low`; it lies in `[low, high]`."""

    rank: int
    low: int
    high: int

    @property
    def step(self) -> int:
        """A power of two, so that the parts of a part end where it does."""
        return 1 << max(0, (self.high - self.low).bit_length() - _PARTS_BITS)

    def name(self, span: Span) -> str:
        """The same for ranks that are looked for in the same parts."""
        return f"{span}_{self.low}_{self.high}"

    def parts(self, span: Span) -> dict[str, Any]:
        """The aggregation that counts each part of the interval."""
        bounds = {"min": self.low // self.step * self.step, "max": self.high}
        by = {"field": f"{PATH}.{span}", "interval": self.step, "hard_bounds": bounds, "min_doc_count": 1}
        return {"histogram": by}

    def narrowed(self, parts: Sequence[Mapping[str, Any]]) -> _Rank:
        """The same rank in the part in which it lies."""
        rank = self.rank
        for part in parts:
            if rank <= part["doc_count"]:
                return _Rank(rank, int(part["key"]), min(int(part["key"]) + self.step - 1, self.high))
            rank -= part["doc_count"]
        raise AssertionError("a rank lies in one of the parts")


def places(
    server: Server,
    index: str,
    query: StateQuery,
    among: Set[Facts],
    agencies: Set[Agencies] | None,
    after: Sequence[Any] | None,
    limit: int,
) -> list[dict[str, Any]]:
    """The next hits: in `sort` when the incident occurred and its id, in `inner_hits` its state."""
    conditions = [*_conditions(query), _among(among)]
    if agencies is not None:
        texts = {text for text in map(agencies_text, agencies) if len(text.encode()) <= _LONGEST}
        conditions.append({"bool": {"should": [_one_of("agencies", texts), {"prefix": {f"{PATH}.agencies": "#"}}]}})
    inside: Query = {"bool": {"filter": conditions}}
    nested = {"nested": {"path": PATH, "query": inside, "inner_hits": {"size": 1}}}
    hits = server.search(
        index,
        {"bool": {"filter": [within_scope(query.scope), nested]}},
        sort=[{f"{PATH}.occurred_at": {"order": "asc", "nested": {"path": PATH, "filter": inside}}}, {"id": "asc"}],
        size=limit,
        source_includes=["id"],
        **({"search_after": list(after)} if after else {}),
    )["hits"]["hits"]
    return list(hits)


def changed(server: Server, index: str, query: StateQuery, since: datetime) -> Iterator[str]:
    after = {"gt": to_epoch_us(since)}
    ended = {"range": {f"{PATH}.until": {**after, "lt": NOW}}}
    learned = {"bool": {"should": [{"range": {f"{PATH}.since": after}}, ended], "minimum_should_match": 1}}
    inside: Query = {"bool": {"filter": [_occurred(query.start, query.end), learned]}}
    nested = {"nested": {"path": PATH, "query": inside}}
    for source in server.scan(index, {"bool": {"filter": [within_scope(query.scope), nested]}}):
        yield source["id"]


def _occurred(start: datetime, end: datetime) -> Query:
    return {"range": {f"{PATH}.occurred_at": {"gte": to_epoch_us(start), "lt": to_epoch_us(end)}}}


def _conditions(query: StateQuery) -> list[Query]:
    known: list[Query] = [{"term": {f"{PATH}.until": NOW}}]
    if query.known_at is not None:
        instant = to_epoch_us(query.known_at)
        known = [{"range": {f"{PATH}.since": {"lte": instant}}}, {"range": {f"{PATH}.until": {"gt": instant}}}]
    return [_occurred(query.start, query.end), *known]


def _among(facts: Set[Facts]) -> Query:
    return _one_of("facts", {facts_text(each) for each in facts})


def _one_of(field: str, texts: Set[str]) -> Query:
    return {"terms": {f"{PATH}.{field}": sorted(texts)}}
