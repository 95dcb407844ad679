"""Zeek's logs, TSV or JSON, in the native sensor's vocabulary; what has no field there stays under `vonggac.zeek`.

Source: Zeek documentation, "Log Formats" and the log reference of version 6 and 7.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from sensors.adapt import Adapter
from sensors.base import Origin
from sensors.records import Convert, Line, LineReader, Record, whole_objects
from sensors.zeek_map import convert
from vonggac.domain.event import Document

_ESCAPE = re.compile(r"\\x([0-9a-fA-F]{2})")

#: Fields that only one log has, for JSON rows that do not name their log (`_path`).
_TELLTALE = (
    ("conn_state", "conn"), ("qtype_name", "dns"), ("trans_id", "dns"), ("status_code", "http"), ("uri", "http"),
    ("method", "http"), ("cipher", "ssl"), ("ssl_history", "ssl"), ("certificate.subject", "x509"),
    ("kex_alg", "ssh"), ("auth_attempts", "ssh"), ("fuid", "files"), ("mailfrom", "smtp"), ("helo", "smtp"),
    ("share_type", "smb_mapping"), ("note", "notice"), ("request_type", "kerberos"), ("named_pipe", "dce_rpc"),
    ("ntlm.server_nb_computer_name", "ntlm"), ("software_type", "software"), ("security_protocol", "rdp"),
    ("command", "ftp"), ("assigned_addr", "dhcp"), ("name", "weird"),
)  # fmt: skip


class ZeekTsvReader(LineReader):
    name = "zeek"
    header = b"#"

    def accepts(self, head: bytes) -> bool:
        return head.startswith((b"#separator ", b"#fields\t", b"#path\t"))

    def rows(self, found: Iterator[Line]) -> Iterator[Record]:
        return tsv_rows(found)

    def begin(self, origin: Origin) -> Callable[[str], Convert]:
        return _begin(origin)


class ZeekJsonReader(LineReader):
    name = "zeek-json"

    def accepts(self, head: bytes) -> bool:
        row = next(whole_objects(head), None)
        if row is None or "ts" not in row:
            return False
        return "_path" in row or "id.orig_h" in row or "uid" in row or "fuid" in row

    def begin(self, origin: Origin) -> Callable[[str], Convert]:
        return _begin(origin)


def _begin(origin: Origin) -> Callable[[str], Convert]:
    def begin(source: str) -> Convert:
        adapter = Adapter(origin, source, "zeek")

        def row(record: dict[str, Any], line: int) -> Document | str:
            path = record.pop("_path", None) or _path(record)
            return convert(adapter, str(path), record, line)

        return row

    return begin


def _path(row: dict[str, Any]) -> str:
    """Which log a JSON row is of, told from its fields."""
    return next((path for name, path in _TELLTALE if name in row), "unknown")


class _Header:
    """The header lines in force; a log may have several, where files were joined."""

    def __init__(self) -> None:
        self.separator = "\t"
        self.set_separator = ","
        self.empty = "(empty)"
        self.unset = "-"
        self.path = ""
        self.fields: list[str] = []
        self.types: list[str] = []

    def take(self, line: str) -> None:
        if line.startswith("#separator "):
            self.separator = _unescape(line.removeprefix("#separator ").strip())
            return
        name, _, rest = line[1:].partition(self.separator)
        if name == "set_separator":
            self.set_separator = _unescape(rest)
        elif name == "empty_field":
            self.empty = rest
        elif name == "unset_field":
            self.unset = rest
        elif name == "path":
            self.path = rest
        elif name == "fields":
            self.fields = rest.split(self.separator)
        elif name == "types":
            self.types = rest.split(self.separator)

    def row(self, line: str) -> dict[str, Any] | None:
        """The values of a row by field name, unset ones left out; None where the columns do not fit."""
        cells = line.split(self.separator)
        if len(cells) != len(self.fields):
            return None
        row: dict[str, Any] = {"_path": self.path} if self.path else {}
        types = self.types if len(self.types) == len(cells) else ["string"] * len(cells)
        for name, kind, cell in zip(self.fields, types, cells, strict=True):
            if cell != self.unset:
                row[name] = self._value(kind, cell)
        return row

    def _value(self, kind: str, cell: str) -> Any:
        if kind.startswith(("set[", "vector[")):
            inner = kind[kind.index("[") + 1 : -1]
            return [] if cell == self.empty else [self._value(inner, each) for each in cell.split(self.set_separator)]
        try:
            if kind in ("count", "int", "port"):
                return int(cell)
            if kind in ("double", "interval"):
                return float(cell)
        except ValueError:
            return cell
        if kind == "bool":
            return cell == "T"
        return "" if cell == self.empty else _unescape(cell)


def tsv_rows(found: Iterator[Line]) -> Iterator[Record]:
    """The rows of a TSV log as records."""
    header = _Header()
    for line in found:
        if line.data is None:
            yield Record(line.number, line.end, b"", None, "record_too_long")
            continue
        text = line.data.decode("utf-8", "backslashreplace")
        if text.startswith("#"):
            header.take(text)
        elif not header.fields:
            yield Record(line.number, line.end, line.data, None, "no_fields_line")
        else:
            row = header.row(text)
            raw = header.path.encode() + b"\n" + line.data
            yield Record(line.number, line.end, raw, row, "" if row is not None else "wrong_columns")


def _unescape(text: str) -> str:
    """Zeek's \\xHH, put together as UTF-8 where it is."""
    if "\\x" not in text:
        return text
    raw = _ESCAPE.sub(lambda match: chr(int(match[1], 16)), text)
    try:
        return raw.encode("latin-1").decode("utf-8")
    except (UnicodeEncodeError, UnicodeDecodeError):
        return raw
