"""Events in, detections out. No clock, no files, no store: time comes from the events.

`step` is the whole of it: what a program and a state make of one event. A state is used up by a step (it is changed in
place and handed on), so a step costs only what the event touches. The same events in the same order give the same
detections, and with windows as `windows.py` states them nearly any order will do.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from correlator.behaviour.watch import Behaviours, BehaviourState
from correlator.facts import Facts
from correlator.indicators import IndicatorHit, IndicatorSet, IndicatorWatch
from correlator.matching import Matcher
from correlator.numbers import plain
from correlator.rule import Correlation, MatchRule, Rule
from correlator.windows import FOREVER, LATENESS, MAX_EVIDENCE, Fired, Inner, Windows
from correlator.windows.snapshot import digest_of
from vonggac.domain.detection import ENTITY_FIELDS, Detection, RuleInfo, Ruleset, detection_id
from vonggac.domain.event import Document
from vonggac.domain.indicator import IndicatorKind
from vonggac.domain.suppression import Known, Told
from vonggac.domain.times import format_instant, to_epoch_us
from vonggac.messages import say

#: Where an entity of an indicator's kind stands, best first.
_ENTITY_PATHS: Mapping[str, tuple[str, ...]] = {
    "ip": ("destination.ip", "source.ip"),
    "domain": ("dns.question.name", "tls.client.server_name", "url.domain"),
    "url": ("url.original",),
}
_SHA256_LENGTH = 64
_INDICATOR = "indicator:"  # before an indicator's kind, the id of the rule that it stands for
_KNOWN_BAD = "known-bad-"
#: What indicators of a kind are called in incidents, where it is not by their kind.
_WORDS = {IndicatorKind.CIDR: ("ip",), IndicatorKind.HASH: ("file", "fingerprint")}
#: Events whose observables are looked up together.
_AT_ONCE = 1_024
#: What `Correlator.watches` calls the indicators and the behaviours, whichever they are; no rule has it as its id.
INDICATORS = "indicators"
BEHAVIOURS = "behaviour"


@dataclass(frozen=True, slots=True)
class Program:
    """What runs: rules, the correlations that each rule feeds, indicators, and behaviours.

    A correlation stands after those below it; `digests` say by id what each is to its windows' state.
    """

    matcher: Matcher
    correlations: tuple[Correlation, ...] = ()
    digests: Mapping[str, str] = field(default_factory=dict)
    feeds: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    indicators: IndicatorSet = field(default_factory=IndicatorSet)
    lateness: timedelta = LATENESS
    behaviours: Behaviours = field(default_factory=Behaviours)

    @property
    def horizon(self) -> timedelta:
        """How far before an event others may matter to it: to know the state again, feed the events since then."""
        spans: dict[str, timedelta] = {}
        for correlation in self.correlations:
            below = max((spans.get(rule, timedelta(0)) for rule in correlation.rules), default=timedelta(0))
            spans[correlation.info.id] = correlation.timespan + below
        windows = max(spans.values()) + self.lateness if spans else timedelta(0)
        return max(windows, self.indicators.horizon)


class State:
    """What a program remembers between events: windows, what indicators' patterns and behaviours have seen, and faults
    counted.

    `due` is the time of the event (µs since 1970) from which on a window must be decided.
    """

    __slots__ = ("behaviour", "due", "faults", "watch", "windows")

    def __init__(self, program: Program) -> None:
        self.windows = tuple(
            Windows(correlation, program.lateness, program.digests[correlation.info.id])
            for correlation in program.correlations
        )
        self.behaviour = BehaviourState()
        self.watch: IndicatorWatch = program.indicators.watch()
        self.faults: Counter[str] = Counter()
        self.due = FOREVER

    def look_ahead(self) -> None:
        self.due = min((windows.next_due for windows in self.windows), default=FOREVER)


def make_program(
    rules: Iterable[Rule],
    indicators: IndicatorSet | None = None,
    lateness: timedelta = LATENESS,
    behaviours: Behaviours | None = None,
) -> Program:
    rules = tuple(rules)
    correlations = _from_below({rule.info.id: rule for rule in rules if isinstance(rule, Correlation)})
    feeds: dict[str, list[int]] = {}
    for index, correlation in enumerate(correlations):
        for rule_id in correlation.rules:
            feeds.setdefault(rule_id, []).append(index)
    return Program(
        Matcher([rule for rule in rules if isinstance(rule, MatchRule)]),
        correlations,
        _digests(correlations, {rule.info.id: rule for rule in rules}),
        {rule_id: tuple(indices) for rule_id, indices in feeds.items()},
        indicators if indicators is not None else IndicatorSet(),
        lateness,
        behaviours if behaviours is not None else Behaviours(),
    )


def _digests(correlations: Iterable[Correlation], rules: Mapping[str, Rule]) -> dict[str, str]:
    """Each correlation's digest, which changes with the rules below it: other events would stand in its windows."""
    found: dict[str, str] = {}
    for correlation in correlations:
        for rule_id in correlation.rules:
            rule = rules.get(rule_id)
            if isinstance(rule, MatchRule) and rule_id not in found:
                found[rule_id] = sha256(repr((rule.source, rule.tree)).encode()).hexdigest()
        below = [found[rule_id] for rule_id in correlation.rules if rule_id in found]
        found[correlation.info.id] = digest_of(correlation, below)
    return found


