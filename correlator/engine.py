"""Events in, detections out. No clock, no files, no store: time comes from the events.

`step` is the whole of it: what a program and a state make of one event. A state is used up by a step (it is changed in
place and handed on), so a step costs only what the event touches. The same events in the same order give the same
detections, and with windows as `windows.py` states them nearly any order will do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from correlator.facts import Facts
from correlator.indicators import IndicatorHit, IndicatorSet, IndicatorWatch
from correlator.rule import Correlation, MatchRule, Rule
from correlator.sigma.fields import Origin, applies, origin_of
from correlator.windows import LATENESS, Fired, Windows
from vonggac.domain.detection import ENTITY_FIELDS, Detection, RuleInfo, Ruleset, detection_id
from vonggac.domain.event import Document
from vonggac.domain.times import format_instant
from vonggac.messages import say

#: A detection names at most this many events; its `evidence_count` says how many there were.
MAX_EVIDENCE = 256
_MAX_ORIGINS = 1_024
#: Where an entity of an indicator's kind stands, best first.
_ENTITY_PATHS: Mapping[str, tuple[str, ...]] = {
    "ip": ("destination.ip", "source.ip"),
    "domain": ("dns.question.name", "tls.client.server_name", "url.domain"),
    "url": ("url.original",),
}
_SHA256_LENGTH = 64


@dataclass(frozen=True, slots=True)
class Program:
    """What runs: rules, the correlations that each rule feeds, and indicators."""

    rules: tuple[MatchRule, ...] = ()
    correlations: tuple[Correlation, ...] = ()
    feeds: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    indicators: IndicatorSet = field(default_factory=IndicatorSet)

    @property
    def horizon(self) -> timedelta:
        """How far before an event others may matter to it: to know the state again, feed the events since then."""
        longest = max((correlation.timespan for correlation in self.correlations), default=timedelta(0))
        return max(longest + LATENESS if longest else longest, self.indicators.horizon)


class State:
    """What a program remembers between events: windows, what patterns have seen, faults counted, and which rules an
    origin concerns."""

    __slots__ = ("faults", "origins", "watch", "windows")

    def __init__(self, program: Program) -> None:
        self.windows = tuple(Windows(correlation) for correlation in program.correlations)
        self.watch: IndicatorWatch = program.indicators.watch()
        self.faults: Counter[str] = Counter()
        self.origins: dict[Origin, tuple[MatchRule, ...]] = {}


def make_program(rules: Iterable[Rule], indicators: IndicatorSet | None = None) -> Program:
    match_rules: list[MatchRule] = []
    correlations: list[Correlation] = []
    for rule in rules:
        if isinstance(rule, Correlation):
            correlations.append(rule)
        else:
            match_rules.append(rule)
    feeds: dict[str, list[int]] = {}
    for index, correlation in enumerate(correlations):
        for rule_id in correlation.rules:
            feeds.setdefault(rule_id, []).append(index)
    return Program(
        tuple(match_rules),
        tuple(correlations),
        {rule_id: tuple(indices) for rule_id, indices in feeds.items()},
        indicators if indicators is not None else IndicatorSet(),
    )


def step(program: Program, state: State, event: Document) -> tuple[State, list[Detection]]:
    """The state after the event, and what it makes detected. A rule that fails on an event is counted, not fatal."""
    try:
        facts = Facts(event)
    except ValueError as error:
        state.faults[f"event: {error}"] += 1
        return state, []
    detections: list[Detection] = []
    entities: dict[str, Any] | None = None
    for rule in _rules_for(program, state, event):
        try:
            if not rule.matches(facts):
                continue
        except Exception as error:  # one rule's fault on one strange value must not stop the watch
            state.faults[f"rule {rule.info.id}: {type(error).__name__}"] += 1
            continue
        entities = entities if entities is not None else _entities(facts)
        if rule.alerts:
            detections.append(_of_rule(rule.info, facts.id, facts.time, entities))
        for index in program.feeds.get(rule.info.id, ()):
            windows = state.windows[index]
            for key, hit in windows.hits(rule.info.id, facts, entities):
                detections += [_of_window(windows.correlation, fired) for fired in windows.add(key, hit)]
    detections += [_of_indicator(found, facts) for found in program.indicators.hits(facts, state.watch)]
    return state, detections


class Correlator:
    """A program with its state, fed batch by batch."""

    def __init__(self, rules: Iterable[Rule], indicators: IndicatorSet | None = None) -> None:
        rules = tuple(rules)
        self.rules = len(rules)
        self._program = make_program(rules, indicators)
        self._state = State(self._program)

    @property
    def horizon(self) -> timedelta:
        return self._program.horizon

    @property
    def faults(self) -> Mapping[str, int]:
        """Reason -> how often an event or a rule on an event could not be evaluated."""
        return MappingProxyType(self._state.faults)

    @property
    def window_counts(self) -> Mapping[str, int]:
        """What all windows together left out or let go, by reason."""
        total: Counter[str] = Counter()
        for windows in self._state.windows:
            counts = windows.counts
            total.update(
                ungrouped=counts.ungrouped,
                late=counts.late,
                evicted_hits=counts.evicted_hits,
                evicted_groups=counts.evicted_groups,
            )
        return total

    @property
    def indicator_counts(self) -> Mapping[str, int]:
        """Hits on indicators that were passed over (validity, decay, warning list), and what patterns let go."""
        return self._state.watch.counts

    def use_indicators(self, indicators: IndicatorSet) -> None:
        """These are looked for from the next event on; rules and windows stay as they are, and so does what patterns
        that remain have seen."""
        self._program = replace(self._program, indicators=indicators)
        self._state.watch = indicators.watch(self._state.watch)

    def feed(self, events: Sequence[Document]) -> list[Detection]:
        """What these events make detected, in the order in which it became true."""
        detections: list[Detection] = []
        for event in events:
            self._state, found = step(self._program, self._state, event)
            detections += found
        return detections


def _rules_for(program: Program, state: State, event: Document) -> tuple[MatchRule, ...]:
    """The rules whose log source the event is of, remembered by the event's origin."""
    origin = origin_of(event)
    rules = state.origins.get(origin)
    if rules is None:
        rules = tuple(rule for rule in program.rules if applies(rule.source, origin))
        if len(state.origins) >= _MAX_ORIGINS:
            state.origins.clear()
        state.origins[origin] = rules
    return rules


