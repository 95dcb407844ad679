"""What only the embedded store has: files, other processes, a full disk, migrations, summaries that can be rebuilt."""

from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from orjson import dumps
from pysqlite3 import dbapi2

from tests.contracts.store_samples import DECEMBER, NOVEMBER, detected, event, involved, later, noted, opened
from vonggac.domain.times import to_epoch_us
from vonggac.errors import StoreUnavailable
from vonggac.ports import EventQuery, IncidentQuery, StateQuery, Wanted
from vonggac.stores.sqlite import SqliteStore, connection, open_sqlite
from vonggac.stores.sqlite.connection import Database, folder_lock
from vonggac.stores.sqlite.events import OPEN_PARTITIONS
from vonggac.stores.sqlite.incidents import rebuild
from vonggac.stores.sqlite.schema import DOCUMENTS, MAIN


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "kho"


@pytest.fixture
def store(folder: Path) -> Iterator[SqliteStore]:
    opened_store = open_sqlite(folder)
    yield opened_store
    opened_store.close()


def key_of(error: pytest.ExceptionInfo[StoreUnavailable]) -> str:
    return error.value.key


class TestFiles:
    def test_a_file_of_another_kind_is_named(self, folder: Path) -> None:
        folder.mkdir()
        (folder / "vonggac.db").write_text("Đây không phải cơ sở dữ liệu. " * 100)
        with pytest.raises(StoreUnavailable) as caught:
            open_sqlite(folder)
        assert key_of(caught) == "store_not_a_database"
        assert caught.value.facts["where"] == folder / "vonggac.db"

    def test_a_damaged_file_is_said_to_be_damaged(self, folder: Path) -> None:
        first = open_sqlite(folder)
        first.records.put_many("k", {f"{number}": {"text": "x" * 500} for number in range(200)})
        first.close()
        path = folder / "vonggac.db"
        content = bytearray(path.read_bytes())
        content[8192:] = b"\x5a" * (len(content) - 8192)
        path.write_bytes(content)
        with pytest.raises(StoreUnavailable) as caught:
            with_damage = open_sqlite(folder)
            try:
                with_damage.records.list("k")
            finally:
                with_damage.close()
        assert key_of(caught) == "store_corrupt"

    def test_damaged_bodies_are_said_to_be_damaged(self, store: SqliteStore) -> None:
        store.events.add_events([event("a")])
        with store._partitions.of("2026-11").write() as connection:
            connection.execute("UPDATE block SET bodies = x'00ff'")
        with pytest.raises(StoreUnavailable) as caught:
            store.events.events(["a"])
        assert key_of(caught) == "store_corrupt"

    def test_a_newer_file_is_left_alone(self, folder: Path) -> None:
        open_sqlite(folder).close()
        newer = dbapi2.connect(str(folder / "vonggac.db"))
        newer.execute("PRAGMA user_version = 99")
        newer.close()
        with pytest.raises(StoreUnavailable) as caught:
            open_sqlite(folder)
        assert key_of(caught) == "store_newer"
        assert caught.value.facts["found"] == 99

    def test_a_folder_that_cannot_be_made_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(StoreUnavailable) as caught:
            open_sqlite(tmp_path / "file" / "data")
        assert str(tmp_path / "file") in str(caught.value.facts["where"])

    def test_a_closed_store_says_so(self, store: SqliteStore) -> None:
        store.close()
        with pytest.raises(StoreUnavailable) as caught:
            store.records.put("k", "a", {})
        assert key_of(caught) == "store_closed"


