"""Rule files as YAML documents whose every key knows its line.

What YAML can hide behind (anchors, aliases, tags, doubled keys, deep nesting, size) is refused: a rule is a small text
that a person can read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

MAX_FILE_BYTES = 64 * 1024
MAX_DEPTH = 24

_SEPARATOR = re.compile(r"^---(?=\s|$)", re.MULTILINE)
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_PLAIN_TAGS = frozenset(
    f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "map", "seq", "timestamp")
)

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
    """One YAML document: its value and the line of each key and list item in the file."""

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
        _refuse_hiding_places(text, first_line)
        node = yaml.compose(text, Loader=_Loader)
        if node is None:
            return None
        if not isinstance(node, yaml.MappingNode):
            raise BrokenYaml("rule_invalid", _line(node, first_line), "a rule must be a map")
        lines: dict[Path, int] = {}
        _walk(node, (), lines, first_line)
        data = _Loader("").construct_document(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = first_line + (mark.line if mark else 0)
        raise BrokenYaml("rule_yaml_broken", line, f"not valid YAML: {error.problem or error.context}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise BrokenYaml("rule_yaml_broken", first_line, f"not valid YAML: {error}") from error
    return Source(data, _line(node, first_line), lines)


def _refuse_hiding_places(text: str, first_line: int) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        line = first_line + (event.start_mark.line if event.start_mark else 0)
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise BrokenYaml("rule_yaml_alias", line, "YAML anchors and aliases are not allowed in rules")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                raise BrokenYaml("rule_invalid", line, f"nested deeper than {MAX_DEPTH}")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _walk(node: Any, path: Path, lines: dict[Path, int], first_line: int) -> None:
    if node.tag not in _PLAIN_TAGS:
        raise BrokenYaml("rule_invalid", _line(node, first_line), f"YAML tag {node.tag} is not allowed in rules")
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise BrokenYaml("rule_invalid", _line(key, first_line), "a key must be a plain word")
            at = (*path, str(key.value))
            if at in lines:
                raise BrokenYaml("rule_invalid", _line(key, first_line), f"the key '{key.value}' stands twice")
            lines[at] = _line(key, first_line)
            _walk(value, at, lines, first_line)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            lines[(*path, index)] = _line(item, first_line)
            _walk(item, (*path, index), lines, first_line)


def _line(node: Any, first_line: int) -> int:
    return first_line + int(node.start_mark.line)
