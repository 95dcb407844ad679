"""This node's probes: which systems are asked, and what a round of them is told as."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from contextlib import closing
from datetime import date, datetime

from sensors.base import Batch
from sensors.probing.ask import trusting
from sensors.probing.event import Target, targets_on
from sensors.probing.prober import Prober
from vonggac.domain.agency import Directory
from vonggac.domain.event import field as value_at
from vonggac.errors import NotFound
from vonggac.settings import Settings


def prober_of(settings: Settings) -> Prober:
    """The prober that the settings describe. Raises UsageRefused where `probe.authorities` cannot be used."""
    trust = trusting(settings.probe_authorities)
    return Prober(settings.node_name, trust, settings.probe_seconds, settings.probe_at_once)


def targets_of(directory: Directory, day: date, codes: Collection[str] = ()) -> list[Target]:
    """What is asked of the systems with these codes, or of all, that are valid on the day.

    Raises NotFound for a code that no system bears on that day.
    """
    known = [system for system in directory.systems if system.valid_on(day)]
    bearers = {system.code for system in known}
    for code in codes:
        if code not in bearers:
            raise NotFound("unknown_system", code=code, day=day)
    return targets_on(day, [system for system in known if not codes or system.code in codes])


def probe_all(
    prober: Prober,
    targets: Sequence[Target],
    now: datetime,
    take: Callable[[Batch], object],
    ending: threading.Event,
) -> str:
    """Every target is asked and what it answers taken; one line on it. Once the node is ending no more are asked."""
    results: Counter[str] = Counter()
    with closing(prober.round(targets, now)) as batches:
        for batch in batches:
            take(batch)
            results.update(str(value_at(event, "vonggac.probe.result")) for event in batch.events)
            if ending.is_set():
                break
    told = ", ".join(f"{count} {result}" for result, count in sorted(results.items())) or "-"
    return f"{results.total()} of {len(targets)} domains probed: {told}"
