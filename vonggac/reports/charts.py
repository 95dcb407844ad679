"""Charts of comparisons as SVG: axes from zero, labels in full, two tones that differ in grey too."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from vonggac.messages import say
from vonggac.reports import figures
from vonggac.reports.document import Picture
from vonggac.reports.svg import INK, RULE, box, drawing, folded, line, words

NOW, THEN = "#1f4e79", "#b9cde2"
#: From dark to light, told apart in grey; the last is what remains.
TONES = ("#16324f", "#2f6296", "#6c9bc7", "#a9c6e0", "#d9e6f2", "#ffffff")
_ON_DARK = 2  # tones before this one carry white figures

WIDTH = 680.0


@dataclass(frozen=True, slots=True)
class Pair:
    """One thing counted in two periods."""

    label: str
    current: float
    previous: float


@dataclass(frozen=True, slots=True)
class Periods:
    """How the two periods of a chart are called."""

    current: str
    previous: str


def columns(caption: str, pairs: Sequence[Pair], periods: Periods, lang: str) -> Picture:
    """For each label two columns side by side, this period and the one before; for up to some twelve short labels."""
    height, left, top, foot = 300.0, 46.0, 34.0, 262.0
    top_value, ticks = scale([value for pair in pairs for value in (pair.current, pair.previous)])
    slot = (WIDTH - left - 4) / max(1, len(pairs))
    bar = min(24.0, slot * 0.38)

    def y(value: float) -> float:
        return foot - (foot - top) * value / top_value

    parts = [*_legend(left, 14, periods)]
    for tick in ticks:
        parts += [line(left, y(tick), WIDTH, y(tick))]
        parts += [words(left - 6, y(tick) + 4, figures.count(tick, lang), size=11, anchor="end")]
    for at, pair in enumerate(pairs):
        middle = left + slot * (at + 0.5)
        for x, value, fill in ((middle - bar, pair.previous, THEN), (middle, pair.current, NOW)):
            parts.append(box(x, y(value), bar, foot - y(value), fill, INK if fill == THEN else "none"))
        for row, text in enumerate(folded(pair.label, max(4, int(slot / 5.5)))):
            parts.append(words(middle, foot + 15 + 12 * row, text, size=10.5, anchor="middle"))
    parts.append(line(left, foot, WIDTH, foot, INK))
    alt = in_words(pairs, periods, lang)
    return Picture(caption, drawing(WIDTH, height, caption, alt, parts), alt)


def bars(caption: str, pairs: Sequence[Pair], periods: Periods, lang: str) -> Picture:
    """For each label two bars, one under the other, with their figures; for labels of any length and number."""
    bar, gap = 13.0, 12.0
    labels = [folded(pair.label, 38) for pair in pairs]
    left = 12 + 6.3 * max((len(text) for label in labels for text in label), default=0)
    longest = max([1.0, *(value for pair in pairs for value in (pair.current, pair.previous))])
    room = WIDTH - left - 70
    parts, y = [*_legend(left, 14, periods)], 32.0
    for pair, label in zip(pairs, labels, strict=True):
        tall = max(2 * bar, 14.0 * len(label))
        for row, text in enumerate(label):
            parts.append(words(left - 10, y + tall / 2 + 4 + 14 * (row - (len(label) - 1) / 2), text, anchor="end"))
        for row, (value, fill) in enumerate(((pair.current, NOW), (pair.previous, THEN))):
            long, above = room * value / longest, y + (tall - 2 * bar) / 2 + bar * row
            parts.append(box(left, above, long, bar, fill, INK if fill == THEN else "none"))
            parts.append(words(left + long + 6, above + 10.5, figures.count(value, lang), size=11))
        y += tall + gap
    parts.append(line(left, 26, left, y - gap + 4, INK))
    alt = in_words(pairs, periods, lang)
    return Picture(caption, drawing(WIDTH, y, caption, alt, parts), alt)


def mix(caption: str, pairs: Sequence[Pair], periods: Periods, lang: str) -> Picture:
    """What share of each period each label has: one bar of 100 % a period, and the shares in the legend.

    The five largest of this period have a tone of their own, the others together the last; a period without any
    case has an empty bar."""
    shown = _largest(pairs, lang)
    totals = (sum(pair.current for pair in pairs), sum(pair.previous for pair in pairs))
    parts: list[str] = []
    for row, name in enumerate((periods.current, periods.previous)):
        values = [(pair.current, pair.previous)[row] for pair in shown]
        parts += [words(0, 14 + 58 * row, figures.capitalised(name), bold=row == 0)]
        parts += _stack(values, totals[row], 20 + 58.0 * row, lang)
    y = 142.0
    for at, pair in enumerate(shown):
        shares = [
            _share(value, total, lang) for value, total in zip((pair.current, pair.previous), totals, strict=True)
        ]
        said = say(lang, "report.mix_item", label=pair.label, current=shares[0], previous=shares[1])
        parts += [box(0.5, y - 11, 14, 12, TONES[at], INK), words(24, y, said)]
        y += 19
    alt = in_words(pairs, periods, lang)
    return Picture(caption, drawing(WIDTH, y - 6, caption, alt, parts), alt)


def scale(values: Sequence[float]) -> tuple[float, list[float]]:
    """The top of an axis from zero over these values, and its marks: four to eight steps of 1, 2 or 5 times a ten."""
    highest = max([1.0, *values])
    step = 1.0
    for at in range(60):
        step = (1, 2, 5)[at % 3] * 10.0 ** (at // 3)
        if highest / step <= 6:
            break
    steps = int(-(-highest // step))
    return steps * step, [step * at for at in range(steps + 1)]


def in_words(pairs: Sequence[Pair], periods: Periods, lang: str) -> str:
    """Every figure of a chart as text."""
    said = [
        f"{pair.label}: {figures.count(pair.current, lang)} / {figures.count(pair.previous, lang)}" for pair in pairs
    ]
    return f"{figures.capitalised(periods.current)} / {periods.previous}. {'; '.join(said)}."


def _legend(x: float, y: float, periods: Periods) -> list[str]:
    second = x + 40 + 7.2 * len(periods.current)
    return [
        box(x, y - 11, 14, 12, NOW),
        words(x + 20, y, figures.capitalised(periods.current)),
        box(second, y - 11, 14, 12, THEN, INK),
        words(second + 20, y, figures.capitalised(periods.previous)),
    ]


def _largest(pairs: Sequence[Pair], lang: str) -> list[Pair]:
    ranked = sorted(pairs, key=lambda pair: (-pair.current, -pair.previous, pair.label))
    if len(ranked) <= len(TONES):
        return ranked
    head, tail = ranked[: len(TONES) - 1], ranked[len(TONES) - 1 :]
    rest = say(lang, "report.remaining", count=len(tail))
    return [*head, Pair(rest, sum(pair.current for pair in tail), sum(pair.previous for pair in tail))]


def _stack(values: Sequence[float], total: float, y: float, lang: str) -> Iterator[str]:
    x = 0.5
    for at, value in enumerate(values):
        long = (WIDTH - 1) * value / total if total else 0
        if value:
            yield box(x, y, long, 26, TONES[at], INK)
        if long > 36:
            fill = "#ffffff" if at < _ON_DARK else INK
            yield words(x + long / 2, y + 17, _share(value, total, lang), size=11.5, anchor="middle", fill=fill)
        x += long
    if not total:
        yield box(0.5, y, WIDTH - 1, 26, "none", RULE)


def _share(value: float, total: float, lang: str) -> str:
    return figures.share(value / total if total else None, lang)