class TestOlderFiles:
    @pytest.mark.parametrize("version", [1, 2])
    def test_a_month_of_an_older_schema_is_taken_over_once_it_is_opened(self, folder: Path, version: int) -> None:
        events = [
            event(f"e{n}", later(99 - n), source_ip="192.0.2.1", dns_question={"name": "a.b.vn"}) for n in range(99)
        ]
        (folder / "events").mkdir(parents=True)
        with closing(dbapi2.connect(str(folder / "events" / "2026-11.db"), isolation_level=None)) as older:
            for change in (change for step in DOCUMENTS[:version] for change in step):
                older.execute(change)
            older.execute("CREATE INDEX document_time ON document (time, id)")
            older.execute("CREATE TABLE posting (key INTEGER)")
            older.executemany(
                "INSERT INTO document (id, time, body) VALUES (?, ?, ?)",
                [(found["event"]["id"], to_epoch_us(later(99 - n)), dumps(found)) for n, found in enumerate(events)],
            )
            older.execute(f"PRAGMA user_version = {version}")
        with closing(open_sqlite(folder)) as upgraded:
            assert upgraded.events.add_events(events).duplicates == 99
            assert list(upgraded.events.search_events(EventQuery()).items) == events[::-1]
            for wanted in (Wanted("192.0.2.1"), Wanted("b.vn", below=True)):
                assert [len(list(found)) for _, found in upgraded.events.holding([wanted])] == [99]


class TestFullDisk:
    def test_nothing_acknowledged_is_lost_and_it_goes_on_when_there_is_room(self, store: SqliteStore) -> None:
        store.events.add_events([event("first")])
        database = store._partitions.of("2026-11")
        pages = database._writer.execute("PRAGMA page_count").fetchone()[0]
        database._writer.execute(f"PRAGMA max_page_count = {pages + 2}")
        chance = random.Random(7)
        batch = [event(f"e{number}", later(number), message=chance.randbytes(900).hex()) for number in range(100)]
        with pytest.raises(StoreUnavailable) as caught:
            store.events.add_events(batch)
        assert key_of(caught) == "store_disk_full"
        assert store.events.count_events() == 1
        database._writer.execute("PRAGMA max_page_count = 1000000")
        assert store.events.add_events(batch).created == 100
        assert store.events.count_events() == 101