def _entities(facts: Facts) -> dict[str, Any]:
    """The entity fields that an event has."""
    found: dict[str, Any] = {}
    for path in ENTITY_FIELDS:
        values = facts.get(path)
        if values:
            found[path] = values[0] if len(values) == 1 else list(values)
    return found


def _of_rule(info: RuleInfo, event_id: str, time: datetime, entities: Mapping[str, Any]) -> Detection:
    evidence = (event_id,)
    return Detection(detection_id(info.id, evidence), info, time, time, time, evidence, entities)


def _of_window(correlation: Correlation, fired: Fired) -> Detection:
    """The id comes from rule, group and stretch of time: a replay that cuts the evidence otherwise repeats it."""
    hits, info = fired.hits, correlation.info
    identity = detection_id(info.id, (*fired.group.values(), format_instant(fired.stretch)))
    entities = _common(hits[-1].entities, [hit.entities for hit in hits])
    entities |= {path: value for path, value in fired.group.items() if path in hits[-1].entities}
    if info.entity not in entities and info.entity in hits[-1].entities:
        entities[info.entity] = hits[-1].entities[info.entity]
    events = tuple(dict.fromkeys(hit.event for hit in hits))
    return Detection(
        id=identity,
        rule=info,
        time=hits[-1].time,
        start=hits[0].time,
        end=hits[-1].time,
        evidence=events[:MAX_EVIDENCE],
        evidence_count=len(events),
        entities=entities,
        group_by=fired.group,
    )


def _common(last: Mapping[str, Any], all_entities: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The entities that every event of a window shares."""
    return {
        path: value for path, value in last.items() if all(entities.get(path) == value for entities in all_entities)
    }


def _of_indicator(found: IndicatorHit, facts: Facts) -> Detection:
    indicator = found.indicator
    entities = _entities(facts)
    word, entity, value = _about(found, facts, entities)
    entities.setdefault(entity, value)
    info = RuleInfo(
        id=f"indicator:{indicator.kind}",
        name=_title("en", word, indicator.name),
        name_vi=_title("vi", word, indicator.name),
        ruleset=Ruleset.INDICATOR,
        level="high",
        techniques=(),
        category="phishing" if any("phish" in label.lower() for label in indicator.labels) else "malware",
        kind=f"known-bad-{word}",
        entity=entity,
    )
    evidence = found.evidence or (facts.id,)
    return Detection(
        # The event that completes a pattern names the detection: a replay may bind it with others.
        id=detection_id(info.id, (facts.id,), indicator.id),
        rule=info,
        time=facts.time,
        start=facts.time,
        end=facts.time,
        evidence=evidence[:MAX_EVIDENCE],
        evidence_count=len(evidence) if len(evidence) > MAX_EVIDENCE else None,
        entities=entities,
        indicator_id=indicator.id,
        tlp=str(indicator.tlp),
    )


def _about(found: IndicatorHit, facts: Facts, entities: Mapping[str, Any]) -> tuple[str, str, str]:
    """(word for the kind, entity field, its value where the event lacks the field).

    A file is known by its SHA-256 whichever hash the indicator names, so that all events about it are one incident. A
    hash on a TLS connection is a fingerprint of its client or server, and the incident is about the host that used it.
    """
    if found.kind == "pattern":
        return "pattern", "source.ip", str(entities.get("source.ip", facts.id))
    if found.kind != "hash":
        paths = _ENTITY_PATHS[found.kind]
        entity = next((path for path in paths if entities.get(path) == found.value), paths[0])
        return found.kind, entity, found.value
    if facts.get("tls.client.ja3") or facts.get("tls.server.ja3s"):
        return "fingerprint", "source.ip", found.value
    sha256 = next((text for text in facts.folded("related.hash") if len(text) == _SHA256_LENGTH), found.value)
    return "file", "file.hash.sha256", sha256


def _title(lang: str, word: str, name: str) -> str:
    title = say(lang, f"indicator.{word}")
    return f"{title}: {name}" if name else title
