"""Logs that grow, are rotated, cut back, compressed; and a reader that is killed in between."""

from __future__ import annotations

import gzip
import os
import shutil
from collections import Counter
from pathlib import Path
from tempfile import mkdtemp

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from sensors import open_source
from sensors.base import Batch
from sensors.follow import MAX_HELD, Follower, follow
from sensors.log_files import is_rotated
from sensors.records import MAX_RECORD
from tests.unit.sensors.wire import ORIGIN
from vonggac.errors import ReadError, UnknownInput


def line(number: int, pad: int = 0) -> bytes:
    text = f'"timestamp":"2026-01-02T03:04:05.{number % 1_000_000:06d}Z","event_type":"stats"'
    return f'{{{text},"stats":{{"n":{number},"pad":"{"x" * pad}"}}}}\n'.encode()


def numbers(batches: list[Batch]) -> list[int]:
    assert [refusal for batch in batches for refusal in batch.refused] == []
    return [event["vonggac"]["eve"]["stats"]["n"] for batch in batches for event in batch.events]


def polled(follower: Follower) -> list[Batch]:
    found = list(follower.poll())
    follower.save()
    return found


class Rotation(RuleBasedStateMachine):
    """A writer of numbered lines, whoever rotates its log, and a follower that may be killed at any batch."""

    @initialize(step_seconds=st.sampled_from([0, 1, 10]))
    def begin(self, step_seconds: int) -> None:
        self.folder = Path(mkdtemp(prefix="vonggac-follow-"))
        self.log = self.folder / "eve.json"
        self.now_ns, self.step_ns = 1_800_000_000 * 10**9, step_seconds * 10**9
        self.next = 0
        self.got: Counter[int] = Counter()
        self.ids: dict[int, str] = {}
        self.doubtful: set[int] = set()  # given, and not yet remembered as given
        self.half = b""
        self._write(self._line())
        self.follower = self._start()

    def _start(self) -> Follower:
        return Follower(str(self.log), ORIGIN, self.folder / "state" / "log.json", lambda: self.now_ns)

    def _line(self, pad: int = 0) -> bytes:
        self.next += 1
        return line(self.next - 1, pad)

    def _write(self, data: bytes, path: Path | None = None) -> None:
        with (path or self.log).open("ab") as file:
            file.write(data)
        self._changed(path or self.log)

    def _changed(self, path: Path) -> None:
        os.utime(path, ns=(self.now_ns, self.now_ns))
        self.now_ns += self.step_ns

    def _take(self, batches: list[Batch]) -> None:
        for batch in batches:
            for number, event in zip(numbers([batch]), batch.events, strict=True):
                identity = event["event"]["id"]
                assert self.ids.setdefault(number, identity) == identity, "another id for the same line"
                if self.got[number]:
                    assert number in self.doubtful, f"line {number} was given twice"
                self.got[number] = 1
        self.doubtful.clear()

    @rule(count=st.integers(1, 40), pad=st.sampled_from([0, 700]))
    def lines_are_written(self, count: int, pad: int) -> None:
        self._write(self.half + b"".join(self._line(pad) for _ in range(count)))
        self.half = b""

    @rule(cut=st.integers(1, 60))
    def part_of_a_line_is_written(self, cut: int) -> None:
        self._write(self.half)
        whole = self._line()
        self._write(whole[:cut])
        self.half = whole[cut:]

    @rule()
    def it_is_polled(self) -> None:
        self._take(polled(self.follower))

    def _shift(self) -> Path:
        """The rotated logs move up by one, as logrotate does it; the place of the youngest."""
        for number in range(9, 0, -1):
            for ending in ("", ".gz"):
                old = self.folder / f"eve.json.{number}{ending}"
                if old.exists():
                    old.rename(self.folder / f"eve.json.{number + 1}{ending}")
        return self.folder / "eve.json.1"

    def _full(self) -> bool:
        return (self.folder / "eve.json.8").exists() or (self.folder / "eve.json.8.gz").exists()

    @precondition(lambda self: not self._full())
    @rule(late=st.booleans(), polled_between=st.booleans())
    def it_is_renamed(self, late: bool, polled_between: bool) -> None:
        old = self._shift()
        self.log.rename(old)
        if polled_between:
            self.it_is_polled()
        self._write(self.half + (self._line() if late else b""), old)  # the writer reopens after that
        self.half = b""
        self._write(b"")

    @precondition(lambda self: not self._full() and not self.half)
    @rule(preserve=st.booleans(), more=st.integers(0, 30))
    def it_is_copied_and_truncated(self, preserve: bool, more: int) -> None:
        copy = self._shift()
        shutil.copy2(self.log, copy)
        if not preserve:
            self._changed(copy)
        os.truncate(self.log, 0)
        self._write(b"".join(self._line() for _ in range(more)))

    @rule(more=st.integers(0, 30))
    def it_is_truncated_once_read(self, more: int) -> None:
        self._write(self.half)
        self.half = b""
        self.it_is_polled()
        os.truncate(self.log, 0)
        self._write(b"".join(self._line() for _ in range(more)))

    @rule(number=st.integers(1, 8), preserve=st.booleans())
    def a_rotated_log_is_compressed(self, number: int, preserve: bool) -> None:
        plain = self.folder / f"eve.json.{number}"
        if plain.exists():
            packed = self.folder / f"eve.json.{number}.gz"
            packed.write_bytes(gzip.compress(plain.read_bytes()))
            if preserve:
                shutil.copystat(plain, packed)
            else:
                self._changed(packed)
            plain.unlink()

    @rule(number=st.integers(2, 9))
    def old_logs_are_deleted_once_read(self, number: int) -> None:
        self.it_is_polled()
        for at in range(number, 10):
            for ending in ("", ".gz"):
                (self.folder / f"eve.json.{at}{ending}").unlink(missing_ok=True)

    @rule()
    def time_passes(self) -> None:
        self.now_ns += 60 * 10**9

    @rule(batches=st.integers(0, 3))
    def it_is_killed(self, batches: int) -> None:
        given = []
        for batch in self.follower.poll():
            if len(given) == batches:
                break
            if given:
                self.follower.save()  # the one before was safe when this one was asked for
            given.append(batch)
        before = self.doubtful | set()
        self._take(given)
        self.doubtful = before | set(numbers(given))
        self.follower.close()
        self.follower = self._start()

    def teardown(self) -> None:
        self._write(self.half)
        self.it_is_polled()
        assert polled(self.follower) == []
        self.follower.close()
        again = self._start()
        assert polled(again) == [], "read again after a restart"
        again.close()
        assert sorted(self.got) == list(range(self.next)), "lost"
        shutil.rmtree(self.folder)


