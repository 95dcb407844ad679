"""A comparison as the contract's JSON, with what must be said beside the number; and as CSV."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from fractions import Fraction
from hashlib import sha256
from typing import Any

from vonggac.definitions import breaks
from vonggac.domain.agency import Agency
from vonggac.domain.covered import Coverage, Pair, Part
from vonggac.domain.definitions import Break
from vonggac.domain.states import Span
from vonggac.domain.stats import INVOLVING, UNKNOWN, By, Change, Count, Measures, Number, print_percent
from vonggac.domain.times import VIETNAM, Period, day_in_vietnam, format_instant, parse_instant
from vonggac.messages import LANGUAGES, say
from vonggac.statistics import AS_THEN, Answer, Question


def answer_data(found: Answer, lang: str) -> dict[str, Any]:
    """The contract's JSON of `stats compare`."""
    question, comparison = found.question, found.comparison
    total = {name: value for name, value in _row(comparison.total).items() if name != "key"}
    crossed = crossed_by(question)
    body: dict[str, Any] = {
        "period": _period_data(question.period),
        "against": _period_data(question.against),
        "known_at": format_instant(question.known_at) if question.known_at else None,
        "definitions": found.definitions.id,
        "units": question.units.isoformat() if question.units else AS_THEN,
        "by": str(question.by),
        "total": {
            **total,
            "rate_ratio": comparison.rate_ratio,
            "ci95": [_finite(bound) for bound in comparison.ci95] if comparison.ci95 else None,
            "coverage": _coverage(comparison.coverage),
            "systems": {"current": found.systems[0], "previous": found.systems[1]},
        },
        "rows": [{**_row(row), "label": label(row.key, found, lang)} for row in comparison.rows],
        "overlap": {
            "current": _number(comparison.current.overlap),
            "previous": _number(comparison.previous.overlap),
        },
        "measures": _measures(comparison.current, comparison.previous),
        "coverage_parts": _parts(comparison.coverage),
        "breaks": [{"at": each.at.isoformat(), "of": each.of, "basis": each.basis} for each in crossed],
    }
    body["digest"] = digest(body)
    body["sentences"] = {each: _sentences(found, crossed, each) for each in LANGUAGES}
    return body


def digest(body: Mapping[str, Any]) -> str:
    """SHA-256 over the answer's figures in canonical JSON, without words, so that both languages give the same."""
    figures = {**body, "rows": [{k: v for k, v in row.items() if k != "label"} for row in body["rows"]]}
    for words in ("digest", "sentences"):
        figures.pop(words, None)
    return sha256(canonical(figures)).hexdigest()


def canonical(data: Any) -> bytes:
    """The same bytes for the same data."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _row(row: Change) -> dict[str, Any]:
    """One row; the percentage is exact as far as a double is."""
    data: dict[str, Any] = {
        "key": row.key,
        "current": _number(row.current),
        "previous": _number(row.previous),
        "change_percent": _share(row.change),
        "verdict": str(row.verdict),
    }
    if row.reason:
        data["reason"] = row.reason
    if row.coverage is not None:
        data["coverage"] = _coverage(row.coverage)
    return data


def _coverage(coverage: Coverage) -> dict[str, float | None]:
    return _pair(coverage.sensors)


def _parts(coverage: Coverage) -> dict[str, dict[str, Any]]:
    """What the coverage is made of, and by which parts it fell."""
    fallen = coverage.fallen
    return {str(part): {**_pair(pair), "fell": part in fallen} for part, pair in coverage.parts.items()}


def _pair(pair: Pair) -> dict[str, float | None]:
    return {"current": _share(pair.current), "previous": _share(pair.previous)}


def _number(number: Number) -> int | float:
    return int(number) if number == int(number) else float(number)


def _share(share: Fraction | None) -> float | None:
    return None if share is None else float(share)


def _finite(bound: float) -> float | None:
    return bound if bound != float("inf") else None


def _period_data(period: Period) -> dict[str, str]:
    return {"start": format_instant(period.start), "end": format_instant(period.end), "text": period.text}


def _measures(current: Count, previous: Count) -> dict[str, Any]:
    def pair(now: Number, then: Number) -> dict[str, Any]:
        change = Change("", now, then).change
        return {"current": _number(now), "previous": _number(then), "change_percent": _share(change)}

    def found(count: Count) -> Fraction | int:
        return Fraction(count.measures.found, count.total) if count.total else 0

    a, b = current.measures, previous.measures
    return {
        "incidents": pair(current.total, previous.total),
        "involvements": pair(a.involvements, b.involvements),
        "severity_weighted": pair(a.severity_weighted, b.severity_weighted),
        "harmed_systems": pair(a.harmed_systems, b.harmed_systems),
        "found_by_ourselves": pair(found(current), found(previous)),
        **{f"time_to_{span}": {"current": _lengths(a, span), "previous": _lengths(b, span)} for span in Span},
    }


def _lengths(measures: Measures, span: Span) -> dict[str, int | None]:
    count, found = measures.lengths.get(span, (0, ()))
    median, ninth = found or (None, None)
    return {"median_s": median, "p90_s": ninth, "n": count}


# --- words -------------------------------------------------------------------------------------------------------


def crossed_by(question: Question) -> list[Break]:
    """The breaks of series between the beginning of the earlier period and the end of the later."""
    first, last = (
        day_in_vietnam(choose(getattr(period, name) for period in (question.period, question.against)))
        for choose, name in ((min, "start"), (max, "end"))
    )
    relevant = {"all", "units"} if question.by in INVOLVING and question.units is None else {"all"}
    return [each for each in breaks() if first < each.at < last and each.of in relevant]


def label(key: str, found: Answer, lang: str) -> str:
    """How a row is called for people."""
    by = found.question.by
    if by is By.CATEGORY:
        return found.definitions.label(key, lang)
    if by is By.AGENCY and (unit := found.units.get(key)) is not None:
        return unit_label(unit, lang)
    if by is By.MONTH:
        return f"{key[5:]}/{key[:4]}"
    if key == UNKNOWN:
        return say(lang, "console.stats.unknown")
    prefix = {By.LEVEL: "console.unit", By.SEVERITY: "console.severity", By.CAUSE: "stats.cause"}.get(by)
    return say(lang, f"{prefix}.{key}") if prefix else key


def unit_label(unit: Agency, lang: str) -> str:
    """The unit's name; of one that is no more with its last day."""
    name = unit.name_en if lang == "en" and unit.name_en else unit.name
    if unit.valid_to is None:
        return name
    return f"{name} ({say(lang, 'stats.until', day=_last_day(unit.valid_to))})"


