"""Where an event may hold the field that a rule names."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from correlator.sigma.taxonomy.tables import LogSource, tables

Paths = tuple[str, ...]

_EVENT_DATA = ("winlog.event_data", "Event.EventData", "event_data")


@lru_cache(maxsize=16_384)
def paths_of(name: str, source: LogSource) -> Paths:
    """Dotted paths where an event of that log source may hold the field, best first; the name itself is the last.

    First ECS or what our sensors write, as the tables say for the log source and for each part of it; then where the
    log's own field is kept: `vonggac.zeek.<log>` and Filebeat's `zeek.<log>`, Windows event data in its three shapes.
    A rule may therefore name ECS fields directly, and a flat record's field is found under its own name.
    """
    return tuple(dict.fromkeys((*_mapped(name, source), *_kept(name, source), name)))


def only_zeek_says(name: str, source: LogSource) -> bool:
    """Whether ECS has no name for the field, so that only some Zeek logs hold it.

    An event that holds none of a rule's such fields is not one the rule speaks of: `not Z: 0` must not be true of it.
    """
    if source.product != "zeek" or "." in name:
        return False
    return all(path.startswith("zeek.") for path in _mapped(name, source))


def _mapped(name: str, source: LogSource) -> Iterator[str]:
    """What the tables say, of the most particular log source first."""
    if source.product == "windows" and name in tables().windows.system:
        yield from tables().windows.system[name]
        return
    entries = [entry for entry in tables().entries if name in entry.fields and entry.belongs_to(source)]
    for entry in sorted(entries, key=lambda entry: -len(list(entry.source.parts))):
        yield from entry.fields[name]


def _kept(name: str, source: LogSource) -> Iterator[str]:
    if source.product == "zeek":
        yield f"vonggac.zeek.{source.service}.{name}"
        yield f"zeek.{source.service}.{name}"
        entry = tables().zeek.get(source.service)
        if entry is not None and entry.filebeat:
            yield f"zeek.{entry.filebeat}.{name}"
    elif source.product == "windows" and name not in tables().windows.system:
        for holder in _EVENT_DATA:
            yield f"{holder}.{name}"
        for wrapper in tables().windows.user_data.get(source.service, ()):
            yield f"Event.UserData.{wrapper}.{name}"
