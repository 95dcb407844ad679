"""What a detection says of its rule: title in two languages, author, techniques, and our own block `vonggac`."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import date

from correlator.sigma.document import Source
from vonggac.domain.detection import ENTITY_FIELDS, RuleInfo, Ruleset
from vonggac.domain.incident import entry_id

#: QĐ 05/2017/QĐ-TTg's kinds of attack that a rule may state, as the shipped definitions key them. That several kinds
#: were combined is for people to say.
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
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_DATE = re.compile(r"(\d{4})[-/](\d{1,2})[-/](\d{1,2})(?:[T ].*)?")
#: Sigma rules specification 2.1, "Title", "Level", "Status".
MAX_TITLE = 256
LEVELS = ("informational", "low", "medium", "high", "critical")
STATUSES = ("stable", "test", "experimental", "deprecated", "unsupported")
_BLOCK_KEYS = frozenset({"category", "rsit", "kind", "entity"})


class Refused(Exception):
    """A rule that cannot be used: message key, line in its file, reason."""

    def __init__(self, key: str, line: int, reason: str) -> None:
        super().__init__(reason)
        self.key = key
        self.line = line
        self.reason = reason


def rule_info(source: Source) -> RuleInfo:
    """What a rule's document says of itself. Raises Refused where it says it wrongly.

    A rule without our block is of a kind of its own, so that detections of unrelated rules never join one incident.
    """
    data = source.data
    block = data.get("vonggac", {})
    _check_block(block, source)
    _one_of("status", STATUSES, source)
    title = _title(source)
    tags = _tags(source)
    return RuleInfo(
        id=_identity(source) or text(data.get("name")) or entry_id("rule", title),
        name=title,
        name_vi=text(data.get("title_vi")) or title,
        ruleset=Ruleset.CORRELATION if "correlation" in data else Ruleset.SIGMA,
        level=_one_of("level", LEVELS, source) or "medium",
        version=_date("modified", source) or _date("date", source),
        author=_author(data.get("author")),
        techniques=tuple(_techniques(tags)),
        category=block.get("category", ""),
        rsit=block.get("rsit", ""),
        tags=(*tags, *_logsource(source)),
        kind=block.get("kind") or slug(title),
        entity=block.get("entity", "source.ip"),
    )


def _title(source: Source) -> str:
    title = source.data.get("title")
    if not isinstance(title, str) or not title.strip():
        raise _wrong(source, "title", "a rule needs a title, which is text")
    if len(title) > MAX_TITLE:
        raise _wrong(source, "title", f"the title is longer than {MAX_TITLE} characters")
    return title


def _identity(source: Source) -> str:
    """The id in lower case; empty where there is none."""
    if source.data.get("name") is not None and not isinstance(source.data["name"], str):
        raise _wrong(source, "name", "name must be text")
    identity = source.data.get("id")
    if identity is None:
        return ""
    if not isinstance(identity, str) or not _UUID.fullmatch(identity):
        raise _wrong(source, "id", "id must be a UUID")
    return identity.lower()


def _one_of(key: str, allowed: Collection[str], source: Source) -> str:
    value = source.data.get(key)
    if value is None:
        return ""
    if not isinstance(value, str) or value.lower() not in allowed:
        raise _wrong(source, key, f"{key} must be one of {', '.join(allowed)}")
    return value.lower()


def _date(key: str, source: Source) -> str:
    """`2026-03-02`; Sigma 1 wrote it with slashes."""
    value = source.data.get(key)
    if value is None:
        return ""
    match = _DATE.fullmatch(str(value))
    try:
        return date(int(match[1]), int(match[2]), int(match[3])).isoformat() if match else _bad_date(key, source)
    except ValueError:
        return _bad_date(key, source)


def _bad_date(key: str, source: Source) -> str:
    raise _wrong(source, key, f"{key} must be a date like 2026-03-02")


def _author(value: object) -> str:
    return ", ".join(text(each) for each in value) if isinstance(value, list) else text(value)


def _tags(source: Source) -> tuple[str, ...]:
    """The tags in lower case, each once; Sigma 1 wrote underscores in them."""
    tags = source.data.get("tags") or []
    if not isinstance(tags, list):
        raise _wrong(source, "tags", "tags must be a list")
    for at, tag in enumerate(tags):
        if not isinstance(tag, str) or "." not in tag:
            raise Refused("rule_invalid", source.line_of("tags", at), "a tag is written namespace.name")
    return tuple(dict.fromkeys(tag.lower().replace("_", "-") for tag in tags))


def _techniques(tags: Iterable[str]) -> Iterator[str]:
    """The ATT&CK techniques among the tags."""
    for tag in tags:
        namespace, _, name = tag.partition(".")
        if namespace == "attack" and _TECHNIQUE.fullmatch(name):
            yield name.upper()


def _logsource(source: Source) -> Iterator[str]:
    logsource = source.data.get("logsource")
    if isinstance(logsource, Mapping) and isinstance(logsource.get("category"), str):
        yield f"logsource.{logsource['category'].lower()}"


def _wrong(source: Source, key: str, reason: str) -> Refused:
    return Refused("rule_invalid", source.line_of(key), reason)


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
