"""Networks: all that an address is in, one address at a time or a column of them."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from socket import AF_INET, inet_pton
from typing import Any

import numpy as np
from numpy.typing import NDArray

from correlator.compiled import compiled_loops
from correlator.loops.addresses import MARGIN, Column, Spans

#: Addresses read one by one, at a third of a microsecond each, before the loops are loaded: half a second, and 100 MB.
WORTH = 1_500_000


class Networks:
    """Filled by `add`, then `close`d, then asked. Of version 4 there may be very many; those of version 6 stand in a
    dictionary for each length of prefix."""

    def __init__(self, loops: Callable[[], Any] = compiled_loops, worth: int = WORTH) -> None:
        """`loops` gives those of `correlator.loops` once they are worth it; `worth`: after so many addresses."""
        self._loops = loops
        self._to_read = worth
        self._v4: dict[int, tuple[array[int], array[int]]] = {}  # shift -> (numbers, rows)
        self._tables: dict[int, tuple[Column, Column]] = {}  # the same as sorted columns
        self._v6: dict[int, dict[int, list[int]]] = {}
        nothing = np.empty(0, np.uint32)
        self._touched = b"\0"  # the same as in `_spans`; one octet of this is had faster
        self._spans = Spans(nothing, nothing, np.zeros(2, np.int32), np.zeros(1, np.int8), coarse=32)

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
        starts, ends = low[fresh].astype(np.uint32), reach[last].astype(np.uint32)
        firsts = np.searchsorted(low[fresh], np.arange((1 << 16) + 1, dtype=np.uint64) << np.uint64(16))
        coarse = max(8, 32 - (64 * len(starts)).bit_length())
        steps = np.zeros((1 << (32 - coarse)) + 1, np.int32)
        np.add.at(steps, starts >> np.uint32(coarse), 1)
        np.add.at(steps, (ends >> np.uint32(coarse)).astype(np.int64) + 1, -1)
        self._touched = np.packbits(np.cumsum(steps[:-1]) > 0, bitorder="little").tobytes()
        touched = np.frombuffer(self._touched, np.int8)
        self._spans = Spans(starts, ends, firsts.astype(np.int32), touched, coarse)

    def rows(self, address: IPv4Address | IPv6Address) -> Iterator[int]:
        """The rows of all networks that the address is in, the longest prefix first."""
        number = int(address)
        if address.version == 6:
            for shift in sorted(self._v6):
                yield from self._v6[shift].get(number >> shift, ())
            return
        place = number >> self._spans.coarse
        if not self._touched[place >> 3] >> (place & 7) & 1:
            return
        for shift in sorted(self._tables):
            column, rows = self._tables[shift]
            wanted = number >> shift
            at = int(np.searchsorted(column, np.uint32(wanted)))
            while at < len(column) and column[at] == wanted:
                yield int(rows[at])
                at += 1

    def suspects(self, addresses: Sequence[str]) -> list[int]:
        """Of IPv4 addresses in text the places of those that lie in a network, and of those that are no addresses."""
        self._to_read -= len(addresses)
        found = self._read(addresses) if self._to_read < 0 else None
        if found is None:  # the loops are not worth it yet, or some text is more than one line
            numbers = np.fromiter(map(number_of, addresses), np.int64, len(addresses))
            found = ((numbers < 0) | self.inside(numbers.astype(np.uint32))).nonzero()[0].tolist()
        return found

    def _read(self, addresses: Sequence[str]) -> list[int] | None:
        text = "\n".join(addresses).encode("utf-8", "replace") + b"\n".ljust(MARGIN)
        places = np.empty(len(addresses), np.int32)
        size = len(text) - MARGIN + 1
        count = self._loops().places_inside(np.frombuffer(text, np.int8), size, self._spans, places)
        return None if count < 0 else places[:count].tolist()

    def inside(self, addresses: Column) -> NDArray[np.bool_]:
        """For each IPv4 address, as a number, whether some network holds it."""
        found = np.zeros(len(addresses), np.bool_)
        if not len(self._spans.starts):
            return found
        places = addresses >> np.uint32(self._spans.coarse)
        near = np.flatnonzero(
            self._spans.touched.view(np.uint8)[places >> np.uint32(3)] >> (places & np.uint32(7)).astype(np.uint8) & 1
        )
        close = addresses[near]
        at = np.searchsorted(self._spans.starts, close, side="right") - 1
        found[near] = (at >= 0) & (close <= self._spans.ends[at])
        return found


def number_of(address: str) -> int:
    """The number of an IPv4 address in text; -1 for what is none."""
    try:
        return int.from_bytes(inet_pton(AF_INET, address), "big")
    except (OSError, ValueError):  # ValueError: it has an octet 0, or a character of no octets
        return -1
