"""One call of the program: its settings, and where data and messages go.

stdout carries data (NDJSON, or a table for a person at a terminal), stderr carries messages.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from vonggac.errors import VonggacError
from vonggac.messages import LANGUAGES, explain, say
from vonggac.settings import Settings


@dataclass
class Call:
    """One call of the program: its settings and where its output goes."""

    settings: Settings
    quiet: bool = False
    json: bool = False
    refused: int = 0
    exit_code: int = 0  # of an input that was named and passed over
    _languages: tuple[str, ...] = field(default=LANGUAGES)
    _began: float = field(default_factory=time.monotonic)

    def seconds(self) -> float:
        """How long this call has been at work."""
        return time.monotonic() - self._began

    @property
    def lang(self) -> str:
        """The one language of tables and pages; messages come in both unless one was asked for."""
        return self.settings.lang or "vi"

    def emit(self, item: Mapping[str, Any]) -> None:
        """One NDJSON line on stdout."""
        import orjson

        sys.stdout.buffer.write(orjson.dumps(item, default=str) + b"\n")

    def emit_many(self, items: Sequence[Mapping[str, Any]]) -> None:
        import orjson

        self.emit_text(b"".join([orjson.dumps(item, default=str) + b"\n" for item in items]))

    def emit_text(self, text: bytes) -> None:
        """Lines that are NDJSON already."""
        sys.stdout.buffer.write(text)
        sys.stdout.flush()  # a batch of a live capture is not to wait for the next

    def show(self, item: Mapping[str, Any]) -> None:
        """One object: NDJSON for programs, indented for a person at a terminal."""
        import orjson

        if self.for_people:
            sys.stdout.write(orjson.dumps(item, default=str, option=orjson.OPT_INDENT_2).decode() + "\n")
        else:
            self.emit(item)

    @property
    def for_people(self) -> bool:
        return sys.stdout.isatty() and not self.json

    def table(self, items: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
        """NDJSON for programs, a table of these columns for a person at a terminal."""
        if not self.for_people:
            self.emit_many(items)
            return
        from rich.console import Console
        from rich.table import Table

        table = Table(*columns, box=None, pad_edge=False)
        table.columns[0].no_wrap = True
        for item in items:
            table.add_row(*(printable(item.get(column)) for column in columns))
        Console().print(table)

    def tell(self, key: str, /, **facts: object) -> None:
        """A message on stderr, unless --quiet."""
        if not self.quiet:
            self._write([say(lang, key, **facts) for lang in self._languages])

    def refuse(self, error: VonggacError) -> None:
        """One input was refused: named on stderr, counted, and the exit code will be 1."""
        self.refused += 1
        self._write([explain(error, lang) for lang in self._languages])

    def _write(self, sentences: Sequence[str]) -> None:
        sys.stdout.flush()
        sys.stderr.write("\n".join(printable(sentence) for sentence in dict.fromkeys(sentences)) + "\n")
        sys.stderr.flush()


def printable(value: object) -> str:
    """Text that cannot steer a terminal: control and direction characters are shown as escapes."""
    text = "" if value is None else str(value)
    return "".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in text)
