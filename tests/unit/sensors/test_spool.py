from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import orjson
import pytest

from sensors.base import Batch
from sensors.spool import SpoolReader, SpoolWriter
from vonggac.domain.account import Refusal
from vonggac.errors import StoreUnavailable


def batch(number: int, size: int = 10) -> Batch:
    events = tuple({"event": {"id": f"{number}-{n}"}, "filler": os.urandom(20).hex()} for n in range(size))
    return Batch("f" * 16, "x.pcap", number, size, events, (Refusal("x.pcap", 7, "not_json"),), {"llc": 2})


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Callable[..., SpoolWriter]]:
    """Opens writers on the test's folder and closes them at its end."""
    with ExitStack() as stack:
        yield lambda **limits: stack.enter_context(SpoolWriter(tmp_path, **limits))


def drain(folder: Path, *, ack: bool = True) -> list[int]:
    found = []
    for each, acknowledge in SpoolReader(folder):
        found.append(each.position)
        if ack:
            acknowledge()
    return found


def test_a_batch_comes_out_as_it_went_in(tmp_path, spool):
    writer = spool()
    one = batch(1)
    assert writer.append(one) is True
    ((found, _),) = SpoolReader(tmp_path)
    assert found == one


def test_only_what_was_acknowledged_is_forgotten(tmp_path, spool):
    writer = spool()
    for number in range(5):
        writer.append(batch(number))
    acks = [ack for _, ack in SpoolReader(tmp_path)]
    acks[1]()
    assert drain(tmp_path, ack=False) == [2, 3, 4]
    assert drain(tmp_path) == [2, 3, 4]
    assert drain(tmp_path) == []


def test_a_late_acknowledgement_does_not_move_back(tmp_path, spool):
    writer = spool()
    for number in range(3):
        writer.append(batch(number))
    acks = [ack for _, ack in SpoolReader(tmp_path)]
    acks[2]()
    acks[0]()
    assert drain(tmp_path) == []


def test_one_reader_sees_what_is_written_later(tmp_path, spool):
    writer, reader = spool(), SpoolReader(tmp_path)
    writer.append(batch(1))
    assert [each.position for each, _ in reader] == [1]
    writer.append(batch(2))
    assert [each.position for each, _ in reader] == [2]


def test_segments_are_sealed_and_removed_when_they_are_done_with(tmp_path, spool):
    writer = spool(segment_bytes=2_000)
    for number in range(20):
        writer.append(batch(number))
    segments = sorted(path.name for path in tmp_path.glob("*.spool"))
    assert len(segments) > 3
    assert drain(tmp_path) == list(range(20))
    assert [path.name for path in tmp_path.glob("*.spool")] == [segments[-1]]
    writer.append(batch(20))
    assert drain(tmp_path) == [20]


def test_over_the_budget_batches_are_dropped_and_counted_until_there_is_room(tmp_path, spool):
    writer = spool(max_bytes=4_000)
    written = [writer.append(batch(number)) for number in range(20)]
    assert written.count(True) < 20
    assert writer.dropped_batches == written.count(False)
    assert writer.dropped_events == 10 * writer.dropped_batches
    assert writer.size <= 4_000
    assert len(drain(tmp_path)) == written.count(True)
    assert writer.append(batch(99)) is True
    writer.close()
    again = spool(max_bytes=4_000)
    assert again.dropped_batches == written.count(False)


def test_a_torn_write_at_any_byte_loses_nothing_acknowledged_and_repeats_nothing(tmp_path):
    """The last frame is cut at every byte, as a kill in the middle of its write would leave it."""
    origin = tmp_path / "origin"
    writer = SpoolWriter(origin)
    for number in range(3):
        writer.append(batch(number, 1))
    writer.close()
    data = (origin / "00000001.spool").read_bytes()
    ends = _frame_ends(data)
    for cut in range(ends[1], ends[2] + 1):
        folder = tmp_path / f"cut{cut}"
        folder.mkdir()
        (folder / "00000001.spool").write_bytes(data[:cut])
        whole = [0, 1, 2] if cut == ends[2] else [0, 1]
        reader = iter(SpoolReader(folder))
        next(reader)[1]()
        resumed = SpoolWriter(folder)
        resumed.append(batch(7, 1))
        resumed.close()
        assert drain(folder) == [*whole[1:], 7]


def _frame_ends(data: bytes) -> list[int]:
    ends, at = [], 0
    while at < len(data):
        at += 8 + int.from_bytes(data[at : at + 4])
        ends.append(at)
    return ends


def test_damage_in_a_sealed_segment_is_told_and_the_rest_read(tmp_path, spool):
    writer = spool(segment_bytes=2_000)
    for number in range(6):
        writer.append(batch(number))
    first = min(tmp_path.glob("*.spool"))
    data = bytearray(first.read_bytes())
    data[_frame_ends(data)[0] + 20] ^= 0xFF
    first.write_bytes(data)
    found = [(each.position, [r.reason for r in each.refused]) for each, _ in SpoolReader(tmp_path)]
    assert found[0] == (0, ["not_json"])
    assert found[1][1] == ["frame_damaged"]
    assert found[-1][0] == 5


def test_a_folder_that_cannot_be_written_is_named(tmp_path, spool):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreUnavailable) as caught:
        SpoolWriter(tmp_path / "file")
    assert caught.value.key == "spool_broken"


_CHILD = """
import sys
from pathlib import Path
from sensors.base import Batch
from sensors.spool import SpoolWriter
writer = SpoolWriter(Path(sys.argv[1]), segment_bytes=20_000)
number = int(sys.argv[2])
while True:
    events = tuple({"event": {"id": f"{number}-{n}"}} for n in range(200))
    if writer.append(Batch("f" * 16, "x", number, 200, events)):
        print(number, flush=True)
    number += 1
"""


def test_killed_writers_lose_nothing_they_said_was_safe(tmp_path):
    said: list[int] = []
    for run in range(8):
        child = subprocess.Popen(
            [sys.executable, "-c", _CHILD, tmp_path, str(run * 100_000)], stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        for _ in range(5 + 7 * run):
            said += [int(child.stdout.readline())]
        child.send_signal(signal.SIGKILL)
        said += [int(line) for line in child.stdout.read().split()]
        child.wait()
        child.stdout.close()
    found = drain(tmp_path)
    assert len(found) == len(set(found))
    assert set(said) <= set(found)
    assert len(found) - len(said) <= 8  # at most the batch in flight of each run
    assert found == sorted(found)


def test_the_position_is_plain_json(tmp_path, spool):
    spool().append(batch(1))
    drain(tmp_path)
    assert orjson.loads((tmp_path / "position").read_bytes())["segment"] == 1
