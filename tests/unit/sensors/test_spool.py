from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensors.base import Batch
from sensors.spool import SpoolReader, SpoolWriter, chain_of
from vonggac.domain.account import Refusal
from vonggac.errors import StoreUnavailable


def event(name: str, dataset: str = "dns", kind: str = "event", at: str = "2026-11-22T00:00:00.000000Z") -> Any:
    return {"@timestamp": at, "event": {"id": name, "dataset": dataset, "kind": kind}, "filler": os.urandom(20).hex()}


def batch(number: int, size: int = 10, *datasets: str) -> Batch:
    kinds = datasets or ("dns",)
    events = tuple(event(f"{number}-{n}", kinds[n % len(kinds)]) for n in range(size))
    return Batch("f" * 16, "x.pcap", number, size, events, (Refusal("x.pcap", 7, "not_json"),), {"llc": 2})


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Callable[..., SpoolWriter]]:
    """Opens writers on the test's folder and closes them at its end."""
    with ExitStack() as stack:
        yield lambda **limits: stack.enter_context(SpoolWriter(tmp_path, **limits))


def drain(folder: Path, *, ack: bool = True) -> list[int]:
    found = []
    with SpoolReader(folder) as reader:
        for each, acknowledge in reader:
            found.append(each.position)
            if ack:
                acknowledge()
    return found


def held(folder: Path) -> Counter[str]:
    with SpoolReader(folder) as reader:
        return Counter(each["event"]["dataset"] for found, _ in reader for each in found.events)


@pytest.mark.parametrize("datasets", [("dns",), ("flow", "dns", "http", "tls", "anomaly", "heartbeat")])
def test_a_batch_comes_out_as_it_went_in(tmp_path, spool, datasets):
    one = batch(1, 14, *datasets)
    assert spool().append(one) is True
    with SpoolReader(tmp_path) as reader:
        ((found, _),) = reader
    assert found == one


def test_only_what_was_acknowledged_is_forgotten(tmp_path, spool):
    writer = spool()
    for number in range(5):
        writer.append(batch(number))
    with SpoolReader(tmp_path) as reader:
        acks = [ack for _, ack in reader]
    acks[1]()
    assert drain(tmp_path, ack=False) == [2, 3, 4]
    assert drain(tmp_path) == [2, 3, 4]
    assert drain(tmp_path) == []


def test_a_late_acknowledgement_does_not_move_back(tmp_path, spool):
    writer = spool()
    for number in range(3):
        writer.append(batch(number))
    with SpoolReader(tmp_path) as reader:
        acks = [ack for _, ack in reader]
    acks[2]()
    acks[0]()
    assert drain(tmp_path) == []


def test_one_reader_sees_what_is_written_later(tmp_path, spool):
    writer = spool(segment_bytes=2_000)
    with SpoolReader(tmp_path) as reader:
        for number in range(30):
            writer.append(batch(number, 6, "flow", "dns"))
            assert [each.position for each, _ in reader] == [number]


def test_segments_are_sealed_and_removed_when_they_are_done_with(tmp_path, spool):
    writer = spool(segment_bytes=2_000)
    for number in range(20):
        writer.append(batch(number))
    segments = sorted(path.name for path in tmp_path.glob("dns-*.spool"))
    assert len(segments) > 3
    assert drain(tmp_path) == list(range(20))
    assert [path.name for path in tmp_path.glob("dns-*.spool")] == [segments[-1]]
    writer.append(batch(20))
    assert drain(tmp_path) == [20]


def test_a_second_writer_is_refused(spool):
    spool()
    with pytest.raises(StoreUnavailable, match="spool_in_use"):
        spool()


# --- the budget


@pytest.mark.parametrize(
    ("dataset", "kind", "chain"),
    [
        ("flow", "event", "flow"),
        ("zeek.http", "event", "http"),
        ("tls", "event", "other"),
        ("anomaly", "event", "alert"),
        ("flow", "alert", "alert"),
        ("data-loss", "event", "account"),
        ("heartbeat", "metric", "account"),
    ],
)
def test_events_lie_where_their_worth_says(dataset, kind, chain):
    assert chain_of(event("x", dataset, kind)) == chain


