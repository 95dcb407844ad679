"""JSON as registers give it out: an array, a value on each line, or one document, and no array held whole."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from io import TextIOWrapper
from typing import Any

import orjson

_PIECE_CHARS = 1 << 16
#: No longer element of an array is read: it is no case.
_ELEMENT_CHARS_MAX = 1 << 26


@dataclass(frozen=True, slots=True)
class Value:
    """`line` is the one on which it begins."""

    line: int
    content: Any


@dataclass(frozen=True, slots=True)
class Broken:
    line: int
    reason: str


def json_values(text: TextIOWrapper) -> Iterator[Value | Broken]:
    """The elements of the array, the values of the lines, or the document that an open file holds; each or why it
    cannot be read. After what is broken an array is read no further: nobody knows where its next element begins."""
    first = ""
    line = 0
    while not first.strip() and (read := text.readline()):
        first, line = read, line + 1
    if first.lstrip().startswith("["):
        yield from _elements(text, first, line)
        return
    try:
        yield Value(line, orjson.loads(first))
    except orjson.JSONDecodeError as error:
        if not _begins_document(first):
            yield Broken(line, str(error))
        else:
            yield _document(text, first, line)
            return
    for at, each in enumerate(text, line + 1):
        if each.strip():
            try:
                yield Value(at, orjson.loads(each))
            except orjson.JSONDecodeError as error:
                yield Broken(at, str(error))


def _begins_document(line: str) -> bool:
    """Whether a value goes on after this line, so that it is no line of NDJSON."""
    return line.rstrip()[-1:] in ("{", "[", ",", ":")


def _document(text: TextIOWrapper, first: str, line: int) -> Value | Broken:
    try:
        return Value(line, orjson.loads(first + text.read()))
    except orjson.JSONDecodeError as error:
        return Broken(line + error.lineno - 1, error.msg)


def _elements(text: TextIOWrapper, first: str, line: int) -> Iterator[Value | Broken]:
    buffer = _Buffer(text, first, line)
    buffer.skip("[")
    decode = json.JSONDecoder().raw_decode
    while True:
        sign = buffer.skip(",")
        if sign in ("]", ""):
            if not sign:
                yield Broken(buffer.line, "the array does not end")
            return
        while True:
            try:
                content, end = decode(buffer.text, buffer.at)
                if end == len(buffer.text) and buffer.grow():  # a number may go on
                    continue
            except (json.JSONDecodeError, RecursionError) as error:
                if len(buffer.text) - buffer.at < _ELEMENT_CHARS_MAX and buffer.grow():
                    continue
                reason = error.msg if isinstance(error, json.JSONDecodeError) else "nested too deep"
                yield Broken(buffer.line, reason)
                return
            break
        yield Value(buffer.line, content)
        buffer.pass_to(end)


class _Buffer:
    """The part of a file that is being looked at, from `at` on, which stands on `line`."""

    def __init__(self, file: TextIOWrapper, text: str, line: int) -> None:
        self._file = file
        self.text, self.at, self.line = text, 0, line

    def pass_to(self, end: int) -> None:
        self.line += self.text.count("\n", self.at, end)
        self.at = end

    def grow(self) -> bool:
        """Whether there was more; each time it is twice as much, so that a long element is not read over and over."""
        piece = self._file.read(max(_PIECE_CHARS, len(self.text) - self.at))
        self.text, self.at = self.text[self.at :] + piece, 0
        return bool(piece)

    def skip(self, passed: str) -> str:
        """The next sign after white space and one such sign; empty at the end of the file."""
        left = passed
        while True:
            while self.at < len(self.text):
                sign = self.text[self.at]
                if sign == left:
                    left = ""
                elif not sign.isspace():
                    return sign
                self.pass_to(self.at + 1)
            if not self.grow():
                return ""
