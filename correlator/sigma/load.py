"""Sigma files to rules that run. What cannot run is named with its file, line and reason; it never stops the others."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sigma.exceptions import SigmaError
from sigma.rule import SigmaRule
from sigma.rule.detection import SigmaDetectionItem

from correlator.rule import Correlation, MatchRule, Place, Rule
from correlator.sigma.chain import link
from correlator.sigma.compile import compile_tree
from correlator.sigma.correlation import Draft, draft
from correlator.sigma.document import MAX_FILE_BYTES, BrokenYaml, Source, documents
from correlator.sigma.fields import LogSource, only_zeek_says, paths_of
from correlator.sigma.info import Refused, rule_info, text
from correlator.sigma.modifiers import Present, Unsupported
from correlator.sigma.tree import All, Either, Leaf, build
from vonggac.errors import RuleError, UnknownInput

SUFFIXES = (".yml", ".yaml")

#: A condition longer or deeper than this takes pySigma's parser exponential time.
MAX_CONDITION = 4_096
MAX_PARENTHESES = 5


@dataclass(frozen=True, slots=True)
class RuleStatus:
    """What became of one rule, as `rules check` tells it; `id` is empty where the rule could not be read that far."""

    path: str
    id: str
    status: str  # ok, unsupported, invalid
    reason: str
    line: int


@dataclass(frozen=True, slots=True)
class LoadedRules:
    """Rules that run, and for every document of every file what became of it."""

    rules: tuple[Rule, ...] = ()
    faults: tuple[RuleError, ...] = ()
    statuses: tuple[RuleStatus, ...] = ()


def load_rules(paths: Iterable[Path]) -> LoadedRules:
    """All rules of these files and folders. Raises UnknownInput for a path that does not exist."""
    loading = _Loading()
    for path in paths:
        for file in _files(path):
            loading.file(file)
    loading.link_correlations()
    return loading.result()


def _files(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from sorted(file for file in path.rglob("*") if file.suffix in SUFFIXES and file.is_file())
    elif path.exists():
        yield path
    else:
        raise UnknownInput("rules_not_found", path=path)


@dataclass(frozen=True, slots=True)
class _Pending:
    path: str
    source: Source


class _Loading:
    """Collects rules and faults while the files are gone through; correlations wait until all rules are known."""

    def __init__(self) -> None:
        self.rules: dict[str, MatchRule] = {}
        self.correlations: list[Correlation] = []
        self.names: dict[str, str] = {}
        self.faults: list[RuleError] = []
        self.statuses: list[RuleStatus] = []
        self.pending: list[_Pending] = []
        self.places: dict[str, Place] = {}

    def file(self, path: Path) -> None:
        name = str(path)
        try:
            content = path.read_bytes() if path.stat().st_size <= MAX_FILE_BYTES else None
        except OSError as error:
            self.refuse(name, "", "rule_unreadable", 1, f"cannot be read: {error.strerror}")
            return
        if content is None:
            self.refuse(name, "", "rule_too_large", 1, f"larger than {MAX_FILE_BYTES} bytes")
            return
        try:
            decoded = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            self.refuse(name, "", "rule_invalid", content.count(b"\n", 0, error.start) + 1, "not UTF-8 text")
            return
        for document in documents(decoded):
            if isinstance(document, BrokenYaml):
                self.refuse(name, "", document.key, document.line, document.reason)
            else:
                self.document(name, document)

    def document(self, path: str, source: Source) -> None:
        if "correlation" in source.data:
            self.pending.append(_Pending(path, source))
            return
        try:
            rule = _match_rule(path, source)
            self.claim(rule.info.id, rule.name, source, path)
        except Refused as fault:
            self.refuse(path, _id(source), fault.key, fault.line, fault.reason)
            return
        self.rules[rule.info.id] = rule
        self.accept(path, rule.info.id, source)

    def link_correlations(self) -> None:
        drafts: list[Draft] = []
        for waiting in self.pending:
            try:
                one = draft(waiting.path, waiting.source)
                self.claim(one.info.id, one.name, waiting.source, waiting.path)
            except Refused as fault:
                self.refuse(waiting.path, _id(waiting.source), fault.key, fault.line, fault.reason)
                continue
            drafts.append(one)
        linked = link(drafts, self.rules, self.names)
        for one, refused in linked.refused:
            self.refuse(one.path, one.info.id, refused.key, refused.line, refused.reason)
        for made in linked.correlations:
            self.correlations.append(made)
            self.statuses.append(RuleStatus(made.place.path, made.info.id, "ok", "", made.place.line))
        for rule_id in linked.silenced:
            self.rules[rule_id] = replace(self.rules[rule_id], alerts=False)

    def claim(self, rule_id: str, name: str, source: Source, path: str) -> None:
        """An id or name belongs to the first rule that bears it."""
        for word, key in ((rule_id, "id"), (name, "name")):
            if word and word in self.places:
                first = self.places[word]
                reason = f"{key} {word} belongs to the rule in {first.path}, line {first.line}"
                raise Refused("rule_invalid", source.line_of(key), reason)
        place = Place(path, source.line)
        self.places[rule_id] = place
        if name:
            self.places[name] = place
            self.names[name] = rule_id

    def accept(self, path: str, rule_id: str, source: Source) -> None:
        self.statuses.append(RuleStatus(path, rule_id, "ok", "", source.line))

    def refuse(self, path: str, rule_id: str, key: str, line: int, reason: str) -> None:
        status = "unsupported" if key == "rule_unsupported" else "invalid"
        self.statuses.append(RuleStatus(path, rule_id, status, reason, line))
        self.faults.append(RuleError(key, path=path, line=line, reason=reason, status=status, rule=rule_id))

    def result(self) -> LoadedRules:
        return LoadedRules((*self.rules.values(), *self.correlations), tuple(self.faults), tuple(self.statuses))


def _id(source: Source) -> str:
    return text(source.data.get("id"))


def _match_rule(path: str, source: Source) -> MatchRule:
    """The rule of a document. Raises Refused."""
    _check_form(source)
    try:
        parsed = SigmaRule.from_dict(dict(source.data), collect_errors=True)
    except (SigmaError, AttributeError, TypeError, ValueError, KeyError) as error:
        # pySigma takes the types of some values for granted.
        raise _faulty_item(source) or Refused("rule_invalid", source.line, _said(error)) from error
    if parsed.errors:
        raise _pysigma_fault(parsed.errors[0], source)
    info = rule_info(parsed, source)
    logsource = LogSource(
        (parsed.logsource.category or "").lower(),
        (parsed.logsource.product or "").lower(),
        (parsed.logsource.service or "").lower(),
    )
    names: set[str] = set()

    def paths(name: str) -> tuple[str, ...]:
        names.add(name)
        return paths_of(name, logsource)

    try:
        trees = tuple(build(_parsed(condition, source), paths) for condition in parsed.detection.parsed_condition)
    except Unsupported as fault:
        line = _line_of_field(source, fault.field) if fault.field else source.line_of("detection", "condition")
        raise Refused("rule_unsupported", line, fault.reason) from fault
    tree = trees[0] if len(trees) == 1 else Either(trees)
    foreign = [
        Leaf(paths_of(name, logsource), Present(True)) for name in sorted(names) if only_zeek_says(name, logsource)
    ]
    if foreign:
        tree = All((tree, Either(tuple(foreign))))
    return MatchRule(info, text(parsed.name), logsource, compile_tree(tree), Place(path, source.line))


def _check_form(source: Source) -> None:
    if not isinstance(source.data.get("id", ""), str):
        raise Refused("rule_invalid", source.line_of("id"), "id must be a UUID")
    if "action" in source.data:
        raise Refused("rule_unsupported", source.line_of("action"), "rule collections (action) are not evaluated")
    if "filter" in source.data:
        raise Refused("rule_unsupported", source.line_of("filter"), "Sigma filters are not evaluated")
    detection = source.data.get("detection")
    if not isinstance(detection, Mapping):
        return  # pySigma says what is wrong
    if "timeframe" in detection:
        reason = "timeframe belongs to the old pipe syntax; write a correlation rule"
        raise Refused("rule_unsupported", source.line_of("detection", "timeframe"), reason)
    for path, key, _ in _items(detection, ("detection",)):
        if "utf16" in key.split("|")[1:]:
            # pySigma 1.5 puts the byte order mark before it as UTF-8, so the base64 of it would never match.
            raise Refused("rule_unsupported", source.line_of(*path), "the modifier utf16 is not evaluated; use wide")
    condition = detection.get("condition")
    for text_ in condition if isinstance(condition, list) else [condition]:
        if isinstance(text_, str) and (len(text_) > MAX_CONDITION or _depth(text_) > MAX_PARENTHESES):
            reason = f"condition longer than {MAX_CONDITION} characters or nested deeper than {MAX_PARENTHESES}"
            raise Refused("rule_unsupported", source.line_of("detection", "condition"), reason)


def _depth(condition: str) -> int:
    depth = deepest = 0
    for char in condition:
        depth += (char == "(") - (char == ")")
        deepest = max(deepest, depth)
    return deepest


def _parsed(condition: Any, source: Source) -> Any:
    try:
        tree = condition.parsed
    except (SigmaError, AttributeError, TypeError) as error:
        raise Refused("rule_invalid", source.line_of("detection", "condition"), _said(error)) from error
    except RecursionError as error:
        raise Refused("rule_invalid", source.line_of("detection", "condition"), "condition nested too deep") from error
    if tree is None:
        raise Refused("rule_invalid", source.line_of("detection", "condition"), "the condition selects nothing")
    return tree


_KEY_OF_ERROR = re.compile(r"^Sigma([A-Z][a-z]+)")


def _pysigma_fault(error: Any, source: Source) -> Refused:
    """pySigma's first complaint with the line it is about."""
    found = _faulty_item(source)
    if found is not None:
        return found
    match = _KEY_OF_ERROR.match(type(error).__name__)
    key = (match[1].lower() if match else "").replace("identifier", "id").replace("tag", "tags")
    key = {"condition": "detection"}.get(key, key)
    path = ("detection", "condition") if "condition" in type(error).__name__.lower() else (key,)
    return Refused("rule_invalid", source.line_of(*path), _said(error))


def _faulty_item(source: Source) -> Refused | None:
    """The first detection item that pySigma refuses by itself."""
    for path, key, value in _items(source.data.get("detection"), ("detection",)):
        try:
            SigmaDetectionItem.from_mapping(key, value)
        except (SigmaError, TypeError, ValueError, AttributeError) as error:
            return Refused("rule_invalid", source.line_of(*path), _said(error))
    return None


def _line_of_field(source: Source, field: str) -> int:
    for path, key, _ in _items(source.data.get("detection"), ("detection",)):
        if key.partition("|")[0] == field:
            return source.line_of(*path)
    return source.line_of("detection")


def _items(node: Any, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], str, Any]]:
    """Each `field|modifiers: value` of a detection, with its path."""
    if isinstance(node, Mapping):
        for key, value in node.items():
            if len(path) == 1:  # a selection's name
                if key != "condition":
                    yield from _items(value, (*path, key))
            else:
                yield (*path, key), str(key), value
    elif isinstance(node, list):
        for index, item in enumerate(node):
            yield from _items(item, (*path, index))


def _said(error: Exception) -> str:
    """One line of what the library said, without its own source note."""
    return " ".join(str(error.args[0] if error.args else error).split())[:300]
