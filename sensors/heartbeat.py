"""What a live sensor says of itself: every 30 seconds that it is up and what it lost, and each loss as an event."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from sensors.base import Batch, Origin, fingerprint
from vonggac import __version__
from vonggac.domain.event import ECS_VERSION, Document, event_id
from vonggac.domain.times import format_instant

#: How often a live sensor tells that it is there, and how soon after the first loss it tells of it, in seconds.
BEAT_SECONDS = 30.0
LOSS_SECONDS = 30.0


class Counted(Protocol):
    """What a heartbeat needs to know of an interface (`sensors.live.Wire`)."""

    packets: int
    bytes: int
    lag_ns: int

    def dropped(self) -> int: ...

    def open_flows(self) -> int: ...


class Losses(Protocol):
    """What it needs to know of the spool (`sensors.spool.SpoolWriter`)."""

    @property
    def dropped(self) -> Mapping[str, int]: ...

    @property
    def size(self) -> int: ...

    @property
    def untold(self) -> Mapping[str, int]: ...

    def told(self) -> tuple[str, str]: ...


class Pulse:
    """One run's heartbeats and tellings of loss; `due` gives what is to be spooled now.

    `clock` is the time of day, `ticks` a clock that never jumps (seconds).
    """

    def __init__(
        self,
        origin: Origin,
        spool: Losses,
        clock: Callable[[], datetime],
        ticks: Callable[[], float],
        *,
        wires: Sequence[Counted] = (),
        beat_seconds: float = BEAT_SECONDS,
    ) -> None:
        self._origin, self._spool, self._wires = origin, spool, wires
        self._clock, self._ticks = clock, ticks
        self._every = beat_seconds
        self._began = ticks()
        self._source = fingerprint(f"{origin.sensor} {format_instant(clock())}".encode())
        self._next_beat = self._next_loss = self._began
        self._number = 0

    def due(self, *, last: bool = False) -> Batch | None:
        """A batch with the heartbeat and the loss that are due; `last` makes both due."""
        now = self._ticks()
        events = []
        if self._wires and (last or now >= self._next_beat):
            self._next_beat = now + self._every
            events.append(self._beat(now - self._began))
        if (last or now >= self._next_loss) and self._spool.untold:
            self._next_loss = now + min(LOSS_SECONDS, self._every)
            events.append(self._loss())
        return Batch(self._source, "heartbeat", self._number, 0, tuple(events)) if events else None

    def _beat(self, up: float) -> Document:
        event = self._event("heartbeat", "metric")
        event["vonggac"]["heartbeat"] = {
            "up_seconds": round(up, 1),
            "interfaces": len(self._wires),
            "packets": sum(wire.packets for wire in self._wires),
            "bytes": sum(wire.bytes for wire in self._wires),
            "dropped_kernel": sum(wire.dropped() for wire in self._wires),
            "dropped_spool": dict(self._spool.dropped),
            "lag_seconds": round(max(wire.lag_ns for wire in self._wires) / 1e9, 3),
            "spool_bytes": self._spool.size,
            "flows_open": sum(wire.open_flows() for wire in self._wires),
            "version": __version__,
        }
        return event

    def _loss(self) -> Document:
        event = self._event("data-loss", "event")
        counts = dict(self._spool.untold)
        begin, end = self._spool.told()
        event["event"] |= {"reason": "spool_budget"}
        if begin:
            event["event"] |= {"start": begin, "end": end}
        event["vonggac"]["data_loss"] = {
            "datasets": counts,
            "events": sum(counts.values()),
            "total": sum(self._spool.dropped.values()),
        }
        return event

    def _event(self, dataset: str, kind: str) -> Document:
        now = self._clock()
        number, self._number = self._number, self._number + 1
        event: Document = {
            "@timestamp": format_instant(now),
            "ecs": {"version": ECS_VERSION},
            "event": {
                "id": event_id(self._origin.sensor, self._source, number, dataset),
                "dataset": dataset,
                "kind": kind,
                "category": ["host"],
                "type": ["info"],
            },
            "observer": {"name": self._origin.sensor, "type": "sensor", "version": __version__},
            "related": {},
            "vonggac": {"source": {"fingerprint": self._source, "position": number}},
        }
        if self._origin.agency:
            event["organization"] = {"id": self._origin.agency}
            if self._origin.agency_name:
                event["organization"]["name"] = self._origin.agency_name
        return event
