"""`hunt`: is or was this in our network, as far as events are retained?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from vonggac.bootstrap import indicator_files, load_rules
from vonggac.call import Call
from vonggac.commands.options import node_of
from vonggac.domain.detection import Detection
from vonggac.domain.indicator import Indicator, IndicatorKind
from vonggac.domain.times import parse_record_time
from vonggac.errors import UsageRefused
from vonggac.ports import EventQuery, EventStore

if TYPE_CHECKING:
    from correlator.engine import Correlator

#: The most event ids that one answer names.
MAX_EVENTS = 1_000


@click.command()
@click.option("--value", "values", multiple=True, help="An address, name, URL or hash.")
@click.option("--indicators", multiple=True, help="File of indicators to look for.")
@click.option("--rules", multiple=True, help="Sigma file or folder to run over the retained events.")
@click.option("--since", help="Not before this time.")
@click.option("--until", help="Before this time.")
@click.pass_obj
def hunt(
    call: Call,
    values: tuple[str, ...],
    indicators: tuple[str, ...],
    rules: tuple[str, ...],
    since: str | None,
    until: str | None,
) -> None:
    """For each value or rule: found with its event ids, or not-found."""
    if not (values or indicators or rules):
        raise UsageRefused("hunt_what")
    start, end = _when(since), _when(until)
    node = node_of(call)
    patterns: list[Indicator] = []
    if indicators:
        files = indicator_files(call.settings, indicators)
        known = list(files)
        for fault in files.faults:
            call.refuse(fault)
        patterns = [each for each in known if each.kind is IndicatorKind.PATTERN]
        values = (*values, *dict.fromkeys(each.value for each in known if each.kind is not IndicatorKind.PATTERN))
    for value in values:
        call.emit(_by_value(node.store.events, value, start, end))
    for item in _by_patterns(node.store.events, patterns, start, end):
        call.emit(item)
    if rules:
        for item in _by_rules(call, node.store.events, rules, start, end):
            call.emit(item)


def _when(text: str | None) -> datetime | None:
    try:
        return parse_record_time(text) if text else None
    except ValueError as error:
        raise UsageRefused("bad_time", text=text) from error


def _by_value(store: EventStore, value: str, start: datetime | None, end: datetime | None) -> Mapping[str, Any]:
    wanted = value if "://" in value else value.strip().lower().rstrip(".")
    page = store.search_events(EventQuery(since=start, until=end, value=wanted, limit=MAX_EVENTS))
    return _answer("value", value, [event["event"]["id"] for event in page.items], page.next is not None)


def _by_rules(
    call: Call, store: EventStore, paths: tuple[str, ...], start: datetime | None, end: datetime | None
) -> list[Mapping[str, Any]]:
    from correlator.engine import Correlator

    loaded = load_rules(call.settings, paths)
    for fault in loaded.faults:
        call.refuse(fault)
    found: dict[str, list[str]] = {each.info.id: [] for each in loaded.rules}
    for detection in _detections(Correlator(loaded.rules), store, start, end):
        found[detection.rule.id] += detection.evidence
    return [_answer("rule", rule, events[:MAX_EVENTS], len(events) > MAX_EVENTS) for rule, events in found.items()]


def _by_patterns(
    store: EventStore, patterns: list[Indicator], start: datetime | None, end: datetime | None
) -> Iterator[Mapping[str, Any]]:
    """Patterns that say more than values, looked for in all the events: whether they are in force is no matter here."""
    if not patterns:
        return
    from correlator.engine import Correlator
    from correlator.indicators import IndicatorSet

    known = IndicatorSet(replace(each, valid_from=None, valid_until=None, confidence=None) for each in patterns)
    found: dict[str | None, dict[str, None]] = {each.id: {} for each in patterns}
    for detection in _detections(Correlator((), known), store, start, end):
        found[detection.indicator_id].update(dict.fromkeys(detection.evidence))
    for each in patterns:
        events = list(found[each.id])
        yield _answer("pattern", each.value, events[:MAX_EVENTS], len(events) > MAX_EVENTS)


def _detections(
    correlator: Correlator, store: EventStore, start: datetime | None, end: datetime | None
) -> Iterator[Detection]:
    cursor: str | None = None
    while True:
        page = store.search_events(EventQuery(since=start, until=end, limit=1_000, cursor=cursor))
        yield from correlator.feed(page.items)
        cursor = page.next
        if cursor is None:
            return


def _answer(what: str, wanted: str, events: list[str], more: bool) -> Mapping[str, Any]:
    answer: dict[str, Any] = {what: wanted, "status": "found" if events else "not-found", "events": events}
    return {**answer, "more": True} if more else answer
