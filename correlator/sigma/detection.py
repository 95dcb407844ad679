"""A rule's `detection` part: selections of fields and keywords, and the condition over them, as one tree.

Sigma rules specification 2.1, "Detection". The same form stands in a filter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from correlator.sigma.condition import parse_condition
from correlator.sigma.document import Path, Source
from correlator.sigma.field_tests import SameAs, Test
from correlator.sigma.info import Refused
from correlator.sigma.modifiers import Placeholders, ask
from correlator.sigma.strings import BadValue, Unsupported
from correlator.sigma.tree import All, Either, Leaf, Node, Not, joined, size

#: A rule with more tests than this is a bomb, not a rule.
MAX_TESTS = 20_000

FieldPaths = Callable[[str], tuple[str, ...]]


class Detection:
    """Reads the block `detection`, or a filter's block `filter`, of a document.

    `paths_of` gives where events hold a field; `fields` are those that were asked for.
    """

    def __init__(
        self,
        source: Source,
        block: str,
        paths_of: FieldPaths,
        placeholders: Placeholders,
        others: frozenset[str] = frozenset(),
    ) -> None:
        self._source = source
        self._block = block
        self._others = others | {"condition"}
        self._paths_of = paths_of
        self._placeholders = placeholders
        self.fields: dict[str, None] = {}

    def tree(self) -> Node:
        """The tree of the condition; several conditions are joined by or. Raises Refused with the line."""
        block = self._source.data.get(self._block)
        if not isinstance(block, Mapping):
            raise self._refused((self._block,), f"a rule needs a map '{self._block}' with selections and a condition")
        if "timeframe" in block:
            reason = "timeframe belongs to the old pipe syntax; write a correlation rule"
            raise Refused("rule_unsupported", self._source.line_of(self._block, "timeframe"), reason)
        if "condition" not in block:
            raise self._refused((self._block,), f"'{self._block}' has no condition")
        selections = {
            name: self._selection(value, (self._block, name))
            for name, value in block.items()
            if name not in self._others
        }
        if not selections:
            raise self._refused((self._block,), f"'{self._block}' has no selection")
        node = joined(Either, tuple(self._conditions(block["condition"], selections)))
        if size(node) > MAX_TESTS:
            reason = f"more than {MAX_TESTS} tests in one rule"
            raise Refused("rule_unsupported", self._source.line_of(self._block, "condition"), reason)
        return node

    def _conditions(self, written: Any, selections: Mapping[str, Node]) -> Iterator[Node]:
        path = (self._block, "condition")
        texts = written if isinstance(written, list) else [written]
        if not texts:
            raise self._refused(path, "the condition is empty")
        for text in texts:
            if not isinstance(text, str):
                raise self._refused(path, "a condition is text")
            try:
                yield parse_condition(text, selections)
            except BadValue as fault:
                raise self._refused(path, str(fault)) from fault

    def _selection(self, value: Any, path: Path) -> Node:
        if isinstance(value, Mapping):
            return self._map(value, path)
        items = value if isinstance(value, list) else [value]
        if not items:
            raise self._refused(path, "an empty list selects nothing")
        keywords = [item for item in items if not isinstance(item, (Mapping, list))]
        nodes = [
            self._map(item, (*path, at)) if isinstance(item, Mapping) else self._refuse_nested((*path, at))
            for at, item in enumerate(items)
            if isinstance(item, (Mapping, list))
        ]
        if keywords:
            nodes.append(self._item("", keywords, path))
        return joined(Either, tuple(nodes))

    def _map(self, items: Mapping[str, Any], path: Path) -> Node:
        if not items:
            raise self._refused(path, "an empty map selects nothing")
        return joined(All, tuple(self._item(key, value, (*path, key)) for key, value in items.items()))

    def _item(self, key: str, value: Any, path: Path) -> Node:
        """The tree of `field|modifiers: value or values`."""
        name, *modifiers = key.split("|")
        values = value if isinstance(value, list) else [value]
        if not values:
            raise self._refused(path, "an empty list selects nothing")
        for at, each in enumerate(values):
            if isinstance(each, (Mapping, list)):
                self._refuse_nested((*path, at))
        try:
            asked = ask(modifiers, values, self._placeholders, keyword=not name)
        except BadValue as fault:
            raise self._refused(path, str(fault)) from fault
        except Unsupported as fault:
            raise Refused("rule_unsupported", self._source.line_of(*path), str(fault)) from fault
        paths = self._asked_for(name) if name else ()
        groups = tuple(
            joined(Either, tuple(Leaf(paths, self._placed(test)) for test in tests)) for tests in asked.groups
        )
        node = joined(All if asked.every else Either, groups)
        return Not(node) if asked.negated else node

    def _placed(self, test: Test) -> Test:
        return replace(test, paths=self._asked_for(test.field)) if isinstance(test, SameAs) else test

    def _asked_for(self, name: str) -> tuple[str, ...]:
        self.fields[name] = None
        return self._paths_of(name)

    def _refuse_nested(self, path: Path) -> Node:
        raise self._refused(path, "a list may hold values or maps of fields, not lists")

    def _refused(self, path: Path, reason: str) -> Refused:
        return Refused("rule_invalid", self._source.line_of(*path), reason)