def test_over_the_budget_flows_go_first_then_dns_then_http_and_alerts_last(tmp_path):
    order = ("flow", "dns", "http", "tls", "anomaly")
    gone = []
    for budget in (40_000, 25_000, 10_000):
        folder = tmp_path / str(budget)
        with SpoolWriter(folder, max_bytes=budget) as writer:
            for number in range(20):
                writer.append(batch(number, 30, *order, "data-loss"))
            left = held(folder)
            for dataset in order:
                assert left[dataset] + writer.dropped.get(dataset, 0) == 20 * 5
            assert left["data-loss"] == 20 * 5
            gone.append([dataset for dataset in order if writer.dropped.get(dataset, 0) == 20 * 5])
            reached = [dataset for dataset in order if writer.dropped.get(dataset)]
            assert reached == list(order[: len(reached)])
            # No class is touched while a lower one still has something to give.
            assert all(not left[dataset] for dataset in reached[:-1])
    assert gone[0] != gone[-1]


def test_what_was_dropped_is_counted_and_told_once_over_restarts(tmp_path):
    with SpoolWriter(tmp_path, max_bytes=9_000) as writer:
        written = [writer.append(batch(number)) for number in range(20)]
        dropped = dict(writer.dropped)
        assert dropped["dns"] + held(tmp_path)["dns"] == 200
        assert all(written)  # the oldest went, not the newest
    with SpoolWriter(tmp_path, max_bytes=9_000) as writer:
        assert dict(writer.dropped) == dict(writer.untold) == dropped
        assert writer.told() == ("2026-11-22T00:00:00.000000Z",) * 2
        assert not writer.untold
        assert dict(writer.dropped) == dropped
        drain(tmp_path)
        assert writer.append(batch(99)) is True
        assert dict(writer.dropped) == dropped
    with SpoolWriter(tmp_path, max_bytes=9_000) as writer:
        assert not writer.untold


def test_an_alert_displaces_flows_and_not_the_other_way_round(tmp_path):
    with SpoolWriter(tmp_path, max_bytes=30_000) as writer:
        for number in range(30):
            writer.append(batch(number, 20, "anomaly"))
        alerts = held(tmp_path)["anomaly"]
        assert alerts + writer.dropped["anomaly"] == 600
        before = writer.dropped["anomaly"]
        assert writer.append(batch(99, 200, "flow")) is False
        assert writer.dropped["flow"] == 200
        assert writer.dropped["anomaly"] == before
        assert 99 in drain(tmp_path)  # its account arrives all the same


def test_a_kill_between_counting_and_unlinking_is_made_good(tmp_path):
    with SpoolWriter(tmp_path, segment_bytes=2_000) as writer:
        for number in range(10):
            writer.append(batch(number))
    state = {"datasets": {"dns": 20}, "told": {}, "from": "", "to": "", "pending": [["dns", 1]]}
    (tmp_path / "dropped").write_bytes(orjson.dumps(state))
    before = held(tmp_path)["dns"]
    SpoolWriter(tmp_path).close()
    assert held(tmp_path)["dns"] < before
    assert not (tmp_path / "dns-00000001.spool").exists()


def test_what_a_reader_holds_is_not_counted_as_dropped(tmp_path, spool):
    writer = spool(max_bytes=20_000)
    for number in range(10):
        writer.append(batch(number))
    with SpoolReader(tmp_path) as reader:
        (first, acknowledge), *_ = [item for _, item in zip(range(1), reader, strict=False)]
        for number in range(10, 60):
            writer.append(batch(number))
        acknowledge()
        rest = [each for each, _ in reader]
    arrived = len(first.events) + sum(len(each.events) for each in rest)
    assert writer.dropped["dns"] > 0
    assert arrived + writer.dropped["dns"] == 600


