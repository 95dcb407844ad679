"""Networks: all that an address is in, one address at a time or a column of them."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

import numpy as np
from numpy.typing import NDArray

Column = NDArray[np.uint32]


class Networks:
    """Filled by `add`, then `close`d, then asked. Of version 4 there may be very many; those of version 6 stand in a
    dictionary for each length of prefix."""

    def __init__(self) -> None:
        self._v4: dict[int, tuple[array[int], array[int]]] = {}  # shift -> (numbers, rows)
        self._tables: dict[int, tuple[Column, Column]] = {}  # the same as sorted columns
        self._v6: dict[int, dict[int, list[int]]] = {}
        self._starts: Column = np.empty(0, np.uint32)
        self._ends: Column = np.empty(0, np.uint32)
        self._coarse = 32  # an address shifted by this is its block
        self._touched = b"\0"

    def __bool__(self) -> bool:
        return bool(self._tables or self._v6)

    def add(self, network: IPv4Network | IPv6Network, row: int) -> None:
        shift = network.max_prefixlen - network.prefixlen
        number = int(network.network_address) >> shift
        if network.version == 6:
            self._v6.setdefault(shift, {}).setdefault(number, []).append(row)
        else:
            numbers, rows = self._v4.setdefault(shift, (array("I"), array("I")))
            numbers.append(number)
            rows.append(row)

    def close(self) -> None:
        spans: list[tuple[NDArray[np.uint64], NDArray[np.uint64]]] = []
        for shift, (numbers, rows) in self._v4.items():
            column = np.array(numbers, np.uint64)
            order = np.argsort(column, kind="stable")
            column = column[order]
            self._tables[shift] = column.astype(np.uint32), np.array(rows, np.uint32)[order]
            low = column << np.uint64(shift)
            spans.append((low, low + np.uint64((1 << shift) - 1)))
        self._v4 = {}
        if spans:
            self._join(np.concatenate([low for low, _ in spans]), np.concatenate([high for _, high in spans]))

    def _join(self, low: NDArray[np.uint64], high: NDArray[np.uint64]) -> None:
        """What all networks together cover as disjoint spans, and a bit for each block that they touch: of 256
        addresses, or larger while a table of 64 bits for each span is enough."""
        order = np.argsort(low, kind="stable")
        low, reach = low[order], np.maximum.accumulate(high[order])
        fresh = np.concatenate([[True], low[1:] > reach[:-1] + np.uint64(1)])
        last = np.concatenate([np.flatnonzero(fresh)[1:] - 1, [len(low) - 1]])
        self._starts, self._ends = low[fresh].astype(np.uint32), reach[last].astype(np.uint32)
        self._coarse = max(8, 32 - (64 * len(self._starts)).bit_length())
        steps = np.zeros((1 << (32 - self._coarse)) + 1, np.int32)
        np.add.at(steps, self._starts >> np.uint32(self._coarse), 1)
        np.add.at(steps, (self._ends >> np.uint32(self._coarse)).astype(np.int64) + 1, -1)
        self._touched = np.packbits(np.cumsum(steps[:-1]) > 0, bitorder="little").tobytes()

    def rows(self, address: IPv4Address | IPv6Address) -> Iterator[int]:
        """The rows of all networks that the address is in, the longest prefix first."""
        number = int(address)
        if address.version == 6:
            for shift in sorted(self._v6):
                yield from self._v6[shift].get(number >> shift, ())
            return
        place = number >> self._coarse
        if not self._touched[place >> 3] >> (place & 7) & 1:
            return
        for shift in sorted(self._tables):
            column, rows = self._tables[shift]
            wanted = number >> shift
            at = int(np.searchsorted(column, np.uint32(wanted)))
            while at < len(column) and column[at] == wanted:
                yield int(rows[at])
                at += 1

    def inside(self, addresses: Column) -> NDArray[np.bool_]:
        """For each IPv4 address, as a number, whether some network holds it."""
        found = np.zeros(len(addresses), np.bool_)
        if not len(self._starts):
            return found
        places = addresses >> np.uint32(self._coarse)
        bits = np.frombuffer(self._touched, np.uint8)
        near = np.flatnonzero(bits[places >> np.uint32(3)] >> (places & np.uint32(7)).astype(np.uint8) & 1)
        close = addresses[near]
        at = np.searchsorted(self._starts, close, side="right") - 1
        found[near] = (at >= 0) & (close <= self._ends[at])
        return found


def numbers_of(addresses: Sequence[str]) -> Column:
    """IPv4 addresses in text as numbers, all at once, in half the time. Raises ValueError for what is none."""
    text = np.frombuffer(("\n".join(addresses) + "\n").encode(), np.uint8)
    stops = np.flatnonzero(text < ord("0")).astype(np.int32)
    signs = text[stops]
    if not addresses or len(stops) != 4 * len(addresses) or text.max() > ord("9"):
        return _none_or_raise(addresses)
    signs = signs.reshape(-1, 4)
    digits = np.diff(stops, prepend=np.int32(-1)) - np.int32(1)
    if (signs[:, :3] != ord(".")).any() or (signs[:, 3] != ord("\n")).any() or digits.min() < 1 or digits.max() > 3:
        return _none_or_raise(addresses)
    values = text & np.uint8(15)
    numbers = values[stops - 1].astype(np.uint16)
    numbers += values[stops - 2] * (digits > 1) * np.uint16(10)
    numbers += values[stops - 3] * (digits > 2) * np.uint16(100)
    if numbers.max() > 255 or ((digits > 1) & (text[stops - digits] == ord("0"))).any():
        return _none_or_raise(addresses)
    return numbers.astype(np.uint8).view(">u4").astype(np.uint32)


def _none_or_raise(addresses: Sequence[str]) -> Column:
    """An empty column for no addresses; otherwise the first that is none is named."""
    for address in addresses:
        IPv4Address(address)
    return np.empty(0, np.uint32)
