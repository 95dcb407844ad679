from __future__ import annotations

import io
import json

import orjson
import pytest

from sensors import reader_for
from tests.unit.sensors.wire import ORIGIN
from vonggac.domain.event import Document, fault

WHEN = "2026-01-02T03:04:05Z"


def read(*records: object) -> list[Document]:
    data = b"\n".join(orjson.dumps(record) for record in records)
    reader = reader_for(data)
    assert reader is not None
    events = [event for batch in reader.read(io.BytesIO(data), "x", ORIGIN) for event in batch.events]
    assert all(fault(event) is None for event in events)
    return events


def test_an_ecs_event_passes_through():
    whole = {
        "@timestamp": "2026-01-02T03:04:05.000000Z",
        "ecs": {"version": "8.11.0"},
        "event": {"id": "abc", "dataset": "x.y", "kind": "alert", "category": ["web"], "type": ["info"]},
        "observer": {"name": "other"},
        "source": {"ip": "192.0.2.1"},
        "vonggac": {"source": {"fingerprint": "f", "position": 3}},
        "related": {"ip": ["192.0.2.1"]},
        "organization": {"id": "BNG"},
    }
    (event,) = read(whole)
    assert event == whole


def test_what_is_missing_is_added_and_replays_the_same():
    record = {"@timestamp": WHEN, "message": "xin chào", "source": {"ip": "192.0.2.1"}}
    (once,), (again,) = read(record), read(record)
    assert once == again
    assert len(once["event"]["id"]) == 32
    assert once["observer"]["name"] == "sensor-1"
    assert once["related"]["ip"] == ["192.0.2.1"]


def test_the_same_record_twice_is_two_events():
    record = {"@timestamp": WHEN, "message": "x"}
    first, second = read(record, record)
    assert first["event"]["id"] != second["event"]["id"]


def test_dotted_ecs_keys_become_objects_and_other_keys_stay():
    (event,) = read({"timestamp": WHEN, "source.ip": "192.0.2.1", "source.port": 5, "cs-method": "GET", "c.d": 1})
    assert event["source"] == {"ip": "192.0.2.1", "port": 5}
    assert (event["cs-method"], event["c.d"]) == ("GET", 1)


@pytest.mark.parametrize(
    "value", [WHEN, 1767323045, "1767323045.0", "2026-01-02 03:04:05", "2026-01-02T10:04:05+07:00"]
)
def test_times_of_many_writings_are_read(value):
    (event,) = read({"time": value, "x": 1})
    assert event["@timestamp"] == "2026-01-02T03:04:05.000000Z"


def test_odd_shapes_of_known_objects_do_no_harm():
    read(
        {"@timestamp": WHEN, "dns": "x", "event": "y", "related": 5, "source": ["a"], "tls": {"client": 3}, "url": None}
    )


SYSMON = {
    "Event": {
        "System": {
            "Provider": {"#attributes": {"Name": "Microsoft-Windows-Sysmon"}},
            "EventID": {"#text": 1, "#attributes": {"Qualifiers": 0}},
            "TimeCreated": {"#attributes": {"SystemTime": "2026-01-02T03:04:05.123456Z"}},
            "EventRecordID": 12,
            "Channel": "Microsoft-Windows-Sysmon/Operational",
            "Computer": "may1.example.vn",
        },
        "EventData": {
            "Image": "C:\\Windows\\System32\\reg.exe",
            "CommandLine": "reg query x",
            "ProcessId": 7,
            "User": "BTC\\an",
            "ParentImage": "C:\\a\\cmd.exe",
            "Hashes": "MD5=AA,SHA256=BB,IMPHASH=CC",
        },
    }
}


def test_a_windows_event_becomes_winlogbeats_ecs():
    (event,) = read(SYSMON)
    assert event["@timestamp"] == "2026-01-02T03:04:05.123456Z"
    assert event["winlog"]["event_id"] == event["event"]["code"] == "1"
    assert event["winlog"]["event_data"]["CommandLine"] == "reg query x"
    assert (event["event"]["category"], event["event"]["type"]) == (["process"], ["start"])
    assert event["process"]["name"] == "reg.exe"
    assert event["process"]["hash"] == {"md5": "aa", "sha256": "bb"}
    assert event["process"]["parent"]["name"] == "cmd.exe"
    assert event["user"] == {"name": "an", "domain": "BTC"}
    assert event["host"] == {"name": "may1.example.vn", "os": {"type": "windows"}}


def test_evtx_dumps_default_output_is_read_too():
    text = "".join(f"Record {n}\n{json.dumps(SYSMON, indent=2)}\n" for n in (1, 2)).encode()
    reader = reader_for(text)
    assert reader is not None
    (batch,) = reader.read(io.BytesIO(text), "x", ORIGIN)
    assert [event["event"]["code"] for event in batch.events] == ["1", "1"]


def test_unnamed_windows_data_is_numbered():
    event = json.loads(json.dumps(SYSMON))
    event["Event"]["EventData"] = {"Data": {"#text": ["a", "b"]}}
    (found,) = read(event)
    assert found["winlog"]["event_data"] == {"param1": "a", "param2": "b"}