def test_reader_and_dropping_writer_at_once_account_for_every_event(tmp_path):
    """A slow reader on its own thread while the writer is always over its budget."""
    arrived: Counter[str] = Counter()
    over, turn = threading.Event(), threading.Semaphore(0)
    chance = random.Random(4)

    def read() -> None:
        with SpoolReader(tmp_path) as reader:
            while True:
                last = over.is_set()
                for found, acknowledge in reader:
                    turn.acquire(timeout=30)
                    arrived.update(each["event"]["id"] for each in found.events)
                    if chance.random() < 0.7:
                        acknowledge()
                if last:
                    return

    with SpoolWriter(tmp_path, max_bytes=30_000) as writer:
        thread = threading.Thread(target=read)
        thread.start()
        for number in range(300):
            writer.append(batch(number, 24, "flow", "dns", "http", "anomaly"))
            if number % 3 == 0:
                turn.release()
        over.set()
        turn.release(300)
        thread.join(60)
        assert not thread.is_alive()
        assert max(arrived.values()) == 1
        assert len(arrived) + sum(writer.dropped.values()) == 300 * 24
        assert writer.dropped


_steps = st.lists(st.sampled_from(["write", "big", "read", "ack", "reopen", "reread"]), min_size=5, max_size=40)


@settings(max_examples=60, deadline=None)
@given(steps=_steps, budget=st.sampled_from([2_000, 8_000, 1 << 30]), segment=st.sampled_from([1, 1_500, 1 << 20]))
def test_whatever_happens_every_event_arrives_or_is_counted(tmp_path_factory, steps, budget, segment):
    folder = tmp_path_factory.mktemp("spool")
    writer, reader = SpoolWriter(folder, max_bytes=budget, segment_bytes=segment), SpoolReader(folder)
    sent, arrived, acks, number = 0, set(), [], 0
    acknowledged: set[str] = set()
    for step in [*steps, "reread", "read"]:
        if step in ("write", "big"):
            number += 1
            one = batch(number, 40 if step == "big" else 5, "flow", "dns", "tls", "anomaly")
            writer.append(one)
            sent += len(one.events)
        elif step == "read":
            for found, ack in reader:
                ids = {each["event"]["id"] for each in found.events}
                assert not ids & acknowledged
                arrived |= ids
                acks.append((ack, ids))
        elif step == "ack" and acks:
            acks[-1][0]()
            for _, ids in acks:
                acknowledged |= ids
            acks = []
        elif step == "reopen":
            writer.close()
            writer = SpoolWriter(folder, max_bytes=budget, segment_bytes=segment)
        elif step == "reread":
            reader.close()
            reader, acks = SpoolReader(folder), []
    dropped = sum(writer.dropped.values())
    assert len(arrived) <= sent <= len(arrived) + dropped
    writer.close()
    reader.close()
    shutil.rmtree(folder)


# --- kills and damage


def test_a_torn_write_at_any_byte_loses_nothing_acknowledged_and_repeats_nothing(tmp_path):
    """The last frame of each chain is cut at many bytes, as a kill in the middle of its write would leave it."""
    origin = tmp_path / "origin"
    with SpoolWriter(origin) as writer:
        for number in range(3):
            writer.append(batch(number, 2, "flow", "dns"))
    for chain, cut_account in (("flow", True), ("dns", True), ("account", False)):
        data = (origin / f"{chain}-00000001.spool").read_bytes()
        ends = _frame_ends(data)
        account = (origin / "account-00000001.spool").read_bytes()
        for cut in [*range(ends[1], ends[2], 5), ends[2] - 1, ends[2]]:
            folder = tmp_path / f"{chain}{cut}"
            shutil.copytree(origin, folder)
            if cut_account:  # it is written last, so it cannot be there when another is not whole
                (folder / "account-00000001.spool").write_bytes(account[: _frame_ends(account)[1]])
            (folder / f"{chain}-00000001.spool").write_bytes(data[:cut])
            whole = [0, 1, 2] if cut == ends[2] and not cut_account else [0, 1]
            with SpoolReader(folder) as reader:
                next(iter(reader))[1]()
            with SpoolWriter(folder) as resumed:
                resumed.append(batch(7, 2, "flow", "dns"))
            with SpoolReader(folder) as reader:
                found = [(each.position, len(each.events)) for each, _ in reader]
            assert found == [(number, 2) for number in [*whole[1:], 7]]
            shutil.rmtree(folder)


def _frame_ends(data: bytes) -> list[int]:
    ends, at = [], 0
    while at < len(data):
        at += 20 + int.from_bytes(data[at : at + 4]) + int.from_bytes(data[at + 16 : at + 20])
        ends.append(at)
    return ends


