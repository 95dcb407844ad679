"""Sets of hours since 1970, as bits in blocks of 32 days: small to keep, and counted without looking at each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

#: How many hours a block has; block n begins with the hour n * BLOCK.
BLOCK = 32 * 24


@dataclass(frozen=True, slots=True)
class Hours:
    """By the number of the block, which of its hours are in the set; no block is empty."""

    blocks: Mapping[int, int] = field(default_factory=dict)

    @classmethod
    def of(cls, hours: Iterable[int]) -> Hours:
        blocks: dict[int, int] = {}
        for hour in hours:
            block, bit = divmod(hour, BLOCK)
            blocks[block] = blocks.get(block, 0) | 1 << bit
        return cls(blocks)

    def __or__(self, other: Hours) -> Hours:
        return Hours({each: self._bits(each) | other._bits(each) for each in {*self.blocks, *other.blocks}})

    def __and__(self, other: Hours) -> Hours:
        return self._kept(lambda block, bits: bits & other._bits(block))

    def __sub__(self, other: Hours) -> Hours:
        return self._kept(lambda block, bits: bits & ~other._bits(block))

    def __len__(self) -> int:
        return sum(bits.bit_count() for bits in self.blocks.values())

    def __iter__(self) -> Iterator[int]:
        """In order."""
        for block in sorted(self.blocks):
            bits = self.blocks[block]
            while bits:
                yield block * BLOCK + (bits & -bits).bit_length() - 1
                bits &= bits - 1

    def between(self, first: int, end: int) -> Hours:
        """Those of `[first, end)`."""

        def within(block: int, bits: int) -> int:
            low, high = (min(max(hour - block * BLOCK, 0), BLOCK) for hour in (first, end))
            return bits & ((1 << high) - 1) & ~((1 << low) - 1)

        return self._kept(within)

    def _bits(self, block: int) -> int:
        return self.blocks.get(block, 0)

    def _kept(self, keep: Callable[[int, int], int]) -> Hours:
        found = ((block, keep(block, bits)) for block, bits in self.blocks.items())
        return Hours({block: bits for block, bits in found if bits})