def _from_below(correlations: Mapping[str, Correlation]) -> tuple[Correlation, ...]:
    """The correlations in an order in which each stands after those it names; it names no circle."""
    ordered: dict[str, Correlation] = {}

    def take(correlation: Correlation) -> None:
        for rule_id in correlation.rules:
            if rule_id in correlations and rule_id not in ordered:
                take(correlations[rule_id])
        ordered.setdefault(correlation.info.id, correlation)

    for correlation in correlations.values():
        take(correlation)
    return tuple(ordered.values())


def with_those_below(rules: Iterable[Rule], wanted: Collection[str]) -> set[str]:
    """The wanted ids and those of the rules that they rest on."""
    below = {rule.info.id: rule.rules for rule in rules if isinstance(rule, Correlation)}
    found: set[str] = set()
    waiting = [*wanted]
    while waiting:
        identity = waiting.pop()
        if identity not in found:
            found.add(identity)
            waiting += below.get(identity, ())
    return found


def told_of(rules: Iterable[Rule], behaviours: Behaviours) -> Known:
    """How all that a correlator of these may detect is told."""
    infos = [*(rule.info for rule in rules), *(info for each in behaviours.analytics for info in each.rules)]
    indicators = {f"{_INDICATOR}{kind}": _told_as(_WORDS.get(kind, (str(kind),))) for kind in IndicatorKind}
    return indicators | {info.id: Told(info.name, info.name_vi, frozenset({info.kind})) for info in infos}


def _told_as(words: Sequence[str]) -> Told:
    name, name_vi = (" / ".join(say(lang, f"indicator.{word}") for word in words) for lang in ("en", "vi"))
    return Told(name, name_vi, frozenset(f"{_KNOWN_BAD}{word}" for word in words))


def step(
    program: Program, state: State, event: Document, hits: Sequence[MatchRule], suspect: bool = True
) -> tuple[State, list[Detection]]:
    """The state after the event, which fulfils the rules of `hits`, and what it makes detected. `suspect` False: the
    indicators have said that the event names none of them."""
    facts = Facts(event)
    try:
        now = to_epoch_us(facts.time)
    except ValueError as error:
        state.faults[f"event: {error}"] += 1
        return state, []
    detections: list[Detection] = []
    if now >= state.due:
        detections += advance(program, state, now)
    entities: dict[str, Any] | None = None
    for rule in hits:
        entities = entities if entities is not None else _entities(facts)
        if rule.alerts:
            detections.append(_of_rule(rule.info, facts.id, facts.time, entities))
        detections += _feed_windows(program, state, rule.info.id, facts, entities)
    detections += [_of_indicator(found, facts) for found in program.indicators.hits(facts, state.watch, suspect)]
    detections += program.behaviours.observe(state.behaviour, event, now / 1_000_000)
    return state, detections


