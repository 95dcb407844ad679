"""All checks, the score by protocol and source, and the page about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from tests.conformance import arkime, eve, ndpi, others, zeek
from tests.conformance.checks import MISS, NOT_APPLICABLE, OK, Check, cases, sense
from tests.conformance.page import UNITS, cause
from vonggac.domain.event import Document

#: The bars of the suite: of all applicable checks, and of each protocol's that has at least so many.
ALL, EACH, FEWEST = 0.97, 0.90, 3
SOURCES = ("suricata", "zeek", "ndpi", "arkime", "community-id", "tcpdump")


def run(data: Path) -> list[Check]:
    """Every check over the manifest's cases, in its order."""
    return [check for case in cases(data) for check in _case(case, data)]


def _case(case: dict[str, Any], data: Path) -> Iterator[Check]:
    kind = case["expect"]["type"]
    if kind == "community_id":
        yield from others.community_ids(case, data)
        return
    if kind == "no_crash":
        yield others.no_crash(case, data)
        return
    yield from judged(case, sense(data / (case.get("input") or case["files"][0])), data)


def judged(case: dict[str, Any], events: list[Document], data: Path) -> Iterator[Check]:
    """The checks of a case with a capture, on these events of it."""
    kind = case["expect"]["type"]
    if kind == "eve_filters":
        yield from eve.checks(case, events)
    elif kind == "zeek_logs":
        yield from zeek.checks(case, events)
    elif kind == "ndpi_flows":
        yield from ndpi.checks(case, events)
    elif kind == "arkime_sessions":
        yield from arkime.checks(case, events, data)
    else:
        yield others.label(case, events)


def shares(checks: Iterable[Check]) -> tuple[int, int]:
    """(ok, applicable) of these checks."""
    verdicts = Counter(check.verdict for check in checks)
    return verdicts[OK], verdicts[OK] + verdicts[MISS]


def under_the_bar(checks: list[Check]) -> list[str]:
    """What keeps the suite from passing, in words; empty when it passes. A scan has thousands of like flows: the bar
    holds with them and, so that they hide nothing, with each such capture's flows counted once."""
    found = []
    for name, counted in (("all", checks), ("all, flows of a scan counted once", _balanced(checks))):
        ok, applicable = shares(counted)
        if ok < ALL * applicable:
            found.append(f"{name}: {ok} of {applicable}")
    for protocol in protocols(checks):
        ok, applicable = shares(check for check in _balanced(checks) if check.protocol == protocol)
        if applicable >= FEWEST and ok < EACH * applicable:
            found.append(f"{protocol}: {ok} of {applicable}")
    return found


def _balanced(checks: list[Check]) -> list[Check]:
    """One check for all the flows of a capture that has more than 100, failed if one of them is."""
    counts = Counter(check.case for check in checks if check.protocol == "flow")
    kept: list[Check] = []
    for check in checks:
        if check.protocol == "flow" and counts[check.case] > 100:
            if check.verdict == MISS or not any(each.case == check.case and each.protocol == "flow" for each in kept):
                kept.append(check)
        else:
            kept.append(check)
    return kept


def protocols(checks: Iterable[Check]) -> list[str]:
    return sorted({check.protocol for check in checks if check.verdict != NOT_APPLICABLE})


def table(checks: list[Check]) -> list[str]:
    """The score, protocol by source, as lines of Markdown."""
    lines = ["| protocol | " + " | ".join(SOURCES) + " | all | % |", "| --- |" + " ---: |" * (len(SOURCES) + 2)]
    for protocol in protocols(checks):
        own = [check for check in checks if check.protocol == protocol]
        lines.append(_row(protocol, own))
    lines.append(_row("**all**", checks))
    lines.append(_row("all, a scan's flows counted once", _balanced(checks)))
    return lines


def _row(name: str, checks: list[Check]) -> str:
    cells = []
    for source in SOURCES:
        ok, applicable = shares(check for check in checks if check.source == source)
        cells.append(f"{ok}/{applicable}" if applicable else "")
    ok, applicable = shares(checks)
    return f"| {name} | " + " | ".join(cells) + f" | {ok}/{applicable} | {100 * ok / applicable:.1f} |"


def page(checks: list[Check]) -> str:
    """docs/conformance.md."""
    compared = sum(check.compared for check in checks)
    lines = [
        "# Conformance",
        "",
        "What the native sensor says of captures that others have described: suricata-verify's filters on EVE, Zeek's",
        "baselines, nDPI's flow lines, Arkime's sessions, corelight's Community IDs. Written by",
        "`python -m tests.conformance --write` from `shared/data/manifest.json`; `tests/conformance` turns our events",
        "into each reference's own records and holds the expectations against them, so that a difference of taste (how",
        "a flow is split, whether a link's header counts) is converted where it can be and named where it cannot.",
        f"{compared} fields were compared. The bar is 97 % of all applicable checks and 90 % of",
        "each protocol's.",
        "",
        "## Units",
        "",
        "| protocol | dataset | one event per |",
        "| --- | --- | --- |",
        *(f"| {name} | `{dataset}` | {unit} |" for name, dataset, unit in UNITS),
        "",
        "## Score",
        "",
        "ok/applicable, by protocol and source.",
        "",
        *table(checks),
        "",
        "## Misses",
        "",
        *(_misses(checks) or ["None."]),
        "",
        "## Not applicable",
        "",
        "| source | about | checks | why |",
        "| --- | --- | ---: | --- |",
        *_asides(checks),
        "",
        "## Fields without a name of ours",
        "",
        "They were in applicable checks, which were held to the others.",
        "",
        "| source | field | checks |",
        "| --- | --- | ---: |",
        *_unnamed(checks),
        "",
    ]
    return "\n".join(lines)


def _misses(checks: list[Check]) -> list[str]:
    missed = [check for check in checks if check.verdict == MISS]
    if not missed:
        return []
    lines = ["| source | protocol | capture | expected | ours | why |", "| --- | --- | --- | --- | --- | --- |"]
    for check in missed:
        cells = (check.source, check.protocol, check.case, check.what, check.reason, cause(check.source, check.reason))
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return lines


def _asides(checks: list[Check]) -> list[str]:
    groups = Counter(
        (check.source, check.protocol, check.reason) for check in checks if check.verdict == NOT_APPLICABLE
    )
    return [
        f"| {source} | {protocol} | {count} | {reason} |"
        for (source, protocol, reason), count in sorted(groups.items())
    ]


def _unnamed(checks: list[Check]) -> list[str]:
    groups = Counter(
        (check.source, name) for check in checks if check.verdict != NOT_APPLICABLE for name in check.unnamed
    )
    return [f"| {source} | `{name}` | {count} |" for (source, name), count in sorted(groups.items())]
