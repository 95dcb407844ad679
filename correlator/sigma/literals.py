"""The text that stands in every text in which a regular expression is found, so that most texts need no search."""

from __future__ import annotations

from vonggac.domain.text import caseless

#: Escapes of one letter that stand for a class, a place or a control character.
_CLASSES = frozenset("dDwWsSbBAznrtfv")
_QUANTIFIERS = frozenset("*?+{")


def required_literal(regex: str) -> str:
    """The longest such text that can be told at sight, in lower case; empty where there is none.

    Only the outermost sequence is read: what stands in groups, classes and before quantifiers that allow none is left
    out, and an alternation outside groups, or an escape not known here, means that nothing can be told.
    """
    runs: list[str] = []
    run: list[str] = []
    at, end = 0, len(regex)
    while at < end:
        char = regex[at]
        if char == "|":
            return ""
        if char == "\\":
            escaped = regex[at + 1 : at + 2]
            at += 2
            if escaped in _CLASSES:
                _close(run, runs)
            elif not escaped or escaped.isalnum():
                return ""
            else:
                run.append(escaped)
            continue
        if char in _QUANTIFIERS:
            if char != "+" and run:
                run.pop()
            _close(run, runs)
            at = regex.find("}", at) + 1 if char == "{" and "}" in regex[at:] else at + 1
            continue
        if char in "([":
            _close(run, runs)
            at = _past_group(regex, at) if char == "(" else _past_class(regex, at)
            continue
        if char in ".^$":
            _close(run, runs)
        else:
            run.append(char)
        at += 1
    _close(run, runs)
    return caseless(max(runs, key=len, default=""))


def _close(run: list[str], runs: list[str]) -> None:
    if run:
        runs.append("".join(run))
        run.clear()


def _past_group(regex: str, at: int) -> int:
    depth = 0
    while at < len(regex):
        char = regex[at]
        if char == "\\":
            at += 1
        elif char == "[":
            at = _past_class(regex, at)
            continue
        elif char == "(":
            depth += 1
        elif char == ")":
            depth -= 1
            if not depth:
                return at + 1
        at += 1
    return at


def _past_class(regex: str, at: int) -> int:
    at += 1
    if regex[at : at + 1] == "^":
        at += 1
    if regex[at : at + 1] == "]":  # first in a class, it is a character
        at += 1
    while at < len(regex) and regex[at] != "]":
        at += 2 if regex[at] == "\\" else 1
    return at + 1
