"""Sigma files to rules that run. What cannot run is named with its file, line and reason; it never stops the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from correlator.rule import Correlation, MatchRule, Place, Rule
from correlator.sigma.chain import link
from correlator.sigma.collection import rules_of
from correlator.sigma.correlation import Draft, draft
from correlator.sigma.detection import Detection
from correlator.sigma.document import MAX_FILE_BYTES, BrokenYaml, Source, documents
from correlator.sigma.field_tests import Present
from correlator.sigma.filter import Filter, read_filter
from correlator.sigma.info import Refused, rule_info, text
from correlator.sigma.logsource import read_logsource
from correlator.sigma.modifiers import Placeholders
from correlator.sigma.taxonomy import LogSource, only_zeek_says, paths_of
from correlator.sigma.tree import All, Either, Leaf, Node, joined
from vonggac.errors import RuleError, UnknownInput

SUFFIXES = (".yml", ".yaml")

#: A file's text to its documents; a reader that remembers may stand in for `documents`.
Reader = Callable[[str], Iterable[Source | BrokenYaml]]


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
    """Rules that run, and for every document of every file what became of it, in the files' order."""

    rules: tuple[Rule, ...] = ()
    faults: tuple[RuleError, ...] = ()
    statuses: tuple[RuleStatus, ...] = ()


def load_rules(
    paths: Iterable[Path], placeholders: Placeholders | None = None, read: Reader = documents
) -> LoadedRules:
    """All rules of these files and folders. Raises UnknownInput for a path that does not exist."""
    loading = _Loading(placeholders or {}, read)
    for path in paths:
        for file in _files(path):
            loading.file(file)
    return loading.result()


