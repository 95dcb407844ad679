from __future__ import annotations

import gzip
import io
import os

import pytest
import zstandard

from sensors import open_source, source
from sensors.source import open_input
from tests.unit.sensors.talks.test_dns import answer, query
from tests.unit.sensors.wire import ORIGIN, pcap, udp
from vonggac.errors import ReadError, UnknownInput

CAPTURE = pcap([bytes(udp(query())), bytes(udp(answer(), back=True))])


def read_all(path: str) -> bytes:
    return io.BufferedReader(open_input(path)).read()


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstandard.compress], ids=["plain", "gzip", "zstd"])
def test_content_decides_and_not_the_name(tmp_path, pack):
    path = tmp_path / "misleading.txt"
    path.write_bytes(pack(CAPTURE))
    (batch,) = open_source(str(path), ORIGIN)
    assert [event["event"]["dataset"] for event in batch.events] == ["dns", "flow"]


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress], ids=["gzip", "zstd"])
def test_several_compressed_members_are_one_input(tmp_path, pack):
    path = tmp_path / "joined"
    path.write_bytes(pack(b"one ") + pack(os.urandom(300_000)) + pack(b" two"))
    data = read_all(str(path))
    assert data.startswith(b"one ")
    assert data.endswith(b" two")
    assert len(data) == 300_008


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress], ids=["gzip", "zstd"])
def test_a_cut_compressed_capture_gives_what_came_before(tmp_path, pack):
    frames = [bytes(udp(query(n), sport=20_000 + n)) + os.urandom(600) for n in range(500)]
    packed = pack(pcap(frames))
    path = tmp_path / "cut"
    path.write_bytes(packed[: len(packed) * 3 // 4])
    batches = list(open_source(str(path), ORIGIN))
    assert sum(len(batch.events) for batch in batches) > 250
    assert [refusal.reason for batch in batches for refusal in batch.refused] == ["compression_cut"]
    assert all(batch.tally.balanced for batch in batches)


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress], ids=["gzip", "zstd"])
def test_a_bomb_is_given_up(tmp_path, monkeypatch, pack):
    monkeypatch.setattr(source, "FREE_BYTES", 1 << 20)
    path = tmp_path / "bomb"
    path.write_bytes(pack(bytes(64 << 20)))
    with pytest.raises(ReadError) as caught:
        read_all(str(path))
    assert caught.value.key == "compression_bomb"


def test_damaged_compression_is_named(tmp_path):
    path = tmp_path / "bad"
    path.write_bytes(gzip.compress(b"x" * 1000)[:12] + b"\xff" * 40)
    with pytest.raises(UnknownInput, match="input_unknown_kind"):
        open_source(str(path), ORIGIN)


@pytest.mark.parametrize("data", [b"", b"\0" * 500, b"hello world\n", b"<html></html>", gzip.compress(b"")])
def test_what_is_of_no_known_kind_is_refused_before_anything_is_yielded(tmp_path, data):
    path = tmp_path / "x.pcap"
    path.write_bytes(data)
    with pytest.raises(UnknownInput) as caught:
        open_source(str(path), ORIGIN)
    assert (caught.value.key, caught.value.facts["location"]) == ("input_unknown_kind", str(path))


def test_what_does_not_exist_is_named(tmp_path):
    with pytest.raises(UnknownInput, match="input_missing"):
        open_source(str(tmp_path / "nothing"), ORIGIN)


def test_a_folder_is_read_in_the_order_of_names_and_strangers_in_it_are_refused(tmp_path):
    (tmp_path / "b.pcap").write_bytes(CAPTURE)
    (tmp_path / "a.pcap.gz").write_bytes(gzip.compress(CAPTURE))
    (tmp_path / "c.txt").write_bytes(b"a note")
    (tmp_path / ".hidden").write_bytes(b"not looked at")
    batches = list(open_source(str(tmp_path), ORIGIN))
    assert [batch.location.rpartition("/")[2] for batch in batches] == ["a.pcap.gz", "b.pcap", "c.txt"]
    assert [refusal.reason for refusal in batches[2].refused] == ["input_unknown_kind"]
    assert [e["event"]["id"] for e in batches[0].events] == [e["event"]["id"] for e in batches[1].events]


def test_a_folder_with_nothing_readable_is_refused(tmp_path):
    (tmp_path / "note.txt").write_bytes(b"a note")
    with pytest.raises(UnknownInput, match="input_unknown_kind"):
        open_source(str(tmp_path), ORIGIN)


def test_a_slow_pipe_is_recognised_from_its_first_bytes(monkeypatch):
    """The writer keeps the pipe open: waiting for more than there is would hang."""
    read_end, write_end = os.pipe()
    os.write(write_end, b'{"@timestamp": "2026-01-01T00:00:00Z", "message": "xin ch\xc3\xa0o"}\n')
    with os.fdopen(read_end, "rb", buffering=0) as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        batches = open_source("-", ORIGIN)
        os.close(write_end)
        assert [event["message"] for batch in batches for event in batch.events] == ["xin chào"]
