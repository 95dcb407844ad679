"""What a detection says of its rule: title in two languages, author, techniques, and our own block `vonggac`."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from correlator.sigma.document import Source
from vonggac.domain.detection import ENTITY_FIELDS, RuleInfo, Ruleset
from vonggac.domain.incident import entry_id

#: QĐ 05/2017/QĐ-TTg's kinds of attack, as the shipped definitions key them.
CATEGORIES = frozenset(
    {
        "phishing",
        "deface",
        "malware",
        "dos",
        "unauthorized-access",
        "ransomware",
        "sabotage",
        "espionage",
        "combined",
        "other",
    }
)

#: Classes of the Reference Security Incident Taxonomy (ENISA and TF-CSIRT working group, version 1003).
RSIT_CLASSES = frozenset(
    {
        "abusive-content",
        "malicious-code",
        "information-gathering",
        "intrusion-attempts",
        "intrusions",
        "availability",
        "information-content-security",
        "fraud",
        "vulnerable",
        "other",
        "test",
    }
)

_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_TECHNIQUE = re.compile(r"t\d{4}(?:\.\d{3})?")
_BLOCK_KEYS = frozenset({"category", "rsit", "kind", "entity"})


class Refused(Exception):
    """A rule that cannot be used: message key, line in its file, reason."""

    def __init__(self, key: str, line: int, reason: str) -> None:
        super().__init__(reason)
        self.key = key
        self.line = line
        self.reason = reason


def rule_info(parsed: Any, source: Source) -> RuleInfo:
    """What the parsed pySigma rule and its document say. Raises Refused where our own block is wrong.

    A rule without the block is of a kind of its own, so that detections of unrelated rules never join one incident.
    """
    block = source.data.get("vonggac", {})
    _check_block(block, source)
    title = text(parsed.title)
    return RuleInfo(
        id=text(parsed.id) or text(parsed.name) or entry_id("rule", title),
        name=title,
        name_vi=text(source.data.get("title_vi")) or title,
        ruleset=Ruleset.CORRELATION if "correlation" in source.data else Ruleset.SIGMA,
        level=parsed.level.name.lower() if parsed.level else "medium",
        version=text(parsed.modified or parsed.date),
        author=text(parsed.author),
        techniques=tuple(
            tag.name.upper() for tag in parsed.tags if tag.namespace == "attack" and _TECHNIQUE.fullmatch(tag.name)
        ),
        category=block.get("category", "other"),
        kind=block.get("kind") or slug(title),
        entity=block.get("entity", "source.ip"),
    )


def text(value: object) -> str:
    return "" if value is None else str(value)


def slug(title: str) -> str:
    """The title in lower case with hyphens; letters beyond ASCII are left out."""
    return "-".join(re.findall(r"[a-z0-9]+", title.lower())) or entry_id("slug", title)


def _check_block(block: object, source: Source) -> None:
    if not isinstance(block, Mapping):
        raise Refused("rule_invalid", source.line_of("vonggac"), "the block vonggac must be a map")
    for key, value in block.items():
        if key not in _BLOCK_KEYS:
            raise Refused("rule_invalid", source.line_of("vonggac", key), f"vonggac.{key} is not known")
        if not isinstance(value, str):
            raise Refused("rule_invalid", source.line_of("vonggac", key), f"vonggac.{key} must be text")
    allowed: Mapping[str, Collection[str]] = {
        "category": CATEGORIES,
        "rsit": RSIT_CLASSES,
        "entity": ENTITY_FIELDS,
    }
    for key, values in allowed.items():
        if key in block and block[key] not in values:
            reason = f"vonggac.{key} must be one of {', '.join(sorted(values))}"
            raise Refused("rule_invalid", source.line_of("vonggac", key), reason)
    if "kind" in block and not _SLUG.fullmatch(block["kind"]):
        raise Refused(
            "rule_invalid", source.line_of("vonggac", "kind"), "vonggac.kind must be lower-case words-with-hyphens"
        )
