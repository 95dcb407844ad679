"""What a pattern says, as plain data: paths, tests, and the observations that must be there together."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

#: The longest pattern, the most property tests in it, the deepest nesting of brackets.
MAX_PATTERN = 32_768
MAX_TESTS = 1_000
MAX_DEPTH = 32
#: The most observations joined by AND and FOLLOWEDBY, and qualifiers.
MAX_LINKS = 100
#: The most observations that a pattern may need at once (REPEATS multiplies).
MAX_OBSERVATIONS = 1_000


class PatternError(Exception):
    """A text that is no pattern, or says what cannot be evaluated. `at` is the character, from 1."""

    def __init__(self, reason: str, at: int) -> None:
        super().__init__(f"{reason} at character {at}")
        self.reason, self.at = reason, at


class Joint(Enum):
    AND = "AND"
    OR = "OR"
    FOLLOWEDBY = "FOLLOWEDBY"


class Every(Enum):
    """The step `[*]`."""

    ITEM = "*"


#: A key, a place in a list, or every item of a list.
Step = str | int | Every


@dataclass(frozen=True, slots=True)
class Literal:
    """A value as the pattern writes it: `kind` is one of text int float bool hex binary time."""

    kind: str
    text: str
    at: int


@dataclass(frozen=True, slots=True)
class Path:
    """`file:hashes.'SHA-256'` is of type `file` with the steps `hashes` and `SHA-256`."""

    type: str
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Test:
    """One comparison; `operator` is = != < <= > >= IN LIKE MATCHES ISSUBSET ISSUPERSET or EXISTS (without values)."""

    path: Path
    operator: str
    values: tuple[Literal, ...]
    negated: bool
    at: int


@dataclass(frozen=True, slots=True)
class Logic:
    """AND or OR of comparisons about one object."""

    joint: Joint
    parts: tuple[Comparison, ...]


Comparison = Test | Logic


@dataclass(frozen=True, slots=True)
class Single:
    """`[ … ]`: one observation with an object of which the comparison is true."""

    comparison: Comparison
    at: int


@dataclass(frozen=True, slots=True)
class Joined:
    """Observations that stand together, or one after the other; FOLLOWEDBY has two parts."""

    joint: Joint
    parts: tuple[Observation, ...]


@dataclass(frozen=True, slots=True)
class Repeated:
    """So many different bindings of the same expression."""

    inner: Observation
    times: int
    at: int


@dataclass(frozen=True, slots=True)
class Within:
    """All observations inside some stretch of so many seconds."""

    inner: Observation
    seconds: float
    at: int


@dataclass(frozen=True, slots=True)
class Between:
    """All observations inside `[start, stop)`."""

    inner: Observation
    start: Literal
    stop: Literal


Observation = Single | Joined | Repeated | Within | Between
