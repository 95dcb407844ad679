"""What a form holds, block by block, before it is drawn. A value of None is a dotted line for a person to fill in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from vonggac.domain.times import VIETNAM


@dataclass(frozen=True, slots=True)
class Heading:
    text: str


@dataclass(frozen=True, slots=True)
class Line:
    """`label: value`; without a value `dotted` lines."""

    label: str
    value: str | None = None
    dotted: int = 1


@dataclass(frozen=True, slots=True)
class Ticks:
    """Boxes in a row; the ticked are those whose text is among `ticked`."""

    label: str
    options: tuple[str, ...]
    ticked: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Grid:
    """A table. `widths` are parts of the page's; cells of None are left empty; `total` makes the last row bold."""

    header: tuple[str, ...]
    rows: tuple[tuple[str | None, ...], ...]
    widths: tuple[int, ...]
    total: bool = False


@dataclass(frozen=True, slots=True)
class Remark:
    """Small print."""

    text: str


Block = Heading | Line | Ticks | Grid | Remark


@dataclass(frozen=True, slots=True)
class Sheet:
    """One form: whose it is, what it is called, to whom it goes, and who signs it."""

    sender: str
    number: str  # of the form, as its circular has it
    circular: str
    title: str
    under_title: str
    addressee: str
    made_at: datetime
    signer: str
    blocks: tuple[Block, ...]


def day_text(instant: datetime | date | None) -> str | None:
    """`dd/mm/yyyy` in Vietnam; None for none."""
    if isinstance(instant, datetime):
        instant = instant.astimezone(VIETNAM).date()
    return instant.strftime("%d/%m/%Y") if instant else None


def time_text(instant: datetime | None) -> str | None:
    """`hh:mm dd/mm/yyyy` in Vietnam; None for none."""
    return instant.astimezone(VIETNAM).strftime("%H:%M %d/%m/%Y") if instant else None


def count_text(count: int) -> str:
    """Thousands apart by a full stop, as Vietnamese writes them."""
    return f"{count:,}".replace(",", ".")


def joined(values: Sequence[str]) -> str | None:
    """None where there are none, so that the line is dotted."""
    return ", ".join(values) or None
