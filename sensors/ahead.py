"""An iterator that runs ahead in a thread of its own: what it does without Python's lock is done beside its reader."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterator
from threading import Condition, Thread
from typing import Generic, TypeVar

T = TypeVar("T")

#: How long (seconds) one thread runs Python while another waits to: the loops' thread needs it often, and briefly.
SWITCH_SECONDS = 0.0005


class Ahead(Generic[T]):
    """Up to `depth` items wait; an error is raised where the item that it took the place of would have come.

    To be closed: then the thread has ended, and with it the iterator.
    """

    def __init__(self, items: Iterator[T], depth: int) -> None:
        self._items = items
        self._depth = depth
        self._waiting: deque[T] = deque()
        self._changed = Condition()
        self._ended = self._stopped = False
        self._error: BaseException | None = None
        sys.setswitchinterval(min(sys.getswitchinterval(), SWITCH_SECONDS))
        self._thread = Thread(target=self._run, name="ahead", daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        with self._changed:
            while not self._waiting and not self._ended:
                self._changed.wait()
            if self._waiting:
                self._changed.notify()
                return self._waiting.popleft()
        if self._error is not None:
            raise self._error
        raise StopIteration

    def close(self) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        try:
            for item in self._items:
                with self._changed:
                    while len(self._waiting) >= self._depth and not self._stopped:
                        self._changed.wait()
                    if self._stopped:
                        break
                    self._waiting.append(item)
                    self._changed.notify()
        except BaseException as error:
            self._error = error
        finally:
            close = getattr(self._items, "close", None)
            if close is not None:
                close()
            with self._changed:
                self._ended = True
                self._changed.notify()
