"""What every reader keeps to: it takes only its own kind, its sums balance, and a replay gives the same bytes."""

from __future__ import annotations

import io
import json

import orjson
import pytest

from sensors import READERS, reader_for
from sensors.base import SNIFF_BYTES, Batch, Origin
from tests.unit.sensors import test_ndjson, test_zeek
from tests.unit.sensors.test_engine import traffic
from tests.unit.sensors.test_eve import BASE
from tests.unit.sensors.test_pcap import BEGUN, enhanced, interface, section
from tests.unit.sensors.wire import pcap
from vonggac.domain.event import fault

ORIGIN = Origin("sensor-1", "BTC", "Bộ Tài chính")
FRAMES = traffic()
EVE = [{**BASE, "event_type": "dns", "dns": {"type": "query", "rrname": f"a{n}.vn"}} for n in range(6)]
ZEEK_ROW = {"_path": "weird", "ts": 1600000000.5, "uid": "C1", "name": "odd"}

#: Reader -> (an input of its kind, the same with something broken in or behind it, how many units are refused then).
SAMPLES: dict[str, tuple[bytes, bytes, int]] = {
    "pcap": (pcap(FRAMES), pcap(FRAMES)[:-5], 1),
    "pcapng": (
        section() + interface() + b"".join(enhanced(0, BEGUN * 10**6 + n, f) for n, f in enumerate(FRAMES)),
        section() + interface() + enhanced(0, BEGUN * 10**6, FRAMES[0]) + b"\6\0\0\0\xff\xff\xff\xff",
        1,
    ),
    "zeek": (
        test_zeek.tsv("dns", test_zeek.DNS, f"{test_zeek.WHO}\tudp\t7\ta.vn\tA\t-\tT\t-\t-"),
        test_zeek.tsv("dns", test_zeek.DNS, f"{test_zeek.WHO}\tudp\t7\ta.vn\tA\t-\tT\t-\t-", "a\tb"),
        1,
    ),
    "eve": (
        b"\n".join(map(orjson.dumps, EVE)),
        b'{"torn": \n' + b"\n".join(map(orjson.dumps, EVE)) + b"\n[]\n\xff\n{}",
        4,
    ),
    "zeek-json": (orjson.dumps(ZEEK_ROW), orjson.dumps(ZEEK_ROW) + b"\n{\n", 1),
    "ndjson": (
        b'{"@timestamp": "2026-01-01T00:00:00Z", "message": "x"}\n' + orjson.dumps(test_ndjson.SYSMON),
        b'{"@timestamp": "2026-01-01T00:00:00Z"}\n{"no": "time"}\nx\n',
        2,
    ),
    "json": (
        json.dumps([test_ndjson.SYSMON] * 3, indent=2).encode(),
        json.dumps([test_ndjson.SYSMON] * 3, indent=2).encode()[:-20],
        1,
    ),
}


def read(data: bytes) -> list[Batch]:
    reader = reader_for(data[:SNIFF_BYTES])
    assert reader is not None
    return list(reader.read(io.BytesIO(data), "place", ORIGIN))


def test_every_reader_has_a_sample():
    assert len(SAMPLES) == len(READERS)


@pytest.mark.parametrize("name", SAMPLES)
class TestReader:
    def test_it_is_chosen_for_its_own_kind(self, name):
        for data in SAMPLES[name][:2]:
            reader = reader_for(data[:SNIFF_BYTES])
            assert reader is not None
            assert reader.name == name

    def test_its_sums_balance_and_nothing_of_a_good_input_is_refused(self, name):
        batches = read(SAMPLES[name][0])
        assert sum(batch.taken for batch in batches) > 0
        assert all(batch.tally.balanced and not batch.refused for batch in batches)

    def test_what_is_broken_is_refused_with_place_and_reason_and_the_rest_read(self, name):
        _, broken, count = SAMPLES[name]
        batches = read(broken)
        refused = [refusal for batch in batches for refusal in batch.refused]
        assert len(refused) == count
        assert all(refusal.location == "place" and refusal.offset >= 0 and refusal.reason for refusal in refused)
        assert all(batch.tally.balanced for batch in batches)
        assert sum(len(batch.events) for batch in batches) > 0

    def test_its_events_are_valid_and_their_ids_unique(self, name):
        events = [event for batch in read(SAMPLES[name][0]) for event in batch.events]
        assert [fault(event) for event in events] == [None] * len(events)
        assert len({event["event"]["id"] for event in events}) == len(events)
        for event in events:
            assert event["observer"]["name"] == "sensor-1"
            assert event["organization"]["id"] == "BTC"
            assert event["vonggac"]["source"]["fingerprint"]

    def test_a_replay_gives_the_same_bytes(self, name):
        once, again = ([batch.text for batch in read(SAMPLES[name][0])] for _ in range(2))
        assert once == again

    def test_another_sensor_gives_other_ids(self, name):
        data = SAMPLES[name][0]
        reader = reader_for(data[:SNIFF_BYTES])
        assert reader is not None
        other = [e["event"]["id"] for b in reader.read(io.BytesIO(data), "place", Origin("sensor-2")) for e in b.events]
        mine = [event["event"]["id"] for batch in read(data) for event in batch.events]
        assert len(other) == len(mine)
        assert set(other).isdisjoint(mine)


@pytest.mark.parametrize(
    "data", [b"", b"\0\0\0\0", b"hello", b"<xml/>", b"PK\3\4", b"a,b\n1,2\n", b"[]", b"{", b"[1, 2]"]
)
def test_what_is_of_no_kind_is_taken_by_none(data):
    assert reader_for(data) is None
