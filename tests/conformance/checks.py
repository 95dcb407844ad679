"""What a check is, and how a capture becomes events."""

from __future__ import annotations

import io
import ipaddress
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sensors import reader_for
from sensors.base import SNIFF_BYTES, Batch, Origin
from sensors.source import open_input
from vonggac.domain.event import Document
from vonggac.errors import UnknownInput

OK, MISS, NOT_APPLICABLE = "ok", "miss", "not applicable"


@dataclass(frozen=True, slots=True)
class Check:
    """One expectation of one reference. `compared` counts its fields that were held against ours; `unnamed` are those
    that our events have no field for."""

    source: str
    protocol: str
    case: str
    what: str
    verdict: str
    reason: str = ""
    compared: int = 0
    unnamed: tuple[str, ...] = ()


def verdict(source: str, protocol: str, case: str, what: str, wrong: Iterable[str], compared: int,
            unnamed: Iterable[str] = ()) -> Check:  # fmt: skip
    """ok where nothing is wrong and something was compared."""
    reason = "; ".join(wrong)
    if not reason and not compared:
        return Check(
            source, protocol, case, what, NOT_APPLICABLE, "no field of it has a name with us", 0, tuple(unnamed)
        )
    return Check(source, protocol, case, what, MISS if reason else OK, reason, compared, tuple(sorted(set(unnamed))))


def aside(source: str, protocol: str, case: str, what: str, reason: str) -> Check:
    return Check(source, protocol, case, what, NOT_APPLICABLE, reason)


def cases(data: Path) -> list[dict[str, Any]]:
    """The manifest's cases."""
    manifest: dict[str, Any] = json.loads((data / "manifest.json").read_text("utf-8"))
    return list(manifest["cases"])


def sense(path: Path) -> list[Document]:
    """Every event of one capture."""
    return [event for batch in read(path) for event in batch.events]


def read(path: Path) -> list[Batch]:
    """What one capture gives. Raises UnknownInput where it is none, ReadError where nothing of it can be read."""
    with open_input(str(path)) as stream:
        head = stream.look()
        while len(head) < SNIFF_BYTES and not stream.looked_all:
            head = stream.look()
        reader = reader_for(head)
        if reader is None:
            raise UnknownInput("input_unknown_kind", location=str(path))
        return list(reader.read(io.BufferedReader(stream), str(path), Origin("conformance")))


def at(document: Mapping[str, Any], path: str, default: Any = None) -> Any:
    """The value under a dotted path."""
    here: Any = document
    for part in path.split("."):
        if not isinstance(here, Mapping) or part not in here:
            return default
        here = here[part]
    return here


def same(expected: Any, ours: Any) -> bool:
    """Equal as said: numbers by value, addresses by what they stand for, names without regard to case or last dot."""
    if expected == ours or str(expected) == str(ours):
        return True
    if isinstance(expected, bool) or isinstance(ours, bool) or ours is None:
        return False
    if address(str(expected)) is not None:
        return address(str(expected)) == address(str(ours))
    return False


def name_parts(distinguished: str) -> list[str]:
    """The parts of a distinguished name of ours."""
    return re.split(r"(?<!\\), ", distinguished)


def address(text: str) -> str | None:
    """The address in one spelling; None where it is none."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None


def of(events: Iterable[Document], *datasets: str) -> list[Document]:
    return [event for event in events if event["event"]["dataset"] in datasets]


def nearest(wanted: Mapping[str, Any], candidates: Iterable[Mapping[str, Any]],
            differs: Callable[[Mapping[str, Any], Mapping[str, Any]], list[str]]) -> list[str] | None:  # fmt: skip
    """What is wrong with the candidate that has least wrong; None where there is no candidate."""
    return min((differs(wanted, candidate) for candidate in candidates), key=len, default=None)
