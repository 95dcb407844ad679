"""Drafts of correlations tied to the rules they name, and to each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from correlator.rule import Correlation, FieldPaths, MatchRule, Place
from correlator.sigma.correlation import Draft
from correlator.sigma.info import Refused
from correlator.sigma.taxonomy import Paths, paths_of

#: Correlations of correlations, one over the other.
MAX_CHAIN = 32


@dataclass(slots=True)
class _Node:
    """A draft whose rules are known. `carry` are the fields that those above need and its groups do not give."""

    draft: Draft
    rules: tuple[str, ...]
    aliases: Mapping[str, Mapping[str, str]]  # alias -> rule id -> field
    depth: int
    carry: dict[str, None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Linked:
    """Correlations, each after those it names; drafts that cannot run, with the reason; ids of the match rules that
    only feed correlations: one that names them does not say `generate: true`."""

    correlations: tuple[Correlation, ...]
    refused: tuple[tuple[Draft, Refused], ...]
    silenced: frozenset[str]


def link(drafts: Sequence[Draft], rules: Mapping[str, MatchRule], names: Mapping[str, str]) -> Linked:
    """The drafts tied together. `rules` are all match rules by id, `names` gives the id of each rule, correlations too,
    that has a name."""
    linking = _Linking(drafts, rules, names)
    for one in drafts:
        linking.node(one.info.id)
    silenced = linking.silenced()
    made = tuple(replace(each, alerts=each.info.id not in silenced) for each in linking.built())
    return Linked(made, tuple(linking.refused), silenced & rules.keys())


class _Linking:
    def __init__(self, drafts: Sequence[Draft], rules: Mapping[str, MatchRule], names: Mapping[str, str]) -> None:
        self._drafts = {one.info.id: one for one in drafts}
        self._rules = rules
        self._names = names
        self._nodes: dict[str, _Node] = {}
        self._open: list[str] = []
        self.refused: list[tuple[Draft, Refused]] = []

    def node(self, rule_id: str) -> _Node | None:
        """The draft with its rules known, those below it first; None where it is refused."""
        if rule_id in self._nodes:
            return self._nodes[rule_id]
        one = self._drafts[rule_id]
        if any(fault[0] is one for fault in self.refused):
            return None
        self._open.append(rule_id)
        try:
            self._nodes[rule_id] = self._node(one)
        except Refused as fault:
            self.refused.append((one, fault))
            return None
        finally:
            self._open.pop()
        return self._nodes[rule_id]

    def _node(self, one: Draft) -> _Node:
        ids: dict[str, str] = {}
        depth = 1
        for at, reference in enumerate(one.rules):
            key = ("rules", at) if "rules" in one.source.data["correlation"] else ("condition",)
            rule_id = self._id_of(reference)
            if rule_id in ids.values():
                raise one.refuse(f"{reference} stands twice in rules", *key)
            if rule_id in self._open:
                circle = " -> ".join(self._drafts[each].info.name for each in self._open)
                raise one.refuse(f"{reference} leads back to itself: {circle}", *key)
            if rule_id in self._drafts:
                if len(self._open) >= MAX_CHAIN:
                    raise one.refuse(f"more than {MAX_CHAIN} correlations over each other", *key)
                below = self.node(rule_id)
                if below is not None:
                    depth = max(depth, below.depth + 1)
            if rule_id not in self._rules and rule_id not in self._nodes:
                raise one.refuse(f"there is no usable rule {reference}", *key)
            ids[reference] = rule_id
        if depth > MAX_CHAIN:
            raise one.refuse(f"more than {MAX_CHAIN} correlations over each other", "rules")
        return _Node(one, tuple(ids.values()), self._aliases(one, ids), depth)

    def _id_of(self, reference: str) -> str:
        """The id that a name or an id, in whichever case, means."""
        return self._names.get(reference) or (reference if reference in self._rules else reference.lower())

    def _aliases(self, one: Draft, ids: Mapping[str, str]) -> Mapping[str, Mapping[str, str]]:
        known: dict[str, dict[str, str]] = {}
        for alias, fields in one.aliases.items():
            known[alias] = {}
            for reference, name in fields.items():
                rule_id = self._id_of(reference)
                if rule_id not in ids.values():
                    reason = f"the alias {alias} names {reference}, which is not among rules"
                    raise one.refuse(reason, "aliases", alias, reference)
                known[alias][rule_id] = name
        return known

    def silenced(self) -> frozenset[str]:
        return frozenset(rule for node in self._nodes.values() if not node.draft.generate for rule in node.rules)

    def built(self) -> Iterator[Correlation]:
        for node in reversed(self._nodes.values()):
            self._ask_below(node)
        for node in self._nodes.values():
            yield self._build(node)

    def _ask_below(self, node: _Node) -> None:
        """What the node's windows need of inner correlations, these carry."""
        for rule_id in node.rules:
            below = self._nodes.get(rule_id)
            if below is not None:
                for name in (*node.draft.group_by, *node.draft.fields, *node.carry):
                    wanted = node.aliases.get(name, {}).get(rule_id, name)
                    if self._group_name(below, wanted) is None:
                        below.carry[wanted] = None

    def _build(self, node: _Node) -> Correlation:
        one = node.draft
        ids = dict(zip(one.rules, node.rules, strict=True))
        return Correlation(
            info=one.info,
            name=one.name,
            type=one.type,
            rules=node.rules,
            timespan=one.timespan,
            bounds=one.bounds,
            place=Place(one.path, one.source.line),
            group_by=tuple(self._shown(node, name) for name in one.group_by),
            group_paths=self._paths(node, one.group_by),
            fields=one.fields,
            value_paths=self._paths(node, one.fields),
            percentile=one.percentile,
            expression=one.expression.renamed(ids.__getitem__) if one.expression is not None else None,
            carry=tuple(node.carry),
            carry_paths=self._paths(node, tuple(node.carry)),
        )

    def _paths(self, node: _Node, names: Sequence[str]) -> FieldPaths:
        return {rule: tuple(self._path(node, name, rule) for name in names) for rule in node.rules}

    def _path(self, node: _Node, name: str, rule_id: str) -> Paths:
        """Where an occurrence of the rule holds what the node calls so."""
        wanted = node.aliases.get(name, {}).get(rule_id, name)
        below = self._nodes.get(rule_id)
        if below is None:
            return paths_of(wanted, self._rules[rule_id].source)
        return (self._group_name(below, wanted) or wanted,)

    def _group_name(self, node: _Node, wanted: str) -> str | None:
        """What the node's groups call the field, where they are known by it."""
        shown = {name: self._shown(node, name) for name in node.draft.group_by}
        if wanted in shown:
            return shown[wanted]
        return wanted if wanted in shown.values() else None

    def _shown(self, node: _Node, name: str) -> str:
        """The name a group is reported under: an alias as written, a field as its ECS path."""
        return name if name in node.aliases else self._path(node, name, node.rules[0])[0]
