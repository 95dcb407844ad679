"""What any incident store must do: histories grow, queries find, counts count, scopes hide."""

from __future__ import annotations

import unicodedata
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.contracts.store_samples import (
    PAGE_SIZES,
    detected,
    entry,
    involved,
    later,
    noted,
    opened,
)
from vonggac.domain.access import NOTHING, Scope
from vonggac.domain.fold import fold
from vonggac.domain.incident import Entry, EntryKind, Incident, Status
from vonggac.domain.marking import Tlp
from vonggac.errors import Conflict, NotFound, UsageRefused
from vonggac.ports import IncidentQuery, IncidentStore, Store

MINISTRY = Scope(open_to=Tlp.GREEN, own_to=Tlp.RED, agencies=frozenset({"BCT"}))


def all_pages(incidents: IncidentStore, query: IncidentQuery) -> list[Incident]:
    """Every incident, page by page; each page but the last is full."""
    found: list[Incident] = []
    while True:
        page = incidents.find(query)
        found += page.items
        if page.next is None:
            return found
        assert len(page.items) == query.limit
        query = replace(query, cursor=page.next)


def found(store: Store, **conditions: Any) -> list[str]:
    """Ids, after checking that the count agrees with them."""
    query = IncidentQuery(**conditions)
    items = store.incidents.find(query).items
    assert store.incidents.count(query) == len(items)
    return [incident.id for incident in items]


