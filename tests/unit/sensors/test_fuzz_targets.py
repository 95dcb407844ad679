"""What `./run fuzz` leads atheris through holds for its seeds, and for a changed copy of each."""

from __future__ import annotations

from itertools import islice
from random import Random

import pytest

from tests.fuzz.targets import TARGETS, mutated, seeds


def turned(data: bytes, most: int) -> bytes:
    """Stands for atheris's own mutation: one byte is another."""
    random, changed = Random(len(data)), bytearray(data or b"\0")
    changed[random.randrange(len(changed))] ^= 1 << random.randrange(8)
    return bytes(changed[:most])


@pytest.mark.parametrize("target", TARGETS)
def test_a_target_takes_its_seeds_and_their_changed_copies(target: str) -> None:
    for number, seed in enumerate(islice(seeds(), 12)):
        for data in (seed, mutated(seed, 16_384, number, turned)):
            TARGETS[target](data)
