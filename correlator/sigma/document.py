"""Rule files as YAML documents whose every key knows its line.

What YAML can hide behind (anchors, aliases, tags, doubled keys, deep nesting, size) is refused: a rule is a small text
that a person can read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

MAX_FILE_BYTES = 64 * 1024
MAX_DEPTH = 24

_SEPARATOR = re.compile(r"^---(?=\s|$)", re.MULTILINE)
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_PREFIX = "tag:yaml.org,2002:"

Path = tuple[str | int, ...]


class BrokenYaml(Exception):
    """The document cannot be taken; `line` counts from 1 in the file."""

    def __init__(self, key: str, line: int, reason: str) -> None:
        super().__init__(reason)
        self.key = key
        self.line = line
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Source:
    """One YAML document: its value and the line of each key and list item in the file. Dates stay text."""

    data: Mapping[str, Any]
    line: int
    lines: Mapping[Path, int] = field(default_factory=dict)

    def line_of(self, *path: str | int) -> int:
        """The line of the deepest part of the path that exists."""
        for end in range(len(path), 0, -1):
            if path[:end] in self.lines:
                return self.lines[path[:end]]
        return self.line


def documents(text: str) -> Iterator[Source | BrokenYaml]:
    """Each document of a file, or why it cannot be taken; one broken document does not stop the next.

    A line beginning with `---` always ends a YAML document (YAML 1.2 §9.1.2), so the text may be cut there.
    """
    cuts = [match.end() for match in _SEPARATOR.finditer(text)]
    starts = [0, *cuts]
    ends = [cut - 3 for cut in cuts] + [len(text)]
    for start, end in zip(starts, ends, strict=True):
        first_line = text.count("\n", 0, start) + 1
        try:
            source = _document(text[start:end], first_line)
        except BrokenYaml as fault:
            yield fault
            continue
        if source is not None:
            yield source


def _document(text: str, first_line: int) -> Source | None:
    try:
        return _Builder(text, first_line).document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = first_line + (mark.line if mark else 0)
        raise BrokenYaml("rule_yaml_broken", line, f"not valid YAML: {error.problem or error.context}") from error
    except (yaml.YAMLError, ValueError) as error:
        raise BrokenYaml("rule_yaml_broken", first_line, f"not valid YAML: {error}") from error


class _Builder:
    """A document's value from the parser's events, in one pass."""

    def __init__(self, text: str, first_line: int) -> None:
        self._first_line = first_line
        self._parser = _Loader(text)
        self._lines: dict[Path, int] = {}

    def document(self) -> Source | None:
        """None for an empty document. Raises BrokenYaml and yaml.YAMLError."""
        try:
            self._take()  # the stream's start
            event = self._take()
            if isinstance(event, yaml.StreamEndEvent):
                return None
            root = self._take()
            line = self._line(root)
            if isinstance(root, yaml.ScalarEvent) and not root.value:
                return None
            if not isinstance(root, yaml.MappingStartEvent):
                self._value(root, (), 0)
                raise BrokenYaml("rule_invalid", line, "a rule must be a map")
            data = self._value(root, (), 0)
            self._take()  # the document's end
            after = self._take()
            if not isinstance(after, yaml.StreamEndEvent):
                raise BrokenYaml("rule_yaml_broken", self._line(after), "not valid YAML: text after the document's end")
        finally:
            self._parser.dispose()
        return Source(data, line, self._lines)

    def _take(self) -> Any:
        return self._parser.get_event()

    def _line(self, event: Any) -> int:
        return self._first_line + int(event.start_mark.line)

    def _value(self, event: Any, path: Path, depth: int) -> Any:
        if isinstance(event, yaml.AliasEvent) or event.anchor:
            raise BrokenYaml("rule_yaml_alias", self._line(event), "YAML anchors and aliases are not allowed in rules")
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event)
        if depth >= MAX_DEPTH:
            raise BrokenYaml("rule_invalid", self._line(event), f"nested deeper than {MAX_DEPTH}")
        if event.tag not in (None, "!", f"{_PREFIX}map", f"{_PREFIX}seq"):
            raise self._foreign(event)
        if isinstance(event, yaml.MappingStartEvent):
            return self._map(path, depth)
        return self._list(path, depth)

    def _map(self, path: Path, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while not isinstance(key := self._take(), yaml.MappingEndEvent):
            if not isinstance(key, yaml.ScalarEvent):
                if isinstance(key, yaml.AliasEvent):
                    self._value(key, path, depth)
                raise BrokenYaml("rule_invalid", self._line(key), "a key must be a plain word")
            self._scalar(key)
            name = str(key.value)
            if name in found:
                raise BrokenYaml("rule_invalid", self._line(key), f"the key '{name}' stands twice")
            at = (*path, name)
            self._lines[at] = self._line(key)
            found[name] = self._value(self._take(), at, depth + 1)
        return found

    def _list(self, path: Path, depth: int) -> list[Any]:
        found: list[Any] = []
        while not isinstance(item := self._take(), yaml.SequenceEndEvent):
            at = (*path, len(found))
            self._lines[at] = self._line(item)
            found.append(self._value(item, at, depth + 1))
        return found

    def _scalar(self, event: Any) -> Any:
        if event.anchor:
            raise BrokenYaml("rule_yaml_alias", self._line(event), "YAML anchors and aliases are not allowed in rules")
        if event.tag in (None, "!"):
            if not event.implicit[0]:
                return event.value
            tag = self._parser.resolve(yaml.ScalarNode, event.value, (True, False))
        else:
            tag = event.tag
        kind = tag.removeprefix(_PREFIX)
        if kind == "str" or kind == "timestamp":
            return event.value
        if kind not in _CONSTRUCT:
            raise self._foreign(event, tag)
        return _CONSTRUCT[kind](self._parser, yaml.ScalarNode(tag, event.value))

    def _foreign(self, event: Any, tag: str = "") -> BrokenYaml:
        return BrokenYaml("rule_invalid", self._line(event), f"YAML tag {tag or event.tag} is not allowed in rules")


_CONSTRUCT: Mapping[str, Callable[[Any, yaml.ScalarNode], Any]] = {
    "int": lambda parser, node: parser.construct_yaml_int(node),
    "float": lambda parser, node: parser.construct_yaml_float(node),
    "bool": lambda parser, node: parser.construct_yaml_bool(node),
    "null": lambda parser, node: None,
}
