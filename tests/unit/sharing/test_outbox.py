"""A table is sent until it is taken, over a real socket: once, whatever fails and whoever restarts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.resources import files
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from sharing.outbox import LONGEST_PAUSE, OUTBOX, Outbox, Receiver, Schedule, due_month, pause_after
from tests.unit.sharing.office import Office, open_office
from vonggac.domain.agency import Directory
from vonggac.errors import NotFound, UsageRefused
from vonggac.ports import Store
from vonggac.publishing import PUBLICATION, Publisher, is_intact, publications
from vonggac.statistics import ask

NOW = datetime(2026, 11, 5, 2, tzinfo=UTC)


@pytest.fixture
def office() -> Iterator[Office]:
    with open_office() as made:
        yield made


@dataclass
class Hands:
    """A clock that is set by hand."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture
def publisher(store: Store) -> Publisher:
    return Publisher(store, Ed25519PrivateKey.generate())


@pytest.fixture
def outbox(store: Store, office: Office, hands: Hands) -> Outbox:
    return Outbox(store, Receiver(office.url, "khóa bí mật", day=5, hour=8), hands)


@pytest.fixture
def table(publisher: Publisher) -> str:
    return str(publisher.publish(Directory(), ask("2026-M10"), now=NOW, by="an")["id"])


def state(outbox: Outbox, identity: str) -> str:
    return str(next(each["state"] for each in outbox.listed() if each["id"] == identity))


def test_a_receiver_that_fails_twice_is_asked_again_and_its_receipt_is_kept(
    outbox: Outbox, office: Office, hands: Hands, table: str
) -> None:
    office.statuses = (503, 500, 201)
    outbox.add(table)
    assert outbox.push_due() == "1 pending, 0 delivered, 0 refused"
    outbox.push_due()
    assert len(office.came) == 1, "its next try is a minute away"
    hands.now += timedelta(minutes=1)
    outbox.push_due()
    hands.now += timedelta(minutes=1)
    outbox.push_due()
    assert len(office.came) == 2, "pauses grow"
    hands.now += timedelta(minutes=1)
    assert outbox.push_due() == "0 pending, 1 delivered, 0 refused"
    [kept] = outbox.listed()
    answer = b'{"id": "BC-3"}'
    assert kept["receipt"] == {
        "status": 201,
        "at": "2026-11-05T02:03:00.000000Z",
        "digest": sha256(answer).hexdigest(),
        "id": "BC-3",
    }
    assert (kept["tries"], "fault" in kept, "next_try" in kept) == (3, False, False)
    assert (kept["tried_at"], kept["tried_by"]) == ("2026-11-05T02:03:00.000000Z", "schedule")
    assert len({content for _, content in office.came}) == 1
    assert {headers["Idempotency-Key"] for headers, _ in office.came} == {table}


def test_what_is_sent_keeps_its_schema_and_its_signature(outbox: Outbox, office: Office, table: str) -> None:
    outbox.push(table, "an")
    [(headers, content)] = office.came
    assert headers["Authorization"].startswith("Bearer ")
    sent = json.loads(content)
    assert is_intact(sent)
    folder = files("vonggac") / "data" / "schemas"
    schemas = [
        json.loads((folder / f"{name}.schema.json").read_text("utf-8")) for name in ("publication", "comparison")
    ]
    registry: Registry[Any] = Registry().with_resources(
        [(schema["$id"], Resource.from_contents(schema)) for schema in schemas]
    )
    validator = Draft202012Validator(schemas[0], registry=registry)
    assert list(validator.iter_errors(sent)) == []
    assert list(validator.iter_errors({**sent, "id": "1"})) != []
    assert list(validator.iter_errors({**sent, "table": {**sent["table"], "vi": {}}})) != []


def test_a_restart_repeats_nothing_and_loses_nothing(
    store: Store, outbox: Outbox, office: Office, publisher: Publisher, table: str
) -> None:
    outbox.push(table, "an")
    other = str(publisher.publish(Directory(), ask("2026-M9"), now=NOW, by="an")["id"])
    outbox.add(other)
    again = Outbox(store, outbox.receiver, outbox.clock)
    again.add(table)
    again.push_due()
    again.push_due()
    again.push(table, "an")
    assert office.ids() == [table, other]


