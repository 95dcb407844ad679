"""`/healthz` (the process answers), `/readyz` (its store does too), `/metrics` (every stage's account)."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from api.security import ServicesOf, caller
from api.services import Services
from vonggac.domain.suppression import Standing
from vonggac.domain.times import parse_instant
from vonggac.suppressions.kept import load_suppressions
from vonggac.suppressions.look import standings

router = APIRouter(tags=["health"])

#: Metric, the heartbeat's word for it, and what it is.
_BEATS = (
    ("packets", "packets", "Packets captured since the sensor began"),
    ("dropped_kernel", "dropped_kernel", "Packets that the kernel had no room for"),
    ("lag_seconds", "lag_seconds", "Age of the oldest packet when it was looked at"),
    ("spool_bytes", "spool_bytes", "Bytes that wait in the spool"),
    ("flows_open", "flows_open", "Flows that are followed"),
    ("rules", "rules", "Rules that the node matched when it heard the heartbeat"),
)


@router.get("/healthz")
def healthz() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@router.get("/readyz")
def readyz(services: ServicesOf) -> dict[str, str]:
    """The store answers; 503 with the reason otherwise."""
    services.store.check()
    return {"status": "ok", "store": services.store.describe()}


def local_or_known(request: Request, services: ServicesOf) -> None:
    """A scraper on this machine needs no credential; from elsewhere it does."""
    host = request.client.host if request.client else ""
    try:
        if ip_address(host).is_loopback:
            return
    except ValueError:
        pass
    caller(request, services)


@router.get("/metrics", dependencies=[Depends(local_or_known)])
def metrics(services: ServicesOf) -> Response:
    """Prometheus text: for each stage taken = passed + duplicate + refused."""
    registry = CollectorRegistry()
    registry.register(StageCollector(services))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


class StageCollector(Collector):
    """Reads the accounts at each scrape, so that they are the store's and not this process's."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def collect(self) -> Iterator[Metric]:
        stages = CounterMetricFamily(
            "vonggac_stage", "What each stage took and what became of it", labels=("stage", "outcome", "reason")
        )
        for name, tally in self._services.stages().items():
            stages.add_metric((name, "taken", ""), tally.taken)
            stages.add_metric((name, "passed", ""), tally.passed)
            stages.add_metric((name, "duplicate", ""), tally.duplicates)
            for reason, count in tally.refused.items():
                stages.add_metric((name, "refused", reason), count)
        yield stages
        matching = CounterMetricFamily(
            "vonggac_matching", "What rules and windows could not evaluate, use or keep", labels=("reason",)
        )
        for reason, count in self._services.matching().items():
            matching.add_metric((reason,), count)
        yield matching
        yield from self._sensors()
        events = self._services.store.events
        yield GaugeMetricFamily("vonggac_events", "Events retained", value=events.count_events())
        yield from self._suppressions()
        yield GaugeMetricFamily("vonggac_detections", "Detections kept", value=events.count_detections())

    def _suppressions(self) -> Iterator[Metric]:
        """How many stand how, and what each that is in force has held back."""
        now, known = self._services.clock(), load_suppressions(self._services.store.records)
        counts = GaugeMetricFamily("vonggac_suppressions", "Suppressions by how they stand", labels=("standing",))
        for standing, count in standings(known, now).items():
            counts.add_metric((standing,), count)
        yield counts
        held = CounterMetricFamily(
            "vonggac_suppressed", "Detections that each suppression in force holds back", labels=("suppression",)
        )
        hits = self._services.store.events.suppressed()
        for suppression in known:
            if suppression.standing(now) is Standing.IN_FORCE:
                count = hits[suppression.id].count if suppression.id in hits else 0
                held.add_metric((suppression.id,), count)
        yield held

    def _sensors(self) -> Iterator[Metric]:
        """What each sensor's last heartbeat said."""
        beats = [record for record in self._services.store.records.list("heartbeat") if "beat" in record.body]
        for name, told, meaning in _BEATS:
            kind = CounterMetricFamily if name in ("packets", "dropped_kernel") else GaugeMetricFamily
            family = kind(f"vonggac_sensor_{name}", meaning, labels=("sensor",))
            for record in beats:
                family.add_metric((record.key,), float(record.body.get(told, 0)))
            yield family
        lost = CounterMetricFamily(
            "vonggac_sensor_dropped_spool", "Events that the spool's budget cost", labels=("sensor", "dataset")
        )
        for record in beats:
            for dataset, count in record.body.get("dropped_spool", {}).items():
                lost.add_metric((record.key, dataset), count)
        yield lost
        last = GaugeMetricFamily("vonggac_sensor_heartbeat_seconds", "Time of the last heartbeat", labels=("sensor",))
        for record in beats:
            last.add_metric((record.key,), parse_instant(record.body["beat"]).timestamp())
        yield last