TestRotation = Rotation.TestCase
TestRotation.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)


def test_what_is_added_is_read_and_a_restart_goes_on_behind_it(tmp_path):
    log, state = tmp_path / "eve.json", tmp_path / "state.json"
    log.write_bytes(line(0) + line(1)[:20])
    first = Follower(str(log), ORIGIN, state)
    assert numbers(polled(first)) == [0]
    with log.open("ab") as file:
        file.write(line(1)[20:] + line(2))
    first.close()
    second = Follower(str(log), ORIGIN, state)
    assert numbers(polled(second)) == [1, 2]
    second.close()
    whole = [event["event"]["id"] for batch in open_source(str(log), ORIGIN) for event in batch.events]
    assert len(set(whole)) == 3


def test_ids_are_those_of_the_file_read_in_one_go(tmp_path):
    log = tmp_path / "eve.json"
    log.write_bytes(b"".join(map(line, range(9_000))))
    follower = Follower(str(log), ORIGIN)
    found = list(follower.poll())
    follower.close()
    assert len(found) == 3
    ids = [event["event"]["id"] for batch in found for event in batch.events]
    assert ids == [event["event"]["id"] for batch in open_source(str(log), ORIGIN) for event in batch.events]


def test_a_batch_that_was_not_safe_comes_again_after_a_kill(tmp_path):
    log, state = tmp_path / "eve.json", tmp_path / "state.json"
    log.write_bytes(b"".join(map(line, range(9_000))))
    rounds = follow([str(log)], ORIGIN, lambda _: state)
    first, second = next(rounds), next(rounds)
    assert first is not None
    assert second is not None
    rounds.close()
    rounds = follow([str(log)], ORIGIN, lambda _: state)
    again = next(rounds)
    rounds.close()
    assert again is not None
    assert again.events == second.events


def test_a_zeek_log_goes_on_with_the_header_it_began_with(tmp_path):
    log, state = tmp_path / "dns.log", tmp_path / "state.json"
    head = "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tdns\n"
    head += "#open\t2026-01-02-00-00-00\n#fields\tts\tuid\tquery\n#types\ttime\tstring\tstring\n"
    log.write_text(head + "1767322800.5\tC1\ta.vn\n")
    first = Follower(str(log), ORIGIN, state)
    assert [event["dns"]["question"]["name"] for batch in polled(first) for event in batch.events] == ["a.vn"]
    first.close()
    with log.open("a") as file:
        file.write("1767322801.5\tC2\tb.vn\n#close\t2026-01-02-01-00-00\n")
    second = Follower(str(log), ORIGIN, state)
    assert [event["dns"]["question"]["name"] for batch in polled(second) for event in batch.events] == ["b.vn"]
    second.close()


def test_a_zeek_folder_gives_new_logs_and_the_rest_of_archived_ones(tmp_path):
    current, day = tmp_path / "current", tmp_path / "2026-01-02"
    current.mkdir()
    day.mkdir()
    row = '{{"_path":"conn","ts":1767322800.5,"uid":"C{}","id.orig_h":"192.0.2.1"}}\n'
    (current / "conn.log").write_text(row.format(1))
    state = tmp_path / "state.json"
    first = Follower(str(current), ORIGIN, state)
    assert [len(batch.events) for batch in polled(first)] == [1]
    first.close()  # the node is down while Zeek writes on and archives the hour
    whole = row.format(1) + row.format(2) + row.format(3)
    (day / "conn.00:00:00-01:00:00.log.gz").write_bytes(gzip.compress(whole.encode()))
    (current / "conn.log").write_text(row.format(4))
    (current / "weird.log").write_text(row.replace("conn", "weird").format(5))
    second = Follower(str(current), ORIGIN, state)
    uids = [next(iter(event["vonggac"]["zeek"].values()))["uid"] for b in polled(second) for event in b.events]
    assert sorted(uids) == ["C2", "C3", "C4", "C5"]
    second.close()


