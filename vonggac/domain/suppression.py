"""A suppression: detections that open no incident for a while, with who says so, why, and until when.

It is the fold of its acts, which are appended and never changed. A detection is held back when its own time lies in the
suppression's validity `[start, until)`, so that a replay gets the same answer before and after that has passed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from ipaddress import ip_network
from typing import NamedTuple

from vonggac.domain.detection import ENTITY_FIELDS, Detection
from vonggac.domain.prefixes import address_of, unmapped
from vonggac.domain.text import nfc

#: Either address of a detection, by ECS's word for all addresses of an event.
EITHER_ADDRESS = "related.ip"
INDICATOR = "vonggac.detection.indicator_id"
#: What the detection's incident would be about, in whichever field its rule looks for it.
ENTITY = "incident.entity"
ADDRESS_FIELDS = frozenset({"source.ip", "destination.ip", EITHER_ADDRESS})
#: What every detection may have; what a correlation groups by is had by its own detections only.
FIELDS = (ENTITY, *ENTITY_FIELDS, EITHER_ADDRESS, INDICATOR)
#: Sigma's wildcards and their escapes (Sigma rules specification 2.1, "String Wildcard", "Escaping").
_WILDCARD_PARTS = re.compile(r"\\[*?\\]|.", re.DOTALL)


class Operator(StrEnum):
    IS = "is"
    LIKE = "like"  # with Sigma's wildcards
    CIDR = "cidr"
    BELOW = "below"  # the name itself, or one below it


@dataclass(frozen=True, slots=True)
class Condition:
    """One of the values stands in the field. Case does not matter; a field that is not there holds no value."""

    field: str
    operator: Operator
    values: tuple[str, ...]


class ActKind(StrEnum):
    MADE = "made"
    EXTENDED = "extended"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Act:
    """What somebody did to a suppression, and until when it holds since."""

    kind: ActKind
    at: datetime
    actor: str
    reason: str
    until: datetime


class Standing(StrEnum):
    WAITING = "waiting"
    IN_FORCE = "in-force"
    EXPIRED = "expired"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Suppression:
    """Everything given must be so: rule, kind, agency (or one below it), and each condition."""

    id: str
    rule: str | None
    kind: str | None
    agency: str | None
    conditions: tuple[Condition, ...]
    start: datetime
    acts: tuple[Act, ...]
    ticket: str = ""

    @property
    def made(self) -> Act:
        return self.acts[0]

    @property
    def until(self) -> datetime:
        return self.acts[-1].until

    def holds_at(self, instant: datetime) -> bool:
        return self.start <= instant < self.until

    def standing(self, now: datetime) -> Standing:
        if self.acts[-1].kind is ActKind.ENDED:
            return Standing.ENDED
        if now < self.start:
            return Standing.WAITING
        return Standing.IN_FORCE if now < self.until else Standing.EXPIRED


@dataclass(frozen=True, slots=True)
class Told:
    """How the detections of one rule are told: under which title, as which kinds of incident."""

    name: str
    name_vi: str
    kinds: frozenset[str]


#: All that may be detected, by rule id.
Known = Mapping[str, Told]


@dataclass(frozen=True, slots=True)
class Hits:
    """How many stored detections one suppression holds back, and the times of the first and the last."""

    count: int
    first: datetime
    last: datetime


#: Every code at or under a code.
Below = Callable[[str], frozenset[str]]


class Suppressions:
    """Many suppressions, asked which of them holds a detection back.

    Each lies in the drawers of what a detection must have for it (a value, a name it is below, a network it is in, else
    the rule or kind), so that a detection is held against few of thousands.
    """

    def __init__(self, suppressions: Iterable[Suppression], below: Below) -> None:
        self._drawers: dict[Drawer, list[tuple[int, Suppression, Fit]]] = {}
        self._shapes: set[Shape] = set()
        in_order = sorted(suppressions, key=lambda each: (each.made.at, each.id))
        for order, suppression in enumerate(in_order):
            fit = fit_of(suppression, below)
            for drawer in _drawers_of(suppression):
                self._shapes.add(drawer[0])
                self._drawers.setdefault(drawer, []).append((order, suppression, fit))

    def of(self, detection: Detection) -> str | None:
        """The id of the one that holds it back, of several the one made first."""
        reading = Reading(detection)
        found = [
            (order, suppression.id)
            for shape in self._shapes
            for key in _keys_of(reading, shape)
            for order, suppression, fit in self._drawers.get((shape, key), ())
            if suppression.holds_at(detection.time) and fit(reading)
        ]
        return min(found)[1] if found else None


# --- drawers


class Shape(NamedTuple):
    """What is asked of a detection to find a drawer: the values of a field (`is`), the names they are below, or their
    networks of a length; without a field the rule, the kind, or nothing."""

    what: str
    field: str = ""
    version: int = 0
    prefix: int = 0


Drawer = tuple[Shape, str | int]
_FILED_FIRST = (Operator.IS, Operator.BELOW, Operator.CIDR)


def _drawers_of(suppression: Suppression) -> list[Drawer]:
    for operator in _FILED_FIRST:
        for condition in suppression.conditions:
            if condition.operator is operator:
                return list(dict.fromkeys(_drawer_of(condition, value) for value in condition.values))
    if suppression.rule is not None:
        return [(Shape("rule"), suppression.rule)]
    return [(Shape("kind"), suppression.kind)] if suppression.kind is not None else [(Shape("any"), "")]


def _drawer_of(condition: Condition, value: str) -> Drawer:
    if condition.operator is Operator.CIDR:
        network = unmapped(ip_network(value))
        number = int(network.network_address) >> (network.max_prefixlen - network.prefixlen)
        return Shape(Operator.CIDR, condition.field, network.version, network.prefixlen), number
    text = spelt(condition.field, value)
    return Shape(condition.operator, condition.field), text.strip(".") if condition.operator is Operator.BELOW else text


def _keys_of(reading: Reading, shape: Shape) -> Iterable[str | int]:
    """The keys of the drawers of this shape in which something about the detection may lie, each once."""
    if not shape.field:
        rule = reading.detection.rule
        return ({"rule": rule.id, "kind": rule.kind}.get(shape.what, ""),)
    texts = reading.texts(shape.field)
    if shape.what == Operator.CIDR:
        addresses = (address_of(text) for text in texts)
        found = (each for each in addresses if each is not None and each.version == shape.version)
        return {int(each) >> (each.max_prefixlen - shape.prefix) for each in found}
    if shape.what == Operator.BELOW:
        return {name for text in texts for name in _with_parents(text.rstrip("."))}
    return set(texts)


# --- one suppression and one detection


class Reading:
    """A detection whose fields' values are looked up once, whoever asks."""

    __slots__ = ("_texts", "detection")

    def __init__(self, detection: Detection) -> None:
        self.detection = detection
        self._texts: dict[str, list[str]] = {}

    def texts(self, field: str) -> list[str]:
        """The values that stand in the field, as `spelt`."""
        if field not in self._texts:
            self._texts[field] = self._look_up(field)
        return self._texts[field]

    def _look_up(self, field: str) -> list[str]:
        if field == EITHER_ADDRESS:
            return [*self.texts("source.ip"), *self.texts("destination.ip")]
        held = _held(self.detection, field)
        values = held if isinstance(held, (list, tuple)) else [held]
        return [spelt(field, str(value)) for value in values if value is not None]


