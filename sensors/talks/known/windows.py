"""Protocols of Windows networks: SMB, DCERPC, RDP."""

from __future__ import annotations

import re

from sensors.talks.known import NOTHING, Verdict

_LABELS: tuple[tuple[re.Pattern[bytes], str], ...] = (
    (re.compile(rb"\0...[\xfe\xff]SMB", re.S), "smb"),
    (re.compile(rb"\x81\0\0.\x20", re.S), "smb"),  # NetBIOS session request, RFC 1002 §4.3.2
    (re.compile(rb"\x03\0..[\x02-\xff][\xe0\xd0]\0\0..\0", re.S), "rdp"),  # TPKT with an X.224 connection request
    (re.compile(rb"\x05\0\x0b[\0-\x0f]\x10\0\0\0"), "dcerpc"),
)


def stream(data: bytes, side: int) -> Verdict:
    for pattern, label in _LABELS:
        if pattern.match(data):
            return Verdict(label=label)
    return NOTHING


def datagram(data: bytes, sport: int, dport: int) -> Verdict:
    return NOTHING