def _files(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from sorted(file for file in path.rglob("*") if file.suffix in SUFFIXES and file.is_file())
    elif path.exists():
        yield path
    else:
        raise UnknownInput("rules_not_found", path=path)


@dataclass(frozen=True, slots=True, eq=False)
class _Document:
    """A document on its way; `order` is its place among all."""

    order: int
    path: str
    source: Source

    @property
    def place(self) -> Place:
        return Place(self.path, self.source.line)

    @property
    def id(self) -> str:
        return text(self.source.data.get("id"))


class _Loading:
    """Collects rules and faults. Filters are read before the rules that they change, correlations after those they
    use."""

    def __init__(self, placeholders: Placeholders, read: Reader) -> None:
        self._placeholders = placeholders
        self._read = read
        self._documents: list[_Document] = []
        self._statuses: dict[int, RuleStatus] = {}
        self._faults: dict[int, RuleError] = {}
        self._places: dict[str, Place] = {}
        self._rules: dict[str, MatchRule] = {}
        self._names: dict[str, str] = {}
        self._filters: dict[_Document, Filter] = {}
        self._filtered: set[tuple[_Document, str]] = set()
        self._drafts: dict[str, tuple[_Document, Draft]] = {}
        self._correlations: tuple[Correlation, ...] = ()
        self._order = 0

    def file(self, path: Path) -> None:
        name = str(path)
        try:
            content = path.read_bytes() if path.stat().st_size <= MAX_FILE_BYTES else None
        except OSError as error:
            self._broken(name, BrokenYaml("rule_unreadable", 1, f"cannot be read: {error.strerror}"))
            return
        if content is None:
            self._broken(name, BrokenYaml("rule_too_large", 1, f"larger than {MAX_FILE_BYTES} bytes"))
            return
        try:
            decoded = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            self._broken(name, BrokenYaml("rule_invalid", line, "not UTF-8 text"))
            return
        for document in rules_of(self._read(decoded)):
            if isinstance(document, BrokenYaml):
                self._broken(name, document)
            else:
                self._documents.append(_Document(self._next(), name, document))

    def result(self) -> LoadedRules:
        """What the files gave, once all of them are read."""
        kinds: dict[str, list[_Document]] = {"filter": [], "correlation": [], "": []}
        for document in self._documents:
            kinds[next((kind for kind in ("filter", "correlation") if kind in document.source.data), "")].append(
                document
            )
        for document in kinds["filter"]:
            self._try(document, self._filter)
        for document in kinds[""]:
            self._try(document, self._match_rule)
        self._check_filters()
        self._link(kinds["correlation"])
        in_order = sorted(self._statuses)
        return LoadedRules(
            (*self._rules.values(), *self._correlations),
            tuple(self._faults[order] for order in in_order if order in self._faults),
            tuple(self._statuses[order] for order in in_order),
        )

    # --- the kinds of documents

    def _filter(self, document: _Document) -> str:
        info = rule_info(document.source)
        self._filters[document] = read_filter(document.source)
        self._claim(document, info.id)
        return info.id

    def _match_rule(self, document: _Document) -> str:
        source = document.source
        info = rule_info(source)
        logsource = read_logsource(source)
        detection = Detection(source, "detection", _where(logsource), self._placeholders)
        tree = _of_its_log(detection, logsource)
        name = text(source.data.get("name"))
        conditions = self._filters_of(document, info.id, name, logsource)
        self._claim(document, info.id)
        self._rules[info.id] = MatchRule(info, name, logsource, joined(All, (tree, *conditions)), document.place)
        return info.id

    def _filters_of(self, document: _Document, rule_id: str, name: str, logsource: LogSource) -> list[Node]:
        """The conditions that filters add to a rule, read with the rule's fields."""
        found: list[Node] = []
        for each, rule_filter in self._filters.items():
            wanted = {reference for reference in rule_filter.rules if reference.lower() in (rule_id, name.lower())}
            if not rule_filter.concerns(logsource) or (rule_filter.rules and not wanted):
                continue
            self._filtered |= {(each, reference) for reference in wanted}
            block = Detection(each.source, "filter", _where(logsource), self._placeholders, frozenset({"rules"}))
            try:
                found.append(block.tree())
            except Refused as fault:
                self._refuse(each, fault)
        return found

    def _check_filters(self) -> None:
        """A filter that names a rule which is not there, or is of another log source, would change nothing unseen."""
        for document, rule_filter in self._filters.items():
            missing = [name for name in rule_filter.rules if (document, name) not in self._filtered]
            if missing:
                line = document.source.line_of("filter", "rules")
                reason = f"no rule {missing[0]} of the filter's log source is there to be filtered"
                self._refuse(document, Refused("rule_invalid", line, reason))

    def _link(self, waiting: Iterable[_Document]) -> None:
        for document in waiting:
            self._try(document, self._draft)
        linked = link([one for _, one in self._drafts.values()], self._rules, self._names)
        for one, fault in linked.refused:
            self._refuse(self._drafts[one.info.id][0], fault)
        for rule_id in linked.silenced:
            self._rules[rule_id] = replace(self._rules[rule_id], alerts=False)
        self._correlations = linked.correlations

    def _draft(self, document: _Document) -> str:
        one = draft(document.path, document.source)
        self._claim(document, one.info.id)
        self._drafts[one.info.id] = (document, one)
        return one.info.id

    # --- accounts

    def _try(self, document: _Document, take: Callable[[_Document], str]) -> None:
        try:
            rule_id = take(document)
        except Refused as fault:
            self._refuse(document, fault)
            return
        self._statuses.setdefault(document.order, RuleStatus(document.path, rule_id, "ok", "", document.source.line))

    def _claim(self, document: _Document, rule_id: str) -> None:
        """An id or name belongs to the first rule that bears it. Raises Refused."""
        name = text(document.source.data.get("name"))
        for word, key in ((rule_id, "id"), (name, "name")):
            if word and word in self._places:
                first = self._places[word]
                reason = f"{key} {word} belongs to the rule in {first.path}, line {first.line}"
                raise Refused("rule_invalid", document.source.line_of(key), reason)
        self._places[rule_id] = document.place
        if name:
            self._places[name] = document.place
            self._names[name] = rule_id

    def _next(self) -> int:
        self._order += 1
        return self._order

    def _broken(self, path: str, fault: BrokenYaml) -> None:
        self._tell(self._next(), path, "", fault)

    def _refuse(self, document: _Document, fault: Refused) -> None:
        self._tell(document.order, document.path, document.id, fault)

    def _tell(self, order: int, path: str, rule_id: str, fault: Refused | BrokenYaml) -> None:
        status = "unsupported" if fault.key == "rule_unsupported" else "invalid"
        self._statuses[order] = RuleStatus(path, rule_id, status, fault.reason, fault.line)
        self._faults[order] = RuleError(
            fault.key, path=path, line=fault.line, reason=fault.reason, status=status, rule=rule_id
        )


def _where(logsource: LogSource) -> Callable[[str], tuple[str, ...]]:
    return lambda name: paths_of(name, logsource)


def _of_its_log(detection: Detection, logsource: LogSource) -> Node:
    """The rule's tree; an event that holds none of the fields that only some Zeek logs have is not one it speaks of."""
    tree = detection.tree()
    foreign = [
        Leaf(paths_of(name, logsource), Present(True))
        for name in sorted(detection.fields)
        if only_zeek_says(name, logsource)
    ]
    return All((tree, joined(Either, tuple(foreign)))) if foreign else tree
