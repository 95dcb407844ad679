"""Which events a log source means.

The decisions, where Sigma leaves them open:

- What a rule's log source does not name means any. Every part that it names has to be confirmed by the event: by its
  dataset, module, operating system, Windows channel and event id, ECS category, or by what a flat record tells.
- `product: vonggac` means our sensors' events, `service` their dataset.
- `product: zeek` means Zeek's logs and the events of our own and of Suricata's sensor that say the same.
- `dns` and `dns_query` without a product mean every DNS transaction, whoever saw it, and Sysmon's event 22.
- `webserver` means HTTP of every sensor and the access logs of web servers; `proxy` the same of proxies, and TLS
  connections, of which a proxy logs the host.
- `firewall` and `network_connection` without a product mean flows too: a flow is what a firewall would have logged.
  With `product: windows` or `linux` only events of such hosts are meant.
- `registry_add` and `registry_delete` are both Sysmon's event 12, as in the taxonomy.
- A Windows record without a channel and a known provider may be of any channel, so its event id decides alone.
- `category: application` is confirmed by its product.
- A flat record that tells one part of a log source does not contradict a rule that names more of them.
"""

from __future__ import annotations

from functools import lru_cache

from correlator.sigma.taxonomy.origin import Origin
from correlator.sigma.taxonomy.tables import Entry, LogSource, tables

_OWN = "vonggac"


@lru_cache(maxsize=65_536)
def applies(source: LogSource, origin: Origin) -> bool:
    """Whether events of that origin are of the rule's log source. Remembered: rules share few log sources."""
    if source.product == _OWN:
        return not source.service or origin.dataset == source.service
    if origin.told:
        return not any(source.parts) or any(_agrees(source, told) for told in origin.told)
    if source.product == "zeek":
        return _zeek(source.service, origin)
    return set(source.parts) <= _confirmed(source, origin)


def _agrees(source: LogSource, told: LogSource) -> bool:
    """At least one part is the same, and none is another."""
    wanted, given = dict(source.parts), dict(told.parts)
    shared = wanted.keys() & given.keys()
    return bool(shared) and all(wanted[key] == given[key] for key in shared)


def _zeek(service: str, origin: Origin) -> bool:
    if not service:
        known = any(origin.dataset in entry.datasets for entry in tables().zeek.values())
        return known or origin.module == "zeek" or origin.dataset.startswith("zeek.")
    if origin.log:
        return origin.log == service
    if origin.dataset in (service, f"zeek.{service}"):
        return True
    entry = tables().zeek.get(service)
    if entry is None:
        return False
    return origin.dataset in entry.datasets or (entry.filebeat != "" and origin.dataset == f"zeek.{entry.filebeat}")


def _confirmed(source: LogSource, origin: Origin) -> set[tuple[str, str]]:
    """The parts of the log source that the event's origin confirms."""
    words = {origin.dataset, *origin.dataset.split("."), origin.module, origin.os, *origin.kinds}
    found = {part for part in source.parts if part[1] in words}
    if source.category and _is_windows_event(source.category, origin):
        found.add(("category", source.category))
    if source.product == "windows" and _is_channel(source.service, origin):
        found.add(("service", source.service))
    for entry in _entries_of(source):
        if _tells(entry, origin):
            found |= set(entry.source.parts)
    if source.category == "application" and ("product", source.product) in found:
        found.add(("category", "application"))
    return found


@lru_cache(maxsize=4_096)
def _entries_of(source: LogSource) -> tuple[Entry, ...]:
    return tuple(entry for entry in tables().entries if entry.belongs_to(source))


def _tells(entry: Entry, origin: Origin) -> bool:
    if origin.dataset in entry.datasets or origin.module in entry.modules or origin.program in entry.programs:
        return True
    logged = origin.os == "windows" and origin.code != ""  # then the event id says it exactly
    return any(kind in origin.kinds for kind in entry.ecs if not (logged and "/" in kind))


def _is_windows_event(category: str, origin: Origin) -> bool:
    windows = tables().windows
    if not origin.code:
        return not windows.ecs.get(category, frozenset()).isdisjoint(origin.kinds)
    by_service = windows.codes.get(category, {})
    return any(
        origin.code in codes and (not origin.channel or origin.channel in windows.channels[service])
        for service, codes in by_service.items()
    )


def _is_channel(service: str, origin: Origin) -> bool:
    if not origin.channel:
        return bool(origin.code)
    return origin.channel in tables().windows.channels.get(service, frozenset({service}))
