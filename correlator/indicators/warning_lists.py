"""Warning lists in MISP's format: values known to be harmless, which an indicator should not make an alarm of.

A list is a JSON object with `name`, `type` (string, substring, hostname, cidr or regex), `list`, and
`matching_attributes`, the MISP types of attribute that it is about; without these it is about all.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import orjson
import re2

from correlator.indicators.forms import canonical, host_of, with_parents
from vonggac.domain.indicator import IndicatorKind
from vonggac.errors import InvalidRecord, UnknownInput

MAX_LIST_BYTES = 64 << 20
#: The most entries of a list that are looked through one by one.
MAX_SUBSTRINGS = 10_000
_REGEX_BYTES = 1 << 20

#: Kinds of indicator -> the MISP types of attribute that stand for it.
_ATTRIBUTES: Mapping[str, frozenset[str]] = {
    "ip": frozenset({"ip-src", "ip-dst", "domain|ip", "ip-src|port", "ip-dst|port"}),
    "domain": frozenset({"domain", "hostname", "domain|ip", "hostname|port"}),
    "url": frozenset({"url", "uri", "link"}),
    "hash": frozenset({"md5", "sha1", "sha256", "sha512", "filename|md5", "filename|sha1", "filename|sha256"}),
}

#: Whether a value of a kind, in canonical form, is on the list.
Holds = Callable[[str, str], bool]


@dataclass(frozen=True, slots=True)
class WarningList:
    name: str
    kinds: frozenset[str]
    holds: Holds


class WarningLists:
    """Several lists; asked for the first that names a value."""

    def __init__(self, lists: Iterable[WarningList] = ()) -> None:
        self._by_kind: dict[str, list[WarningList]] = {}
        for each in lists:
            for kind in each.kinds:
                self._by_kind.setdefault(kind, []).append(each)

    def naming(self, kind: str, value: str) -> str | None:
        """The name of the first list that holds the value, which is in canonical form."""
        kind = "ip" if kind == IndicatorKind.CIDR else kind
        return next((each.name for each in self._by_kind.get(kind, ()) if each.holds(kind, value)), None)


def read_warning_lists(paths: Sequence[Path]) -> tuple[WarningLists, list[InvalidRecord]]:
    """The lists of these files, and of the `.json` files below these folders, in order of name; faults by file.

    Raises UnknownInput for a path where nothing is.
    """
    lists: list[WarningList] = []
    faults: list[InvalidRecord] = []
    for path in paths:
        if not path.exists():
            raise UnknownInput("indicators_unreadable", path=path, reason="no such file or folder")
        for file in sorted(path.rglob("*.json")) if path.is_dir() else [path]:
            try:
                lists.append(_read(file))
            except (OSError, ValueError) as error:
                faults.append(InvalidRecord("bad_warning_list", location=str(file), line=1, reason=str(error)))
    return WarningLists(lists), faults


def _read(path: Path) -> WarningList:
    if path.stat().st_size > MAX_LIST_BYTES:
        raise ValueError(f"larger than {MAX_LIST_BYTES} bytes")
    return parse_warning_list(orjson.loads(path.read_bytes()))


def parse_warning_list(data: Any) -> WarningList:
    """The list that a JSON value describes. Raises ValueError, which says what is wrong."""
    if not isinstance(data, dict) or not isinstance(data.get("list"), list) or not isinstance(data.get("name"), str):
        raise ValueError("a warning list is an object with name, type and list")  # noqa: TRY004 (an input, not a call)
    entries = [entry.strip() for entry in data["list"] if isinstance(entry, str) and entry.strip()]
    make = _TYPES.get(str(data.get("type", "string")))
    if make is None:
        raise ValueError(f"unknown type {data.get('type')!r}; known: {', '.join(_TYPES)}")
    attributes = {str(name) for name in data.get("matching_attributes") or ()}
    kinds = {kind for kind, names in _ATTRIBUTES.items() if not attributes or attributes & names}
    return WarningList(data["name"], frozenset(kinds), make(entries))


def _strings(entries: list[str]) -> Holds:
    known = {entry.lower() for entry in entries}
    urls = {form for entry in entries if "/" in entry and (form := _form(entry)) is not None}
    return lambda kind, value: value in urls if kind == "url" else value in known


def _form(entry: str) -> str | None:
    try:
        return canonical(IndicatorKind.URL, entry)
    except ValueError:
        return None


def _substrings(entries: list[str]) -> Holds:
    if len(entries) > MAX_SUBSTRINGS:
        raise ValueError(f"more than {MAX_SUBSTRINGS} parts of texts")
    parts = [entry.lower() for entry in entries]
    return lambda kind, value: any(part in value.lower() for part in parts)


def _hostnames(entries: list[str]) -> Holds:
    """A host, and every name below it."""
    known = {entry.lower().strip(".") for entry in entries}

    def holds(kind: str, value: str) -> bool:
        name = host_of(value) if kind == "url" else value
        return any(parent in known for parent in with_parents(name))

    return holds


def _networks(entries: list[str]) -> Holds:
    """Networks and addresses; what is neither stands for itself. A network is held by one that covers it."""
    spans: list[tuple[int, int, int]] = []
    for entry in entries:
        try:
            network = ip_network(entry, strict=False)
        except ValueError as error:
            raise ValueError(f"neither address nor network: {entry[:60]!r}") from error
        spans.append((network.version, int(network.network_address), int(network.broadcast_address)))
    starts, ends = _disjoint(spans)

    def holds(kind: str, value: str) -> bool:
        try:
            network = ip_network(host_of(value) if kind == "url" else value)
        except ValueError:
            return False
        at = bisect_right(starts, (network.version, int(network.network_address))) - 1
        return at >= 0 and starts[at][0] == network.version and int(network.broadcast_address) <= ends[at]

    return holds


def _disjoint(spans: list[tuple[int, int, int]]) -> tuple[list[tuple[int, int]], list[int]]:
    starts: list[tuple[int, int]] = []
    ends: list[int] = []
    for version, low, high in sorted(spans):
        if starts and starts[-1][0] == version and low <= ends[-1] + 1:
            ends[-1] = max(ends[-1], high)
        else:
            starts.append((version, low))
            ends.append(high)
    return starts, ends


def _regexes(entries: list[str]) -> Holds:
    """Expressions as MISP writes them, between slashes with flags behind, or bare."""
    compiled = [_regex(entry) for entry in entries]
    return lambda kind, value: any(regex.search(value) is not None for regex in compiled)


def _regex(entry: str) -> Any:
    text, flags = entry, ""
    if entry.startswith("/") and entry.rfind("/") > 0:
        text, _, flags = entry[1:].rpartition("/")
    options = re2.Options()
    options.log_errors, options.max_mem = False, _REGEX_BYTES
    options.case_sensitive = "i" not in flags
    try:
        return re2.compile(text, options)
    except re2.error as error:
        raise ValueError(f"RE2 does not take the expression {entry[:60]!r}") from error


_TYPES: Mapping[str, Callable[[list[str]], Holds]] = {
    "string": _strings,
    "substring": _substrings,
    "hostname": _hostnames,
    "cidr": _networks,
    "regex": _regexes,
}
