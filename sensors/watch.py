"""Several interfaces at once, until somebody says stop: one capture loop each, one stream of batches of all."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from queue import Empty, Full, Queue
from types import FrameType
from typing import Any

from sensors.base import Batch, Keep, Origin
from sensors.live import Wire

#: Batches that may wait for the spool; then the loops wait, and the kernel holds (and counts) what comes.
WAITING_BATCHES = 16
#: How long a look at the queue lasts when nothing comes.
LOOK_SECONDS = 0.5


class Stop:
    """Whether a signal has asked for the end, and which."""

    def __init__(self) -> None:
        self.signal = 0

    def __call__(self) -> bool:
        return self.signal != 0

    def ask(self, number: int, _: FrameType | None = None) -> None:
        """The first signal ends the capture in order; a second one at once."""
        if self.signal:
            raise KeyboardInterrupt
        self.signal = number

    @property
    def exit_code(self) -> int:
        """Ctrl-C is an interruption; SIGTERM is how a service is told that its work is over."""
        return 130 if self.signal == signal.SIGINT else 0


@contextmanager
def stopping() -> Iterator[Stop]:
    """Within it SIGINT and SIGTERM ask for an orderly end. For the main thread."""
    stop = Stop()
    before = {number: signal.signal(number, stop.ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Shared:
    """A ring that several loops write to."""

    def __init__(self, ring: Keep) -> None:
        self._ring = ring
        self._lock = threading.Lock()

    def add(self, chunk: Any, digest: str, source: str, marks: set[int]) -> None:
        with self._lock:
            self._ring.add(chunk, digest, source, marks)

    def close(self) -> None:
        with self._lock:
            self._ring.close()


def shared(origin: Origin) -> Origin:
    """The origin for several loops at once."""
    return origin if origin.ring is None else replace(origin, ring=_Shared(origin.ring))


def watch(
    wires: Sequence[Wire],
    origin: Origin,
    stop: Callable[[], bool],
    others: Sequence[Iterator[Batch]] = (),
    started: Callable[[], None] = lambda: None,
) -> Iterator[Batch | None]:
    """The batches of every wire and of the `others`, as they come, until `stop` or until all have ended; None when
    none came for a moment. `started` is called once every loop runs. Raises what a loop raised."""
    queue: Queue[Batch | BaseException | None] = Queue(WAITING_BATCHES)
    over = threading.Event()

    def ended() -> bool:
        return over.is_set() or stop()

    def give(item: Batch | BaseException | None) -> None:
        while not over.is_set():
            try:
                queue.put(item, timeout=LOOK_SECONDS)
            except Full:
                continue
            return

    def run(batches: Iterator[Batch]) -> None:
        try:
            for batch in batches:
                give(batch)
                if over.is_set():
                    return
            give(None)
        except BaseException as error:  # handed to the thread that waits for it
            give(error)

    loops = [wire.batches(origin, ended) for wire in wires] + list(others)
    threads = [threading.Thread(target=run, args=(each,), name="capture", daemon=True) for each in loops]
    for thread in threads:
        thread.start()
    started()
    left = len(threads)
    try:
        while left:
            try:
                item = queue.get(timeout=LOOK_SECONDS)
            except Empty:
                yield None
                continue
            if isinstance(item, BaseException):
                raise item
            if item is None:
                left -= 1
            else:
                yield item
    finally:
        over.set()
        for thread in threads:
            thread.join()
