"""From the text of a pattern to its tree, by the grammar of STIX 2.1 §9.8; whatever is wrong is told with its place."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NoReturn, TypeVar

from correlator.patterns.tree import (
    MAX_DEPTH,
    MAX_LINKS,
    MAX_PATTERN,
    MAX_TESTS,
    Between,
    Comparison,
    Every,
    Joined,
    Joint,
    Literal,
    Logic,
    Observation,
    Path,
    PatternError,
    Repeated,
    Single,
    Step,
    Test,
    Within,
)

_BLANKS = r"\s\x85\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_TOKEN = re.compile(
    rf"""(?:[{_BLANKS}]|/\*.*?\*/|//[^\r\n]*)*+(?:
        (?P<time>t'\d{{4}}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3]):[0-5]\d:(?:[0-5]\d|60)(?:\.\d+)?Z')
      | (?P<hex>h'(?:[0-9A-Fa-f]{{2}})*')
      | (?P<binary>b'(?:[A-Za-z0-9+/]{{4}})*(?:[A-Za-z0-9+/]{{4}}|[A-Za-z0-9+/]{{3}}=|[A-Za-z0-9+/]{{2}}==)')
      | (?P<text>'(?:[^'\\]|\\['\\])*')
      | (?P<float>[+-]?[0-9]*\.[0-9]+)
      | (?P<int>[+-]?(?:0|[1-9][0-9]*))
      | (?P<name>[A-Za-z_][A-Za-z0-9_-]*)
      | (?P<sign>==|!=|<>|<=|>=|[=<>\[\]().,:*])
      | (?P<end>\Z)
    )""",
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_KEYWORDS = frozenset(
    {
        "AND",
        "OR",
        "NOT",
        "FOLLOWEDBY",
        "LIKE",
        "MATCHES",
        "ISSUPERSET",
        "ISSUBSET",
        "EXISTS",
        "LAST",
        "IN",
        "START",
        "STOP",
        "SECONDS",
        "true",
        "false",
        "WITHIN",
        "REPEATS",
        "TIMES",
    }
)
_SIGNS = {"=": "=", "==": "=", "!=": "!=", "<>": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_WORDS = frozenset({"LIKE", "MATCHES", "ISSUBSET", "ISSUPERSET"})
_ORDERED = ("text", "int", "float", "hex", "binary", "time")

Part = TypeVar("Part")
Token = tuple[str, str, int]  # kind, text, character from 1


def parse(pattern: str) -> Observation:
    """The tree of a pattern. Raises PatternError, which names the first character that cannot be read."""
    if len(pattern) > MAX_PATTERN:
        raise PatternError(f"a pattern longer than {MAX_PATTERN} characters", MAX_PATTERN + 1)
    parser = _Parser(_tokens(pattern))
    tree = parser.observations()
    parser.take("end")
    return tree


def unquoted(text: str) -> str:
    r"""What a quoted text says: `\'` is a quote and `\\` a backslash."""
    return re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL)


def _tokens(pattern: str) -> list[Token]:
    found: list[Token] = []
    at = 0
    while True:
        match = _TOKEN.match(pattern, at)
        if match is None:
            blank = re.match(rf"[{_BLANKS}]*", pattern[at:])
            raise PatternError("nothing that can be read", at + (blank.end() if blank else 0) + 1)
        kind = str(match.lastgroup)
        text, begins = match[kind], match.start(kind) + 1
        if kind == "name" and text in _KEYWORDS:
            kind = "word"
        found.append((kind, text, begins))
        at = match.end()
        if kind == "end":
            return found


class _Parser:
    """Reads tokens one after the other, each rule of the grammar a method."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._next = 0
        self._depth = 0
        self._tests = 0
        self._links = 0

    # --- observations

    def observations(self) -> Observation:
        left = self._joined(Joint.OR, self._all_of)
        while self._word("FOLLOWEDBY"):
            self._linked()
            left = Joined(Joint.FOLLOWEDBY, (left, self._joined(Joint.OR, self._all_of)))
        return left

    def _all_of(self) -> Observation:
        found = self._joined(Joint.AND, self._qualified)
        for _ in found.parts[1:] if isinstance(found, Joined) and found.joint is Joint.AND else ():
            self._linked()
        return found

    def _joined(self, joint: Joint, part: Callable[[], Observation]) -> Observation:
        parts = self._series(joint, part)
        return parts[0] if len(parts) == 1 else Joined(joint, tuple(parts))

    def _qualified(self) -> Observation:
        found = self._one()
        while True:
            at = self.place
            if self._word("WITHIN"):
                seconds = float(self.take("int", "float")[1])
                self._need_word("SECONDS")
                if seconds <= 0:
                    raise PatternError("WITHIN needs more than 0 seconds", at)
                found = Within(found, seconds, at)
            elif self._word("REPEATS"):
                times = self.take("int")
                self._need_word("TIMES")
                if len(times[1]) > 9 or int(times[1]) < 1:
                    raise PatternError(f"REPEATS {times[1][:20]} TIMES cannot be counted", times[2])
                found = Repeated(found, int(times[1]), times[2])
            elif self._word("START"):
                start = self._literal("time")
                self._need_word("STOP")
                found = Between(found, start, self._literal("time"))
            else:
                return found
            self._linked()

    def _linked(self) -> None:
        """Counts what makes a tree deep without brackets."""
        self._links += 1
        if self._links > MAX_LINKS:
            raise PatternError(f"more than {MAX_LINKS} AND, FOLLOWEDBY and qualifiers of observations", self.place)

    def _one(self) -> Observation:
        at = self.place
        if self._sign("("):
            found = self._nested(self.observations)
            self._need_sign(")")
            return found
        self._need_sign("[")
        comparison = self._any_test()
        self._need_sign("]")
        return Single(comparison, at)

    # --- comparisons

    def _any_test(self) -> Comparison:
        return self._logic(Joint.OR, lambda: self._logic(Joint.AND, self._test))

    def _logic(self, joint: Joint, part: Callable[[], Comparison]) -> Comparison:
        parts = self._series(joint, part)
        return parts[0] if len(parts) == 1 else Logic(joint, tuple(parts))

    def _test(self) -> Comparison:
        at = self.place
        if self._sign("("):
            found = self._nested(self._any_test)
            self._need_sign(")")
            return found
        self._tests += 1
        if self._tests > MAX_TESTS:
            raise PatternError(f"more than {MAX_TESTS} comparisons", at)
        negated = self._word("NOT")
        if self._word("EXISTS"):
            return Test(self._path(), "EXISTS", (), negated, at)
        if negated:
            self._refuse("EXISTS")
        path = self._path()
        negated = self._word("NOT")
        return self._compared(path, negated, at)

    def _compared(self, path: Path, negated: bool, at: int) -> Test:
        kind, text, _ = self._tokens[self._next]
        if kind == "sign" and text in _SIGNS:
            self._next += 1
            operator = _SIGNS[text]
            kinds = (*_ORDERED, "bool") if operator in ("=", "!=") else _ORDERED
            return Test(path, operator, (self._literal(*kinds),), negated, at)
        if kind == "word" and text in _WORDS:
            self._next += 1
            return Test(path, text, (self._literal("text"),), negated, at)
        if not self._word("IN"):
            self._refuse("a comparison")
        return Test(path, "IN", self._set(), negated, at)

    def _set(self) -> tuple[Literal, ...]:
        self._need_sign("(")
        if self._sign(")"):
            return ()
        values = [self._literal(*_ORDERED, "bool")]
        while self._sign(","):
            values.append(self._literal(*_ORDERED, "bool"))
        self._need_sign(")")
        return tuple(values)

    def _path(self) -> Path:
        type_ = self.take("name")[1]
        self._need_sign(":")
        steps: list[Step] = [self._key()]
        while True:
            if self._sign("."):
                steps.append(self._key())
            elif self._sign("["):
                steps.append(Every.ITEM if self._sign("*") else int(self.take("int")[1][:20]))
                self._need_sign("]")
            else:
                return Path(type_, tuple(steps))

    def _key(self) -> str:
        kind, text, at = self.take("name", "text")
        if kind == "name" and "-" in text:
            raise PatternError(f"{text} needs quotes, as it holds a hyphen,", at)
        return text if kind == "name" else unquoted(text)

    def _literal(self, *kinds: str) -> Literal:
        kind, text, at = self._tokens[self._next]
        if kind == "word" and text in ("true", "false") and "bool" in kinds:
            self._next += 1
            return Literal("bool", text, at)
        return Literal(*self.take(*kinds))

    # --- tokens

    @property
    def place(self) -> int:
        return self._tokens[self._next][2]

    def _series(self, joint: Joint, part: Callable[[], Part]) -> list[Part]:
        parts = [part()]
        while self._word(joint.value):
            parts.append(part())
        return parts

    def _nested(self, inner: Callable[[], Part]) -> Part:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise PatternError(f"brackets nested deeper than {MAX_DEPTH}", self._tokens[self._next - 1][2])
        found = inner()
        self._depth -= 1
        return found

    def take(self, *kinds: str) -> Token:
        token = self._tokens[self._next]
        if token[0] not in kinds:
            self._refuse(" or ".join(kinds))
        self._next += 1
        return token

    def _word(self, word: str) -> bool:
        """Whether the next token is this word; then it is taken."""
        return self._is("word", word)

    def _sign(self, sign: str) -> bool:
        return self._is("sign", sign)

    def _need_word(self, word: str) -> None:
        if not self._is("word", word):
            self._refuse(word)

    def _need_sign(self, sign: str) -> None:
        if not self._is("sign", sign):
            self._refuse(sign)

    def _is(self, kind: str, text: str) -> bool:
        if self._tokens[self._next][:2] != (kind, text):
            return False
        self._next += 1
        return True

    def _refuse(self, wanted: str) -> NoReturn:
        kind, text, at = self._tokens[self._next]
        found = "the end" if kind == "end" else repr(text[:40])
        raise PatternError(f"{found} where {wanted} is needed", at)
