"""Old cases into the embedded store, beside Python's own csv into one bare SQLite table: one run each.

`python -m tests.bench.backload 1000000` for a million rows.
"""

from __future__ import annotations

import csv
import random
import resource
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from vonggac.definitions import definitions
from vonggac.old_cases import IMPORT_COLUMNS, import_cases
from vonggac.settings import Settings
from vonggac.stores import open_store

ROWS = 100_000
_PER_INCIDENT = 1.6
_CATEGORIES = ("phishing", "deface", "malware", "dos", "unauthorized-access", "ransomware", "espionage", "other")


def write_cases(path: Path, rows: int) -> None:
    """Involvements of ten years, those of one incident anywhere in the file; the same each time."""
    chance = random.Random(1)
    incidents = max(1, round(rows / _PER_INCIDENT))
    begin = datetime(2015, 1, 1)
    facts = [
        (begin + timedelta(minutes=chance.randrange(5_000_000)), chance.choice(_CATEGORIES)) for _ in range(incidents)
    ]
    order = [*range(incidents), *(chance.randrange(incidents) for _ in range(rows - incidents))]
    chance.shuffle(order)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(IMPORT_COLUMNS)
        for at in order:
            occurred, category = facts[at]
            recorded = occurred + timedelta(hours=chance.randrange(1, 800))
            agency, role = f"{chance.randrange(1, 97):02}", chance.choice(("victim", "detector", "handler", "source"))
            when = (f"{occurred:%d/%m/%Y %H:%M}", f"{recorded:%Y-%m-%dT%H:%M:%S}+07:00")
            title = f"Trang giả mạo cổng dịch vụ công số {at}"
            writer.writerow((at, *when, category, "high", agency, role, title, "sổ", "false"))


def backload(rows: int = ROWS) -> None:
    """Rows a second of ours, of ours again, and of the peer."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "cases.csv"
        write_cases(path, rows)
        store = open_store(Settings(data_dir=folder / "store"), clock=lambda: datetime.now(UTC))

        def ours() -> None:
            import_cases(store.incidents, path, definitions())

        work: dict[str, Callable[[], None]] = {
            "ours": ours,
            "ours, loaded already": ours,
            "csv + executemany": lambda: _bare(path, folder / "bare.db"),
        }
        print(f"backload: {rows:,} rows, {path.stat().st_size / 1e6:,.0f} MB; one run each")
        seconds = {}
        for each, run in work.items():
            began, busy = time.perf_counter(), time.process_time()
            run()
            seconds[each] = time.perf_counter() - began
            print(
                f"  {each:<22} {seconds[each]:8.1f} s ({time.process_time() - busy:.1f} s of processor)"
                f"  {rows / seconds[each]:10,.0f} rows/s  ours/this {seconds[each] / seconds['ours']:6.2f}"
                f"  {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:5.0f} MB"
            )
        store.close()


def _bare(path: Path, database: Path) -> None:
    """No check, no history, no count: what reading and writing the cells alone cost."""
    connection = sqlite3.connect(database)
    connection.execute(f"CREATE TABLE bare ({', '.join(IMPORT_COLUMNS)})")
    with path.open(encoding="utf-8", newline="") as file, connection:
        rows = csv.reader(file)
        next(rows)
        connection.executemany(f"INSERT INTO bare VALUES ({', '.join('?' * len(IMPORT_COLUMNS))})", rows)  # noqa: S608
    connection.close()


if __name__ == "__main__":
    backload(int(sys.argv[1]) if len(sys.argv) > 1 else ROWS)