@pytest.mark.parametrize("chain", ["dns", "account"])
def test_damage_in_a_sealed_segment_is_told_and_the_rest_read(tmp_path, spool, chain):
    writer = spool(segment_bytes=1_200)
    for number in range(20):
        writer.append(batch(number))
    first = min(tmp_path.glob(f"{chain}-*.spool"))
    data = bytearray(first.read_bytes())
    data[_frame_ends(data)[0] + 60] ^= 0xFF
    first.write_bytes(data)
    with SpoolReader(tmp_path) as reader:
        found = [(each.position, {r.reason for r in each.refused}, each.tally.refused) for each, _ in reader]
    assert found[0][:2] == (0, {"not_json"})
    assert [place for place, reasons, _ in found if "frame_damaged" in reasons]
    assert sum(tally.get("frame_damaged", 0) for _, _, tally in found) == 1
    assert found[-1][0] == 19


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreUnavailable) as caught:
        SpoolWriter(tmp_path / "file")
    assert caught.value.key == "spool_broken"


def test_a_disk_that_refuses_in_the_middle_of_a_batch_leaves_none_of_it(tmp_path, spool, monkeypatch):
    writer = spool()
    writer.append(batch(1, 4, "flow", "dns"))
    real, left = os.fsync, [1]

    def refuse(descriptor: int) -> None:
        left[0] -= 1
        if left[0] == -1:
            raise OSError(28, "No space left on device")
        real(descriptor)

    monkeypatch.setattr("sensors.spool.os.fsync", refuse)
    with pytest.raises(StoreUnavailable, match="spool_broken"):
        writer.append(batch(2, 4, "flow", "dns"))
    monkeypatch.undo()
    writer.append(batch(3, 4, "flow", "dns"))
    with SpoolReader(tmp_path) as reader:
        assert [(each.position, len(each.events)) for each, _ in reader] == [(1, 4), (3, 4)]


_CHILD = """
import sys
from pathlib import Path
from sensors.base import Batch
from sensors.spool import SpoolWriter
writer = SpoolWriter(Path(sys.argv[1]), segment_bytes=20_000, max_bytes=int(sys.argv[3]))
number = int(sys.argv[2])
while True:
    events = tuple({"event": {"id": f"{number}-{n}", "dataset": ("flow", "dns", "tls")[n % 3]}} for n in range(200))
    writer.append(Batch("f" * 16, "x", number, 200, events))
    print(number, flush=True)
    number += 1
"""


def _killed(folder: Path, runs: int, budget: int) -> list[int]:
    """What writers said was safe before they were killed."""
    said: list[int] = []
    for run in range(runs):
        given = [sys.executable, "-c", _CHILD, str(folder), str(run * 100_000), str(budget)]
        child = subprocess.Popen(given, stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        for _ in range(5 + 7 * run):
            said += [int(child.stdout.readline())]
        child.send_signal(signal.SIGKILL)
        said += [int(line) for line in child.stdout.read().split()]
        child.wait()
        child.stdout.close()
    return said


def test_killed_writers_lose_nothing_they_said_was_safe(tmp_path):
    said = _killed(tmp_path, 8, 1 << 30)
    found = drain(tmp_path)
    assert len(found) == len(set(found))
    assert set(said) <= set(found)
    assert len(found) - len(said) <= 8  # at most the batch in flight of each run
    assert found == sorted(found)


def test_killed_writers_count_what_their_budget_cost(tmp_path):
    said = _killed(tmp_path, 6, 20_000)
    with SpoolWriter(tmp_path, max_bytes=20_000) as writer, SpoolReader(tmp_path) as reader:
        found = [each for each, _ in reader]
        arrived = sum(len(each.events) for each in found)
        assert set(said) <= {each.position for each in found}
        assert arrived + sum(writer.dropped.values()) == 200 * len(found)
        assert writer.dropped["flow"] > 0


def test_the_position_is_plain_json(tmp_path, spool):
    spool().append(batch(1))
    drain(tmp_path)
    assert orjson.loads((tmp_path / "position").read_bytes()) == {"sequence": 1}
