"""On captures that nobody made for our rules, they say what the page lists, each line justified, and nothing else."""

from __future__ import annotations

from pathlib import Path

from correlator.sigma.load import load_rules
from rules import SHIPPED
from tests.golden.captures import PAGE, VERDICTS, captures_in, found_on, rows_of

ROWS = rows_of(PAGE.read_text("utf-8"))


def test_the_rules_say_on_the_shared_captures_exactly_what_the_page_lists(shared_data: Path) -> None:
    folder = shared_data / "pcap"
    assert len(captures_in(folder)) > 60
    assert found_on(folder, load_rules([SHIPPED]).rules) == {(row.capture, row.rule): row.count for row in ROWS}


def test_every_line_of_the_page_is_justified_and_stands_once() -> None:
    assert ROWS
    assert len({(row.capture, row.rule) for row in ROWS}) == len(ROWS)
    assert [row for row in ROWS if row.verdict not in VERDICTS or len(row.why) < 20] == []


def test_the_page_names_rules_that_are_shipped() -> None:
    titles = {rule.info.name for rule in load_rules([SHIPPED]).rules}
    assert {row.rule for row in ROWS} <= titles
