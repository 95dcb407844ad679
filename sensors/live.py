"""Packets of a network interface as they pass: AF_PACKET through scapy, which alone may be GPL-bound to this room.

Needs CAP_NET_RAW. The socket is opened before anything is yielded: a missing interface or right is told at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from ctypes.util import find_library
from struct import pack
from time import monotonic, time_ns
from typing import Any

from sensors.base import BATCH_UNITS, Batch, Origin
from sensors.engine import Packet
from sensors.pcap import Record, sense
from vonggac.errors import UnknownInput, UsageRefused

#: A batch ends after so many seconds, full or not.
BATCH_SECONDS = 1.0
_POLL_SECONDS = 0.2


def capture(
    location: str,
    origin: Origin,
    *,
    bpf: str = "",
    stop: Callable[[], bool] = lambda: False,
) -> Iterator[Batch]:
    """The batches of `iface:NAME` until `stop` says so; at least one a second while packets come.

    Raises UnknownInput (`interface_missing`, `interface_refused`) and UsageRefused (`bad_filter`,
    `filter_needs_libpcap`) at the call.
    """
    socket = _open(location.removeprefix("iface:"), bpf)
    return _batches(socket, location, origin, stop)


def _open(interface: str, bpf: str) -> Any:
    from scapy.arch import get_if_list
    from scapy.arch.linux import L2ListenSocket
    from scapy.error import Scapy_Exception

    if bpf and find_library("pcap") is None:
        raise UsageRefused("filter_needs_libpcap", filter=bpf)
    if interface not in get_if_list():
        raise UnknownInput("interface_missing", interface=interface)
    try:
        return L2ListenSocket(iface=interface, filter=bpf or None, promisc=True)
    except PermissionError as error:
        raise UnknownInput("interface_refused", interface=interface, reason=error.strerror) from error
    except OSError as error:
        raise UnknownInput("interface_refused", interface=interface, reason=error.strerror) from error
    except Scapy_Exception as error:
        raise UsageRefused("bad_filter", filter=bpf, reason=error) from error


def _batches(socket: Any, location: str, origin: Origin, stop: Callable[[], bool]) -> Iterator[Batch]:
    """The first batch may take a packet to come; after that each lasts a second at most."""
    deadline = monotonic() + BATCH_SECONDS

    def full(taken: int) -> bool:
        nonlocal deadline
        if taken < BATCH_UNITS and monotonic() < deadline:
            return False
        deadline = monotonic() + BATCH_SECONDS
        return True

    try:
        yield from sense(_packets(socket, stop), location, origin, full)
    finally:
        socket.close()


def _packets(socket: Any, stop: Callable[[], bool]) -> Iterator[Record | int]:
    """Packets as they come; the time (ns) when none came for a moment, so that flows and batches can end."""
    from select import select

    position = 0
    while not stop():
        if not select([socket], [], [], _POLL_SECONDS)[0]:
            yield time_ns()
            continue
        cls, data, seconds = socket.recv_raw()
        if data is None:
            continue
        ns = int(seconds * 1_000_000) * 1000 if seconds else time_ns()
        linktype = _linktype(cls)
        record = pack("!QI", ns, len(data)) + data
        yield Record(Packet(position, ns, linktype, data, len(data)), record)
        position += 1


def _linktype(cls: Any) -> int:
    """The LINKTYPE_ number of scapy's layer class; Ethernet for loopback, which Linux shows with its header."""
    return {"CookedLinux": 113, "CookedLinuxV2": 276, "IP": 101, "IPv6": 101, "Raw": 101}.get(
        getattr(cls, "__name__", ""), 1
    )
