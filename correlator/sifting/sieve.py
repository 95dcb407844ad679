"""The tables of some rules, asked of events that are read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from correlator.loops.claims import ROWS, Scratch
from correlator.loops.tokens import DEPTH, Small
from correlator.rule import MatchRule
from correlator.sifting.batch import Stretch
from correlator.sifting.tables import Maker
from correlator.sigma.clauses import rows_of

#: Hits that the loops write before Python takes them, beside those of one event.
_HITS = 4_096


class Sieve:
    def __init__(self, rules: Sequence[tuple[int, MatchRule]]) -> None:
        """`rules` with the numbers by which they are told."""
        rows = [(number, row) for number, rule in rules for row in rows_of(rule.tree)]
        self._rule_of_row = [number for number, _ in rows]
        self._tables = Maker([row for _, row in rows]).tables()
        self._hits: Small = np.zeros((_HITS + ROWS * self._tables.exact.size, 3), np.int32)
        self._scratch = self._make_scratch(0)

    def candidates(self, loops: Any, stretch: Stretch, events: Sequence[int]) -> Iterator[tuple[int, int, bool]]:
        """What is left of these events: (event, rule, whether the rule matches for sure; else its whole condition is to
        be asked). A rule may come more than once. `loops` are those of `correlator.loops`, plain or compiled."""
        longest = stretch.batch.longest
        if 2 * longest > self._scratch.low.size:
            self._scratch = self._make_scratch(2 * longest)
        asked: Small = np.array(events, np.int32)
        at = 0
        while at < len(events):
            at, count = loops.sift(
                self._tables, self._scratch, stretch.batch.blob, stretch.tokens, stretch.firsts, asked, at, self._hits
            )
            for event, row, sure in self._hits[:count].tolist():
                yield event, self._rule_of_row[row], sure == 1

    def _make_scratch(self, longest: int) -> Scratch:
        return Scratch(
            known=np.zeros(self._tables.always.size, np.int64),
            stamps=np.zeros(len(self._tables.texts), np.int64),
            raw=np.zeros(longest + 64, np.int8),
            low=np.zeros(longest + 64, np.int8),
            nodes=np.zeros(DEPTH + 2, np.int32),
            kinds=np.zeros(DEPTH + 2, np.int32),
            counts=np.zeros(1, np.int64),
        )
