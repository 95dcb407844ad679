"""A million indicators: loaded into a process of its own for its memory, then asked against a plain set, polars and
pytricia; all must give the same answers. Run as a module with a file it loads that and prints what that took.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from ipaddress import ip_network
from itertools import chain
from pathlib import Path

import numpy as np

from correlator.engine import Correlator
from correlator.indicators import IndicatorSet, canonical
from correlator.indicators.columns import Columns
from correlator.indicators.files import IndicatorFiles
from correlator.indicators.networks import Networks, number_of
from vonggac.domain.event import observables
from vonggac.domain.indicator import Indicator, IndicatorKind

COUNT = 1_000_000
NETWORKS = 100_000
#: One looked-up value in so many is an indicator.
RARITY = 100
EVENTS, BATCH = 100_000, 1_000


def values(kind: str, count: int, seed: int) -> Iterator[str]:
    """Made-up values of a kind, the same for the same seed."""
    chance = random.Random(seed)
    for _ in range(count):
        number = chance.getrandbits(128)
        match kind:
            case "ip":
                yield ".".join(str(number >> shift & 255) for shift in (0, 8, 16, 24))
            case "hash":
                yield f"{number:032x}{number ^ 7:032x}"
            case "url":
                yield f"host{number >> 90:x}.example.vn/{number & 0xFFFFFFFF:x}/login"
            case _:
                yield f"host{number >> 90:x}.example.vn"


def million() -> Iterator[str]:
    """A quarter each of addresses, domains, URLs and SHA-256."""
    for kind in ("ip", "domain", "url", "hash"):
        yield from values(kind, COUNT // 4, 1)


def networks() -> list[str]:
    chance = random.Random(2)
    lengths = (16, 20, 22, 24, 24, 24, 28, 30, 32, 32)
    found = (ip_network((chance.getrandbits(32), chance.choice(lengths)), strict=False) for _ in range(NETWORKS))
    return [str(network) for network in found]


def asked(bad: list[str], kind: str) -> list[str]:
    """A million values of which one in RARITY is bad, in a random order."""
    chance = random.Random(3)
    known = chance.sample(bad, COUNT // RARITY)
    found = [*values(kind, COUNT - len(known), 4), *known]
    chance.shuffle(found)
    return found


def indicators(
    interleaved: Callable[[dict[str, Callable[[], int]]], dict[str, tuple[float, int]]],
    show: Callable[[str, str, dict[str, tuple[float, int]], str], None],
) -> None:
    _memory()
    _exact(interleaved, show)
    _networks(interleaved, show)
    _events(interleaved, show)


def _memory() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "million.txt"
        path.write_text("\n".join(million()) + "\n", "utf-8")
        command = [sys.executable, "-m", "tests.bench.indicators", str(path)]
        run = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    print(
        f"indicators: {run['indicators']:,} from a list in {run['seconds']:.1f} s, "
        f"{run['resident_mb']:.0f} MB resident, {run['peak_mb']:.0f} MB at most"
    )


def _exact(interleaved: Callable[..., dict[str, tuple[float, int]]], show: Callable[..., None]) -> None:
    bad = list(values("domain", COUNT // 4, 1))
    columns = Columns()
    for indicator in _plain(million()):
        columns.add(indicator, canonical(indicator.kind, indicator.value))
    columns.close()
    wanted = asked(bad, "domain")
    plain = frozenset(million())
    hits: dict[str, int] = {}

    def counted(name: str, ask: Callable[[], int]) -> Callable[[], int]:
        def run() -> int:
            hits[name] = ask()
            return len(wanted)

        return run

    work = {
        "ours, many at once": lambda: sum(
            1 for place in columns.maybe(wanted).tolist() if columns.rows("domain", wanted[place])
        ),
        "ours, one by one": lambda: sum(1 for value in wanted if columns.rows("domain", value)),
        "set": lambda: sum(1 for value in wanted if value in plain),
    }
    try:
        import polars
    except ImportError:
        print("  polars: not here", file=sys.stderr)
    else:
        column, table = polars.Series("value", wanted), polars.DataFrame({"value": list(plain)})
        work["polars, semi-join"] = lambda: (
            polars.DataFrame({"value": column}).join(table, on="value", how="semi").height
        )
    figures = interleaved({name: counted(name, ask) for name, ask in work.items()})
    show("exact look-ups, 1 in 100 known", "look-ups", figures, "ours, many at once")
    _agree(hits)


def _networks(interleaved: Callable[..., dict[str, tuple[float, int]]], show: Callable[..., None]) -> None:
    blocks, addresses = networks(), list(values("ip", COUNT, 5))
    held = Networks(worth=0)
    for row, block in enumerate(blocks):
        held.add(ip_network(block), row)  # type: ignore[arg-type]
    held.close()
    column = np.array([number_of(address) for address in addresses], np.uint32)
    hits: dict[str, int] = {}

    def counted(name: str, ask: Callable[[], int]) -> Callable[[], int]:
        def run() -> int:
            hits[name] = ask()
            return len(addresses)

        return run

    work: dict[str, Callable[[], int]] = {
        "ours, texts": lambda: len(held.suspects(addresses)),
        "ours, a column of numbers": lambda: int(held.inside(column).sum()),
    }
    try:
        import pytricia
    except ImportError:
        print("  pytricia: not here", file=sys.stderr)
    else:
        tree, numbers = pytricia.PyTricia(32), column.tolist()
        for block in blocks:
            tree[block] = True
        work["pytricia, texts"] = lambda: sum(1 for address in addresses if address in tree)
        work["pytricia, numbers"] = lambda: sum(1 for number in numbers if number in tree)
    figures = interleaved({name: counted(name, ask) for name, ask in work.items()})
    show(f"addresses in {NETWORKS:,} networks", "look-ups", figures, "ours, texts")
    _agree(hits)
    if "pytricia, numbers" in figures:
        ratio = figures["pytricia, numbers"][0] / figures["ours, a column of numbers"][0]
        print(f"  numbers: ours/pytricia {ratio:.2f}")


def _events(interleaved: Callable[..., dict[str, tuple[float, int]]], show: Callable[..., None]) -> None:
    """The engine with a million indicators and ten thousand networks, its events in batches and one at a time."""
    from tests.bench import hunt

    blocks = (Indicator(f"n{number}", IndicatorKind.CIDR, block) for number, block in enumerate(networks()[:10_000]))
    known = IndicatorSet(chain(_plain(million()), blocks))
    plain = frozenset(million())
    events = hunt.events(EVENTS)
    batches = [events[at : at + BATCH] for at in range(0, len(events), BATCH)]
    hits: dict[str, int] = {}

    def counted(name: str, ask: Callable[[], int]) -> Callable[[], int]:
        def run() -> int:
            hits[name] = ask()
            return len(events)

        return run

    def at_once() -> int:
        correlator = Correlator((), known)
        return sum(len(correlator.feed(batch)) for batch in batches)

    def one_by_one() -> int:
        correlator = Correlator((), known)
        return sum(len(correlator.feed([event])) for event in events)

    def no_indicators() -> int:
        correlator = Correlator(())
        return sum(len(correlator.feed(batch)) for batch in batches)

    work: dict[str, Callable[[], int]] = {
        "engine, batches": counted("batches", at_once),
        "engine, one by one": counted("one by one", one_by_one),
        "engine, no indicators": lambda: len(events) + no_indicators(),
        "observables in a set": lambda: (
            len(events) + 0 * sum(value in plain for event in events for _, value in observables(event))
        ),
    }
    show(f"events in batches of {BATCH:,}", "events", interleaved(work), "engine, batches")
    _agree(hits)


def _agree(hits: dict[str, int]) -> None:
    verdict = "all agree" if len(set(hits.values())) == 1 else "THEY DISAGREE"
    print(f"  {verdict}: " + ", ".join(f"{name} {count:,}" for name, count in hits.items()))


def _plain(found: Iterator[str]) -> Iterator[Indicator]:
    from correlator.indicators.reading import kind_of, named_by_value

    for value in found:
        yield named_by_value(kind_of(value) or IndicatorKind.DOMAIN, value, "bench")


def load(path: str) -> None:
    """Print what loading that file took, with everything that the process holds."""
    import resource

    started = time.perf_counter()
    known = IndicatorSet(IndicatorFiles([Path(path)]))
    seconds = time.perf_counter() - started
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    resident = pages * resource.getpagesize() / 1e6
    print(json.dumps({"indicators": len(known), "seconds": seconds, "resident_mb": resident, "peak_mb": peak}))


if __name__ == "__main__":
    load(sys.argv[1])