def test_a_receiver_that_is_down_is_asked_again_later(outbox: Outbox, hands: Hands, table: str) -> None:
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        free = server.server_port
    down = replace(outbox, receiver=replace(outbox.receiver, url=f"http://127.0.0.1:{free}/"))
    kept = down.push(table, "an")
    assert (kept["state"], kept["tries"], kept["next_try"]) == ("pending", 1, "2026-11-05T02:01:00.000000Z")
    assert "ConnectionError" in kept["fault"]
    hands.now += timedelta(minutes=1)
    assert outbox.push_due() == "0 pending, 1 delivered, 0 refused"


def test_a_receiver_that_will_not_have_it_is_not_asked_again_by_itself(
    outbox: Outbox, office: Office, hands: Hands, table: str
) -> None:
    office.statuses = (400, 201)
    outbox.add(table)
    assert outbox.push_due() == f"0 pending, 0 delivered, 1 refused: {table}"
    hands.now += timedelta(days=30)
    outbox.push_due()
    assert len(office.came) == 1
    [kept] = outbox.listed()
    assert kept["fault"].startswith("HTTP 400: ") and "BC-1" in kept["fault"]
    sent = outbox.push(table, "an")
    assert (sent["state"], sent["tried_by"]) == ("delivered", "an"), "somebody who mended it sends it by hand"


def test_a_redirect_is_not_followed(outbox: Outbox, office: Office, table: str) -> None:
    office.statuses = (307,)
    assert outbox.push(table, "an")["state"] == "pending"
    assert len(office.came) == 1


def test_a_table_that_was_changed_is_not_sent(store: Store, outbox: Outbox, office: Office, table: str) -> None:
    outbox.add(table)
    record = store.records.get(PUBLICATION, table)
    assert record is not None
    store.records.put(PUBLICATION, table, {**record.body, "published_by": "ai đó"})
    assert outbox.push_due() == f"0 pending, 0 delivered, 1 refused: {table}"
    assert office.came == []
    with pytest.raises(UsageRefused, match="publication_broken"):
        outbox.push(table, "an")


def test_one_that_was_not_published_is_not_found(outbox: Outbox) -> None:
    with pytest.raises(NotFound):
        outbox.push("TK-1", "an")
    assert outbox.listed() == []


@pytest.mark.parametrize("url", ["", "ftp://a/", "http://nơi.khác/", "http://192.0.2.1/", "https://a:b@c/", "https://"])
def test_an_address_that_would_not_do_is_refused(outbox: Outbox, table: str, url: str) -> None:
    with pytest.raises(UsageRefused, match="reporting_address"):
        replace(outbox, receiver=replace(outbox.receiver, url=url)).push(table, "an")
    assert outbox.listed() == []


def test_pauses_grow_up_to_the_longest() -> None:
    pauses = [pause_after(tries) for tries in (1, 2, 3, 9, 10, 1_000)]
    assert pauses == [timedelta(minutes=minutes) for minutes in (1, 2, 4, 256, 360, 360)]
    assert pauses[-1] == LONGEST_PAUSE


def test_another_node_that_sent_it_meanwhile_has_the_last_word(
    store: Store, outbox: Outbox, office: Office, table: str
) -> None:
    outbox.add(table)
    record = store.records.get(OUTBOX, table)
    assert record is not None
    outbox.push(table, "an")
    office.statuses = (500,)
    outbox._send(record, "an")
    assert state(outbox, table) == "delivered"


# --- the schedule


@pytest.mark.parametrize(
    ("now", "month"),
    [
        ("2026-11-05T00:59:59+00:00", ""),
        ("2026-11-05T01:00:00+00:00", "2026-10"),
        ("2026-11-30T16:59:59+00:00", "2026-10"),
        ("2026-11-30T17:00:00+00:00", ""),
        ("2027-01-05T01:00:00+00:00", "2026-12"),
    ],
)
def test_a_month_is_due_from_its_hour_in_vietnam(now: str, month: str) -> None:
    receiver = Receiver("https://bao-cao.example/", "", day=5, hour=8)
    assert due_month(receiver, datetime.fromisoformat(now)) == month
    assert due_month(replace(receiver, day=0), datetime.fromisoformat(now)) == ""
    assert due_month(replace(receiver, url=""), datetime.fromisoformat(now)) == ""


