"""How far a file is, on stderr: a line that is written over at a terminal, else one now and then."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from vonggac.call import Call
from vonggac.messages import say

#: Seconds between two lines: at a terminal, and in a log.
_LIVE, _LOGGED = 0.5, 10.0


class LoadProgress:
    """Told of each step of `import_cases`; says of some how much is done, how fast, and how long it will take."""

    def __init__(self, call: Call, now: Callable[[], float] = time.monotonic) -> None:
        self._call, self._now = call, now
        self._live = sys.stderr.isatty()
        self._doing = ""
        self._began = self._told = now()

    def show(self, doing: str, share: float, rows: int) -> None:
        """`doing` is `reading` or `loading`, `share` (0 to 1) is done of it, with so many rows."""
        now = self._now()
        if doing != self._doing:
            self._doing, self._began = doing, now
        if self._call.quiet or now - self._told < (_LIVE if self._live else _LOGGED):
            return
        self._told = now
        spent = max(now - self._began, 0.001)
        left = round(spent * (1 - share) / share) if share else 0
        facts = {"percent": int(100 * share), "rate": f"{rows / spent:,.0f}", "left": f"{left // 60}:{left % 60:02d}"}
        if self._live:
            sys.stderr.write("\r\033[K" + say(self._call.lang, f"message.backload.{doing}", **facts))
            sys.stderr.flush()
        else:
            self._call.tell(f"message.backload.{doing}", **facts)

    def done(self) -> None:
        """The line at the terminal is gone."""
        if self._live and not self._call.quiet:
            sys.stderr.write("\r\033[K")
            sys.stderr.flush()
