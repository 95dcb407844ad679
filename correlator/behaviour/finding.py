"""From an analytic's numbers to a detection that explains itself in both languages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from correlator.behaviour.sight import Sight
from vonggac.domain.detection import ENTITY_FIELDS, Detection, RuleInfo, Ruleset, detection_id
from vonggac.domain.times import format_instant
from vonggac.messages import LANGUAGES, catalogue, say

#: A detection names at most this many events; rows keep no more ids than this.
MAX_EVIDENCE = 64
VERSION = "1"


def rule(
    name: str, kind: str, level: str, category: str, techniques: tuple[str, ...] = (), entity: str = "source.ip"
) -> RuleInfo:
    """What a detection says of the analytic `name`, which `behaviour.<name>.title` puts in words."""
    return RuleInfo(
        id=f"baseline:{name}",
        name=say("en", f"behaviour.{name}.title"),
        name_vi=say("vi", f"behaviour.{name}.title"),
        ruleset=Ruleset.BASELINE,
        level=level,
        version=VERSION,
        author="Vọng Gác",
        techniques=techniques,
        tags=tuple(f"attack.{technique.lower()}" for technique in techniques),
        category=category,
        kind=kind,
        entity=entity,
    )


def finding(
    info: RuleInfo,
    sight: Sight,
    group: Mapping[str, Any],
    stretch: int,
    *,
    since: float,
    evidence: Sequence[str],
    numbers: Mapping[str, Any],
    baseline: Mapping[str, Any],
    entities: Mapping[str, Any] | None = None,
) -> Detection:
    """What the sight made true of the group, which began at `since`.

    The id comes from rule, group and stretch (a number that counts stretches of time), so that a replay repeats it.
    `numbers` are what was measured, `baseline` what they were held against; the sentence of
    `behaviour.<name>.told` has both.
    """
    name = info.id.removeprefix("baseline:")
    words = {**group, **numbers, **baseline}
    said = {lang: say(lang, f"behaviour.{name}.told", **_in_words(words, lang)) for lang in LANGUAGES}
    named = {path: value for path, value in group.items() if path in ENTITY_FIELDS} | dict(entities or {})
    known = {path: value for path, value in named.items() if value not in ("", 0, None)}
    if sight.agency:
        known["organization.id"] = sight.agency
    start = _instant(since)
    return Detection(
        id=detection_id(info.id, (*map(str, group.values()), str(stretch))),
        rule=info,
        time=_instant(sight.at),
        start=start,
        end=_instant(sight.at),
        evidence=tuple(dict.fromkeys(evidence)),
        entities=known,
        group_by=dict(group),
        explanation={
            "since": format_instant(start),
            "numbers": dict(numbers),
            "baseline": dict(baseline),
            **said,
        },
    )


def _instant(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _in_words(facts: Mapping[str, Any], lang: str) -> dict[str, Any]:
    """Facts for a sentence: `source.ip` is `source_ip` there, and a value that has a word in the language is that."""
    known = catalogue(lang)
    return {name.replace(".", "_"): known.get(f"behaviour.word.{fact}", fact) for name, fact in facts.items()}