def test_a_log_cut_back_in_part_is_read_again_under_the_same_ids(tmp_path):
    log = tmp_path / "eve.json"
    log.write_bytes(b"".join(map(line, range(5))))
    follower = Follower(str(log), ORIGIN)
    before = [event for batch in polled(follower) for event in batch.events]
    os.truncate(log, len(line(0)) * 2)
    with log.open("ab") as file:
        file.write(line(7))
    after = [event for batch in polled(follower) for event in batch.events]
    assert after[:2] == before[:2]
    assert after[2]["vonggac"]["eve"]["stats"]["n"] == 7
    follower.close()


def test_what_was_there_rotated_before_is_passed_over(tmp_path):
    log = tmp_path / "eve.json"
    log.write_bytes(line(5))
    (tmp_path / "eve.json.1").write_bytes(line(4))
    (tmp_path / "eve.json.2.gz").write_bytes(gzip.compress(line(3)))
    (tmp_path / "other.json").write_bytes(line(2))
    follower = Follower(str(log), ORIGIN)
    assert numbers(polled(follower)) == [5]
    follower.close()


def test_a_compressed_log_that_is_still_being_written_is_waited_for(tmp_path):
    log, state = tmp_path / "eve.json", tmp_path / "state.json"
    log.write_bytes(line(0))
    first = Follower(str(log), ORIGIN, state)
    assert numbers(polled(first)) == [0]
    first.close()
    packed = gzip.compress(b"".join(line(number, number % 97) for number in range(2_000)))
    log.unlink()
    (tmp_path / "eve.json.1.gz").write_bytes(packed[: len(packed) // 2])
    second = Follower(str(log), ORIGIN, state)
    some = numbers(polled(second))
    (tmp_path / "eve.json.1.gz").write_bytes(packed)
    assert some + numbers(polled(second)) == list(range(1, 2_000))
    second.close()


def test_a_line_that_is_too_long_is_refused_once_and_the_next_is_read(tmp_path):
    log = tmp_path / "eve.json"
    log.write_bytes(line(0) + b"x" * (MAX_RECORD + 3_000_000))
    follower = Follower(str(log), ORIGIN)
    first = list(follower.poll())
    with log.open("ab") as file:
        file.write(b"y" * 100 + b"\n" + line(1))
    second = list(follower.poll())
    assert [refusal.reason for batch in first + second for refusal in batch.refused] == ["record_too_long"]
    assert [event["vonggac"]["source"]["position"] for batch in first + second for event in batch.events] == [1, 3]
    follower.close()


def test_more_logs_than_may_be_open_are_all_followed(tmp_path):
    count = MAX_HELD + 20
    for at in range(count):
        (tmp_path / f"{at}.log").write_bytes(line(at))
    follower = Follower(str(tmp_path), ORIGIN)
    assert sorted(numbers(polled(follower))) == list(range(count))
    for at in range(count):
        with (tmp_path / f"{at}.log").open("ab") as file:
            file.write(line(count + at))
    assert sorted(numbers(polled(follower))) == list(range(count, 2 * count))
    follower.close()


def test_a_capture_cannot_be_followed_nor_what_is_not_there(tmp_path):
    capture = tmp_path / "x.pcap"
    capture.write_bytes(bytes.fromhex("d4c3b2a1020004000000000000000000ffff000001000000"))
    with pytest.raises(UnknownInput, match="follow_no_log"):
        follow([str(capture)], ORIGIN)
    with pytest.raises(UnknownInput, match="follow_no_log"):
        follow(["iface:eth0"], ORIGIN)
    with pytest.raises(UnknownInput, match="input_missing"):
        follow([str(tmp_path / "none.json")], ORIGIN)


def test_a_broken_state_is_told_and_not_begun_anew(tmp_path):
    log, state = tmp_path / "eve.json", tmp_path / "state.json"
    log.write_bytes(line(0))
    state.write_bytes(b"{")
    with pytest.raises(ReadError, match="follow_state_broken"):
        Follower(str(log), ORIGIN, state)


@pytest.mark.parametrize(
    ("name", "base", "expected"),
    [
        ("eve.json.1", "eve.json", True),
        ("eve.json-20260102.gz", "eve.json", True),
        ("eve-2026-01-02.json", "eve.json", True),
        ("conn.10:00:00-11:00:00.log.gz", "conn.log", True),
        ("conn-summary.10:00:00.log.gz", "conn.log", False),
        ("eve.json", "eve.json", False),
        ("eve2.json", "eve.json", False),
    ],
)
def test_names_of_rotated_logs(name, base, expected):
    assert is_rotated(name, base) is expected
