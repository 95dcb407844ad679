"""The sieve's loops, compiled. `python -m correlator.compiled` puts compiled code on disk, at install."""

from __future__ import annotations

from typing import Any

from correlator.loops import claims, sift, texts
from vonggac.compiled import LoopSet, compiled, forget_older

LOOPS = LoopSet((claims, texts, sift), entries=("sift",), long=("sift",), inline=(claims, texts, sift))


def compiled_loops() -> Any:
    return compiled(LOOPS)


def main() -> None:
    """Compile for the types that are used, so that the first large input need not."""
    from correlator.sieve import Sieve

    forget_older(LOOPS)
    list(Sieve(()).candidates(compiled_loops(), [{}]))


if __name__ == "__main__":
    main()
