"""A process that takes batches through the pipeline until it is killed, and says on stdout which are done.

Called with the store's folder, the number of the batch to begin with and how many to take; 0: round and round, without
end. Each line is the number of a batch that is taken. The watermark is saved after every third.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from pathlib import Path

from correlator.engine import Correlator
from correlator.sigma.load import load_rules
from sensors.base import Batch
from tests.unit.correlator.samples import event as sample
from vonggac.bootstrap import utc_now
from vonggac.domain.agency import Directory
from vonggac.domain.event import Document
from vonggac.pipeline import Pipeline
from vonggac.stores.sqlite import open_sqlite

BATCHES = 40
EVENTS = 25
#: Events come so many seconds after each other, from four sources in turn.
STEP = 20
RULES = """title: One
logsource: {product: vonggac}
level: medium
detection:
  s:
    f: 1
  condition: s
---
title: Base
name: base
logsource: {product: vonggac}
detection:
  s:
    f: 2
  condition: s
---
title: Many
level: high
correlation:
  type: event_count
  rules: base
  group-by: [source.ip]
  timespan: 30m
  condition: {gte: 20}
---
title: Few
level: low
correlation:
  type: event_count
  rules: base
  group-by: [destination.ip]
  timespan: 20m
  condition: {lt: 3}
"""


def batch_of(number: int) -> Batch:
    events = tuple(map(event_of, range(number * EVENTS, (number + 1) * EVENTS)))
    return Batch("made", "made", number + 1, len(events), events)


def event_of(number: int) -> Document:
    document = sample(
        f"e{number}",
        number * STEP,
        ecs__version="9.0.0",
        observer__name="s",
        source__ip=f"192.0.2.{number % 4}",
        destination__ip=f"198.51.100.{number % 7}",
        f=1 if number % 23 == 0 else 2 if number % 3 else 3,
    )
    return document | {"event": {**document["event"], "kind": "event", "category": ["network"], "type": ["info"]}}


def numbers(start: int, how_many: int) -> Iterator[int]:
    yield from (at % BATCHES for at in (range(start, start + how_many) if how_many else count(start)))


def main(folder: str, start: str, how_many: str) -> None:
    rules = Path(folder).with_suffix(".yml")
    rules.write_text(RULES, "utf-8")
    store = open_sqlite(Path(folder))
    correlator = Correlator(load_rules([rules]).rules)
    pipeline = Pipeline(
        store, correlator, Directory, utc_now, incident_window=timedelta(hours=24), origin="n", catch_up=None
    )
    for number in numbers(int(start), int(how_many)):
        pipeline.take(batch_of(number))
        if number % 3 == 2:
            pipeline.save()
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()
    store.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
