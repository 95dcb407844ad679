from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from sensors.ahead import Ahead


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "ahead"]


def test_all_items_come_in_order_and_the_thread_ends():
    with closing(Ahead(iter(range(1_000)), 3)) as ahead:
        assert list(ahead) == list(range(1_000))
    assert threads() == []


def test_an_error_comes_where_it_happened():
    def items() -> Iterator[int]:
        yield 1
        raise ValueError("broken")

    with closing(Ahead(items(), 3)) as ahead:
        assert next(ahead) == 1
        with pytest.raises(ValueError, match="broken"):
            next(ahead)


def test_no_more_than_its_depth_waits():
    made: list[int] = []
    go_on = threading.Event()

    def items() -> Iterator[int]:
        for number in range(10):
            made.append(number)
            if number == 3:
                go_on.set()
            yield number

    with closing(Ahead(items(), 3)) as ahead:
        assert go_on.wait(10)  # three wait, and the fourth is in its maker's hands
        assert made == [0, 1, 2, 3]
        assert list(ahead) == list(range(10))


def test_who_stops_reading_ends_the_thread_and_the_iterator():
    ended: list[str] = []

    def items() -> Iterator[int]:
        try:
            while True:
                yield 1
        finally:
            ended.append(threading.current_thread().name)

    ahead = Ahead(items(), 2)
    assert next(ahead) == 1
    ahead.close()
    assert ended == ["ahead"]
    assert threads() == []
