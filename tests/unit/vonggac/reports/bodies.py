"""Bodies of comparisons as `stats compare` gives them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vonggac.domain.times import Period, format_instant, parse_period


def period(asked: Period) -> dict[str, str]:
    return {"start": format_instant(asked.start), "end": format_instant(asked.end), "text": asked.text}


def change(current: float, previous: float, **more: Any) -> dict[str, Any]:
    percent = 100 * (current - previous) / previous if previous else None
    reason = {} if previous else {"reason": "previous-is-zero"}
    return {"current": current, "previous": previous, "change_percent": percent, **reason, **more}


def row(key: str, current: float, previous: float, label: str = "", **more: Any) -> dict[str, Any]:
    return {"key": key, "label": label or key, **change(current, previous), **more}


GOLDEN_ROWS = (
    row("phishing", 553, 590, "Giả mạo, lừa đảo"),
    row("deface", 280, 910, "Thay đổi giao diện"),
    row("malware", 223, 673, "Mã độc"),
)


def comparison(
    current: float = 1056,
    previous: float = 2173,
    *,
    asked: str = "2020-M1..M4",
    against: str = "",
    by: str = "category",
    verdict: str = "reduction",
    reason: str | None = None,
    rows: Sequence[dict[str, Any]] = GOLDEN_ROWS,
    coverage: tuple[float | None, float | None] = (None, None),
    overlap: tuple[int, int] = (0, 0),
    **more: Any,
) -> dict[str, Any]:
    """January to April 2020 against 2019, but for what is given."""
    now = parse_period(asked)
    then = parse_period(against) if against else now.year_before()
    total = {
        **change(current, previous),
        "rate_ratio": current / previous if previous else None,
        "ci95": [0.45, 0.52],
        "coverage": {"current": coverage[0], "previous": coverage[1]},
        "verdict": verdict,
    }
    return {
        "period": period(now),
        "against": period(then),
        "known_at": None,
        "definitions": "qd05-2017",
        "units": "as-then",
        "by": by,
        "total": {**total, "reason": reason} if reason else total,
        "rows": list(rows),
        "overlap": {"current": overlap[0], "previous": overlap[1]},
        "digest": "723abb94" * 8,
        **more,
    }
