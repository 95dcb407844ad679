from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from sensors import streams
from sensors.streams import Budget, Half, Moment

AT = Moment(0, 0)
DATA = bytes(range(256)) * 8


def pushed(half: Half, parts: list[tuple[int, bytes]], base: int = 0) -> list[tuple[bytes, int]]:
    found = []
    for at, data in parts:
        found += [(piece.data, piece.gap) for piece in half.push((base + at) & 0xFFFFFFFF, data, 0, AT)]
    return found


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, len(DATA) - 1), st.integers(1, 400)), max_size=30),
    st.integers(0, 2**32 - 1),
    st.randoms(use_true_random=False),
)
def test_any_order_with_any_repeats_gives_the_bytes_once_and_in_order(extra, base, random):
    parts = [(at, DATA[at : at + 100]) for at in range(0, len(DATA), 100)]
    parts += [(at, DATA[at : at + size]) for at, size in extra]
    random.shuffle(parts)
    budget = Budget()
    half = Half(budget)
    half.begin(base)
    found = pushed(half, parts, base)
    assert b"".join(data for data, _ in found) == DATA
    assert not any(gap for _, gap in found)
    assert budget.used == 0


def test_a_hole_is_told_at_the_end():
    half = Half(Budget())
    half.begin(0)
    found = pushed(half, [(0, b"abc"), (10, b"xyz")])
    assert found == [(b"abc", 0)]
    assert [(piece.data, piece.gap) for piece in half.finish()] == [(b"", 7), (b"xyz", 0)]


def test_a_hole_is_told_once_all_of_it_is_acknowledged_and_a_second_has_passed():
    base, second = 2**32 - 4, 10**9
    half = Half(Budget())
    half.begin(base)

    def acknowledged(at: int, ns: int) -> list[tuple[bytes, int]]:
        return [(piece.data, piece.gap) for piece in half.acknowledge((base + at) & 0xFFFFFFFF, ns)]

    assert pushed(half, [(2, b"cd"), (6, b"gh"), (20, b"uv")], base) == []
    assert acknowledged(1, 0) == acknowledged(1, second) == []
    assert acknowledged(8, 2 * second) == acknowledged(8, 3 * second - 1) == []
    assert acknowledged(8, 3 * second) == [(b"", 2), (b"cd", 0)]
    assert acknowledged(8, 3 * second) == []
    assert acknowledged(8, 4 * second) == [(b"", 2), (b"gh", 0)]
    assert acknowledged(9, 9 * second) == []
    assert [(piece.data, piece.gap) for piece in half.finish()] == [(b"", 12), (b"uv", 0)]
    assert acknowledged(40, 9 * second) == []


def test_what_was_not_captured_is_a_gap():
    half = Half(Budget())
    assert [(p.data, p.gap) for p in half.push(0, b"ab", 3, AT)] == [(b"ab", 0), (b"", 3)]
    assert pushed(half, [(5, b"f")]) == [(b"f", 0)]


def test_overlapping_bytes_keep_the_first_copy():
    half = Half(Budget())
    half.begin(0)
    assert pushed(half, [(0, b"abcd"), (2, b"XXef")]) == [(b"abcd", 0), (b"ef", 0)]


def test_too_much_waiting_becomes_a_gap(monkeypatch):
    monkeypatch.setattr(streams, "MAX_WAITING", 5_000)
    budget = Budget()
    half = Half(budget)
    half.begin(0)
    found = pushed(half, [(100 + at, bytes(100)) for at in range(0, 10_000, 100)])
    assert found[0] == (b"", 100)
    assert budget.forced_gaps == 1
    assert budget.used <= 5_000


def test_dropping_a_stream_gives_its_budget_back():
    budget = Budget()
    half = Half(budget)
    half.begin(0)
    pushed(half, [(50, b"waits")])
    assert budget.used > 0
    half.drop()
    assert budget.used == 0


def test_a_wild_sequence_number_is_not_of_the_stream():
    half = Half(Budget())
    half.begin(0)
    assert pushed(half, [(2**31, b"far"), (0, b"near")]) == [(b"near", 0)]
