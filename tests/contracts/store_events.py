"""What any event store must do."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from ipaddress import ip_network
from typing import Any

import pytest

from tests.contracts.store_samples import DECEMBER, NOVEMBER, PAGE_SIZES, detection, event, later
from vonggac.domain.event import Document
from vonggac.domain.suppression import Hits
from vonggac.errors import UsageRefused
from vonggac.ports import EventQuery, EventStore, Position, Store, Wanted


def ids(documents: Any) -> list[str]:
    return [document["event"]["id"] for document in documents]


def all_pages(events: EventStore, query: EventQuery) -> list[Document]:
    """Every event, page by page; each page but the last is full."""
    found: list[Document] = []
    while True:
        page = events.search_events(query)
        found += page.items
        if page.next is None:
            return found
        assert len(page.items) == query.limit
        query = replace(query, cursor=page.next)


class EventStoreContract:
    def test_events_come_back_as_they_were_in_the_order_asked(self, store: Store) -> None:
        first = event("one", vonggac_source={"position": 7, "tên": "Đà Nẵng"}, source_ip="192.0.2.1")
        second = event("two", DECEMBER)
        added = store.events.add_events([first, second])
        assert (added.created, added.duplicates, added.refused) == (2, 0, ())
        assert store.events.events(["two", "never", "one", "two"]) == [second, first, second]

    def test_an_event_added_twice_is_there_once(self, store: Store) -> None:
        store.events.add_events([event("one")])
        added = store.events.add_events([event("one"), event("two"), event("two")])
        assert (added.created, added.duplicates, added.refused) == (1, 2, ())
        assert store.events.count_events() == 2

    def test_what_is_no_event_is_refused_by_itself_with_its_reason(self, store: Store) -> None:
        nameless = event("x")
        del nameless["event"]["id"]
        batch: list[Any] = [
            event("good-1"),
            nameless,
            event("x") | {"@timestamp": "yesterday"},
            event("x") | {"@timestamp": "3026-01-01T00:00:00Z"},
            event("x" * 600),
            event("x\x00y"),
            event("x", message="\ud800"),
            event("x", message=1 << 70),
            "text",
            event("good-2"),
        ]
        added = store.events.add_events(batch)
        assert added.created == 2
        assert [refusal.offset for refusal in added.refused] == list(range(1, 9))
        assert all(refusal.reason for refusal in added.refused)
        assert added.created + added.duplicates + len(added.refused) == len(batch)
        assert ids(store.events.search_events(EventQuery()).items) == ["good-1", "good-2"]

    def test_a_period_is_half_open_and_oldest_comes_first(self, store: Store) -> None:
        times = [later(-0.000001, DECEMBER), DECEMBER, later(0.000001, DECEMBER), later(10, DECEMBER)]
        store.events.add_events([event(f"e{number}", at) for number, at in reversed(list(enumerate(times)))])
        found = store.events.search_events(EventQuery(since=DECEMBER, until=times[3]))
        assert ids(found.items) == ["e1", "e2"]
        assert ids(store.events.search_events(EventQuery()).items) == ["e0", "e1", "e2", "e3"]

    def test_pages_of_every_size_make_the_same_list(self, store: Store) -> None:
        same = [event(f"same-{number:02d}", NOVEMBER, source_ip="192.0.2.9") for number in range(9)]
        spread = [event(f"day-{number:02d}", later(86_400 * 5 * number), source_ip="192.0.2.9") for number in range(9)]
        store.events.add_events([*spread, *same])
        whole = ids(store.events.search_events(EventQuery()).items)
        assert whole == sorted([*ids(same), "day-00"]) + [f"day-{number:02d}" for number in range(1, 9)]
        for size in PAGE_SIZES:
            assert ids(all_pages(store.events, EventQuery(limit=size))) == whole
            assert ids(all_pages(store.events, EventQuery(limit=size, value="192.0.2.9"))) == whole
            assert ids(all_pages(store.events, EventQuery(limit=size, terms={"observer.name": "cảm-biến-1"}))) == whole

    @pytest.mark.parametrize("size", PAGE_SIZES)
    def test_a_value_of_few_among_many_events_is_found_page_by_page(self, store: Store, size: int) -> None:
        few = {7: "flow", 8: "dns", 40: "flow", 90: "dns", 91: "dns"}
        store.events.add_events(
            [
                event(
                    f"e{n:02d}",
                    later(-n // 3, DECEMBER),
                    event_dataset=few.get(n, "dns"),
                    source_ip=f"192.0.2.{9 if n in few else 10}",
                )
                for n in range(99)
            ]
        )
        query = EventQuery(value="192.0.2.9", limit=size)
        assert ids(all_pages(store.events, query)) == ["e91", "e90", "e40", "e07", "e08"]
        assert ids(all_pages(store.events, replace(query, datasets=("dns",)))) == ["e91", "e90", "e08"]
        recent = replace(query, since=later(-14, DECEMBER), until=later(-3, DECEMBER))
        assert ids(all_pages(store.events, recent)) == ["e40"]

    def test_the_same_cursor_gives_the_same_page(self, store: Store) -> None:
        store.events.add_events([event(f"e{number}", later(number)) for number in range(6)])
        cursor = store.events.search_events(EventQuery(limit=2)).next
        pages = [store.events.search_events(EventQuery(limit=2, cursor=cursor)) for _ in range(2)]
        assert pages[0] == pages[1]
        assert ids(pages[0].items) == ["e2", "e3"]

    @pytest.mark.parametrize("cursor", ["", "nonsense", "WzEsMl0", "é", "W10"])
    def test_a_cursor_that_no_page_gave_is_refused(self, store: Store, cursor: str) -> None:
        with pytest.raises(UsageRefused):
            store.events.search_events(EventQuery(cursor=cursor))

    def test_a_page_of_nothing_is_refused(self, store: Store) -> None:
        with pytest.raises(UsageRefused):
            store.events.search_events(EventQuery(limit=0))

    @pytest.mark.parametrize(
        ("value", "found"),
        [
            ("192.0.2.1", ["ip"]),
            ("EVIL.example.", ["domain"]),
            ("http://evil.example/A", ["url"]),
            ("http://evil.example/a", []),
            ("ABCDEF", ["hash"]),
            ("2001:DB8:0::1", ["ip6"]),
            ("192.0.2", []),
            ("http://long.example/" + "x" * 40_000, ["long"]),
        ],
    )
    def test_a_value_is_found_wherever_it_stands(self, store: Store, value: str, found: list[str]) -> None:
        store.events.add_events(
            [
                event("ip", related_ip=["192.0.2.1", "192.0.2.2"], source_ip="192.0.2.1"),
                event("domain", later(1), dns_question={"name": "evil.Example"}),
                event("url", later(2), url_original="http://evil.example/A"),
                event("hash", later(3), related_hash=["abcdef"]),
                event("ip6", later(4), destination_ip="2001:db8::1"),
                event("long", later(5), url_original="http://long.example/" + "x" * 40_000),
            ]
        )
        assert ids(store.events.search_events(EventQuery(value=value)).items) == found

    @pytest.mark.parametrize(
        ("terms", "found"),
        [
            ({"source.ip": "192.0.2.1"}, ["a", "b"]),
            ({"source.ip": "192.0.2.1", "destination.port": 443}, ["a"]),
            ({"destination.port": "443"}, ["a", "c"]),
            ({"event.category": "network"}, ["a", "b", "c"]),
            ({"vonggac.note": "x*"}, ["c"]),
            ({"vonggac.flag": "true"}, ["b"]),
            ({"source": "192.0.2.1"}, []),
            ({"source.ip": "192.0.2.0/24"}, []),
        ],
    )
    def test_terms_are_equal_to_the_fields_values(
        self, store: Store, terms: dict[str, str | int], found: list[str]
    ) -> None:
        store.events.add_events(
            [
                event("a", later(1), source_ip="192.0.2.1", destination_port=443),
                event("b", later(2), source_ip="192.0.2.1", destination_port=80, vonggac_flag=True),
                event("c", later(3), source_ip="not an address", destination_port=443, vonggac_note=["y", "x*"]),
            ]
        )
        assert ids(store.events.search_events(EventQuery(terms=terms)).items) == found

    def test_dataset_and_agency_narrow_the_search(self, store: Store) -> None:
        store.events.add_events(
            [
                event("a", later(1), event_dataset="dns", organization_id="BTTTT"),
                event("b", later(2), event_dataset="http", organization_id="BTTTT"),
                event("c", later(3), event_dataset="http", organization_id="BCT"),
                event("d", later(4), event_dataset="http"),
            ]
        )
        search = store.events.search_events
        assert ids(search(EventQuery(datasets=("http", "tls"))).items) == ["b", "c", "d"]
        assert ids(search(EventQuery(datasets=("http",), agencies=frozenset({"BTTTT", "BYT"}))).items) == ["b"]
        assert search(EventQuery(agencies=frozenset())).items == ()

    def test_retention_drops_whole_months_and_leaves_detections(self, store: Store) -> None:
        store.events.add_events(
            [event("october", later(-1)), event("november", NOVEMBER), event("december", later(1, DECEMBER))]
        )
        store.events.add_detections([detection(1, later(-1))])
        assert store.events.drop_events_before(later(1, NOVEMBER)) == 1
        assert ids(store.events.search_events(EventQuery()).items) == ["november", "december"]
        assert store.events.drop_events_before(DECEMBER) == 1
        assert store.events.drop_events_before(DECEMBER) == 0
        assert store.events.events(["october", "november", "december"]) == [event("december", later(1, DECEMBER))]
        assert (store.events.count_events(), store.events.count_detections()) == (1, 1)

    def test_a_month_dropped_can_be_filled_again(self, store: Store) -> None:
        store.events.add_events([event("old")])
        store.events.drop_events_before(DECEMBER)
        assert store.events.add_events([event("old"), event("older")]).created == 2
        assert store.events.count_events() == 2

    def test_threads_add_at_once_and_nothing_is_lost_or_double(self, store: Store) -> None:
        events = store.events
        batches = [[event(f"{number // 2}-{place}", later(number)) for place in range(20)] for number in range(8)]
        with ThreadPoolExecutor(4) as pool:
            results = list(pool.map(events.add_events, batches))
        assert sum(added.created for added in results) == 80
        assert sum(added.duplicates for added in results) == 80
        assert events.count_events() == 80


def held(store: Store, wanted: Wanted, *period: datetime) -> list[str]:
    return [identity for _, events in store.events.holding([wanted], *period) for identity in ids(events)]


class HoldingContract:
    @pytest.mark.parametrize(
        ("wanted", "found"),
        [
            (Wanted("198.51.100.7"), ["v4"]),
            (Wanted("2001:DB8:0::1"), ["v6"]),
            (Wanted("evil.example"), ["name"]),
            (Wanted("evil.example", below=True), ["name", "below", "deep"]),
            (Wanted("a.evil.example", below=True), ["below", "deep"]),
            (Wanted("x.b.a.evil.example", below=True), []),
            (Wanted("b.a.evil.example", below=True), ["deep"]),
            (Wanted("il.example", below=True), []),
            (Wanted("example", below=True), []),
            (Wanted("http://Evil.example/A"), ["url"]),
            (Wanted("abcdef"), ["hash"]),
            (Wanted("", network=ip_network("198.51.100.0/24")), ["v4", "v4-too"]),
            (Wanted("", network=ip_network("198.51.100.0/29")), ["v4"]),
            (Wanted("", network=ip_network("198.0.0.0/8")), ["v4", "v4-too"]),
            (Wanted("", network=ip_network("2001:db8::/32")), ["v6", "v6-too"]),
            (Wanted("", network=ip_network("2001:db8::/120")), ["v6"]),
            (Wanted("", network=ip_network("0.0.0.0/0")), ["v4", "v4-too"]),
        ],
    )
    def test_what_is_looked_up_is_found_wherever_it_stands(
        self, store: Store, wanted: Wanted, found: list[str]
    ) -> None:
        store.events.add_events(
            [
                event("v4", destination_ip="198.51.100.7", related_ip=["198.51.100.7"]),
                event("v4-too", later(1), dns_resolved_ip=["198.51.100.9", "198.51.100.10"]),
                event("v6", later(2), source_ip="2001:db8::1"),
                event("v6-too", later(3), source_ip="2001:db8:ffff::2"),
                event("name", later(4), dns_question={"name": "evil.example"}),
                event("below", later(5, DECEMBER), url_domain="A.evil.example."),
                event("deep", later(6, DECEMBER), related_hosts=["b.a.evil.example", "c.a.evil.example"]),
                event("beside", later(7), url_domain="devil.example"),
                event("url", later(8), url_original="http://Evil.example/A"),
                event("hash", later(9), related_hash=["ABCDEF"]),
            ]
        )
        assert held(store, wanted) == found

    def test_many_are_looked_up_at_once_each_with_its_own_events(self, store: Store) -> None:
        wanted = [Wanted(f"192.0.2.{n % 200}") for n in range(300)]
        wanted[7] = Wanted("", network=ip_network("192.0.2.0/24"))
        store.events.add_events(
            [event(f"e{n}", later(n, NOVEMBER if n < 5 else DECEMBER), source_ip=f"192.0.2.{n + 10}") for n in range(9)]
        )
        found = {place: ids(events) for place, events in store.events.holding(wanted)}
        everything = [f"e{n}" for n in range(9)]
        one_each = {n + more: [f"e{n - 10}"] for n in range(10, 19) for more in (0, 200)}
        assert {place: events for place, events in found.items() if events} == {7: everything} | one_each

    def test_who_reads_only_the_first_of_each_gets_these(self, store: Store) -> None:
        store.events.add_events([event(f"e{n}", later(n), source_ip=f"192.0.2.{n % 2}") for n in range(9)])
        wanted = [Wanted("192.0.2.0"), Wanted("192.0.2.1")]
        first = [next(events)["event"]["id"] for _, events in store.events.holding(wanted)]
        assert first == ["e0", "e1"]

    def test_nothing_wanted_is_nothing_found(self, store: Store) -> None:
        store.events.add_events([event("a")])
        assert list(store.events.holding([])) == []

    def test_a_value_of_nearly_all_events_is_found_in_order_of_time(self, store: Store) -> None:
        store.events.add_events([event(f"e{n:02d}", later(50 - n // 2), source_ip="192.0.2.1") for n in range(50)])
        assert held(store, Wanted("192.0.2.1"), later(30), later(48)) == [
            f"e{n:02d}" for half in range(20, 2, -1) for n in (2 * half, 2 * half + 1)
        ]

    def test_only_what_happened_in_the_period_is_found_in_order_of_time(self, store: Store) -> None:
        times = [later(4), later(1), later(2), later(3), later(1, DECEMBER)]
        store.events.add_events([event(f"e{n}", at, source_ip=f"192.0.2.{n}") for n, at in enumerate(times)])
        network = Wanted("", network=ip_network("192.0.2.0/24"))
        assert held(store, network, later(2), later(4)) == ["e2", "e3"]
        assert held(store, network) == ["e1", "e2", "e3", "e0", "e4"]


class ArrivalContract:
    def test_events_come_in_the_order_of_their_arrival_whatever_their_time(self, store: Store) -> None:
        store.events.add_events([event("c", later(30)), event("a", later(10))])
        store.events.add_events([event("d", later(20)), event("a", later(10)), event("b", later(5))])
        assert ids(everything_after(store, {}, 2)) == ["c", "a", "d", "b"]

    @pytest.mark.parametrize("size", PAGE_SIZES)
    def test_each_event_comes_once_in_pages_of_every_size_over_all_partitions(self, store: Store, size: int) -> None:
        stored = []
        for number in range(12):
            found = event(f"e{number}", later(86_400 * 9 * (number % 4)))
            store.events.add_events([found])
            stored.append(found)
        arrived = everything_after(store, {}, size)
        assert sorted(ids(arrived)) == sorted(ids(stored))
        assert {identity: arrived[place] for place, identity in enumerate(ids(arrived))} == {
            found["event"]["id"]: found for found in stored
        }

    def test_after_a_position_come_the_later_ones_and_old_times_too(self, store: Store) -> None:
        store.events.add_events([event("one", DECEMBER), event("two")])
        position = store.events.position()
        assert everything_after(store, position, 100) == []
        store.events.add_events([event("late", later(-86_400 * 40)), event("two"), event("three", DECEMBER)])
        assert sorted(ids(everything_after(store, position, 100))) == ["late", "three"]

    def test_a_position_is_json_and_holds_for_who_opens_the_store_anew(self, store: Store, other_node: Store) -> None:
        store.events.add_events([event("one")])
        position = json.loads(json.dumps(store.events.position()))
        other_node.events.add_events([event("two", later(1))])
        assert ids(everything_after(store, position, 100)) == ["two"]
        assert ids(everything_after(other_node, position, 100)) == ["two"]

    def test_nothing_comes_from_beyond_the_end_that_was_asked(self, store: Store) -> None:
        store.events.add_events([event("one")])
        end = store.events.position()
        store.events.add_events([event("two"), event("three", DECEMBER)])
        found, reached = store.events.arrived({}, end, 100)
        assert ids(found) == ["one"]
        assert sorted(ids(everything_after(store, reached, 100))) == ["three", "two"]

    def test_what_is_dropped_leaves_no_gap_and_its_month_begins_anew(self, store: Store) -> None:
        store.events.add_events([event("old"), event("older"), event("kept", DECEMBER)])
        position = store.events.position()
        store.events.drop_events_before(DECEMBER)
        assert everything_after(store, position, 100) == []
        assert ids(everything_after(store, {}, 100)) == ["kept"]
        store.events.add_events([event("new")])
        assert ids(everything_after(store, position, 100)) == ["new"]
        assert len(store.events.position()) == 2

    def test_a_batch_tells_which_were_new_and_where_they_stand(self, store: Store) -> None:
        store.events.add_events([event("a")])
        batch = [event("b", DECEMBER), event("a"), event(""), event("c"), event("c"), event("d", later(1))]
        arrival = store.events.add_events(batch).arrival
        assert arrival is not None
        assert arrival.offsets == (0, 3, 5)
        assert sorted(ids(store.events.arrived(arrival.before, arrival.after, 100)[0])) == ["b", "c", "d"]
        nothing = store.events.add_events(batch).arrival
        assert nothing is not None
        assert (nothing.offsets, nothing.before, nothing.after) == ((), {}, {})

    def test_a_position_at_an_instant_has_everything_of_that_time_or_later_after_it(self, store: Store) -> None:
        times = [later(5), later(1), later(9), later(2), later(1, DECEMBER)]
        store.events.add_events([event(f"e{number}", at) for number, at in enumerate(times)])
        assert sorted(ids(everything_after(store, store.events.position(later(9)), 100))) == ["e2", "e3", "e4"]
        assert everything_after(store, store.events.position(later(2, DECEMBER)), 100) == []
        assert len(everything_after(store, store.events.position(later(-1)), 100)) == 5

    def test_the_newest_event_before_an_instant(self, store: Store) -> None:
        assert store.events.newest_event(DECEMBER) is None
        store.events.add_events([event("a", later(3)), event("b"), event("future", later(0, DECEMBER))])
        assert store.events.newest_event(DECEMBER) == later(3)
        assert store.events.newest_event(later(1, DECEMBER)) == DECEMBER
        assert store.events.newest_event(NOVEMBER) is None

    def test_what_several_writers_add_comes_once_to_who_reads_meanwhile(self, store: Store) -> None:
        events = store.events
        batches = [[event(f"{number}-{place}", later(number)) for place in range(20)] for number in range(8)]
        read: list[str] = []
        position: Position = {}
        with ThreadPoolExecutor(4) as pool:
            writing = [pool.submit(events.add_events, batch) for batch in batches]
            while not all(one.done() for one in writing):
                found, position = events.arrived(position, events.position(), 7)
                read += ids(found)
        read += ids(everything_after(store, position, 100))
        assert sorted(read) == sorted(identity for batch in batches for identity in ids(batch))


def everything_after(store: Store, position: Position, size: int) -> list[Document]:
    """What arrived after the position, page by page."""
    found: list[Document] = []
    end = store.events.position()
    while True:
        page, position = store.events.arrived(position, end, size)
        if not page:
            return found
        assert len(page) <= size
        found += page


class DetectionStoreContract:
    def test_detections_come_back_as_they_were(self, store: Store) -> None:
        first, second = detection(1), detection(2, later(1))
        added = store.events.add_detections([first, second, first])
        assert (added.created, added.duplicates) == (2, 1)
        assert store.events.add_detections([first]).duplicates == 1
        assert store.events.detections([second.id, "never", first.id]) == [second, first]
        assert store.events.count_detections() == 2

    def test_detections_are_searched_like_events(self, store: Store) -> None:
        found = [detection(number, later(number), agency) for number, agency in enumerate(["A", "B", "A"])]
        store.events.add_detections(found)
        search = store.events.search_detections
        assert search(EventQuery(agencies=frozenset({"A"}))).items == (found[0], found[2])
        assert search(EventQuery(value="198.51.100.1")).items == (found[1],)
        assert search(EventQuery(terms={"rule.id": "rule-1"}, since=later(1), limit=1)).items == (found[1],)
        assert search(EventQuery(terms={"vonggac.detection.kind": "port-scan"}, until=later(1))).items == (found[0],)

    def test_what_is_held_back_is_counted_for_each_suppression(self, store: Store) -> None:
        assert store.events.suppressed() == {}
        held = [replace(detection(number, later(number)), suppressed_by="sup-a") for number in range(1, 4)]
        other = replace(detection(4, later(4)), suppressed_by="sup-b")
        store.events.add_detections([detection(5), *held, other])
        store.events.add_detections([*held, replace(detection(5), suppressed_by="sup-b")])
        assert store.events.suppressed() == {
            "sup-a": Hits(3, later(1), later(3)),
            "sup-b": Hits(1, later(4), later(4)),
        }

    def test_thousands_of_suppressions_are_counted(self, store: Store) -> None:
        names = [f"sup-{number:04}" for number in range(2_100)]
        held = [replace(detection(at), suppressed_by=name) for at, name in enumerate(names)]
        store.events.add_detections(held)
        assert store.events.suppressed() == dict.fromkeys(names, Hits(1, NOVEMBER, NOVEMBER))

    def test_what_is_held_back_is_found_by_its_suppression(self, store: Store) -> None:
        held = [replace(detection(number, later(number)), suppressed_by="sup-a") for number in range(3)]
        store.events.add_detections([*held, detection(3), replace(detection(4), suppressed_by="sup-b")])
        query = EventQuery(terms={"vonggac.detection.suppressed_by": "sup-a"}, limit=2)
        first = store.events.search_detections(query)
        second = store.events.search_detections(replace(query, cursor=first.next))
        assert (*first.items, *second.items) == tuple(held)
        assert second.next is None
        narrowed = replace(query, since=later(1), value="198.51.100.1", agencies=frozenset({"BTTTT"}))
        assert store.events.search_detections(narrowed).items == (held[1],)
        assert store.events.search_detections(replace(query, agencies=frozenset({"X"}))).items == ()
        assert store.events.detections([held[0].id])[0].suppressed_by == "sup-a"
