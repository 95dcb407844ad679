"""Sorted runs of keys give what a plain list of all pairs gives."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pysqlite3 import dbapi2

from vonggac.stores.sqlite import postings
from vonggac.stores.sqlite.connection import Connection
from vonggac.stores.sqlite.keys import identity_key, key_of
from vonggac.stores.sqlite.postings import FAN, Postings
from vonggac.stores.sqlite.schema import DOCUMENTS

#: The keys that each document of each batch holds.
BATCHES = st.lists(st.lists(st.lists(st.integers(-40, 40), max_size=4), max_size=5), max_size=40)
SPANS = st.lists(st.tuples(st.integers(-45, 45), st.integers(-45, 45)).map(lambda ends: (min(ends), max(ends))))


@pytest.fixture(autouse=True)
def small_pages() -> Iterator[None]:
    """So that a few keys fill several pages, and runs grow no further at some time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(postings, "PAGE", 3)
        patch.setattr(postings, "LARGEST", 500)
        yield


def opened() -> Connection:
    connection = dbapi2.connect(":memory:", isolation_level=None)
    for change in (change for step in DOCUMENTS for change in step if isinstance(change, str)):
        connection.execute(change)
    return connection


def append(connection: Connection, batches: list[list[list[int]]]) -> list[tuple[int, int]]:
    """All (key, number) there are."""
    index, pairs, first = Postings(), [], 1
    for batch in batches:
        new = [(key, number) for number, keys in enumerate(batch, first) for key in set(keys)]
        identities = [identity_key(str(number)) for number in range(first, first + len(batch))]
        index.append(
            connection,
            np.array([key for key, _ in new], np.int64),
            np.array([number for _, number in new], np.uint32),
            np.array(identities, np.int64),
            first,
        )
        pairs += new
        first += len(batch)
    return pairs


@given(BATCHES, SPANS)
def test_ranges_find_what_a_plain_list_holds(batches: list[list[list[int]]], spans: list[tuple[int, int]]) -> None:
    with closing(opened()) as connection:
        pairs = append(connection, batches)
        found = [
            (place, number) for place, numbers in Postings().find(connection, spans) for number in numbers.tolist()
        ]
    assert sorted(found) == sorted(
        (place, number) for place, (first, last) in enumerate(spans) for key, number in pairs if first <= key <= last
    )


@given(st.lists(st.integers(0, 6), max_size=60), st.lists(st.integers(1, 400)))
def test_identities_find_their_document_and_no_other(sizes: list[int], asked: list[int]) -> None:
    with closing(opened()) as connection:
        append(connection, [[[]] * size for size in sizes])
        keys = np.array([identity_key(str(number)) for number in asked], np.int64)
        found = sorted(Postings().identified(connection, keys))
    assert found == [(place, number) for place, number in enumerate(asked) if number <= sum(sizes)]


def test_runs_stay_few_and_hold_every_document_once() -> None:
    with closing(opened()) as connection:
        append(connection, [[[7]]] * 1_000)
        sizes = [size for (size,) in connection.execute("SELECT documents FROM run ORDER BY id")]
        pages = connection.execute("SELECT count(*) FROM page WHERE run NOT IN (SELECT id FROM run)").fetchone()[0]
    assert sum(sizes) == 1_000
    assert max(sizes) <= 500
    assert len(sizes) <= 1_000 // 60 + 3 * FAN
    assert pages == 0


def test_what_one_has_read_holds_for_runs_that_another_merged_since() -> None:
    with closing(opened()) as connection:
        reader, writer = Postings(), Postings()
        none = np.empty(0, np.int64)
        for number in range(1, FAN * FAN + 5):
            own = np.array([identity_key(str(number))], np.int64)
            assert list(reader.identified(connection, own)) == []
            writer.append(connection, none, none.astype(np.uint32), own, number)
            assert list(reader.identified(connection, own)) == [(0, number)]


def test_an_id_has_no_key_that_a_value_could_have() -> None:
    values = ["192.0.2.1", "255.255.255.255", "2001:db8::1", "::", "ffff::", "a.example.vn", "b.vn", "ab" * 32, "x"]
    assert all(key_of(value) >> 60 != 1 for value in values)
    assert all(identity_key(value) >> 60 == 1 for value in values)
