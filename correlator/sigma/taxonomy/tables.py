"""The mapping files under `data/`, read once: what each says holds since its `valid_from`, from its `source`."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

_DATA = Path(__file__).parent / "data"
FILES = ("zeek", "filebeat", "network", "hosts", "products", "windows", "records")


@dataclass(frozen=True, slots=True)
class LogSource:
    """A rule's `logsource`; what is not given is empty and means any."""

    category: str = ""
    product: str = ""
    service: str = ""

    @property
    def parts(self) -> Iterator[tuple[str, str]]:
        """The parts that are given."""
        for key in ("category", "product", "service"):
            value = getattr(self, key)
            if value:
                yield key, value


@dataclass(frozen=True, slots=True)
class Entry:
    """What is known of a log source: what tells its events, and where its fields stand.

    `ecs` holds `category` or `category/type` of ECS events, `programs` the names that syslog lines begin with,
    `filebeat` Filebeat's name of a Zeek log where that is another.
    """

    source: LogSource
    datasets: frozenset[str] = frozenset()
    modules: frozenset[str] = frozenset()
    ecs: frozenset[str] = frozenset()
    programs: frozenset[str] = frozenset()
    filebeat: str = ""
    fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def belongs_to(self, source: LogSource) -> bool:
        """Whether all that this entry names is what the rule's log source names."""
        return set(self.source.parts) <= set(source.parts)


@dataclass(frozen=True, slots=True)
class Telltale:
    """Field names of flat records that tell their log sources."""

    is_: tuple[LogSource, ...]
    all_: frozenset[str]
    any_: frozenset[str]
    none: frozenset[str]

    def told_by(self, names: frozenset[str]) -> bool:
        return self.all_ <= names and not self.none & names and (not self.any_ or bool(self.any_ & names))


@dataclass(frozen=True, slots=True)
class Windows:
    """Channels in lower case by service; by category, the event codes of each service; the shapes' other names."""

    channels: Mapping[str, frozenset[str]]
    first_channel: Mapping[str, str]
    providers: Mapping[str, str]
    codes: Mapping[str, Mapping[str, frozenset[str]]]
    ecs: Mapping[str, frozenset[str]]
    user_data: Mapping[str, tuple[str, ...]]
    system: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Tables:
    dates: Mapping[str, date]
    sources: Mapping[str, str]
    entries: tuple[Entry, ...]
    zeek: Mapping[str, Entry]
    windows: Windows
    telltales: tuple[Telltale, ...]
    programs: frozenset[str]


@lru_cache(maxsize=1)
def tables() -> Tables:
    """All mapping files. They are part of the program: what is wrong in one is our mistake and not handled."""
    read = {name: tomllib.loads((_DATA / f"{name}.toml").read_text("utf-8")) for name in FILES}
    entries = tuple(_entry(row) for data in read.values() for row in data.get("log_source", ()))
    return Tables(
        dates={name: data["valid_from"] for name, data in read.items()},
        sources={name: data["source"] for name, data in read.items()},
        entries=entries,
        zeek={e.source.service: e for e in entries if e.source.product == "zeek" and e.datasets},
        windows=_windows(read["windows"]),
        telltales=tuple(_telltale(row) for row in read["records"]["record"]),
        programs=frozenset().union(*(entry.programs for entry in entries)),
    )


def _entry(row: Mapping[str, Any]) -> Entry:
    return Entry(
        _log_source(row),
        frozenset(row.get("datasets", ())),
        frozenset(row.get("modules", ())),
        frozenset(row.get("ecs", ())),
        frozenset(row.get("programs", ())),
        row.get("filebeat", ""),
        {name: tuple(paths) for name, paths in row.get("fields", {}).items()},
    )


def _log_source(row: Mapping[str, Any]) -> LogSource:
    return LogSource(row.get("category", ""), row.get("product", ""), row.get("service", ""))


def _telltale(row: Mapping[str, Any]) -> Telltale:
    return Telltale(
        tuple(_log_source(each) for each in row["is"]),
        frozenset(row.get("all", ())),
        frozenset(row.get("any", ())),
        frozenset(row.get("none", ())),
    )


def _windows(data: Mapping[str, Any]) -> Windows:
    categories: Mapping[str, Mapping[str, list[str]]] = data["categories"]
    return Windows(
        channels={service: frozenset(map(str.lower, names)) for service, names in data["channels"].items()},
        first_channel={service: names[0].lower() for service, names in data["channels"].items()},
        providers={provider.lower(): service for provider, service in data["providers"].items()},
        codes={
            category: {service: frozenset(codes) for service, codes in by_service.items() if service != "ecs"}
            for category, by_service in categories.items()
        },
        ecs={category: frozenset(by_service.get("ecs", ())) for category, by_service in categories.items()},
        user_data={service: tuple(names) for service, names in data["user_data"].items()},
        system={name: tuple(paths) for name, paths in data["system"].items()},
    )
