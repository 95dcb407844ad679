"""What YAML files said when they were last read, so that thousands of rules load without being parsed anew.

One JSON file: the SHA-256 of a file's text -> its documents, each as its line, its value and the lines of its keys,
which are JSON by themselves as they are seldom asked for.
It holds what the last load read and no more. A cache that cannot be read is made again; one that cannot be written is
done without.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson

from correlator.sigma import document
from correlator.sigma.document import BrokenYaml, Source, documents
from correlator.sigma.document import Path as KeyPath


class RuleCache:
    """Reads documents for `correlator.sigma.load`; `save` when all files are read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known = _read(path)
        self._used: dict[str, Any] = {}

    def documents(self, text: str) -> list[Source | BrokenYaml]:
        """The documents of a file's text; those with faults are parsed each time, as people are about to mend them."""
        key = sha256(text.encode()).hexdigest()
        kept = self._known.get(key)
        if kept is not None:
            self._used[key] = kept
            return [Source(data, line, _Lines(lines)) for line, data, lines in kept]
        found = list(documents(text))
        sources = [each for each in found if isinstance(each, Source)]
        if len(sources) == len(found):
            self._used[key] = [
                [each.line, each.data, orjson.dumps([[*path, line] for path, line in each.lines.items()]).decode()]
                for each in sources
            ]
        return found

    def save(self) -> None:
        """The file holds what was read since; nothing is written when it does already."""
        if self._used.keys() == self._known.keys():
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            fresh = self._path.with_suffix(".new")
            fresh.write_bytes(orjson.dumps({"reader": _reader(), "files": self._used}))
            fresh.replace(self._path)
        except (OSError, TypeError, ValueError):  # an integer beyond 64 bits has no place in it
            return


def _read(path: Path) -> Mapping[str, Any]:
    try:
        kept = orjson.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    files = kept.get("files") if isinstance(kept, dict) and kept.get("reader") == _reader() else None
    return files if isinstance(files, dict) else {}


def _reader() -> str:
    """The code that made the documents: what another version read is not known here."""
    return sha256(Path(document.__file__).read_bytes() + Path(__file__).read_bytes()).hexdigest()


class _Lines(Mapping[KeyPath, int]):
    """Lines as they are kept, made a table when the first is asked for: a rule without faults needs few."""

    def __init__(self, kept: str) -> None:
        self._kept = kept

    @cached_property
    def _made(self) -> dict[KeyPath, int]:
        return {tuple(path): line for *path, line in orjson.loads(self._kept)}

    def __getitem__(self, path: KeyPath) -> int:
        return self._made[path]

    def __iter__(self) -> Iterator[KeyPath]:
        return iter(self._made)

    def __len__(self) -> int:
        return len(self._made)
