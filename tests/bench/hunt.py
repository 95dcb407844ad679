"""A store filled with events, its intake told by tenths, then a thousand indicators hunted in it.

Run as a module with the number of events, and with the address of an Elasticsearch to use that instead of SQLite.
"""

from __future__ import annotations

import random
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from vonggac.bootstrap import utc_now
from vonggac.domain.event import Document
from vonggac.domain.times import format_instant
from vonggac.hunting import Hunter
from vonggac.ports import Store
from vonggac.settings import Settings
from vonggac.stores import open_store

EVENTS = 500_000
BATCH = 5_000
INDICATORS = 1_000
START = datetime(2026, 10, 1, tzinfo=UTC)
#: A tenth of a second between events: ten million are eleven and a half days.
STEP = timedelta(milliseconds=100)
HOSTS, SERVERS, NAMES = 20_000, 200_000, 50_000
_PADDING = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36"


def events(count: int, first: int = 0) -> list[Document]:
    """DNS answers of some 500 bytes, each with a random id and four values; names and servers recur as they do."""
    found = []
    for number in range(first, first + count):
        chance = random.Random(number)
        name = f"h{int(NAMES * chance.random() ** 3)}.site{int(NAMES * chance.random() ** 3)}.example.vn"
        source, server = 0x0A000000 + chance.randrange(HOSTS), int(SERVERS * chance.random() ** 2) * 7_919
        found.append(
            {
                "@timestamp": format_instant(START + number * STEP),
                "ecs": {"version": "9.0.0"},
                "event": {
                    "id": f"{chance.getrandbits(128):032x}",
                    "dataset": "dns",
                    "kind": "event",
                    "category": ["network"],
                    "type": ["protocol"],
                },
                "observer": {"name": "cảm-biến"},
                "source": {"ip": dotted(source), "port": 1024 + number % 60_000},
                "destination": {"ip": "10.255.0.53", "port": 53},
                "dns": {
                    "question": {"name": name, "type": "A"},
                    "resolved_ip": [dotted(server)],
                    "id": number % 65_536,
                },
                "user_agent": {"original": _PADDING},
            }
        )
    return found


def dotted(number: int) -> str:
    return ".".join(str(number >> shift & 255) for shift in (24, 16, 8, 0))


def indicators() -> list[str]:
    """A thousand, of which about one in ten stands in some event."""
    chance = random.Random(2026)
    made: list[Iterator[str]] = [
        (dotted(chance.randrange(SERVERS) * 7_919) for _ in range(40)),
        (dotted(chance.getrandbits(32)) for _ in range(360)),
        (f"site{chance.randrange(NAMES)}.example.vn" for _ in range(40)),
        (f"bad{number}.example.com" for number in range(260)),
        (f"http://bad{number}.example.net/{chance.getrandbits(32):x}" for number in range(100)),
        (f"{chance.getrandbits(256):064x}" for _ in range(100)),
        (f"{dotted(chance.getrandbits(32))}/{chance.randrange(22, 31)}" for _ in range(100)),
    ]
    return [value for values in made for value in values][:INDICATORS]


def fill(store: Store, count: int) -> None:
    """The store holds so many events; the speed of each tenth is printed, without what making the events cost."""
    spent, done = 0.0, 0
    for first in range(0, count, BATCH):
        batch = events(min(BATCH, count - first), first)
        began = time.perf_counter()
        store.events.add_events(batch)
        spent += time.perf_counter() - began
        done += len(batch)
        if done >= count // 10:
            print(f"  {first + len(batch):>12,} events stored, the last of them with {done / spent:10,.0f} events/s")
            spent, done = 0.0, 0


def main(count: int = EVENTS, url: str = "") -> None:
    folder = Path(tempfile.mkdtemp(prefix="vonggac-bench-"))
    settings = replace(Settings(), data_dir=folder, store_url=url, store_prefix=f"bench{random.getrandbits(32):x}")
    store = open_store(settings, clock=utc_now)
    try:
        print(f"hunt: {count:,} events in {'Elasticsearch' if url else 'SQLite'}")
        fill(store, count)
        asked = indicators()
        for state in ("first", "again"):
            began = time.perf_counter()
            answers = Hunter(store, utc_now).values(asked)
            seconds = time.perf_counter() - began
            found = sum(answer.status == "found" for answer in answers)
            print(f"  {len(asked):,} indicators, {state}: {seconds:6.2f} s, {found} found")
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        print(f"  {size / count:,.0f} bytes on disk for each event" if not url else "")
    finally:
        store.events.drop_events_before(START + timedelta(days=10_000))
        store.close()
        shutil.rmtree(folder)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else EVENTS, *sys.argv[2:3])