class TestOtherProcesses:
    def test_who_waits_too_long_for_the_lock_is_told(
        self, store: SqliteStore, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(connection, "BUSY_SECONDS", 0.05)
        other = open_sqlite(folder)
        with store._main.write(), pytest.raises(StoreUnavailable) as caught:
            other.records.put("k", "a", {})
        other.close()
        assert key_of(caught) == "store_busy"

    def test_an_event_for_a_month_that_another_process_dropped_is_kept(self, store: SqliteStore, folder: Path) -> None:
        other = open_sqlite(folder)
        store.events.add_events([event("old")])
        assert other.events.drop_events_before(DECEMBER) == 1
        assert store.events.search_events(EventQuery()).items == ()
        assert store.events.add_events([event("new")]).created == 1
        assert [found["event"]["id"] for found in other.events.search_events(EventQuery()).items] == ["new"]
        other.close()

    def test_a_writer_that_still_has_the_dropped_file_opens_the_new_one(self, store: SqliteStore, folder: Path) -> None:
        store.events.add_events([event("old")])
        held = store._partitions.of("2026-11")
        other = open_sqlite(folder)
        other.events.drop_events_before(DECEMBER)
        other.close()
        with pytest.raises(connection.Retired), held.write():
            pass

    def test_a_drop_that_was_interrupted_is_finished_by_the_next_who_looks(
        self, store: SqliteStore, folder: Path
    ) -> None:
        store.events.add_events([event("old")])
        connection.retire(store._partitions.of("2026-11"))
        store.close()
        again = open_sqlite(folder)
        assert again.events.count_events() == 0
        assert again.events.add_events([event("new")]).created == 1
        assert again.events.count_events() == 1
        again.close()


class TestPartitions:
    def test_many_months_are_open_in_turn(self, store: SqliteStore) -> None:
        months = [f"{2020 + number // 12}-{number % 12 + 1:02d}" for number in range(OPEN_PARTITIONS * 2)]
        events = [event(f"e-{month}") | {"@timestamp": f"{month}-15T00:00:00Z"} for month in months]
        assert store.events.add_events(events).created == len(months)
        assert store.events.add_events(events).duplicates == len(months)
        assert store.events.count_events() == len(months)
        assert len(store._partitions._open) <= OPEN_PARTITIONS

    def test_threads_share_more_months_than_are_kept_open(self, store: SqliteStore) -> None:
        months = [f"{2020 + number // 12}-{number % 12 + 1:02d}" for number in range(OPEN_PARTITIONS + 10)]

        def add(number: int) -> int:
            batch = [event(f"{number}-{month}") | {"@timestamp": f"{month}-15T00:00:00Z"} for month in months]
            return store.events.add_events(batch).created

        with ThreadPoolExecutor(4) as pool:
            assert sum(pool.map(add, range(6))) == 6 * len(months)
        assert store.events.count_events() == 6 * len(months)


class TestMigrations:
    def test_a_step_that_fails_leaves_the_file_as_it_was(self, tmp_path: Path) -> None:
        path = tmp_path / "a.db"
        steps = (("CREATE TABLE one (a)",), ("CREATE TABLE two (a)", "INSERT INTO nowhere VALUES (1)"))
        with folder_lock(tmp_path), pytest.raises(dbapi2.OperationalError):
            Database(path, steps)
        with folder_lock(tmp_path):
            mended = Database(path, (steps[0], ("CREATE TABLE two (b)",)))
        with mended.read() as reader:
            assert reader.execute("PRAGMA user_version").fetchone()[0] == 2
            assert reader.execute("SELECT name FROM pragma_table_info('two')").fetchall() == [("b",)]
        mended.close()


class TestSummaries:
    def test_they_are_made_again_from_the_entries(self, store: SqliteStore) -> None:
        for number in range(5):
            entries = [opened(later(number), title=f"Vụ {number}"), involved("BCT"), noted("n", "Đà Nẵng")]
            store.incidents.append(f"inc-{number}", entries)
            store.incidents.append(f"inc-{number}", [detected(number, later(number), later(99))])
        tables = ("incident", "involvement", "evidence", "facts", "parties", "agencies", "state")

        def content() -> list[object]:
            with store._main.read() as reader:
                return [reader.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall() for table in tables]  # noqa: S608

        before = content()
        with store._main.write() as writer:
            for table in ("state", "facts", "parties", "agencies", "evidence", "involvement", "incident"):
                writer.execute(f"DELETE FROM {table}")  # noqa: S608
        assert store.incidents.count(IncidentQuery()) == 0
        for _ in range(2):
            with store._main.write() as writer:
                assert rebuild(writer) == 5
            assert content() == before

    def test_states_of_an_older_program_get_their_agencies(self, folder: Path) -> None:
        store = open_sqlite(folder)
        for number in range(5):
            both = (involved("BYT"), involved("BCT")) if number % 2 else ()
            store.incidents.append(f"inc-{number}", [opened(later(number)), *both, involved("BYT", "detector")])
        query = StateQuery(NOVEMBER, DECEMBER)
        before = store.incidents.tally(query)
        among = frozenset(before.facts()[0])
        counted = before.agencies(among)
        with store._main.write() as writer:
            for statement in (
                "CREATE TABLE old AS SELECT * FROM state",
                "DROP TABLE state",
                "DROP TABLE agencies",
                "CREATE TABLE state (occurred_at, incident, since, until, facts, parties, detect, contain, close)",
                "CREATE INDEX state_incident ON state (incident)",
                """INSERT INTO state
                SELECT occurred_at, incident, since, until, facts, parties, detect, contain, close FROM old""",
                "DROP TABLE old",
                f"PRAGMA user_version = {len(MAIN) - 1}",
            ):
                writer.execute(statement)
        store.close()
        upgraded = open_sqlite(folder)
        assert counted == upgraded.incidents.tally(query).agencies(among) == [{("BCT", "BYT"): 2, ("BYT",): 3}]
        assert len(upgraded.incidents.counted_in(query, among, {("BYT",)}).items) == 3
        upgraded.close()
