"""One Sigma engine, run as a process of its own: `python -m tests.bench.sigma ENGINE RULES EVENTS` prints a JSON
object with the rules it took, the seconds it took to load them and to go through the events, its peak memory, and how
often each rule matched. Every engine asks an event of the rules of its log source only, and parses the event's line.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

PEERS = Path(__file__).parent / "peers"
#: The rows that the SQLite approach asks at a time.
_ROWS = 5_000
#: Events that our pipeline takes at a time.
_BATCH = 1_000
#: Events in which ours meets the log sources of all.
_FIRST = 2_000
#: What Zircolite, too, allows a table.
_COLUMNS = 2_000

Result = dict[str, Any]


def ours(rules: Path, events: Path) -> Result:
    """Our matcher, and what it says of each event as the correlator takes it."""
    import orjson

    from correlator.matching import Matcher
    from correlator.rule import MatchRule
    from correlator.sigma.load import load_rules

    started = time.perf_counter()
    loaded = load_rules([rules])
    matcher = Matcher([rule for rule in loaded.rules if isinstance(rule, MatchRule)])
    hits: Counter[str] = Counter()
    count = 0
    with events.open("rb") as lines:  # what is made while the first events come counts as loading
        matcher.hits([orjson.loads(line) for line in islice(lines, _FIRST)])
    loading = time.perf_counter() - started
    started = time.perf_counter()
    with events.open("rb") as lines:
        while batch := [orjson.loads(line) for line in islice(lines, _BATCH)]:
            hits.update(rule.info.id for found in matcher.hits(batch) for rule in found)
            count += len(batch)
    return _result(len(matcher.rules), loading, count, time.perf_counter() - started, hits)


def sqlite(rules: Path, events: Path) -> Result:
    """pySigma's SQLite backend as Zircolite uses it: events as rows, one query for each rule; a table for each log
    source, so that a rule's query is asked of the rows it concerns."""
    from sigma.backends.sqlite import sqliteBackend
    from sigma.collection import SigmaCollection
    from sigma.exceptions import SigmaError

    started = time.perf_counter()
    backend = sqliteBackend()
    queries: list[tuple[str, dict[str, str], str]] = []
    for path in sorted(rules.iterdir()):
        try:
            collection = SigmaCollection.from_yaml(path.read_text("utf-8"))
            source = collection.rules[0].logsource
            wanted = {"category": source.category, "product": source.product, "service": source.service}
            given = {key: value for key, value in wanted.items() if value}
            queries += [(str(collection.rules[0].id), given, query) for query in backend.convert(collection)]
        except (SigmaError, NotImplementedError):
            continue
    loading = time.perf_counter() - started
    hits: Counter[str] = Counter()
    failed: set[str] = set()
    count = 0
    started = time.perf_counter()
    for batch in _batches(events):
        count += len(batch)
        _ask(batch, queries, hits, failed)
    seconds = time.perf_counter() - started
    return _result(len({rule for rule, _, _ in queries} - failed), loading, count, seconds, hits)


def _batches(events: Path) -> Iterator[list[dict[str, Any]]]:
    batch = []
    with events.open("rb") as lines:
        for line in lines:
            batch.append(json.loads(line))
            if len(batch) == _ROWS:
                yield batch
                batch = []
    if batch:
        yield batch


def _ask(
    batch: list[dict[str, Any]],
    queries: list[tuple[str, dict[str, str], str]],
    hits: Counter[str],
    failed: set[str],
) -> None:
    tables: dict[tuple[tuple[str, str], ...], list[dict[str, Any]]] = {}
    for event in batch:
        tables.setdefault(tuple(sorted(_log_source(event).items())), []).append(event)
    for source, rows in tables.items():
        given = dict(source)
        asked = [each for each in queries if all(given.get(key) == value for key, value in each[1].items())]
        columns: dict[str, str] = {}  # SQLite's column names know no case
        for row in rows:
            for name in row:
                columns.setdefault(name.lower(), name)
        names = list(columns.values())[:_COLUMNS]
        with sqlite3.connect(":memory:") as connection:
            connection.execute(f"CREATE TABLE logs ({', '.join(f'`{name}` TEXT COLLATE NOCASE' for name in names)})")
            connection.executemany(
                f"INSERT INTO logs VALUES ({', '.join('?' * len(names))})",  # noqa: S608
                ([_cell(row.get(name)) for name in names] for row in rows),
            )
            connection.create_function("REGEXP", 2, _regexp, deterministic=True)
            for rule, _, query in asked:
                try:
                    hits[rule] += len(connection.execute(query).fetchall())
                except sqlite3.OperationalError:  # a field that no row has: no row matches
                    if "no such column" not in str(sys.exc_info()[1]):
                        failed.add(rule)


def _cell(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, (dict, list)) else value


def _regexp(pattern: str, text: str | None) -> bool:
    import re

    return text is not None and re.search(pattern, str(text)) is not None


_CATEGORIES: Mapping[int, str] = {
    1: "process_creation",
    4688: "process_creation",
    3: "network_connection",
    6: "driver_load",
    7: "image_load",
    8: "create_remote_thread",
    9: "raw_access_thread",
    10: "process_access",
    11: "file_event",
    12: "registry_add",
    13: "registry_set",
    17: "pipe_created",
    18: "pipe_created",
    22: "dns_query",
    23: "file_delete",
    26: "file_delete",
}


def _log_source(event: Mapping[str, Any]) -> dict[str, str]:
    """As peers/src/main.rs has it."""
    dataset = event["event"]["dataset"]
    if not dataset.startswith("windows."):
        return {"category": dataset}
    category = _CATEGORIES.get(event["EventID"])
    if category == "registry_add" and str(event.get("EventType", "")).startswith("Delete"):
        category = "registry_delete"
    found = {"product": "windows", "service": dataset.removeprefix("windows.")}
    return {**found, "category": category} if category else found


def _result(rules: int, loading: float, events: int, seconds: float, hits: Counter[str]) -> Result:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "rules": rules,
        "load_seconds": loading,
        "events": events,
        "seconds": seconds,
        "peak_mb": peak,
        "hits": +hits,
    }


ENGINES: Mapping[str, Callable[[Path, Path], Result]] = {"ours": ours, "sqlite": sqlite}
#: Engines of tests/bench/peers, built with cargo where that is here.
RUST_ENGINES = ("rsigma", "sigma-rust")


def build_peers() -> Path | None:
    """The program with the Rust engines, built when it is not there; None without cargo."""
    cargo = shutil.which("cargo")
    if cargo is None:
        return None
    target = Path(os.environ.get("CARGO_TARGET_DIR") or Path.home() / ".cache" / "vonggac-bench" / "target")
    command = [cargo, "build", "--release", "--ignore-rust-version", "--target-dir", str(target)]
    print("  building the Rust engines (minutes, the first time)", file=sys.stderr)
    done = subprocess.run(command, cwd=PEERS, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"  Rust engines: not here ({done.stderr.strip().splitlines()[-1]})", file=sys.stderr)
        return None
    return target / "release" / "sigma-peers"


if __name__ == "__main__":
    print(json.dumps(ENGINES[sys.argv[1]](Path(sys.argv[2]), Path(sys.argv[3]))))
