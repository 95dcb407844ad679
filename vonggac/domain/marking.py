"""TLP 2.0 (FIRST, August 2022): who a piece of information may reach.

The order is from open to closed. What cannot be read as a marking is treated as the most closed one.
"""

from __future__ import annotations

from enum import StrEnum


class Tlp(StrEnum):
    CLEAR = "clear"
    GREEN = "green"
    AMBER = "amber"
    AMBER_STRICT = "amber+strict"
    RED = "red"

    @property
    def rank(self) -> int:
        """0 for CLEAR up to 4 for RED."""
        return list(Tlp).index(self)

    @property
    def label(self) -> str:
        return f"TLP:{self.upper()}"


def parse_tlp(text: str | None) -> Tlp:
    """`TLP:AMBER+STRICT`, `amber`, or TLP 1's `white`; anything unknown is RED."""
    name = (text or "").strip().lower().removeprefix("tlp:").strip()
    if name == "white":
        return Tlp.CLEAR
    try:
        return Tlp(name)
    except ValueError:
        return Tlp.RED


def strictest(*markings: Tlp) -> Tlp:
    """The most closed of several markings; CLEAR when there is none."""
    return max(markings, key=lambda marking: marking.rank, default=Tlp.CLEAR)