class HistoryContract:
    def test_an_incident_is_the_fold_of_what_was_appended(self, store: Store) -> None:
        first = [opened(title="Quét cổng", key="k1"), involved("BCT"), detected(1, later(5), later(9))]
        second = [noted("n1", "Đã gọi", later(20)), entry("t1", EntryKind.TRANSITIONED, later(30), to="triaged")]
        assert store.incidents.append("inc-1", first) == fold("inc-1", store.incidents.history("inc-1"))
        grown = store.incidents.append("inc-1", second)
        opening, *rest = store.incidents.history("inc-1")
        assert opening == replace(first[0], data={**first[0].data, "number": grown.number})
        assert rest == [*first[1:], *second]
        assert grown == fold("inc-1", [opening, *rest])
        assert grown.version == 5
        assert store.incidents.get("inc-1") == grown

    def test_each_incident_has_a_readable_number_of_its_year_that_stays(self, store: Store) -> None:
        new_year = datetime(2025, 12, 31, 17, tzinfo=UTC)  # in Vietnam
        store.incidents.append("a", [opened(known=new_year - timedelta(seconds=1), number="VN-2025-000007")])
        store.incidents.load([("b", [opened(known=new_year)]), ("c", [opened(known=new_year)])])
        store.incidents.append("d", [opened(known=new_year)])
        store.incidents.append("b", [noted("n", "x")])
        numbers = {name: store.incidents.get(name).number for name in "abcd"}
        assert numbers["a"] == "VN-2025-000001"
        assert {numbers["b"], numbers["c"]} == {"VN-2026-000001", "VN-2026-000002"}
        assert numbers["d"] == "VN-2026-000003"
        assert found(store, number=numbers["c"]) == ["c"]

    def test_those_who_open_at_once_get_numbers_of_their_own(self, store: Store) -> None:
        with ThreadPoolExecutor(4) as pool:
            made = list(pool.map(lambda name: store.incidents.append(f"inc-{name}", [opened()]), range(12)))
        assert len({incident.number for incident in made}) == 12

    def test_a_history_begins_with_opened(self, store: Store) -> None:
        with pytest.raises(UsageRefused):
            store.incidents.append("inc-1", [involved("BCT"), opened()])
        with pytest.raises(UsageRefused):
            store.incidents.append("inc-1", [])
        with pytest.raises(NotFound):
            store.incidents.get("inc-1")

    def test_an_opening_cannot_be_undone(self, store: Store) -> None:
        store.incidents.append("inc-1", [opened()])
        with pytest.raises(UsageRefused):
            store.incidents.append("inc-1", [entry("u", EntryKind.UNDONE, entry="opened")])
        assert len(store.incidents.history("inc-1")) == 1

    def test_an_entry_that_cannot_be_read_is_refused_whole(self, store: Store) -> None:
        store.incidents.append("inc-1", [opened()])
        with pytest.raises(UsageRefused):
            store.incidents.append("inc-1", [noted("n", "a"), entry("x", EntryKind.TRANSITIONED, to="nowhere")])
        assert len(store.incidents.history("inc-1")) == 1

    def test_entries_that_are_there_are_skipped(self, store: Store) -> None:
        store.incidents.append("inc-1", [opened(), involved("BCT")])
        again = store.incidents.append("inc-1", [opened(), involved("BCT"), noted("n", "a"), noted("n", "b")])
        assert again.version == 3
        assert [note.text for note in again.notes] == ["a"]
        assert store.incidents.append("inc-1", []) == again

    def test_another_version_than_expected_is_a_conflict(self, store: Store) -> None:
        store.incidents.append("inc-1", [opened()], expected_version=0)
        with pytest.raises(Conflict):
            store.incidents.append("inc-1", [noted("n", "a")], expected_version=0)
        with pytest.raises(Conflict):
            store.incidents.append("inc-1", [noted("n", "a")], expected_version=2)
        with pytest.raises(Conflict):
            store.incidents.append("inc-2", [opened()], expected_version=1)
        assert store.incidents.append("inc-1", [noted("n", "a")], expected_version=1).version == 2

    def test_of_two_who_expect_the_same_version_one_wins(self, store: Store) -> None:
        incidents = store.incidents
        incidents.append("inc-1", [opened()])

        def change(name: str) -> bool:
            try:
                incidents.append("inc-1", [noted(name, name)], expected_version=1)
            except Conflict:
                return False
            return True

        with ThreadPoolExecutor(2) as pool:
            assert sorted(pool.map(change, ("a", "b"))) == [False, True]
        assert incidents.get("inc-1").version == 2

    def test_without_an_expected_version_everybody_lands(self, store: Store) -> None:
        incidents = store.incidents
        incidents.append("inc-1", [opened()])
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda number: incidents.append("inc-1", [noted(f"n{number}", "x")]), range(8)))
        assert incidents.get("inc-1").version == 9
        assert {one.id for one in incidents.history("inc-1")} == {"opened", *(f"n{number}" for number in range(8))}

    def test_what_is_not_there_is_not_found(self, store: Store) -> None:
        with pytest.raises(NotFound):
            store.incidents.get("inc-0")
        with pytest.raises(NotFound):
            store.incidents.history("inc-0")

    def test_many_histories_are_loaded_and_loading_again_changes_nothing(self, store: Store) -> None:
        histories = [(f"inc-{number:04d}", [opened(later(number)), involved("BCT")]) for number in range(700)]
        first = store.incidents.load(iter(histories))
        assert (first.created, first.duplicates, first.refused) == (700, 0, ())
        again = store.incidents.load(histories)
        assert (again.created, again.duplicates, again.refused) == (0, 700, ())
        assert store.incidents.count(IncidentQuery(agency="BCT")) == 700
        loaded = store.incidents.get("inc-0699")
        assert replace(loaded, number="") == fold("inc-0699", histories[699][1])

    def test_a_history_that_is_none_is_refused_by_itself(self, store: Store) -> None:
        good: list[Entry] = [opened()]
        loaded = store.incidents.load(
            [("a", good), ("b", [noted("n", "x")]), ("c", [opened(status="lost")]), ("d", good), ("a", good)]
        )
        assert (loaded.created, loaded.duplicates) == (2, 1)
        assert [(refusal.location, refusal.offset) for refusal in loaded.refused] == [("b", 1), ("c", 2)]
        assert found(store) == ["a", "d"]

    def test_histories_are_given_together_and_those_not_there_are_left_out(self, store: Store) -> None:
        store.incidents.load([("a", [opened(), noted("n", "x")]), ("b", [opened()])])
        assert store.incidents.histories(["b", "none", "a"]) == {
            name: store.incidents.history(name) for name in ("a", "b")
        }
        assert store.incidents.histories([]) == {}

    def test_an_earlier_opening_that_is_learned_later_moves_the_instant_of_opening(self, store: Store) -> None:
        store.incidents.load([("a", [opened(later(50))])])
        store.incidents.load([("a", [replace(opened(later(10)), id="earlier")])])
        assert store.incidents.get("a").opened_at == later(10)
        assert store.incidents.get("a", known_at=later(20)).opened_at == later(10)
        assert store.incidents.count(IncidentQuery(opened_until=later(20))) == 1

    def test_loading_lets_a_history_grow(self, store: Store) -> None:
        store.incidents.load([("a", [opened()])])
        grown = store.incidents.load([("a", [opened(), noted("n", "x")]), ("b", [opened()]), ("b", [noted("m", "y")])])
        assert (grown.created, grown.duplicates) == (3, 0)
        assert [store.incidents.get(name).version for name in ("a", "b")] == [2, 2]


