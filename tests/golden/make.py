"""Where the golden captures happen: one agency, its servers and who comes from outside, on one Monday morning.

The packets are `sensors.made.traffic`'s, whose frames scapy wrote first, so that our own decoders read what somebody
else wrote. Addresses and names are reserved ones.
"""

from __future__ import annotations

from sensors.made import traffic

#: 2026-03-02T02:00:00Z, a Monday at nine in Hanoi.
EPOCH = 1_772_416_800.0
INSIDE, SERVER, RESOLVER = "10.1.2.34", "10.1.0.80", "10.1.0.53"
OUTSIDE, FAR = "203.0.113.66", "198.51.100.20"


class Capture(traffic.Capture):
    """A capture of that morning."""

    def __init__(self) -> None:
        super().__init__(EPOCH, RESOLVER)
