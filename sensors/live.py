"""Packets of a network interface as they pass: AF_PACKET through scapy, which alone may be GPL-bound to this room.

Needs CAP_NET_RAW. The socket is opened before anything is yielded: a missing interface or right is told at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from ctypes.util import find_library
from fcntl import ioctl
from logging import ERROR, getLogger
from select import select
from struct import pack, unpack_from
from time import monotonic, time_ns
from typing import Any

from sensors.base import BATCH_UNITS, Batch, Origin
from sensors.chunk import CHUNK_PACKETS, Chunk, Packet
from sensors.compiled import Loops
from sensors.pcap import sense
from vonggac.errors import UnknownInput, UsageRefused

#: A batch ends after so many seconds, full or not.
BATCH_SECONDS = 1.0
#: Packets are looked at so many seconds after they came, at the latest.
CHUNK_SECONDS = 0.2

# linux/sockios.h, linux/if_packet.h, linux/if_arp.h
_SIOCGIFHWADDR, _SOL_PACKET, _PACKET_IGNORE_OUTGOING = 0x8927, 263, 23
_ARPHRD_LOOPBACK = 772
#: Interfaces without a link header: tun, IP in IP, SIT, GRE. All others that people watch look like Ethernet.
_ETHERNET, _RAW_IP = 1, 101
_LINKTYPES = {65_534: _RAW_IP, 768: _RAW_IP, 769: _RAW_IP, 776: _RAW_IP, 778: _RAW_IP}


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
    interface = location.removeprefix("iface:")
    socket = _open(interface, bpf)
    return _batches(socket, _link(socket.ins, interface), location, origin, stop)


def _open(interface: str, bpf: str) -> Any:
    from scapy.arch import get_if_list
    from scapy.arch.linux import L2ListenSocket
    from scapy.error import Scapy_Exception

    # scapy would tell that it knows no class for the interface; we need none.
    getLogger("scapy.runtime").setLevel(ERROR)
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


def _link(raw: Any, interface: str) -> int:
    """The LINKTYPE_ number of what the socket gives. Asked of the kernel: scapy's own answer depends on which of its
    layers have been imported."""
    answer = ioctl(raw, _SIOCGIFHWADDR, pack("256s", interface.encode()[:15]))
    (hardware,) = unpack_from("=H", answer, 16)
    if hardware == _ARPHRD_LOOPBACK:
        # There each packet leaves and comes in: one of the two is enough.
        with suppress(OSError):  # Linux before 4.20
            raw.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
    return _LINKTYPES.get(hardware, _ETHERNET)


def _batches(socket: Any, link: int, location: str, origin: Origin, stop: Callable[[], bool]) -> Iterator[Batch]:
    """The first batch may take a packet to come; after that each lasts a second at most."""
    deadline = monotonic() + BATCH_SECONDS

    def full(taken: int) -> bool:
        nonlocal deadline
        if taken < BATCH_UNITS and monotonic() < deadline:
            return False
        deadline = monotonic() + BATCH_SECONDS
        return True

    try:
        yield from sense(_chunks(socket, link, stop), location, origin, Loops(), full)
    finally:
        socket.close()


def _chunks(socket: Any, link: int, stop: Callable[[], bool]) -> Iterator[Chunk | int]:
    """Packets as they come, at most CHUNK_SECONDS of them at a time; the time (ns) when none came for a moment."""
    position = 0
    while not stop():
        packets = list(_packets(socket, link, position))
        if not packets:
            yield time_ns()
            continue
        first = packets[0]
        yield Chunk.of(packets, pack("!QI", first.ns, len(first.data)) + first.data)
        position += len(packets)


def _packets(socket: Any, link: int, position: int) -> Iterator[Packet]:
    deadline = monotonic() + CHUNK_SECONDS
    for number in range(position, position + CHUNK_PACKETS):
        if not select([socket], [], [], max(0.0, deadline - monotonic()))[0]:
            return
        _, data, seconds = socket.recv_raw()
        if data is not None:
            ns = int(seconds * 1_000_000) * 1000 if seconds else time_ns()
            yield Packet(number, ns, link, data, len(data))