@pytest.fixture
def schedule(outbox: Outbox, publisher: Publisher) -> Schedule:
    return Schedule(outbox, lambda: publisher, Directory, ("category",))


def test_the_month_before_and_the_year_to_date_are_published_and_sent_once(
    store: Store, schedule: Schedule, office: Office, hands: Hands
) -> None:
    hands.now = NOW - timedelta(days=1)
    assert schedule.run() == "0 pending, 0 delivered, 0 refused"
    hands.now = NOW
    for _ in range(3):
        assert schedule.run() == "0 pending, 2 delivered, 0 refused"
        hands.now += timedelta(hours=1)
    assert [each["period"] for each in publications(store)] in (
        ["2026-M10", "2026-M1..M10"],
        ["2026-M1..M10", "2026-M10"],
    )
    assert sorted(office.ids()) == sorted(each["id"] for each in publications(store))
    hands.now = NOW + timedelta(days=30)
    assert schedule.run() == "0 pending, 4 delivered, 0 refused"


def test_a_run_that_was_cut_short_goes_on_with_the_tables_it_had_begun(
    store: Store, schedule: Schedule, publisher: Publisher, hands: Hands
) -> None:
    class Cut(Exception):
        pass

    def failing(at: int) -> Callable[[], Publisher]:
        calls = iter(range(at))

        def give() -> Publisher:
            if next(calls, None) is None:
                raise Cut
            return publisher

        return give

    for at in (0, 1):
        with pytest.raises(Cut):
            replace(schedule, publisher=failing(at)).run()
        hands.now += timedelta(minutes=7)
    assert schedule.run() == "0 pending, 2 delivered, 0 refused"
    assert len(publications(store)) == 2


def test_each_table_of_the_settings_is_published_and_sent_once(
    store: Store, schedule: Schedule, office: Office, hands: Hands
) -> None:
    chosen = replace(schedule, tables=("category", "agency", "severity"))
    for _ in range(2):
        assert chosen.run() == "0 pending, 6 delivered, 0 refused"
        hands.now += timedelta(hours=1)
    assert sorted((each["by"], each["period"]) for each in publications(store)) == [
        (by, period) for by in ("agency", "category", "severity") for period in ("2026-M1..M10", "2026-M10")
    ]
    assert sorted(office.ids()) == sorted(each["id"] for each in publications(store))


def test_a_table_that_the_settings_name_later_counts_what_the_others_count(
    store: Store, schedule: Schedule, hands: Hands
) -> None:
    schedule.run()
    hands.now += timedelta(days=3)
    assert replace(schedule, tables=("category", "level")).run() == "0 pending, 4 delivered, 0 refused"
    assert {each["known_at"] for each in publications(store)} == {"2026-11-05T02:00:00.000000Z"}
    hands.now += timedelta(days=1)
    assert schedule.run() == "0 pending, 4 delivered, 0 refused"


def test_a_table_that_was_published_before_a_cut_is_not_published_again(
    store: Store, schedule: Schedule, publisher: Publisher, office: Office, hands: Hands
) -> None:
    class Cut(Exception):
        pass

    calls = iter([publisher] * 3)

    def give() -> Publisher:
        try:
            return next(calls)
        except StopIteration:
            raise Cut from None

    chosen = replace(schedule, tables=("category", "severity"))
    with pytest.raises(Cut):
        replace(chosen, publisher=give).run()
    hands.now += timedelta(minutes=7)
    assert chosen.run() == "0 pending, 4 delivered, 0 refused"
    assert len(publications(store)) == len(office.ids()) == 4


def test_without_an_address_nothing_is_published(store: Store, schedule: Schedule) -> None:
    closed = replace(schedule, outbox=replace(schedule.outbox, receiver=Receiver("", "", 5, 8)))
    assert closed.run() == "-"
    assert publications(store) == []
