"""How payloads are recognised, by family of protocols. Each module answers for one side's first bytes of a stream and
for a datagram; protocols are told by content, and ports only settle what content leaves open.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from sensors.talks.talk import Talk


class Verdict(NamedTuple):
    """A talk to hand the bytes to, or only a name; `hopeless` when these bytes begin nothing the family knows."""

    talk: Callable[[], Talk] | None = None
    label: str = ""
    hopeless: bool = False


MORE = Verdict()
NOTHING = Verdict(hopeless=True)
