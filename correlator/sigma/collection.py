"""The documents of one file as rules: a collection's `action` documents give parts of themselves to others.

Sigma rules specification 1.0, "Rule Collections": `global` gives its keys to all documents after it, until `reset`;
`repeat` is the rule before it once more, with the keys that it names itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from correlator.sigma.document import BrokenYaml, Path, Source

_Lines = dict[Path, int]


def rules_of(documents: Iterable[Source | BrokenYaml]) -> Iterator[Source | BrokenYaml]:
    """The rules, correlations and filters of a file, with what collections add to rules already in them."""
    given = Source({}, 0)
    last: Source | None = None
    for document in documents:
        if isinstance(document, BrokenYaml) or "action" not in document.data:
            if isinstance(document, Source) and document.data.keys().isdisjoint(("correlation", "filter")):
                document = last = _over(document, given)
            yield document
            continue
        action = document.data["action"]
        own = Source(
            {key: value for key, value in document.data.items() if key != "action"}, document.line, document.lines
        )
        if action == "global":
            given = last = own
        elif action == "reset":
            given = Source({}, 0)
        elif action == "repeat" and last is not None:
            last = _over(last, own)
            yield Source(last.data, document.line, last.lines)
        else:
            reason = "there is no rule to repeat" if action == "repeat" else "action must be global, reset or repeat"
            yield BrokenYaml("rule_invalid", document.line_of("action"), reason)


def _over(below: Source, above: Source) -> Source:
    """The document with another's keys put over its own, maps merged."""
    if not above.data:
        return below
    lines = dict(below.lines)
    data = _merged(below.data, above.data, (), lines, above.lines)
    return Source(data, below.line, lines)


def _merged(
    below: Mapping[str, Any], above: Mapping[str, Any], path: Path, lines: _Lines, above_lines: Mapping[Path, int]
) -> dict[str, Any]:
    found = dict(below)
    for key, value in above.items():
        at = (*path, key)
        lines[at] = above_lines[at]
        if isinstance(value, Mapping):
            inner = found.get(key)
            found[key] = _merged(inner if isinstance(inner, Mapping) else {}, value, at, lines, above_lines)
        else:
            found[key] = value
            lines |= {deeper: line for deeper, line in above_lines.items() if deeper[: len(at)] == at}
    return found
