"""Sliding windows in event time: for each correlation, the hits of each group and what its windows measure.

The rules of the game, for a correlation with timespan T and a lateness L:

- A window ends at a hit's time t and holds the group's hits in (t - T, t]. So it looks back, also with lt, lte, eq,
  neq, a range or `not`: "fewer than 3" is asked at each hit of what came before it, and true of the first.
- A window is decided when an event at t + L or later comes, at the next whole second: then every hit that belongs to it
  and is not later than L is there. So any order within L gives the same windows as sorted input, for every type and
  operator. Late is what comes after its window was decided; it is counted and left out.
- Where more hits can only make a condition truer (counts with gt and gte, rules seen without `not`), the newest window
  is asked at each hit too, and told at once. The decision later finds it true as well; it is told once.
  What is summed, averaged or ranked, and what has an upper bound, is told when it is decided.
- A group fires once in each stretch of T (counted from 1970): what goes on fires again in the next. Windows slide; only
  the silence after firing keeps to the stretches. So the detection's id, which rule, group and stretch give, depends on
  the hits near it alone - not on what fired before, on where the input was cut into batches, or on a restart.
- A correlation above gets decided windows: a hit at the window's end, with its group and its evidence. Those below are
  decided first, so the same L does for the whole chain.
- The same event counts once, however often it is fed.
- Time comes from each event as it is fed and is not remembered: an event from the future decides what waits when it
  comes, and spoils nothing after.
- State is bounded: hits per group, hits and groups per correlation. What must go is the oldest, and is counted.
"""

from correlator.windows.group import MAX_COMBINATIONS, MAX_EVIDENCE, MAX_HITS_PER_GROUP
from correlator.windows.hits import Evidence, Fired, Hit, Inner, WindowCounts
from correlator.windows.state import FOREVER, LATENESS, MAX_GROUPS, MAX_HITS, Windows

__all__ = [
    "FOREVER",
    "LATENESS",
    "MAX_COMBINATIONS",
    "MAX_EVIDENCE",
    "MAX_GROUPS",
    "MAX_HITS",
    "MAX_HITS_PER_GROUP",
    "Evidence",
    "Fired",
    "Hit",
    "Inner",
    "WindowCounts",
    "Windows",
]
