"""How well two periods were watched, beside one another: what a difference between their counts is worth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction

#: So much less is a fall.
FELL = Fraction(9, 10)


class Part(StrEnum):
    """What coverage is made of; shares from 0 to 1 but for RULES_LOADED."""

    SENSORS = "sensors"  # of the sensor-hours those in which the sensor was heard
    CAPTURE = "capture"  # of these those in which nothing was lost
    RULES = "rules"  # of these those at which any rule looked
    RULES_LOADED = "rules_loaded"  # how many rules looked, in the mean
    FEEDS = "feeds"  # of the feed-hours those in which the feed was fresh
    PROBES = "probes"  # of the service-hours those in which the service was probed


#: The coverage of sensors is not their product: each stands for itself.
_APART = (Part.RULES_LOADED, Part.FEEDS, Part.PROBES)


@dataclass(frozen=True, slots=True)
class Pair:
    """A figure of each period; None where it is not known."""

    current: Fraction | None = None
    previous: Fraction | None = None

    @property
    def fell(self) -> bool:
        """By more than a tenth; what is unknown is not taken as a fall."""
        if self.current is None or self.previous is None:
            return False
        return self.current < FELL * self.previous


@dataclass(frozen=True, slots=True)
class Coverage:
    """`sensors` is the share of the sensor-hours in which a sensor was heard, lost nothing, and rules looked."""

    sensors: Pair = field(default_factory=Pair)
    parts: Mapping[Part, Pair] = field(default_factory=dict)

    @property
    def fallen(self) -> tuple[Part, ...]:
        """The parts by which the coverage fell; none where it did not."""
        apart = tuple(part for part in _APART if part in self.parts and self.parts[part].fell)
        if not self.sensors.fell:
            return apart
        within = tuple(part for part, pair in self.parts.items() if part not in _APART and pair.fell)
        return (*(within or (Part.SENSORS,)), *apart)

    @property
    def ratio(self) -> Fraction:
        """How much was watched for what was watched before; 1 where that is not known, or where it was more: a count
        that stayed the same while more was watched is not sold as a fall."""
        current, previous = self.sensors.current, self.sensors.previous
        return min(current / previous, Fraction(1)) if current and previous else Fraction(1)

    @property
    def risen(self) -> Fraction | None:
        """How much more was watched, above 1; None where it was not more, or was nothing before."""
        current, previous = self.sensors.current, self.sensors.previous
        return current / previous if current and previous and current > previous else None

    @property
    def begun(self) -> bool:
        """Whether sensors watched for the first time."""
        return bool(self.sensors.current) and self.sensors.previous == 0
