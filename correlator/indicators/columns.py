"""Indicators as columns of bytes and numbers: a million take some 130 MB, and an absent value is told by one bit.

A value's place is found by Python's own 64-bit hash of its text, keyed anew in each process so that nobody can choose
values that collide; what the hash finds is compared with the stored bytes. Before that, a table of bits says of
most absent values that they are absent: 32 bits are kept for each indicator.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from vonggac.domain.indicator import Indicator, IndicatorKind
from vonggac.domain.marking import Tlp
from vonggac.domain.times import from_epoch_us, to_epoch_us

_KINDS = (*IndicatorKind, "hex")  # hex: a hash of whole bytes, kept as these
_CODES = {str(kind): code for code, kind in enumerate(_KINDS)}
_TLPS = tuple(Tlp)
_TLP_CODES = {tlp: code for code, tlp in enumerate(_TLPS)}
_NO_CONFIDENCE = 255
_ALWAYS = -(1 << 63)  # before and after all times
_NEVER = (1 << 63) - 1


class _Texts:
    """Texts end to end; a text that equals the one before takes no room."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._ends = array("I")
        self._starts = array("I")
        self._last: bytes | None = None

    def append(self, text: bytes) -> None:
        if text != self._last:
            self._bytes += text
            self._last = text
        end = len(self._bytes)
        self._ends.append(end)
        self._starts.append(end - len(text))

    def __getitem__(self, row: int) -> bytes:
        return bytes(self._bytes[self._starts[row] : self._ends[row]])


class Columns:
    """Filled by `add`, then `close`d, then asked. A row is an indicator's place in the order in which it was added."""

    def __init__(self) -> None:
        self._values, self._ids, self._names = _Texts(), _Texts(), _Texts()
        self._kinds, self._tlps, self._confidences = array("B"), array("B"), array("B")
        self._since, self._until, self._seen, self._fades = array("q"), array("q"), array("q"), array("q")
        self._origin = array("I")
        self._origins: dict[tuple[tuple[str, ...], str], int] = {}
        self._hashing: array[int] | None = array("q")
        self._hashes: NDArray[np.int64] = np.empty(0, np.int64)
        self._order: NDArray[np.uint32] = np.empty(0, np.uint32)
        self._mask = 0
        self._bits = b"\0"

    def __len__(self) -> int:
        return len(self._kinds)

    def add(self, indicator: Indicator, form: str) -> int:
        """The row of the indicator, whose value in canonical form is `form`."""
        assert self._hashing is not None, "closed"  # noqa: S101 (a caller's mistake, not an input's)
        kind, value = _packed(str(indicator.kind), form)
        self._values.append(value)
        self._ids.append(indicator.id.encode("utf-8", "surrogatepass"))
        self._names.append(indicator.name.encode("utf-8", "surrogatepass"))
        self._kinds.append(_CODES[kind])
        self._tlps.append(_TLP_CODES[indicator.tlp])
        confidence = indicator.confidence
        self._confidences.append(_NO_CONFIDENCE if confidence is None else min(max(confidence, 0), 100))
        self._since.append(_ALWAYS if indicator.valid_from is None else to_epoch_us(indicator.valid_from))
        self._until.append(_NEVER if indicator.valid_until is None else to_epoch_us(indicator.valid_until))
        self._seen.append(_ALWAYS if indicator.seen is None else to_epoch_us(indicator.seen))
        fades = indicator.fades_at
        self._fades.append(_NEVER if fades is None else to_epoch_us(fades))
        self._origin.append(self._origins.setdefault((indicator.labels, indicator.source), len(self._origins)))
        self._hashing.append(hash(form))
        return len(self._kinds) - 1

    def close(self) -> None:
        """No more are added, and values can be looked up."""
        if self._hashing is None or not len(self):
            return
        hashes = np.frombuffer(self._hashing, np.int64)
        self._order = np.argsort(hashes, kind="stable").astype(np.uint32)
        self._hashes = hashes[self._order]
        self._mask = (1 << max(10, (32 * len(self) - 1).bit_length())) - 1
        table = np.zeros(self._mask + 1, np.bool_)
        table[self._hashes & self._mask] = True
        self._bits = np.packbits(table, bitorder="little").tobytes()
        self._origin_list = list(self._origins)
        self._hashing = None

    def rows(self, kind: str, form: str) -> Sequence[int]:
        """The rows of that kind with that value in canonical form, in the order of their adding."""
        number = hash(form)
        place = number & self._mask
        if not self._bits[place >> 3] >> (place & 7) & 1:
            return ()
        return list(self._sure(kind, form, number))

    def _sure(self, kind: str, form: str, number: int) -> Iterator[int]:
        at = int(np.searchsorted(self._hashes, number))
        name, value = _packed(kind, form)
        wanted = _CODES[name], value
        while at < len(self._hashes) and self._hashes[at] == number:
            row = int(self._order[at])
            if (self._kinds[row], self._values[row]) == wanted:
                yield row
            at += 1

    def maybe(self, forms: Sequence[str]) -> NDArray[np.intp]:
        """The places in `forms` of those that have an indicator's hash: nearly always, those that are indicators."""
        hashes = np.fromiter(map(hash, forms), np.int64, len(forms))
        slots = hashes & self._mask
        bits = np.frombuffer(self._bits, np.uint8)
        places = np.flatnonzero(bits[slots >> 3] >> (slots & 7).astype(np.uint8) & 1)
        near = hashes[places]
        at = np.searchsorted(self._hashes, near)
        at[at == len(self._hashes)] = 0
        held: NDArray[np.intp] = places[self._hashes[at] == near]
        return held

    def standing(self, row: int, at_us: int) -> str:
        """Why the indicator is not looked for at that instant; empty where it is."""
        if at_us < self._since[row]:
            return "not valid yet"
        if at_us >= self._until[row]:
            return "no longer valid"
        return "decayed" if at_us >= self._fades[row] else ""

    def id(self, row: int) -> str:
        return self._ids[row].decode("utf-8", "surrogatepass")

    def indicator(self, row: int) -> Indicator:
        """The indicator of a row, its value in canonical form."""
        kind, value = _KINDS[self._kinds[row]], self._values[row]
        confidence = self._confidences[row]
        labels, source = self._origin_list[self._origin[row]]
        return Indicator(
            id=self.id(row),
            kind=IndicatorKind.HASH if kind == "hex" else IndicatorKind(kind),
            value=value.hex() if kind == "hex" else value.decode("utf-8", "surrogatepass"),
            name=self._names[row].decode("utf-8", "surrogatepass"),
            valid_from=None if self._since[row] == _ALWAYS else from_epoch_us(self._since[row]),
            valid_until=None if self._until[row] == _NEVER else from_epoch_us(self._until[row]),
            tlp=_TLPS[self._tlps[row]],
            confidence=None if confidence == _NO_CONFIDENCE else confidence,
            labels=labels,
            source=source,
            seen=None if self._seen[row] == _ALWAYS else from_epoch_us(self._seen[row]),
        )


def _packed(kind: str, form: str) -> tuple[str, bytes]:
    """(name of the code, bytes) under which a value is kept: hashes in half the room."""
    if kind == IndicatorKind.HASH:
        try:
            value = bytes.fromhex(form)
        except ValueError:
            return kind, form.encode("utf-8", "surrogatepass")
        if value.hex() == form:
            return "hex", value
    return kind, form.encode("utf-8", "surrogatepass")
