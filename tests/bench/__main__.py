"""`./run bench [NAME…]`: ours against peers in the same run, interleaved, median of three; ratios, never a verdict."""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from sensors import open_source
from sensors.base import Origin
from sensors.made import day

ROUNDS = 3
Work = Callable[[], int]


def interleaved(work: dict[str, Work]) -> dict[str, tuple[float, int]]:
    """Median seconds and the count of each, run one after another in every round."""
    seconds: dict[str, list[float]] = {name: [] for name in work}
    counts: dict[str, int] = {}
    for _ in range(ROUNDS):
        for name, run in work.items():
            started = time.perf_counter()
            counts[name] = run()
            seconds[name].append(time.perf_counter() - started)
    return {name: (statistics.median(times), counts[name]) for name, times in seconds.items()}


def show(title: str, unit: str, figures: dict[str, tuple[float, int]], ours: str) -> None:
    base_seconds, base_count = figures[ours]
    print(f"{title}: median of {ROUNDS}, interleaved")
    for name, (seconds, count) in figures.items():
        ratio = (base_count / base_seconds) / (count / seconds)
        print(f"  {name:<28} {seconds:8.3f} s  {count / seconds:12,.0f} {unit}/s  ours/this {ratio:6.2f}")


def sensor() -> None:
    """Capture to events, full depth, against scapy's own reading of the same packets."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "day.pcap"
        path.write_bytes(day.make_capture(day.MINISTRY))

        def ours() -> int:
            return sum(batch.taken for batch in open_source(str(path), Origin("bench")))

        def scapy() -> int:
            from scapy.utils import PcapReader

            with PcapReader(str(path)) as packets:
                return sum(1 for _ in packets)

        show(
            "sensor", "packets", interleaved({"ours, full depth": ours, "scapy PcapReader": scapy}), "ours, full depth"
        )


def correlator() -> None:
    """Events to detections with the shipped rules, against parsing the same events' JSON."""
    import orjson

    from correlator.engine import Correlator
    from correlator.sigma.load import load_rules
    from rules import SHIPPED

    rules = load_rules([SHIPPED]).rules
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "day.pcap"
        path.write_bytes(day.make_capture(day.MINISTRY))
        events = [event for batch in open_source(str(path), Origin("bench")) for event in batch.events]
    lines = [orjson.dumps(event) for event in events]

    def ours() -> int:
        Correlator(rules).feed(events)
        return len(events)

    def parse() -> int:
        return sum(1 for line in lines if orjson.loads(line))

    show(
        "correlator", "events", interleaved({"ours, shipped rules": ours, "orjson.loads": parse}), "ours, shipped rules"
    )


BENCHES = {"sensor": sensor, "correlator": correlator}


def main(names: list[str]) -> int:
    unknown = [name for name in names if name not in BENCHES]
    if unknown:
        print(f"no bench {', '.join(unknown)}; there are: {', '.join(BENCHES)}", file=sys.stderr)
        return 2
    for name in names or BENCHES:
        BENCHES[name]()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
