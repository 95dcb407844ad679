"""The language of conditions: selections joined by and, or, not, `1 of` and `all of` (Sigma rules specification 2.1,
"Condition")."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase

from correlator.logic import WORDS, Malformed, Reader, Words, named
from correlator.sigma.strings import BadValue
from correlator.sigma.tree import All, Either, Node, Not, joined

_QUANTIFIERS: Mapping[str, type[All] | type[Either]] = {"1": Either, "any": Either, "all": All}


def parse_condition(text: str, selections: Mapping[str, Node]) -> Node:
    """The tree of a condition over these selections. Raises BadValue, which says what is wrong."""
    reader: Reader[Node] = Reader(
        lambda words: _operand(words, selections),
        both=lambda parts: joined(All, parts),
        either=lambda parts: joined(Either, parts),
        negated=Not,
    )
    try:
        return reader.read(text)
    except Malformed as error:
        raise BadValue(str(error)) from error


def _operand(words: Words, selections: Mapping[str, Node]) -> Node:
    word = named(words)
    if word.lower() in _QUANTIFIERS and words.took("of"):
        return _of(word.lower(), words.take(), selections)
    if word not in selections:
        raise Malformed(f"the condition names '{word}', which is no selection")
    return selections[word]


def _of(quantifier: str, pattern: str, selections: Mapping[str, Node]) -> Node:
    if pattern.lower() in WORDS or not pattern:
        raise Malformed(f"'{quantifier} of' needs 'them' or the names of selections")
    wanted = "*" if pattern == "them" else pattern
    found = tuple(
        node
        for name, node in selections.items()
        if fnmatchcase(name, wanted) and (wanted.startswith("_") or not name.startswith("_"))
    )
    if not found:
        raise Malformed(f"'{quantifier} of {pattern}' names no selection")
    return joined(_QUANTIFIERS[quantifier], found)