#: Whether a detection is what a suppression speaks of, whatever the time.
Fit = Callable[[Reading], bool]


def fit_of(suppression: Suppression, below: Below) -> Fit:
    tests = [(each.field, _test_of(each)) for each in suppression.conditions]

    def fit(reading: Reading) -> bool:
        rule, agency = reading.detection.rule, reading.detection.agency
        if suppression.rule not in (None, rule.id) or suppression.kind not in (None, rule.kind):
            return False
        if suppression.agency is not None and (agency or "") not in below(suppression.agency):
            return False
        return all(any(test(text) for text in reading.texts(field)) for field, test in tests)

    return fit


def _held(detection: Detection, field: str) -> object:
    if field == INDICATOR:
        return detection.indicator_id
    if field == ENTITY:
        return detection.entity or None
    return detection.entities.get(field, detection.group_by.get(field))


@lru_cache(maxsize=16_384)  # values repeat
def spelt(field: str, text: str) -> str:
    """The one spelling of a field's value: of an address RFC 5952's, else NFC in lower case."""
    address = address_of(text) if field in ADDRESS_FIELDS or field == ENTITY else None
    if address is not None:
        return str(address)
    return nfc(text).lower()


def _test_of(condition: Condition) -> Callable[[str], bool]:
    """Whether a value in its one spelling is meant."""
    values = frozenset(spelt(condition.field, value) for value in condition.values)
    if condition.operator is Operator.IS:
        return values.__contains__
    if condition.operator is Operator.LIKE:
        patterns = [like(value) for value in sorted(values)]
        return lambda text: any(pattern.match(text) for pattern in patterns)
    if condition.operator is Operator.CIDR:
        return _inside(condition.values)
    names = frozenset(value.strip(".") for value in values)
    return lambda text: not names.isdisjoint(_with_parents(text.rstrip(".")))


def like(text: str) -> re.Pattern[str]:
    """The pattern of a text with Sigma's wildcards. Each piece between two `*` is taken where it first stands and not
    looked for again, so that no text makes matching slow."""
    pieces: list[str] = [""]
    for part in _WILDCARD_PARTS.findall(text):
        if part == "*":
            pieces.append("")
        else:
            pieces[-1] += "." if part == "?" else re.escape(part[-1])
    first, *middle = pieces
    if not middle:
        return re.compile(rf"{first}\Z", re.DOTALL)
    between = "".join(f"(?>.*?{piece})" for piece in middle[:-1] if piece)
    return re.compile(rf"{first}{between}.*{middle[-1]}\Z", re.DOTALL)


def _inside(networks: Sequence[str]) -> Callable[[str], bool]:
    parsed = [unmapped(ip_network(text)) for text in networks]

    def inside(text: str) -> bool:
        address = address_of(text)
        return address is not None and any(address in network for network in parsed)

    return inside


def _with_parents(name: str) -> list[str]:
    labels = name.split(".")
    return [".".join(labels[at:]) for at in range(len(labels))]
