"""What any incident store must count: incidents by what they were known to be at an instant."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest

from tests.contracts.store_incidents import MINISTRY
from tests.contracts.store_samples import DECEMBER, NOVEMBER, detected, entry, involved, later, noted, opened
from vonggac.domain.access import NOTHING, Scope
from vonggac.domain.fold import fold
from vonggac.domain.incident import EntryKind, Involvement, Role
from vonggac.domain.marking import Tlp
from vonggac.domain.states import Agencies, Facts, Span, agencies_of, state_of
from vonggac.ports import Counted, StateQuery, Store

VICTIM = (Involvement("BCT", Role.VICTIM),)
HALVES = (Fraction(1, 2), Fraction(9, 10))


def listed(store: Store, query: StateQuery, *, agencies: frozenset[Agencies] | None = None) -> Iterator[Counted]:
    """Every incident that is counted, page by page."""
    among, cursor = everything(store, query), None
    while True:
        page = store.incidents.counted_in(query, among, agencies, limit=3, cursor=cursor)
        yield from page.items
        cursor = page.next
        if cursor is None:
            return


def everything(store: Store, query: StateQuery) -> frozenset[Facts]:
    return frozenset().union(*store.incidents.tally(query).facts())


def rows(store: Store, start: datetime, end: datetime, **more: Any) -> dict[str, Counted]:
    """The incidents by id, after checking that all counts agree with them."""
    query = StateQuery(start, end, **more)
    found = list(listed(store, query))
    by_id = {each.incident: each for each in found}
    assert len(by_id) == len(found)
    assert [each.occurred_at for each in found] == sorted(each.occurred_at for each in found)
    tally = store.incidents.tally(query)
    assert tally.facts() == [Counter(each.facts for each in found)]
    assert tally.agencies(everything(store, query)) == [Counter(agencies_of(each.parties) for each in found)]
    return by_id


class CountContract:
    def test_incidents_are_counted_that_first_happened_in_a_half_open_period(self, store: Store) -> None:
        for name, at in (
            ("before", later(-1)),
            ("first", NOVEMBER),
            ("last", later(-1, DECEMBER)),
            ("after", DECEMBER),
        ):
            store.incidents.append(name, [opened(at)])
        assert sorted(rows(store, NOVEMBER, DECEMBER)) == ["first", "last"]

    def test_it_counts_as_what_its_history_says(self, store: Store) -> None:
        store.incidents.append(
            "a",
            [
                opened(later(5), later(100), category="phishing", severity="low", test=False, cause="operator"),
                involved("BYT"),
                involved("BCT", "detector"),
                detected(1, later(2), later(9), later(200)),
            ],
        )
        store.incidents.append("b", [opened(later(5), test=True)])
        found = rows(store, NOVEMBER, DECEMBER)
        assert found["a"] == Counted(
            "a",
            later(2),
            Facts("phishing", "low", "operator", counted=True, agencies=2),
            (Involvement("BCT", Role.DETECTOR), Involvement("BYT", Role.VICTIM)),
        )
        assert found["b"].facts.counted is False

    def test_what_was_known_earlier_is_counted_as_it_was_known(self, store: Store) -> None:
        store.incidents.append("early", [opened(later(1), later(10))])
        store.incidents.append(
            "changed", [opened(later(2), later(10), category="dos"), involved("BCT", known=later(11))]
        )
        store.incidents.append(
            "changed",
            [
                entry("c", EntryKind.CATEGORISED, later(50), category="malware"),
                entry("f", EntryKind.TRANSITIONED, later(60), to="false-positive"),
                detected(1, later(-86_400), later(3), later(70)),
            ],
        )
        store.incidents.append("late", [opened(later(3), later(80))])
        now = rows(store, NOVEMBER, DECEMBER)
        assert sorted(now) == ["early", "late"]  # the other began a day before, as was learned later
        then = rows(store, NOVEMBER, DECEMBER, known_at=later(55))
        assert sorted(then) == ["changed", "early"]
        assert (then["changed"].facts.category, then["changed"].facts.counted) == ("malware", True)
        assert then["changed"].parties == VICTIM
        assert rows(store, NOVEMBER, DECEMBER, known_at=later(10))["changed"].facts.category == "dos"
        assert rows(store, NOVEMBER, DECEMBER, known_at=later(10))["changed"].parties == ()
        assert rows(store, NOVEMBER, DECEMBER, known_at=later(9)) == {}
        assert rows(store, NOVEMBER, DECEMBER, known_at=later(90)) == now

    def test_a_history_that_grows_entry_by_entry_counts_at_each_instant_as_its_fold_does(self, store: Store) -> None:
        entries = [
            opened(later(100), later(100)),
            involved("BCT", known=later(110)),
            noted("n", "x", later(115)),
            entry("c", EntryKind.CATEGORISED, later(120), category="malware"),
            entry("t", EntryKind.TRANSITIONED, later(130), to="contained"),
            entry("u", EntryKind.UNDONE, later(140), entry="c"),
            detected(1, later(50), later(60), later(125)),  # learned before what is there already
            entry("s", EntryKind.TRANSITIONED, later(150), to="closed"),
            entry("r", EntryKind.TRANSITIONED, later(150), to="reopened"),
        ]
        for each in entries:
            store.incidents.append("a", [each])
        store.incidents.load([("b", entries[:3]), ("b", entries[3:])])
        history = store.incidents.history("a")
        for second in range(95, 155):
            incident = fold("a", history, known_at=later(second))
            found = rows(store, NOVEMBER, DECEMBER, known_at=later(second))
            if incident is None:
                assert found == {}
                continue
            state = state_of(incident, later(second))
            expected = (state.occurred_at, state.facts, state.parties)
            assert {name: (each.occurred_at, each.facts, each.parties) for name, each in found.items()} == {
                "a": expected,
                "b": expected,
            }

    def test_who_may_not_see_an_incident_does_not_count_it(self, store: Store) -> None:
        store.incidents.append("green", [opened(tlp="green")])
        store.incidents.append("own", [opened(tlp="red"), involved("BCT")])
        store.incidents.append("other", [opened(tlp="amber"), involved("BYT")])
        assert sorted(rows(store, NOVEMBER, DECEMBER, scope=MINISTRY)) == ["green", "own"]
        assert sorted(rows(store, NOVEMBER, DECEMBER, scope=MINISTRY, known_at=DECEMBER)) == ["green", "own"]
        assert rows(store, NOVEMBER, DECEMBER, scope=NOTHING) == {}

    def test_what_was_closed_since_is_not_counted_as_known_earlier_either(self, store: Store) -> None:
        store.incidents.append("was-green", [opened(tlp="green")])
        store.incidents.append("was-green", [entry("m", EntryKind.MARKED, later(2), tlp="red")])
        open_to_all = Scope(open_to=Tlp.GREEN, own_to=None, agencies=frozenset())
        assert rows(store, NOVEMBER, DECEMBER, scope=open_to_all, known_at=later(1)) == {}

    def test_a_cell_opens_to_its_incidents(self, store: Store) -> None:
        store.incidents.append("a", [opened(later(1), category="dos"), involved("BCT")])
        store.incidents.append("b", [opened(later(2), category="dos"), involved("BYT")])
        store.incidents.append("c", [opened(later(3), category="malware"), involved("BCT")])
        query = StateQuery(NOVEMBER, DECEMBER)
        assert [each.incident for each in listed(store, query, agencies=frozenset({("BCT",)}))] == ["a", "c"]
        among = frozenset({Facts("dos", "medium", "attack", counted=True, agencies=1)})
        assert [each.incident for each in store.incidents.counted_in(query, among).items] == ["a", "b"]
        assert [each.incident for each in store.incidents.counted_in(query, among, {("BCT",)}).items] == ["a"]
        assert store.incidents.counted_in(query, frozenset()).items == ()
        assert store.incidents.tally(query).agencies(among) == [{("BCT",): 1, ("BYT",): 1}]

    def test_a_period_is_cut_into_slices(self, store: Store) -> None:
        for number, second in enumerate((0, 9, 10, 19, 20, 21)):
            store.incidents.append(f"inc-{number}", [opened(later(second)), involved("BCT" if number % 2 else "BYT")])
        query = StateQuery(NOVEMBER, DECEMBER)
        tally = store.incidents.tally(query, [later(10), later(20), later(500)])
        assert [sum(part.values()) for part in tally.facts()] == [2, 2, 2, 0]
        agencies = tally.agencies(everything(store, query))
        assert [part.get(("BCT",), 0) for part in agencies] == [1, 1, 1, 0]
        assert [sum(part.values()) for part in agencies] == [2, 2, 2, 0]

    def test_what_was_learned_since_is_told(self, store: Store) -> None:
        store.incidents.append("same", [opened(later(1), later(2))])
        store.incidents.append("same", [noted("n", "x", later(60))])
        store.incidents.append("late", [opened(later(1), later(60))])
        store.incidents.append("other", [opened(later(1), later(2)), involved("BCT", known=later(60))])
        store.incidents.append("left", [opened(later(1), later(2)), detected(1, later(-9), later(3), later(60))])
        store.incidents.append("elsewhere", [opened(later(-9), later(60))])
        query = StateQuery(NOVEMBER, DECEMBER)
        assert sorted(store.incidents.changed(query, later(50))) == ["late", "left", "other"]
        assert sorted(store.incidents.changed(replace(query, scope=MINISTRY), later(50))) == ["other"]
        assert list(store.incidents.changed(query, later(60))) == []

    def test_very_many_agencies_are_counted_too(self, store: Store) -> None:
        many = [involved(f"xa-{number:04d}") for number in range(2_000)]
        store.incidents.append("a", [opened(later(1)), *many])
        store.incidents.append("b", [opened(later(1)), involved("BCT", known=later(5))])
        store.incidents.append("a", [involved("BCT", known=later(9))])
        now, then = (rows(store, NOVEMBER, DECEMBER, known_at=known) for known in (None, later(8)))
        assert (len(now["a"].parties), len(then["a"].parties)) == (2_001, 2_000)
        query = StateQuery(NOVEMBER, DECEMBER)
        assert [
            each.incident for each in listed(store, query, agencies=frozenset({agencies_of(now["a"].parties)}))
        ] == ["a"]

    def test_how_long_it_took_is_told_by_rank(self, store: Store) -> None:
        for number in range(10):
            known = later(60 * number)
            closing = [
                entry("t", EntryKind.TRANSITIONED, known + timedelta(seconds=30), to="contained"),
                entry("c", EntryKind.TRANSITIONED, known + timedelta(seconds=90), to="closed"),
            ]
            store.incidents.append(f"inc-{number}", [opened(NOVEMBER, known), *(closing if number % 2 else ())])
        query = StateQuery(NOVEMBER, DECEMBER)
        among = everything(store, query)
        assert store.incidents.tally(query).quantiles(among, HALVES) == {
            Span.DETECT: (10, (240, 480)),
            Span.CONTAIN: (5, (330, 570)),
            Span.CLOSE: (5, (390, 630)),
        }
        assert store.incidents.tally(query).quantiles(frozenset(), HALVES) == dict.fromkeys(Span, (0, ()))
        early = StateQuery(NOVEMBER, DECEMBER, known_at=later(95))
        among = everything(store, early)
        assert store.incidents.tally(early).quantiles(among, HALVES)[Span.CONTAIN] == (1, (90, 90))

    def test_a_rank_is_exact_also_among_months_and_seconds(self, store: Store) -> None:
        lengths = sorted((977 * number * number * number + 13 * number + 4) % 20_000_003 for number in range(60))
        for number, length in enumerate(lengths):
            store.incidents.append(f"inc-{number}", [opened(NOVEMBER, later(length))])
        query = StateQuery(NOVEMBER, DECEMBER)
        tally, among = store.incidents.tally(query), everything(store, query)
        shares = [Fraction(at, 60) for at in (1, 7, 30, 54, 59, 60)]
        wanted = tuple(lengths[at - 1] for at in (1, 7, 30, 54, 59, 60))
        assert tally.quantiles(among, shares) == {Span.DETECT: (60, wanted), Span.CONTAIN: (0, ()), Span.CLOSE: (0, ())}

    @pytest.mark.parametrize("at_once", [700, 300])
    def test_agencies_of_many_kinds_are_all_counted(
        self, store: Store, monkeypatch: pytest.MonkeyPatch, at_once: int
    ) -> None:
        monkeypatch.setattr("vonggac.stores.elastic.states._BUCKETS", at_once)
        store.incidents.load((f"inc-{n}", [opened(NOVEMBER), involved(f"A{n % 700}")]) for n in range(1_000))
        query = StateQuery(NOVEMBER, DECEMBER)
        [found] = store.incidents.tally(query).agencies(everything(store, query))
        assert (len(found), sum(found.values())) == (700, 1_000)