class FindContract:
    def test_newest_comes_first_and_ties_go_by_id(self, store: Store) -> None:
        for name, at in (("d", 5), ("b", 9), ("a", 5), ("c", 5)):
            store.incidents.append(name, [opened(later(at))])
        store.incidents.append("a", [detected(1, later(0), later(20))])
        assert found(store) == ["a", "b", "c", "d"]

    def test_pages_of_every_size_make_the_same_list(self, store: Store) -> None:
        store.incidents.load([(f"inc-{number:02d}", [opened(later(number // 6))]) for number in range(25)])
        whole = found(store)
        assert len(whole) == 25
        for size in PAGE_SIZES:
            assert [one.id for one in all_pages(store.incidents, IncidentQuery(limit=size))] == whole

    def test_each_condition_narrows(self, store: Store) -> None:
        store.incidents.append("a", [opened(later(1), category="phishing", key="k"), involved("BCT")])
        store.incidents.append("b", [opened(later(2), category="malware"), involved("BYT"), involved("BCT", "handler")])
        store.incidents.append("c", [opened(later(3), category="dos"), detected(7, later(3), later(60))])
        store.incidents.append(
            "c", [entry("t", EntryKind.TRANSITIONED, to="triaged"), entry("s", EntryKind.ASSIGNED, to="an")]
        )
        assert found(store, categories=frozenset({"phishing", "dos"})) == ["c", "a"]
        assert found(store, categories=frozenset()) == []
        assert found(store, statuses=frozenset({Status.TRIAGED, Status.CLOSED})) == ["c"]
        assert found(store, agency="BCT") == ["b", "a"]
        assert found(store, assignee="an") == ["c"]
        assert found(store, key="k") == ["a"]
        assert found(store, key="K") == []
        assert found(store, detection="detection-7") == ["c"]
        assert found(store, detection="detection-8") == []
        assert found(store, last_from=later(2)) == ["c", "b"]
        assert found(store, first_until=later(2)) == ["a"]
        assert found(store, agency="BCT", categories=frozenset({"malware"}), last_from=later(2)) == ["b"]
        assert found(store, changed_from=later(2)) == ["c", "b"]
        assert found(store, changed_from=later(2), opened_until=later(3)) == ["b"]

    @pytest.mark.parametrize(
        ("text", "ids"),
        [
            ("da nang", ["note", "title"]),
            ("ĐÀ NẴNG", ["note", "title"]),
            ("nang da", ["note", "title"]),
            ("ẵng", ["note", "title"]),
            ("da hue", []),
            ("198.51.100.7", ["entity"]),
            ("51.100", ["entity"]),
            ("100%", ["odd"]),
            ("a*c", ["odd"]),
            ("a?c", []),
            ("c:\\x", ["odd"]),
            ("_", []),
            ("  ", ["entity", "note", "odd", "title"]),
            ("", ["entity", "note", "odd", "title"]),
        ],
    )
    def test_text_is_found_with_or_without_marks(self, store: Store, text: str, ids: list[str]) -> None:
        store.incidents.append("title", [opened(title="Phishing", title_vi="Lừa đảo tại Đà Nẵng")])
        decomposed = unicodedata.normalize("NFD", "Máy ở Đà Nẵng đã tắt")
        store.incidents.append("note", [opened(), noted("n", decomposed)])
        store.incidents.append("entity", [opened(entity="198.51.100.7")])
        store.incidents.append("odd", [opened(title="100% a*c C:\\X " + "y" * 40_000)])
        assert sorted(found(store, text=text)) == ids

    def test_an_undone_entry_leaves_the_summary(self, store: Store) -> None:
        store.incidents.append("a", [opened(), involved("BCT"), detected(1, later(5), later(9)), noted("n", "secret")])
        undo = [
            entry(f"u{number}", EntryKind.UNDONE, entry=gone)
            for number, gone in enumerate(("involved-BCT-victim", "detected-1", "n"))
        ]
        store.incidents.append("a", undo)
        assert found(store, agency="BCT") == found(store, detection="detection-1") == found(store, text="secret") == []
        assert found(store, last_from=later(1)) == []


class ScopeContract:
    @pytest.fixture
    def store(self, any_store: Store) -> Store:
        for name, tlp, agency in (
            ("green", "green", "BYT"),
            ("own", "red", "BCT"),
            ("hidden", "amber", "BYT"),
            ("nobody", "amber", None),
        ):
            entries = [opened(tlp=tlp, title=f"Sự cố {name}", key=name)]
            any_store.incidents.append(name, entries + ([involved(agency)] if agency else []))
        return any_store

    def test_what_a_scope_hides_is_neither_listed_nor_counted(self, store: Store) -> None:
        assert found(store, scope=MINISTRY) == ["green", "own"]
        assert found(store, scope=MINISTRY, text="su co hidden") == found(store, scope=MINISTRY, key="hidden") == []
        assert found(store, scope=NOTHING) == []
        assert len(found(store)) == 4

    def test_pages_stay_full(self, store: Store) -> None:
        page = store.incidents.find(IncidentQuery(scope=MINISTRY, limit=1))
        assert [one.id for one in page.items] == ["green"]
        rest = store.incidents.find(IncidentQuery(scope=MINISTRY, limit=1, cursor=page.next))
        assert ([one.id for one in rest.items], rest.next) == (["own"], None)

    def test_what_a_scope_hides_is_not_found_by_its_id(self, store: Store) -> None:
        assert store.incidents.get("own", scope=MINISTRY).id == "own"
        for name in ("hidden", "nobody", "never"):
            with pytest.raises(NotFound):
                store.incidents.get(name, scope=MINISTRY)
            with pytest.raises(NotFound):
                store.incidents.history(name, scope=MINISTRY)

    def test_a_later_marking_closes_what_was_known_earlier_too(self, store: Store) -> None:
        store.incidents.append("green", [entry("m", EntryKind.MARKED, later(9), tlp="red")])
        with pytest.raises(NotFound):
            store.incidents.get("green", scope=MINISTRY, known_at=later(1))
