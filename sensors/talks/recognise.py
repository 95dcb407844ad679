"""Which protocol a payload speaks, asked of every family in turn."""

from __future__ import annotations

from sensors.talks.known import MORE, NOTHING, Verdict, network, text, web, windows

_STREAMS = (web.stream, text.stream, windows.stream, network.stream)
_DATAGRAMS = (web.datagram, text.datagram, windows.datagram, network.datagram)


def recognise_stream(data: bytes, side: int) -> Verdict:
    """The verdict over the first bytes of one side of a TCP connection."""
    if not data:
        return MORE
    more = False
    for ask in _STREAMS:
        verdict = ask(data, side)
        if verdict.talk is not None or verdict.label:
            return verdict
        more = more or not verdict.hopeless
    return MORE if more else NOTHING


def recognise_datagram(data: bytes, sport: int, dport: int) -> Verdict:
    """The verdict over one UDP payload."""
    for ask in _DATAGRAMS:
        verdict = ask(data, sport, dport)
        if not verdict.hopeless:
            return verdict
    return NOTHING
