"""Sigma's strings: plain text and wildcards (Sigma rules specification 2.1, "String Wildcard", "Escaping",
"Placeholders")."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from itertools import product

import re2

from correlator.sigma.field_tests import Op, Pattern, Text
from vonggac.domain.text import caseless


class Wild(Enum):
    """A wildcard in a string."""

    MANY = ".*"
    ONE = "."
    #: Any of the characters that may stand before a Windows parameter (specification, modifier `windash`).
    DASH = "[-/–—―]"


Part = str | Wild

_DASHES = Wild.DASH.value[1:-1]
_DASH = re.compile(r"\B[-/]\b")
#: A string with more dashes than this becomes a pattern instead of one string for each way to write it.
_MAX_SPELLED_DASHES = 2
_SPECIAL = re.compile(r"\\[*?\\]|[*?]")
_WILDCARDS: Mapping[str, Wild] = {"*": Wild.MANY, "?": Wild.ONE}
_PLACEHOLDER = re.compile(r"(?<!\\)%(\w+)%")


class BadValue(Exception):
    """A value or modifier that says nothing Sigma knows."""


class Unsupported(Exception):
    """A construct of Sigma that this engine cannot evaluate exactly."""


@dataclass(frozen=True, slots=True)
class Pieces:
    """A string: texts and wildcards in order, no two texts beside each other."""

    parts: tuple[Part, ...]
    cased: bool = False

    @property
    def plain(self) -> str:
        """The text. Raises BadValue where there are wildcards."""
        if any(isinstance(part, Wild) for part in self.parts):
            raise BadValue("wildcards are not possible here; write \\* and \\? for the characters")
        return "".join(part for part in self.parts if isinstance(part, str))

    def with_ends(self, front: bool, back: bool) -> Pieces:
        """The string with a wildcard in front, at the back, or both."""
        parts = self.parts
        begin = (Wild.MANY,) if front and parts[:1] != (Wild.MANY,) else ()
        end = (Wild.MANY,) if back and parts[-1:] != (Wild.MANY,) else ()
        return Pieces((*begin, *parts, *end), self.cased)


def is_plain(text: str) -> bool:
    """Whether nothing in it has a meaning but itself."""
    return _SPECIAL.search(text) is None


def read(text: str) -> Pieces:
    """The string a rule writes. A backslash takes the meaning from a wildcard or a backslash after it; before anything
    else it is itself."""
    if is_plain(text):
        return Pieces((text,) if text else ())
    parts: list[Part] = []
    plain: list[str] = []
    at = 0
    for found in _SPECIAL.finditer(text):
        plain.append(text[at : found.start()])
        at = found.end()
        if found[0] in _WILDCARDS:
            _close(plain, parts)
            parts.append(_WILDCARDS[found[0]])
        else:
            plain.append(found[0][1])
    plain.append(text[at:])
    _close(plain, parts)
    return Pieces(tuple(parts))


def _close(plain: list[str], parts: list[Part]) -> None:
    if text := "".join(plain):
        parts.append(text)
    plain.clear()


def expanded(text: str, placeholders: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """The text with each `%name%` replaced by each of its values; `\\%` is a percent sign. Raises Unsupported."""
    names = _PLACEHOLDER.findall(text)
    for name in names:
        if name not in placeholders:
            raise Unsupported(f"the placeholder %{name}% has no values; give them in the placeholders file")
    shapes = _PLACEHOLDER.split(text)[::2]
    for values in product(*(placeholders[name] for name in names)):
        pieces = [shapes[0]]
        for value, shape in zip(values, shapes[1:], strict=True):
            pieces += [value, shape]
        yield "".join(pieces).replace("\\%", "%")


def windash(pieces: Pieces) -> list[Pieces]:
    """The string with each dash that begins a word written in every way; many dashes stay wildcards."""
    parts = [piece for part in pieces.parts for piece in _at_dashes(part)]
    dashes = parts.count(Wild.DASH)
    if dashes > _MAX_SPELLED_DASHES:
        return [replace(pieces, parts=tuple(parts))]
    return [replace(pieces, parts=_spelled(parts, iter(chosen))) for chosen in product(_DASHES, repeat=dashes)]


def _at_dashes(part: Part) -> Iterator[Part]:
    if isinstance(part, Wild):
        yield part
        return
    for at, text in enumerate(_DASH.split(part)):
        if at:
            yield Wild.DASH
        if text:
            yield text


def _spelled(parts: Sequence[Part], dashes: Iterator[str]) -> tuple[Part, ...]:
    spelled: list[Part] = []
    plain: list[str] = []
    for part in parts:
        if part is Wild.DASH:
            plain.append(next(dashes))
        elif isinstance(part, Wild):
            _close(plain, spelled)
            spelled.append(part)
        else:
            plain.append(part)
    _close(plain, spelled)
    return tuple(spelled)


def test_of(pieces: Pieces, check: Callable[[str], str]) -> Text | Pattern | None:
    """The test a string comes to: wildcards at the ends are plain operations, others a pattern over the whole text;
    None where anything will do."""
    parts = pieces.parts
    front = parts[:1] == (Wild.MANY,)
    back = len(parts) > 1 and parts[-1] is Wild.MANY
    middle = parts[front : len(parts) - back]
    if not middle and front:
        return None
    if len(middle) <= 1 and not (middle and isinstance(middle[0], Wild)):
        text = "".join(part for part in middle if isinstance(part, str))
        return Text(_op(front, back), text if pieces.cased else caseless(text), pieces.cased)
    regex = "".join(re2.escape(part) if isinstance(part, str) else part.value for part in middle)
    begin, end = "" if front else "^", "" if back else "$"
    flags = "s" if pieces.cased else "si"
    return Pattern(check(f"(?{flags}){begin}(?:{regex}){end}"), _longest(middle))


def _longest(parts: Sequence[Part]) -> str:
    """The longest text that stands in every string with these parts."""
    return max((caseless(part) for part in parts if isinstance(part, str)), key=len, default="")


def _op(front: bool, back: bool) -> Op:
    if front:
        return Op.CONTAINS if back else Op.ENDSWITH
    return Op.STARTSWITH if back else Op.EQUALS