def advance(program: Program, state: State, now: int) -> list[Detection]:
    """Decide the windows that an event of this time (µs since 1970) makes due, those below before those above."""
    detections: list[Detection] = []
    for windows in state.windows:
        for fired in windows.advance(now):
            detections += _told(program, state, windows.correlation, fired)
    state.look_ahead()
    return detections


def _feed_windows(
    program: Program, state: State, rule_id: str, occurrence: Facts | Inner, entities: Mapping[str, Any]
) -> Iterator[Detection]:
    """The occurrence of a rule is put into the windows of the correlations over it."""
    for index in program.feeds.get(rule_id, ()):
        windows = state.windows[index]
        for key, hit in windows.hits(rule_id, occurrence):
            for fired in windows.add(key, hit, entities):
                yield from _told(program, state, windows.correlation, fired)
        state.due = min(state.due, windows.next_due)


def _told(program: Program, state: State, correlation: Correlation, fired: Fired) -> Iterator[Detection]:
    """A window that fired is a detection, and where nothing can change it any more, a hit to those above."""
    alerts, counts_above = fired.alerts and correlation.alerts, fired.settled and correlation.info.id in program.feeds
    if not alerts and not counts_above:
        return
    found = _of_window(correlation, fired)
    if alerts:
        yield found
    if counts_above:
        values = {**fired.carried, **{name: (value,) for name, value in fired.group.items()}}
        inner = Inner(found.id, fired.end, values, fired.evidence)
        yield from _feed_windows(program, state, correlation.info.id, inner, fired.shared)


