"""Asks many domains, a bounded number of them at a time."""

from __future__ import annotations

import ssl
import time
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from sensors.base import Batch, fingerprint
from sensors.probing.answer import DOORS, Door
from sensors.probing.ask import ask
from sensors.probing.event import Target, probe_event
from vonggac.domain.event import Document
from vonggac.domain.times import format_instant


@dataclass(frozen=True, slots=True)
class Prober:
    """How an observer asks: whose certificates it trusts, how long one probe may take, how many there are at once."""

    observer: str
    trust: ssl.SSLContext
    seconds: float
    at_once: int
    doors: tuple[Door, ...] = DOORS

    def round(self, targets: Sequence[Target], now: datetime) -> Generator[Batch]:
        """An event for each target, in their order, in batches of as many as are asked at once. A round that is closed
        before its end waits for those that are being asked, and asks no more.

        `now` is when the round begins; within it time is that of a clock that never jumps.
        """
        began = time.monotonic()

        def one(target: Target) -> Document:
            instant = now + timedelta(seconds=time.monotonic() - began)
            answer = ask(target.domain, self.trust, self.seconds, self.doors)
            return probe_event(answer, target, self.observer, instant)

        source = fingerprint(f"{self.observer} {format_instant(now)}".encode())
        pool = ThreadPoolExecutor(self.at_once, thread_name_prefix="probe")
        try:
            events = pool.map(one, targets)
            position = 0
            while some := tuple(islice(events, self.at_once)):
                position += len(some)
                yield Batch(source, "probe", position, len(some), some)
        finally:
            pool.shutdown(cancel_futures=True)
