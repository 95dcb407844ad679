"""What any store of shared objects must do (TAXII 2.1 §3.4 on paging and filtering)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from threading import Event

import pytest

from tests.contracts.store_samples import NOVEMBER, PAGE_SIZES, item, later
from vonggac.domain.access import NOTHING, Scope
from vonggac.domain.marking import Tlp
from vonggac.errors import NotFound, UsageRefused
from vonggac.ports import Collection, FeedItem, FeedQuery, FeedStore, NewItem, Store

NATIONAL = Collection("national", "Chia sẻ quốc gia", "Dùng chung", alias="quoc-gia", max_tlp=Tlp.AMBER)
SUBSCRIBER = Scope(open_to=Tlp.GREEN, own_to=Tlp.AMBER, agencies=frozenset({"BCT"}))
ALL = FeedQuery("national", versions=("all",))


def add(store: Store, *items: NewItem) -> list[str]:
    return [result.outcome for result in store.feeds.add_items("national", items, NOVEMBER)]


def all_pages(feeds: FeedStore, query: FeedQuery) -> list[FeedItem]:
    """Every item, page by page; each page but the last is full."""
    found: list[FeedItem] = []
    while True:
        page = feeds.items(query)
        found += page.items
        if page.next is None:
            return found
        assert len(page.items) == query.limit
        query = replace(query, cursor=page.next)


def places(items: object) -> list[tuple[str, int]]:
    """(id, version as seconds after NOVEMBER) of each item."""
    return [(each.id, round((each.version - NOVEMBER).total_seconds())) for each in items]  # type: ignore[attr-defined]


class FeedStoreContract:
    @pytest.fixture
    def store(self, any_store: Store) -> Store:
        any_store.feeds.put_collection(NATIONAL)
        return any_store

    def test_collections_are_kept_and_replaced(self, store: Store) -> None:
        other = Collection("a-first", "Thử", can_write=True, max_tlp=Tlp.RED)
        store.feeds.put_collection(other)
        assert store.feeds.collections() == (other, NATIONAL)
        add(store, item("indicator--1"))
        store.feeds.put_collection(replace(NATIONAL, title="Mới"))
        assert store.feeds.collections()[1].title == "Mới"
        assert len(store.feeds.items(ALL).items) == 1

    def test_an_unknown_collection_is_not_found(self, store: Store) -> None:
        with pytest.raises(NotFound):
            store.feeds.add_items("none", [item("indicator--1")], NOVEMBER)
        with pytest.raises(NotFound):
            store.feeds.items(FeedQuery("none"))
        with pytest.raises(NotFound):
            store.feeds.delete_items("none", "indicator--1", ["all"])

    def test_an_item_comes_back_as_it_was(self, store: Store) -> None:
        given = item("indicator--1", tlp=Tlp.AMBER, agencies=("BYT", "BCT"), name="Đà Nẵng", nested={"a": [1, None]})
        results = store.feeds.add_items("national", [given], NOVEMBER)
        assert [(result.id, result.version, result.outcome) for result in results] == [
            ("indicator--1", NOVEMBER, "created")
        ]
        (found,) = store.feeds.items(FeedQuery("national")).items
        assert found == FeedItem(
            "indicator--1", "indicator", NOVEMBER, "2.1", NOVEMBER, given.body, Tlp.AMBER, ("BCT", "BYT")
        )

    def test_date_added_only_grows_whatever_the_clock_says(self, store: Store) -> None:
        store.feeds.add_items("national", [item(f"a--{number}") for number in range(3)], later(10))
        store.feeds.add_items("national", [item(f"b--{number}") for number in range(3)], later(10))
        store.feeds.add_items("national", [item("c--1")], later(5))
        store.feeds.add_items("national", [item("d--1")], later(20))
        found = store.feeds.items(ALL).items
        assert [each.id for each in found] == ["a--0", "a--1", "a--2", "b--0", "b--1", "b--2", "c--1", "d--1"]
        dates = [each.date_added for each in found]
        assert all(earlier < after for earlier, after in pairwise(dates))
        assert (dates[0], dates[-1]) == (later(10), later(20))

    def test_a_replay_adds_nothing_and_other_content_is_refused(self, store: Store) -> None:
        assert add(store, item("indicator--1", name="a")) == ["created"]
        outcomes = add(
            store,
            item("indicator--1", name="a"),
            item("indicator--1", name="b"),
            item("indicator--2"),
            item("indicator--2"),
            item("indicator--2", name="b"),
            item("indicator--1", later(1), name="b"),
        )
        assert outcomes == ["duplicate", "refused", "created", "duplicate", "refused", "created"]
        assert places(store.feeds.items(ALL).items) == [("indicator--1", 0), ("indicator--2", 0), ("indicator--1", 1)]
        assert store.feeds.items(ALL).items[0].body["name"] == "a"

    def test_the_order_of_keys_does_not_make_other_content(self, store: Store) -> None:
        given = item("indicator--1", b=1)
        add(store, given)
        assert add(store, replace(given, body=dict(reversed(given.body.items())))) == ["duplicate"]

    def test_what_is_no_json_or_marked_too_strict_is_refused_by_itself(self, store: Store) -> None:
        results = store.feeds.add_items(
            "national",
            [item("a--1", tlp=Tlp.RED), item("b--1", name="\ud800"), item("c--1"), item("d--1", tlp=Tlp.AMBER_STRICT)],
            NOVEMBER,
        )
        assert [result.outcome for result in results] == ["refused", "refused", "created", "refused"]
        assert all(result.reason for result in results if result.outcome == "refused")
        assert places(store.feeds.items(ALL).items) == [("c--1", 0)]

    def test_closing_a_collection_further_hides_what_is_too_strict_now(self, store: Store) -> None:
        add(store, item("a--1", tlp=Tlp.AMBER), item("b--1"))
        store.feeds.put_collection(replace(NATIONAL, max_tlp=Tlp.GREEN))
        assert places(store.feeds.items(ALL).items) == [("b--1", 0)]

    def test_pages_of_every_size_make_the_same_list(self, store: Store) -> None:
        items = [item(f"indicator--{number % 7}", later(number)) for number in range(23)]
        for start in range(0, 23, 6):
            add(store, *items[start : start + 6])
        for versions in (("all",), ("last",), ("first",), ("first", "last")):
            query = FeedQuery("national", versions=versions)
            whole = places(store.feeds.items(query).items)
            for size in PAGE_SIZES:
                assert places(all_pages(store.feeds, replace(query, limit=size))) == whole

    @pytest.mark.parametrize(
        ("versions", "found"),
        [
            (("all",), [("x--1", 2), ("x--1", 1), ("x--1", 3), ("x--2", 5)]),
            (("last",), [("x--1", 3), ("x--2", 5)]),
            (("first",), [("x--1", 1), ("x--2", 5)]),
            (("first", "last"), [("x--1", 1), ("x--1", 3), ("x--2", 5)]),
            ((later(2),), [("x--1", 2)]),
            ((later(2), "last"), [("x--1", 2), ("x--1", 3), ("x--2", 5)]),
            ((later(9),), []),
            ((), []),
        ],
    )
    def test_versions_are_chosen_for_each_object(
        self, store: Store, versions: tuple[str, ...], found: list[tuple[str, int]]
    ) -> None:
        add(store, item("x--1", later(2)), item("x--1", later(1)), item("x--1", later(3)), item("x--2", later(5)))
        assert places(store.feeds.items(FeedQuery("national", versions=versions)).items) == found

    def test_a_version_match_of_no_known_name_is_refused(self, store: Store) -> None:
        with pytest.raises(UsageRefused):
            store.feeds.items(FeedQuery("national", versions=("newest",)))

    def test_filters_come_before_paging(self, store: Store) -> None:
        kinds = ("indicator", "malware", "identity")
        add(store, *[item(f"{kinds[number % 3]}--{number}", later(number)) for number in range(30)])
        add(store, item("malware--old", spec_version="2.0"))
        query = FeedQuery("national", types=frozenset({"malware"}), limit=4)
        assert len(store.feeds.items(query).items) == 4
        assert len(all_pages(store.feeds, query)) == 11
        assert len(all_pages(store.feeds, replace(query, spec_versions=frozenset({"2.1"})))) == 10
        two = frozenset({"malware--1", "malware--28", "indicator--0"})
        assert places(store.feeds.items(replace(query, ids=two)).items) == [("malware--1", 1), ("malware--28", 28)]
        assert store.feeds.items(replace(query, types=frozenset())).items == ()

    def test_added_after_excludes_its_own_instant(self, store: Store) -> None:
        add(store, *[item(f"a--{number}") for number in range(4)])
        dates = [each.date_added for each in store.feeds.items(ALL).items]
        after = store.feeds.items(replace(ALL, added_after=dates[1], limit=1))
        assert [each.id for each in after.items] == ["a--2"]
        rest = store.feeds.items(replace(ALL, added_after=dates[1], cursor=after.next))
        assert [each.id for each in rest.items] == ["a--3"]

    def test_a_scope_hides_and_pages_stay_full(self, store: Store) -> None:
        for number in range(12):
            tlp = (Tlp.GREEN, Tlp.AMBER, Tlp.AMBER)[number % 3]
            agencies = ("BYT",) if number % 3 == 1 else ("BCT", "BYT")
            add(store, item(f"a--{number:02d}", tlp=tlp, agencies=agencies))
        visible = [f"a--{number:02d}" for number in range(12) if number % 3 != 1]
        query = FeedQuery("national", SUBSCRIBER)
        for size in PAGE_SIZES:
            assert [each.id for each in all_pages(store.feeds, replace(query, limit=size))] == visible
        assert store.feeds.items(replace(query, ids=frozenset({"a--01"}))).items == ()
        assert store.feeds.items(replace(query, scope=NOTHING)).items == ()

    def test_the_last_version_is_the_last_that_the_reader_may_see(self, store: Store) -> None:
        add(store, item("a--1", later(1)), item("a--1", later(2), tlp=Tlp.AMBER, agencies=("BYT",)))
        assert places(store.feeds.items(FeedQuery("national", SUBSCRIBER)).items) == [("a--1", 1)]
        assert places(store.feeds.items(FeedQuery("national")).items) == [("a--1", 2)]

    def test_versions_are_deleted_and_dates_still_grow(self, store: Store) -> None:
        add(store, *[item("x--1", later(number)) for number in (1, 2, 3)], item("x--2"))
        last = store.feeds.items(ALL).items[-1].date_added
        assert store.feeds.delete_items("national", "x--1", ["last"]) == 1
        assert store.feeds.delete_items("national", "x--1", [later(1), later(9)]) == 1
        assert places(store.feeds.items(ALL).items) == [("x--1", 2), ("x--2", 0)]
        assert store.feeds.delete_items("national", "x--1", []) == 0
        assert store.feeds.delete_items("national", "x--1", ["all"]) == 1
        assert store.feeds.delete_items("national", "x--2", ["all"]) == 1
        assert add(store, item("x--3")) == ["created"]
        assert store.feeds.items(ALL).items[0].date_added > last

    def test_a_reader_who_follows_added_after_misses_nothing_of_two_nodes(
        self, store: Store, other_node: Store
    ) -> None:
        feeds, done = store.feeds, Event()

        def write(name: str, node: FeedStore) -> None:
            for number in range(12):
                node.add_items("national", [item(f"{name}--{number}-{part}") for part in range(3)], later(number))

        def read() -> list[str]:
            seen: list[str] = []
            query = replace(ALL, limit=5)
            while True:
                finished = done.is_set()
                items = feeds.items(query).items
                seen += [each.id for each in items]
                if items:
                    query = replace(query, added_after=items[-1].date_added)
                elif finished:
                    return seen

        with ThreadPoolExecutor(3) as pool:
            reader = pool.submit(read)
            for writer in [pool.submit(write, "a", feeds), pool.submit(write, "b", other_node.feeds)]:
                writer.result()
            done.set()
            seen = reader.result()
        assert len(seen) == len(set(seen)) == 72

    def test_an_empty_delivery_changes_nothing(self, store: Store) -> None:
        assert store.feeds.add_items("national", [], NOVEMBER + timedelta(days=1)) == ()
        assert add(store, item("a--1")) == ["created"]
        assert store.feeds.items(ALL).items[0].date_added == NOVEMBER
