"""`./run bench [NAME…]`: ours against peers in the same run, interleaved, median of three; ratios, never a verdict."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from sensors import open_source
from sensors.base import Origin
from sensors.made import day

ROUNDS = 3
#: What the sensor's figures are set against.
PEERS = ("softflowd", "nfstream")
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
    """Packets to flows and events, ours and the peers that are here, each run a process of its own."""
    from tests.bench.mix import write_mix
    from tests.bench.sensor import READERS

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mix.pcap"
        packets = write_mix(path)
        print(f"sensor: {packets:,} packets, {path.stat().st_size / 1e6:,.0f} MB; median of {ROUNDS}, interleaved")
        runs: dict[str, list[dict[str, float]]] = {}
        for _ in range(ROUNDS):
            for name in READERS:
                if (run := _run(name, path)) is not None:
                    runs.setdefault(name, []).append(run)
    median = {name: sorted(found, key=lambda run: run["seconds"])[len(found) // 2] for name, found in runs.items()}
    speed = {name: run["packets"] / run["seconds"] for name, run in median.items()}
    for name, run in median.items():
        against = "".join(f"  /{peer} {speed[name] / speed[peer]:6.2f}" for peer in PEERS if peer in speed)
        found = next(
            (f"{run[kind] / run['seconds']:9,.0f} {kind}/s" for kind in ("events", "flows") if kind in run), ""
        )
        print(f"  {name:<10} {speed[name]:12,.0f} packets/s {found:>20}  {run['peak_mb']:4.0f} MB{against}")


def _run(name: str, path: Path) -> dict[str, float] | None:
    """One measured run; None, and a line that says so, where the peer is not on this machine."""
    command = [sys.executable, "-m", "tests.bench.sensor", name, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"  {name}: not here ({done.stderr.strip().splitlines()[-1]})", file=sys.stderr)
        return None
    run: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return run


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


def indicators() -> None:
    """A million indicators: memory, exact look-ups, networks."""
    from tests.bench import indicators as bench

    bench.indicators(interleaved, show)


BENCHES = {"sensor": sensor, "correlator": correlator, "indicators": indicators}


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
