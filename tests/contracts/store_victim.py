"""A process that writes to an embedded store until it is killed, and says on stdout what was acknowledged.

Called with the store's folder and the number to begin with. Each line is a number n: the events `n-0` to `n-19`, in two
months, and the incident entries `n` are stored.
"""

from __future__ import annotations

import sys
from itertools import count
from pathlib import Path

from tests.contracts.store_samples import DECEMBER, NOVEMBER, event, later, noted, opened
from vonggac.stores.sqlite import open_sqlite

EVENTS = 20
INCIDENT = "inc-1"


def main(folder: str, start: str) -> None:
    store = open_sqlite(Path(folder))
    store.incidents.append(INCIDENT, [opened()])
    for number in count(int(start)):
        times = [NOVEMBER if place % 2 else DECEMBER for place in range(EVENTS)]
        batch = [
            event(f"{number}-{place}", later(number, at), source_ip=f"198.51.100.{place}")
            for place, at in enumerate(times)
        ]
        store.events.add_events(batch)
        store.incidents.append(f"{INCIDENT}-{number}", [opened(), noted("n", str(number))])
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
