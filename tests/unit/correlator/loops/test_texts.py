"""The loops read, fold and find texts as Python does."""

from __future__ import annotations

from ipaddress import IPv4Address

import numpy as np
import orjson
from hypothesis import example, given
from hypothesis import strategies as st

from correlator.loops.addresses import MARGIN, read_address
from correlator.loops.texts import fold, read_text
from correlator.sifting.tables import fold_table
from vonggac.domain.text import caseless

TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=40)


def _octets(text: bytes) -> np.ndarray:
    return np.frombuffer(text or b"\0", np.int8)


@given(TEXTS)
@example('"\\\b\f\n\r\t\x00\x1f\x7f/é')
def test_a_json_text_is_read_without_its_escapes(text: str):
    written = orjson.dumps(text)
    raw, low = np.zeros(200, np.int8), np.zeros(200, np.int8)
    size, ascii_only = read_text(_octets(written), 1, len(written) - 1, raw, low)
    assert raw[:size].tobytes() == text.encode()
    assert ascii_only == text.isascii()
    if ascii_only:
        assert low[:size].tobytes() == text.lower().encode()


@given(TEXTS)
@example("CỔNG DỊCH VỤ CÔNG ΟΔΟΣ İ ẞ ǅ Ⱥ 𐐀")
def test_a_text_is_folded_as_rules_are(text: str):
    raw, low = text.encode(), np.zeros(400, np.int8)
    size = fold(_octets(raw), len(raw), low, fold_table())
    assert low[:size].tobytes() == caseless(text).encode()


def test_every_letter_is_folded_to_one():
    for point in (*range(0xD800), *range(0xE000, 0x20000)):
        assert len(caseless(chr(point))) == 1
    assert fold_table().size < 0x20000


@given(
    st.one_of(st.integers(0, 2**32 - 1).map(lambda number: str(IPv4Address(number))), st.from_regex(r"[0-9.]{0,16}"))
)
@example("1.2.3.04")
@example("1.2.3.256")
@example("1.2.3")
@example("0.0.0.0")
def test_an_address_is_read_as_python_reads_it(text: str):
    try:
        expected = int(IPv4Address(text))
    except ValueError:
        expected = -1
    number, end = read_address(_octets(f"{text}\n".ljust(len(text) + MARGIN).encode()), 0)
    assert (number if end == len(text) else -1) == expected
