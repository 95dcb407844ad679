"""A live sensor says every 30 seconds that it is there, and soon what it lost."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sensors.base import Origin
from sensors.heartbeat import BEAT_SECONDS, LOSS_SECONDS, Pulse
from sensors.spool import SpoolReader, SpoolWriter
from tests.unit.sensors.test_spool import batch
from vonggac.domain.event import fault

ORIGIN = Origin("song", "G99", "Bộ mẫu")


class Wire:
    packets, bytes, lag_ns = 10, 600, 1_500_000_000

    def dropped(self) -> int:
        return 3

    def open_flows(self) -> int:
        return 4


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def ticks(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return datetime(2026, 11, 22, tzinfo=UTC) + timedelta(seconds=self.seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def pulse(spool: SpoolWriter, clock: Clock, wires: list[Any]) -> Pulse:
    return Pulse(ORIGIN, spool, clock.now, clock.ticks, wires=wires)


def test_it_beats_every_30_seconds_without_any_packet(tmp_path, clock):
    with SpoolWriter(tmp_path) as spool:
        beats = []
        one = pulse(spool, clock, [Wire(), Wire()])
        for second in range(301):
            clock.seconds = second
            found = one.due()
            beats += found.events if found else []
    assert BEAT_SECONDS == 30
    assert len(beats) == 11
    assert len({beat["event"]["id"] for beat in beats}) == 11
    assert all(fault(beat) is None for beat in beats)
    last = beats[-1]
    assert last["@timestamp"] == "2026-11-22T00:05:00.000000Z"
    assert (last["event"]["dataset"], last["event"]["kind"]) == ("heartbeat", "metric")
    assert last["organization"] == {"id": "G99", "name": "Bộ mẫu"}
    figures = last["vonggac"]["heartbeat"]
    assert figures | {"up_seconds": 300.0, "packets": 20, "bytes": 1200, "dropped_kernel": 6} == figures
    assert figures | {"dropped_spool": {}, "lag_seconds": 1.5, "interfaces": 2, "flows_open": 8} == figures


def test_what_was_dropped_is_an_event_within_a_minute_and_arrives_though_the_spool_is_full(tmp_path, clock):
    told: Counter[str] = Counter()
    with SpoolWriter(tmp_path, max_bytes=20_000) as spool:
        one = pulse(spool, clock, [])
        first_drop = first_told = None
        for second in range(300):
            clock.seconds = second
            spool.append(batch(second, 20, "flow"))
            if spool.dropped and first_drop is None:
                first_drop = second
            if (found := one.due()) is not None:
                first_told = second if first_told is None else first_told
                spool.append(found)
        if (found := one.due(last=True)) is not None:
            spool.append(found)
        dropped = dict(spool.dropped)
    assert first_drop is not None
    assert first_told is not None
    assert first_told - first_drop <= LOSS_SECONDS <= 60
    with SpoolReader(tmp_path) as reader:
        events = [event for each, _ in reader for event in each.events]
    losses = [event for event in events if event["event"]["dataset"] == "data-loss"]
    for loss in losses:
        assert fault(loss) is None
        told.update(loss["vonggac"]["data_loss"]["datasets"])
        assert loss["event"]["start"] <= loss["event"]["end"]
    assert dict(told) == dropped
    assert len(events) - len(losses) + dropped["flow"] == 300 * 20


def test_a_replay_does_not_beat(tmp_path, clock):
    with SpoolWriter(tmp_path) as spool:
        one = pulse(spool, clock, [])
        assert one.due() is None
        clock.seconds = 100
        assert one.due(last=True) is None
