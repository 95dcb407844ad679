"""What may be said of a comparison: a fall is called a fall only where the verdict says so, and each percentage
stands beside both counts, the period it is reckoned from and the coverage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vonggac.domain.stats import Verdict
from vonggac.domain.times import VIETNAM, parse_instant
from vonggac.messages import catalogue, say
from vonggac.reports import figures


def headline(body: Mapping[str, Any], lang: str) -> str:
    """One sentence: how many incidents in the period, and what may be said against the other."""
    return say(
        lang,
        "report.headline",
        period=figures.capitalised(figures.period_name(body["period"], lang)),
        current=figures.count(body["total"]["current"], lang),
        claim=claim(body, lang),
    )


def claim(body: Mapping[str, Any], lang: str) -> str:
    """`giảm 51,4 % so với cùng kỳ năm 2019 (1.056 so với 2.173 sự cố; …)`, or why nothing of the kind can be said."""
    total = body["total"]
    current, previous = total["current"], total["previous"]
    percent = figures.change(current, previous, lang)
    return say(
        lang,
        f"report.claim.{_kind(body)}",
        against=against_name(body, lang),
        current=figures.count(current, lang),
        previous=figures.count(previous, lang),
        size=percent.lstrip("−+"),
        percent=percent,
        interval=_interval(total.get("ci95"), lang),
        coverage=coverage(total.get("coverage"), lang),
        reason=reason(total.get("reason"), lang),
    )


def against_name(body: Mapping[str, Any], lang: str) -> str:
    """`cùng kỳ năm 2019` where the other period is the same days of the year before, else its name."""
    start, end, other_start, other_end = (
        parse_instant(body[which][edge]).astimezone(VIETNAM)
        for which in ("period", "against")
        for edge in ("start", "end")
    )
    name = figures.period_name(body["against"], lang)
    same = all(
        (now.month, now.day, now.time(), now.year - 1) == (then.month, then.day, then.time(), then.year)
        for now, then in ((start, other_start), (end, other_end))
    )
    whole_year = (start.month, start.day) == (1, 1) == (end.month, end.day)
    return say(lang, "report.same_period", year=other_start.year) if same and not whole_year else name


def notes(body: Mapping[str, Any], lang: str) -> tuple[str, ...]:
    """What must be read with the figures: the body's own sentences, or where it has none the verdict, and that rows do
    not add up where they overlap."""
    said = (body.get("sentences") or {}).get(lang) or (verdict(body, lang), overlap_sentence(body, lang))
    return tuple(dict.fromkeys(each for each in said if each))


def verdict(body: Mapping[str, Any], lang: str) -> str:
    """The verdict in a sentence, with its reason."""
    total = body["total"]
    return say(lang, f"stats.verdict_{total['verdict']}", reason=reason(total.get("reason"), lang))


def verdict_word(value: str | None, lang: str) -> str:
    """The verdict of a row in a word or two; a dash where there is none."""
    return figures.DASH if value is None else say(lang, f"report.verdict.{value}")


def reason(key: str | None, lang: str) -> str:
    """Why there is no percentage or no verdict; a reason that has no sentence is named by its key."""
    if not key:
        return say(lang, "report.reason_unknown")
    return catalogue(lang).get(f"stats.{key}", key)


def overlap_sentence(body: Mapping[str, Any], lang: str) -> str:
    """Why the rows do not add up to the total; empty where they do."""
    overlap = body.get("overlap") or {}
    current, previous = overlap.get("current", 0), overlap.get("previous", 0)
    if not (current or previous):
        return ""
    return say(lang, "stats.overlap", current=figures.count(current, lang), previous=figures.count(previous, lang))


def coverage(kept: Mapping[str, Any] | None, lang: str) -> str:
    """The share of hours somebody was watching in both periods, or that nobody kept it."""
    current, previous = ((kept or {}).get(which) for which in ("current", "previous"))
    if current is None and previous is None:
        return say(lang, "report.coverage_unknown")
    return say(lang, "report.coverage", current=figures.share(current, lang), previous=figures.share(previous, lang))


def _kind(body: Mapping[str, Any]) -> str:
    """The key of the claim. A rate may fall where the count rises (periods of unlike length): then neither is said."""
    total = body["total"]
    found, rise = total["verdict"], total["current"] - total["previous"]
    if found == Verdict.REDUCTION:
        return "reduction" if rise < 0 else "contrary"
    if found == Verdict.INCREASE:
        return "contrary" if rise <= 0 else "increase" if total["previous"] else "increase_from_zero"
    return "no_change" if found == Verdict.NO_SIGNIFICANT_CHANGE else "not_comparable"


def _interval(bounds: Sequence[float | None] | None, lang: str) -> str:
    if not bounds:
        return figures.DASH
    low, high = ("∞" if bound is None else figures.decimal(bound, 2, lang) for bound in bounds)
    return f"{low} {figures.DASH} {high}"
