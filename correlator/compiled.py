"""The loops that match rules, compiled. `python -m correlator.compiled` puts compiled code on disk, at install."""

from __future__ import annotations

from typing import Any

from correlator.loops import addresses, claims, sift, texts, tokens, trace
from vonggac.compiled import LoopSet, compiled, forget_older

MODULES = (tokens, trace, claims, texts, addresses, sift)
ENTRIES = ("read", "trace", "sift", "places_inside")
LOOPS = LoopSet(MODULES, entries=ENTRIES, long=ENTRIES, inline=MODULES)


def compiled_loops() -> Any:
    return compiled(LOOPS)


def main() -> None:
    """Compile for the types that are used, so that the first large input need not."""
    from correlator.indicators.networks import Networks
    from correlator.sifting.batch import Batch, Reader, Tracer
    from correlator.sifting.sieve import Sieve

    forget_older(LOOPS)
    loops, sieve, tracer = compiled_loops(), Sieve(()), Tracer()
    for stretch in Reader().stretches(loops, Batch([{}])):
        tracer.keys(loops, stretch)
        list(sieve.candidates(loops, stretch, [0]))
    Networks(loops=lambda: loops, worth=0).suspects(["192.0.2.1"])


if __name__ == "__main__":
    main()
