"""Taking turns on one document: read, change, write over what was read, and again when somebody was faster."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator

from vonggac.errors import StoreUnavailable

#: How long a write that others keep overtaking is tried again.
OVERTAKEN_SECONDS = 20.0
_PAUSE_SECONDS = 0.01


def attempts(where: str) -> Iterator[int]:
    """Numbers of attempts with growing pauses between them. Raises StoreUnavailable when their time is over."""
    deadline = time.monotonic() + OVERTAKEN_SECONDS
    attempt = 0
    while time.monotonic() < deadline:
        yield attempt
        time.sleep(random.uniform(0.5, 1.5) * _PAUSE_SECONDS * min(attempt + 1, 20))
        attempt += 1
    raise StoreUnavailable("store_busy", where=where)
