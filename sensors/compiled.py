"""The kernel's functions, plain or compiled. `python -m sensors.compiled` puts compiled code on disk, at install."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from types import FunctionType, SimpleNamespace
from typing import Any

from sensors import kernel

#: What makes it worth loading Numba (a second, 100 MB): a capture's size in bytes, or packets that were seen.
WORTH_BYTES = 8 << 20
WORTH_PACKETS = 40_000


@cache
def compiled_kernel() -> Any:
    """`sensors.kernel` with every function compiled; loads Numba and the cached code, or compiles it now."""
    from numba import njit

    scope: dict[str, Any] = dict(vars(kernel))
    for function in kernel.KERNELS:
        copy = FunctionType(function.__code__, scope, function.__name__)
        copy.__module__ = kernel.__name__
        try:
            scope[function.__name__] = njit(cache=True, nogil=True)(copy)
        except RuntimeError:  # no folder to keep the code in
            scope[function.__name__] = njit(nogil=True)(copy)
    return SimpleNamespace(**{function.__name__: scope[function.__name__] for function in kernel.KERNELS})


class Loops:
    """The functions for one source: plain at first, compiled once it has shown to be large."""

    def __init__(self, location: str = "") -> None:
        self._left = 0 if _size(location) >= WORTH_BYTES else WORTH_PACKETS
        self.functions: Any = kernel if self._left else compiled_kernel()

    def seen(self, packets: int) -> None:
        if self._left:
            self._left = max(0, self._left - packets)
            if not self._left:
                self.functions = compiled_kernel()


def _size(location: str) -> int:
    try:
        return Path(location).stat().st_size
    except OSError:
        return 0


def main() -> None:
    """Compile for the types that are used, so that the first capture need not."""
    from sensors.chunk import Chunk, Packet, PcapWalk
    from sensors.decode.address import UDP
    from sensors.decode.frame import Segment
    from sensors.flows import FlowTable
    from sensors.streams import Moment

    loops = Loops()
    loops.functions = compiled_kernel()
    PcapWalk(loops, bytes(24), "<", 1000, 16, 1).take(bytes(16), 0, 0)
    table = FlowTable(limit=1, loops=loops.functions)
    table.run(Chunk.of([Packet(0, 0, 1, bytes(60), 60)]), 0)
    table.pass_time(1)
    address = bytes(4)
    for number in range(2):
        segment = Segment(address, address, UDP, number, 0, b"", 0, 0, 0, 0, 0, (), 0)
        table.enter(segment, (), 1, Moment(0, 0))


if __name__ == "__main__":
    main()
