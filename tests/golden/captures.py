"""What the shipped rules say on captures that others made, and the page on which each of it is justified."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import NamedTuple

from correlator.rule import Rule
from tests.golden.runner import found_in

PAGE = Path(__file__).parents[2] / "docs" / "rules-on-captures.md"
ENDINGS = (".pcap", ".pcapng", ".cap", ".pcap.gz")
#: What may stand in the column `Right`; the page says what each means.
VERDICTS = ("attack", "weakness", "harmless")


class Row(NamedTuple):
    capture: str
    rule: str
    count: int
    verdict: str
    why: str


def rows_of(page: str) -> list[Row]:
    """The rows of the page's table, in its order."""
    lines = [line for line in page.splitlines() if line.startswith("| ")][1:]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if not line.startswith("| ---")]
    return [Row(capture.strip("`"), rule, int(count), verdict, why) for capture, rule, count, verdict, why in cells]


def captures_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.name.endswith(ENDINGS))


def found_on(folder: Path, rules: tuple[Rule, ...]) -> Counter[tuple[str, str]]:
    """(capture, title of the rule) -> how many detections."""
    found: Counter[tuple[str, str]] = Counter()
    for path in captures_in(folder):
        name = path.relative_to(folder).as_posix()
        found.update((name, short["rule"]) for short in found_in(path, rules))
    return found
