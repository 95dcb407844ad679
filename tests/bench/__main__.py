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
from typing import Any

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
    """Events to detections with the shipped rules, without and with behaviours, against parsing their JSON."""
    import orjson

    from correlator.behaviour.parameters import Parameters, make_behaviours
    from correlator.behaviour.place import Place
    from correlator.engine import Correlator
    from correlator.sigma.load import load_rules
    from rules import SHIPPED

    behaviours = make_behaviours(Parameters(), Place(names=("dichvucong.gov.vn", "vneid.gov.vn")))
    rules = load_rules([SHIPPED]).rules
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "day.pcap"
        path.write_bytes(day.make_capture(day.MINISTRY))
        events = [event for batch in open_source(str(path), Origin("bench")) for event in batch.events]
    lines = [orjson.dumps(event) for event in events]

    def ours() -> int:
        Correlator(rules).feed(events)
        return len(events)

    def with_behaviours() -> int:
        Correlator(rules, behaviours=behaviours).feed(events)
        return len(events)

    def behaviours_alone() -> int:
        Correlator((), behaviours=behaviours).feed(events)
        return len(events)

    def nothing() -> int:
        Correlator(()).feed(events)
        return len(events)

    def parse() -> int:
        return sum(1 for line in lines if orjson.loads(line))

    work: dict[str, Work] = {
        "ours, shipped rules": ours,
        "ours, rules and behaviours": with_behaviours,
        "ours, behaviours alone": behaviours_alone,
        "ours, neither": nothing,
        "orjson.loads": parse,
    }
    show("correlator", "events", interleaved(work), "ours, shipped rules")


#: How many events each Sigma engine is given: the slower ones are asked long enough with fewer.
SIGMA_EVENTS = {"ours": 200_000, "rsigma": 200_000, "sqlite": 10_000, "sigma-rust": 2_000}


def sigma() -> None:
    """Events asked of 100, 1,000 and 3,000 Sigma rules, ours and the peers that are here, and whether they agree."""
    from tests.bench import sigma_mix
    from tests.bench.sigma import RUST_ENGINES, build_peers

    peers = build_peers()
    engines = ["ours", "sqlite", *(RUST_ENGINES if peers else ())]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for count in sorted(set(SIGMA_EVENTS.values())):
            sigma_mix.write_events(folder / f"{count}.ndjson", count)
        for rules in (100, 1_000, 3_000):
            (folder / str(rules)).mkdir()
            sigma_mix.write_rules(folder / str(rules), rules)
            runs: dict[str, list[dict[str, Any]]] = {}
            for _ in range(ROUNDS):
                for engine in engines:
                    program = [str(peers)] if engine in RUST_ENGINES else [sys.executable, "-m", "tests.bench.sigma"]
                    given = [engine, str(folder / str(rules)), str(folder / f"{SIGMA_EVENTS[engine]}.ndjson")]
                    done = subprocess.run([*program, *given], capture_output=True, text=True, check=True)
                    runs.setdefault(engine, []).append(json.loads(done.stdout))
            _show_sigma(rules, runs)
            _show_agreement(folder, rules, runs)


def _show_sigma(rules: int, runs: dict[str, list[dict[str, Any]]]) -> None:
    median = {name: sorted(found, key=lambda run: run["seconds"])[len(found) // 2] for name, found in runs.items()}
    speed = {name: run["events"] / run["seconds"] for name, run in median.items()}
    print(f"sigma: {rules:,} rules, pruned by log source; median of {ROUNDS}, interleaved")
    for name, run in median.items():
        peak = f"{run['peak_mb']:5.0f} MB" if "peak_mb" in run else ""
        print(
            f"  {name:<11} {run['rules']:5,} rules loaded in {run['load_seconds']:5.2f} s  {speed[name]:9,.0f} events/s"
            f"  ours/this {speed['ours'] / speed[name]:7.2f}  {peak}"
        )


def _show_agreement(folder: Path, rules: int, runs: dict[str, list[dict[str, Any]]]) -> None:
    """Each peer's hits against ours on the same events."""
    for name, (run, *_) in runs.items():
        if name == "ours":
            continue
        given = ["ours", str(folder / str(rules)), str(folder / f"{SIGMA_EVENTS[name]}.ndjson")]
        command = [sys.executable, "-m", "tests.bench.sigma", *given]
        mine = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)["hits"]
        differing = sorted(rule for rule in mine.keys() | run["hits"].keys() if mine.get(rule) != run["hits"].get(rule))
        told = "".join(f"; {rule}: ours {mine.get(rule, 0)}, {run['hits'].get(rule, 0)}" for rule in differing[:3])
        print(f"  {name} differs in {len(differing)} of {len(mine.keys() | run['hits'].keys())} rules that hit{told}")


def indicators() -> None:
    """A million indicators: memory, exact look-ups, networks."""
    from tests.bench import indicators as bench

    bench.indicators(interleaved, show)


def hunt() -> None:
    """A thousand indicators in a store of many events: `python -m tests.bench.hunt 10000000` for ten million."""
    from tests.bench.hunt import main as bench

    bench()


def intake() -> None:
    """Events into the embedded store."""
    from tests.bench.intake import intake as bench

    bench(interleaved, show)


def stats() -> None:
    """A year of incidents compared: `python -m tests.bench.stats 5000000` for five million."""
    from tests.bench.stats import main as bench

    bench()


def backload() -> None:
    """Old cases into the embedded store: `python -m tests.bench.backload 1000000` for a million rows."""
    from tests.bench.backload import backload as bench

    bench()


BENCHES = {
    "sensor": sensor,
    "correlator": correlator,
    "sigma": sigma,
    "indicators": indicators,
    "intake": intake,
    "hunt": hunt,
    "stats": stats,
    "backload": backload,
}


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