class Correlator:
    """A program with its state, fed batch by batch.

    `lateness` is how much older than the newest event fed one may be and still count in full.
    """

    def __init__(
        self,
        rules: Iterable[Rule],
        indicators: IndicatorSet | None = None,
        lateness: timedelta = LATENESS,
        behaviours: Behaviours | None = None,
    ) -> None:
        self._rules = tuple(rules)
        self._program = make_program(self._rules, indicators, lateness, behaviours)
        self._state = State(self._program)

    @property
    def rules(self) -> int:
        return len(self._rules)

    @property
    def told(self) -> Known:
        """How all that it may detect is told."""
        return told_of(self._rules, self._program.behaviours)

    @property
    def watches(self) -> frozenset[str]:
        """The ids of its rules, INDICATORS, and BEHAVIOURS where any are looked for."""
        learning = (BEHAVIOURS,) if self._program.behaviours.analytics else ()
        return frozenset((INDICATORS, *learning, *(rule.info.id for rule in self._rules)))

    def anew(self, watches: Collection[str] | None = None) -> Correlator:
        """One that has seen nothing, of the same rules and indicators; or of some of `watches`, with the rules that
        these rest on."""
        wanted = self.watches if watches is None else with_those_below(self._rules, watches)
        indicators = self._program.indicators if INDICATORS in wanted else IndicatorSet()
        behaviours = self._program.behaviours if BEHAVIOURS in wanted else Behaviours()
        rules = tuple(rule for rule in self._rules if rule.info.id in wanted)
        other = Correlator(() if rules == self._rules else rules, indicators, self._program.lateness, behaviours)
        if rules == self._rules:  # to compile them again would take seconds
            other._rules, other._program = rules, replace(self._program, indicators=indicators, behaviours=behaviours)
            other._state = State(other._program)
        return other

    @property
    def horizon(self) -> timedelta:
        return self._program.horizon

    @property
    def forgetful(self) -> bool:
        """Whether its indicators' patterns remember events, of which `snapshot` holds nothing."""
        return self._program.indicators.horizon > timedelta(0)

    def know_patterns_of(self, other: Correlator) -> None:
        """Patterns have seen what the other's have; both have the same indicators."""
        self._state.watch = other._state.watch

    @property
    def faults(self) -> Mapping[str, int]:
        """Reason -> how often an event or a rule on an event could not be evaluated."""
        return self._state.faults + self._program.matcher.faults

    @property
    def window_counts(self) -> Mapping[str, int]:
        """What all windows together left out or let go, by reason."""
        total: Counter[str] = Counter()
        for windows in self._state.windows:
            total.update(asdict(windows.counts))
        return total

    @property
    def behaviour_counts(self) -> Mapping[str, int]:
        """What behaviours left out, let go or did not tell, by reason."""
        return self._program.behaviours.counts(self._state.behaviour)

    @property
    def warming_up(self) -> Mapping[tuple[str, str], int]:
        """(sensor, behaviour) -> on how many more days it only learns."""
        return self._program.behaviours.warming_up(self._state.behaviour)

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
        for at in range(0, len(events), _AT_ONCE):
            some = events[at : at + _AT_ONCE]
            documents = list(some)  # lines are read once for all that follows
            hits, suspects = self._program.matcher.hits(some), self._program.indicators.suspects(documents)
            for event, fulfilled, suspect in zip(documents, hits, suspects, strict=True):
                self._state, found = step(self._program, self._state, event, fulfilled, suspect)
                detections += found
        return detections

    def finish(self) -> list[Detection]:
        """What the windows and events that still wait make detected, where no more will come: call it at an input's
        end."""
        behaviours = self._program.behaviours
        return [*advance(self._program, self._state, FOREVER), *behaviours.close(self._state.behaviour)]

    def snapshot(self) -> dict[str, bytes]:
        """Correlation's id -> the state of its windows, and "behaviour" -> what behaviours learnt. With it, `restore`
        goes on as if nothing had happened."""
        kept = {windows.correlation.info.id: windows.dump() for windows in self._state.windows}
        learnt = self._program.behaviours.snapshot(self._state.behaviour)
        return kept | {BEHAVIOURS: json.dumps(learnt, separators=(",", ":")).encode()}

    def restore(self, states: Mapping[str, bytes]) -> tuple[str, ...]:
        """The windows are as they were. Ids of the correlations that begin anew: they have no state here, or one of
        another rule or form."""
        anew = [
            windows.correlation.info.id
            for windows in self._state.windows
            if not windows.load(states.get(windows.correlation.info.id, b""))
        ]
        self._state.look_ahead()
        if BEHAVIOURS in states:
            self._state.behaviour = self._program.behaviours.restore(json.loads(states[BEHAVIOURS]))
        return tuple(anew)


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
    info, newest = correlation.info, fired.newest
    entities = dict(fired.shared)
    entities |= {path: value for path, value in fired.group.items() if path in newest}
    if info.entity not in entities and info.entity in newest:
        entities[info.entity] = newest[info.entity]
    return Detection(
        id=detection_id(info.id, (*fired.group.values(), format_instant(fired.stretch))),
        rule=info,
        time=fired.end,
        start=fired.start,
        end=fired.end,
        evidence=fired.evidence.ids,
        evidence_count=fired.evidence.total,
        entities=entities,
        group_by=fired.group,
        measured=plain(fired.measured),
        condition=correlation.condition,
    )


def _of_indicator(found: IndicatorHit, facts: Facts) -> Detection:
    indicator = found.indicator
    entities = _entities(facts)
    word, entity, value = _about(found, facts, entities)
    entities.setdefault(entity, value)
    info = RuleInfo(
        id=f"{_INDICATOR}{indicator.kind}",
        name=_title("en", word, indicator.name),
        name_vi=_title("vi", word, indicator.name),
        ruleset=Ruleset.INDICATOR,
        level="high",
        tags=(*(f"label.{label.lower()}" for label in indicator.labels), f"indicator.{indicator.kind}"),
        kind=f"{_KNOWN_BAD}{word}",
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
    sha256 = next((text for text in facts.folded(("related.hash",)) if len(text) == _SHA256_LENGTH), found.value)
    return "file", "file.hash.sha256", sha256


def _title(lang: str, word: str, name: str) -> str:
    title = say(lang, f"indicator.{word}")
    return f"{title}: {name}" if name else title
