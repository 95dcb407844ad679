"""What a published percentage really says of its two numbers, and by which mistake it came about."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any


def explained(current: Decimal, previous: Decimal, claimed: Decimal | None) -> dict[str, Any]:
    """The change from one number to another in percent of the first, and of a claimed change whether it is that, or
    which other reckoning gives it (`because`), as closely as it is written.

    `because`: `right`; `divided-by-current` (the later number is the base); `reversed` (the change back); `remainder`
    (what is left, taken for what is gone); `sign` (the other direction); `cut-off` (not rounded); `no-known-reckoning`.
    """
    now, then = Fraction(current), Fraction(previous)
    told: dict[str, Any] = {
        "current": _plain(current),
        "previous": _plain(previous),
        "numerator": _plain(current - previous),
        "denominator": _plain(previous),
        "change_percent": float(100 * (now - then) / then) if then else None,
    }
    if not then:
        return told | {"reason": "previous-is-zero"}
    if claimed is None:
        return told
    step = Fraction(1, 10 ** max(0, -int(claimed.as_tuple().exponent)))
    fits = (name for name, value in _reckonings(now, then) if abs(value - Fraction(claimed)) <= step / 2)
    because = next(fits, None) or ("cut-off" if _is_cut_off(now, then, Fraction(claimed), step) else None)
    return told | {"claimed_percent": float(claimed), "because": because or "no-known-reckoning"}


def _reckonings(now: Fraction, then: Fraction) -> Iterator[tuple[str, Fraction]]:
    """Ways in which percentages are reckoned from two numbers; signs as they come, and as they are left out."""
    right = 100 * (now - then) / then
    yield "right", right
    if now:
        yield "divided-by-current", 100 * (now - then) / now
        yield "reversed", 100 * (then - now) / now
    yield "sign", -right
    yield "remainder", 100 * now / then
    yield "remainder", -100 * now / then


def _is_cut_off(now: Fraction, then: Fraction, claimed: Fraction, step: Fraction) -> bool:
    return abs(100 * (now - then) / then - claimed) < step


def _plain(number: Decimal) -> int | float:
    return int(number) if number == int(number) else float(number)