def _last_day(end: date) -> str:
    return f"{date.fromordinal(end.toordinal() - 1):%d/%m/%Y}"


def _sentences(found: Answer, crossed: Iterable[Break], lang: str) -> list[str]:
    """What must be said beside the number."""
    comparison, question = found.comparison, found.question
    total = comparison.total
    reason = say(lang, f"stats.{total.reason}") if total.reason else ""
    told = [say(lang, f"stats.verdict_{total.verdict}", reason=reason)]
    if not found.whole:
        told.append(say(lang, "stats.not_whole"))
    current, previous = comparison.current, comparison.previous
    if current.overlap or previous.overlap:
        told.append(say(lang, "stats.overlap", **_counts(current.overlap, previous.overlap, lang)))
    if question.units is not None:
        told.append(say(lang, "stats.in_units_of", day=f"{question.units:%d/%m/%Y}"))
    if current.stranded or previous.stranded:
        told.append(say(lang, "stats.stranded", **_counts(current.stranded, previous.stranded, lang)))
    told += [
        say(lang, "stats.break", day=f"{each.at:%d/%m/%Y}", what=each.vi if lang == "vi" else each.en, basis=each.basis)
        for each in crossed
    ]
    told += _covered(comparison.coverage, lang)
    if are_unlike(question.period, question.against):
        lengths = {"current": _days(question.period, lang), "previous": _days(question.against, lang)}
        told.append(say(lang, "stats.unlike", **lengths))
    if question.period.end > found.over:
        told.append(say(lang, "stats.not_over", day=f"{found.over.astimezone(VIETNAM):%d/%m/%Y}"))
    return told


def _counts(current: Number, previous: Number, lang: str) -> dict[str, str]:
    return {"current": _count(current, lang), "previous": _count(previous, lang)}


def _count(number: Number, lang: str) -> str:
    """Whole ones without decimals, sums of shares with one."""
    if number == int(number):
        return rounded(Fraction(number), lang)
    text = str(print_percent(Fraction(number)))
    return text.replace(".", ",") if lang == "vi" else text


def are_unlike(one: Period, other: Period) -> bool:
    """Whether one is longer than the other by so much that their counts mislead: more than a tenth of it."""
    return 10 * min(one.days, other.days) < 9 * max(one.days, other.days)


def _days(period: Period, lang: str) -> str:
    text = f"{period.days:.1f}".removesuffix(".0")
    return text.replace(".", ",") if lang == "vi" else text


def as_known(body: Mapping[str, Any], lang: str) -> list[str]:
    """The sentence that says as known when a comparison's JSON counts; none where that is now."""
    if not body["known_at"]:
        return []
    return [say(lang, "stats.as_known", at=f"{parse_instant(body['known_at']).astimezone(VIETNAM):%d/%m/%Y %H:%M:%S}")]


def _covered(coverage: Coverage, lang: str) -> Iterator[str]:
    """How well the two periods were watched."""
    if coverage.sensors.current is None:
        yield say(lang, "stats.coverage_unknown")
    else:
        shares = {name: percent_of(getattr(coverage.sensors, name), lang) for name in ("current", "previous")}
        yield say(lang, "stats.coverage", **shares)
    if coverage.parts:
        yield say(lang, "stats.coverage_parts", parts="; ".join(_part(*each, lang) for each in coverage.parts.items()))
    if coverage.fallen:
        names = ", ".join(say(lang, f"stats.covered.{part}") for part in coverage.fallen)
        yield say(lang, "stats.coverage_fallen", parts=names)


def _part(part: Part, pair: Pair, lang: str) -> str:
    written = rounded if part is Part.RULES_LOADED else percent_of
    current, previous = (written(figure, lang) for figure in (pair.current, pair.previous))
    return say(lang, "stats.coverage_part", part=say(lang, f"stats.covered.{part}"), current=current, previous=previous)


def rounded(figure: Fraction | None, lang: str) -> str:
    """A figure as a whole number, thousands parted."""
    if figure is None:
        return "–"
    text = f"{round(figure):,}"
    return text.replace(",", ".") if lang == "vi" else text


def percent_of(share: Fraction | None, lang: str) -> str:
    """A share as a percentage with one decimal."""
    if share is None:
        return "–"
    text = f"{print_percent(100 * share)} %"
    return text.replace(".", ",") if lang == "vi" else text
