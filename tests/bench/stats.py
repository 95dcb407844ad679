"""A store filled with ten years of incidents; a year of them compared, published, and asked of plain pandas too.

Run as a module with the number of incidents (`python -m tests.bench.stats 5000000`), and with the address of an
Elasticsearch to use that instead of SQLite.
"""

from __future__ import annotations

import csv
import gc
import random
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from vonggac.comparison import answer_data
from vonggac.directory import load_directory
from vonggac.domain.incident import Entry, EntryKind
from vonggac.domain.times import format_instant
from vonggac.ports import Store
from vonggac.publishing import Publisher
from vonggac.settings import Settings
from vonggac.statistics import answer, ask
from vonggac.stores import open_store

INCIDENTS = 200_000
FIRST, END = datetime(2016, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 6, 1, tzinfo=UTC)
CATEGORIES = ("phishing", "deface", "malware", "dos", "unauthorized-access", "ransomware", "espionage", "other")
SEVERITIES = ("low", "medium", "high", "critical")
UNITS, CENTRES = 700, 30
ASKED = "2025"
THEN = "2025-09-01T00:00:00Z"


def history(number: int, total: int) -> tuple[str, list[Entry]]:
    """An incident of one or two agencies; of ten, three get another category later, seven are closed, one is false."""
    chance = random.Random(number)
    at = FIRST + (END - FIRST) * (number / total)
    known = at + timedelta(seconds=int(chance.expovariate(1 / 90_000)))

    def entry(name: str, kind: EntryKind, later: int, **data: object) -> Entry:
        return Entry(name, kind, at, known + timedelta(hours=later), "import:bench", data)

    opened = {
        "title": "Trang giả mạo cổng dịch vụ công",
        "category": chance.choice(CATEGORIES),
        "severity": chance.choice(SEVERITIES),
        "origin": f"bench/{number}",
    }
    unit = chance.randrange(UNITS)
    entries = [
        entry("opened", EntryKind.OPENED, 0, **opened),
        entry("victim", EntryKind.INVOLVED, 0, agency=f"U{unit:03d}", role="victim"),
    ]
    if chance.random() < 0.6:
        handler = f"C{unit * CENTRES // UNITS:02d}"
        entries.append(entry("handler", EntryKind.INVOLVED, chance.randrange(48), agency=handler, role="handler"))
    if chance.random() < 0.3:
        category = chance.choice(CATEGORIES)
        entries.append(entry("category", EntryKind.CATEGORISED, chance.randrange(2_000), category=category))
    status = "false-positive" if chance.random() < 0.1 else "closed" if chance.random() < 0.8 else ""
    if status:
        entries.append(entry("status", EntryKind.TRANSITIONED, chance.randrange(2_000), to=status, reason="xong"))
    return f"inc-{number:024x}", entries


def fill(store: Store, total: int) -> None:
    began = time.perf_counter()
    store.incidents.load(history(number, total) for number in range(total))
    seconds = time.perf_counter() - began
    print(f"stats: {total:,} incidents with their histories loaded in {seconds:,.0f} s, {total / seconds:,.0f}/s")


def write_csv(path: Path, total: int) -> None:
    """What pandas gets: a row for each involvement, as the incidents count now."""
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("incident", "occurred_at", "category", "counted", "agency"))
        for number in range(total):
            identity, entries = history(number, total)
            category, counted, agencies = "", True, []
            for each in sorted(entries, key=lambda entry: entry.known_at):
                category = each.data.get("category", category)
                counted = counted and each.data.get("to") != "false-positive"
                agencies += [each.data["agency"]] if each.kind is EntryKind.INVOLVED else []
            for agency in agencies:
                rows.writerow((identity, format_instant(entries[0].happened_at), category, counted, agency))


def ask_pandas(path: Path, by: str) -> int:
    """The same question: counts of both years by category, or by agency, read from the file each time."""
    import pandas

    frame = pandas.read_csv(path, usecols=["incident", "occurred_at", "category", "counted", "agency"])
    frame = frame[frame["counted"]]
    local = pandas.to_datetime(frame["occurred_at"]).dt.tz_convert("Asia/Ho_Chi_Minh")
    frame = frame.assign(year=local.dt.year)
    frame = frame[frame["year"].isin([int(ASKED), int(ASKED) - 1])]
    frame.groupby(["year", by])["incident"].nunique()
    return int(frame[frame["year"] == int(ASKED)]["incident"].nunique())


def main(total: int = INCIDENTS, url: str = "") -> None:
    folder = Path(tempfile.mkdtemp(prefix="vonggac-bench-"))
    prefix = f"bench{random.getrandbits(32):x}"
    store = open_store(replace(Settings(), data_dir=folder, store_url=url, store_prefix=prefix), clock=lambda: NOW)
    try:
        fill(store, total)
        _ask_all(store)
        if not url:
            print(
                f"  {sum(path.stat().st_size for path in folder.rglob('*') if path.is_file()) / total:,.0f} bytes each"
            )
            _compare_pandas(store, folder / "involvements.csv", total)
    finally:
        store.close()
        shutil.rmtree(folder)


def _ask_all(store: Store) -> None:
    directory = load_directory(store.records)
    publisher, instants = Publisher(store, Ed25519PrivateKey.generate()), count(1)

    def compare(by: str, known_at: str | None) -> object:
        return answer_data(answer(store, directory, ask(ASKED, by=by, known_at=known_at), now=NOW), "vi")

    def publish() -> object:
        now = NOW + timedelta(seconds=next(instants))
        return publisher.publish(directory, ask(ASKED, by="agency"), now=now, by="bench")

    for by in ("category", "agency"):
        print(f"  {ASKED} by {by}: {_seconds(partial(compare, by, None)):.2f} s", end="")
        print(f", as known earlier: {_seconds(partial(compare, by, THEN)):.2f} s")
    print(f"  publish by agency: {_seconds(publish):.2f} s")
    print(f"  {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000:,.0f} MB resident at most, filling included")


def _compare_pandas(store: Store, path: Path, total: int) -> None:
    try:
        import pandas  # noqa: F401
    except ImportError:
        print("  pandas: not here", file=sys.stderr)
        return
    write_csv(path, total)
    directory = load_directory(store.records)
    for by in ("category", "agency"):
        found = answer(store, directory, ask(ASKED, by=by), now=NOW).comparison.total.current
        ours = _seconds(partial(answer, store, directory, ask(ASKED, by=by), now=NOW))
        theirs = _seconds(partial(ask_pandas, path, by))
        verdict = "agree" if ask_pandas(path, by) == found else "DISAGREE"
        print(f"  by {by}: pandas over the CSV {theirs:.2f} s, ours/pandas {theirs / ours:.1f}; totals {verdict}")


def _seconds(work: Callable[[], object]) -> float:
    """The median of three."""
    found = []
    for _ in range(3):
        gc.collect()
        began = time.perf_counter()
        work()
        found.append(time.perf_counter() - began)
    return sorted(found)[1]


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else INCIDENTS, *sys.argv[2:3])
