"""Packets of a network interface as they pass: AF_PACKET through scapy, which alone may be GPL-bound to this room.

Needs CAP_NET_RAW, and only to open: a `Wire` holds its socket from then on. A missing interface or right is told at
once.
"""

from __future__ import annotations

import socket as sockets
from collections.abc import Callable, Iterator
from contextlib import suppress
from ctypes.util import find_library
from errno import ENETDOWN
from fcntl import ioctl
from logging import ERROR, getLogger
from pathlib import Path
from select import select
from struct import pack, unpack, unpack_from
from time import monotonic, time_ns
from typing import Any

from sensors.base import BATCH_UNITS, Batch, Origin
from sensors.chunk import CHUNK_PACKETS, Chunk, Packet
from sensors.compiled import Loops
from sensors.pcap import sense
from sensors.sorter import Sorter
from vonggac.errors import ReadError, UnknownInput, UsageRefused

#: A batch ends after so many seconds, full or not.
BATCH_SECONDS = 1.0
#: Packets are looked at so many seconds after they came, at the latest.
CHUNK_SECONDS = 0.2
#: What the kernel may hold for us meanwhile, per interface; it counts its own overhead in it.
BUFFER_BYTES = 64 << 20

# linux/sockios.h, linux/if_packet.h, linux/if_arp.h, asm-generic/socket.h
_SIOCGIFHWADDR, _SOL_PACKET, _PACKET_STATISTICS, _PACKET_IGNORE_OUTGOING = 0x8927, 263, 6, 23
_SO_RCVBUFFORCE = 33
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
    """The batches of `iface:NAME` until `stop` says so, open flows included; at least one a second while packets come.

    Raises UnknownInput (`interface_missing`, `interface_refused`) and UsageRefused (`bad_filter`,
    `filter_needs_libpcap`) at the call.
    """
    return Wire(location, bpf).batches(origin, stop)


class Wire:
    """One interface, open for capture. `packets` and `bytes` count what was taken from it so far; `lag_ns` is how old
    the oldest packet of the last chunk was when it was looked at."""

    def __init__(self, location: str, bpf: str = "") -> None:
        self.location = location
        self.packets = self.bytes = self.lag_ns = 0
        self._dropped = 0
        self._sorter: Sorter | None = None
        self._interface = location.removeprefix("iface:")
        self._socket = _open(self._interface, bpf)
        self._link = _link(self._socket.ins, self._interface)

    def open_flows(self) -> int:
        return len(self._sorter.table) if self._sorter is not None else 0

    def dropped(self) -> int:
        """Packets that passed the filter and that the kernel had no room for, since the wire was opened.

        To be asked by one thread: the kernel starts again from 0 whenever it has told."""
        with suppress(OSError):  # closed meanwhile
            _, drops = unpack("=II", self._socket.ins.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8))
            self._dropped += drops
        return self._dropped

    def close(self) -> None:
        self.dropped()
        self._socket.close()

    def batches(self, origin: Origin, stop: Callable[[], bool]) -> Iterator[Batch]:
        """The first batch may take a packet to come; after that each lasts a second at most. Closes the wire."""
        deadline = monotonic() + BATCH_SECONDS

        def full(taken: int) -> bool:
            nonlocal deadline
            if taken < BATCH_UNITS and monotonic() < deadline:
                return False
            deadline = monotonic() + BATCH_SECONDS
            return True

        try:
            yield from sense(self._chunks(stop), self.location, origin, Loops(), full, self._began)
        finally:
            self.close()

    def _began(self, sorter: Sorter) -> None:
        self._sorter = sorter

    def _chunks(self, stop: Callable[[], bool]) -> Iterator[Chunk | int]:
        """Packets as they come, at most CHUNK_SECONDS of them at a time; the time (ns) when none came for a moment.

        Raises ReadError when the interface has gone."""
        while not stop():
            try:
                packets = list(self._come())
            except OSError as error:
                if error.errno == ENETDOWN and (Path("/sys/class/net") / self._interface).exists():
                    continue  # it may come up again; the socket tells of it once
                raise ReadError(
                    "interface_gone", location=self.location, offset=self.packets, reason=error.strerror
                ) from error
            now = time_ns()
            if not packets:
                self.lag_ns = 0
                yield now
                continue
            first = packets[0]
            self.lag_ns = max(0, now - first.ns)
            self.packets += len(packets)
            self.bytes += sum(len(packet.data) for packet in packets)
            yield Chunk.of(packets, pack("!QI", first.ns, len(first.data)) + first.data)

    def _come(self) -> Iterator[Packet]:
        deadline = monotonic() + CHUNK_SECONDS
        for number in range(self.packets, self.packets + CHUNK_PACKETS):
            if not select([self._socket], [], [], max(0.0, deadline - monotonic()))[0]:
                return
            _, data, seconds = self._socket.recv_raw()
            if data is not None:
                ns = int(seconds * 1_000_000) * 1000 if seconds else time_ns()
                yield Packet(number, ns, self._link, data, len(data))


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
        opened = L2ListenSocket(iface=interface, filter=bpf or None, promisc=True)
    except OSError as error:
        raise UnknownInput("interface_refused", interface=interface, reason=error.strerror) from error
    except Scapy_Exception as error:
        raise UsageRefused("bad_filter", filter=bpf, reason=error) from error
    _widen(opened.ins)
    return opened


def _widen(raw: Any) -> None:
    """As much room in the kernel as it gives: all of it to who may (CAP_NET_ADMIN), else up to net.core.rmem_max."""
    try:
        raw.setsockopt(sockets.SOL_SOCKET, _SO_RCVBUFFORCE, BUFFER_BYTES)
    except OSError:
        raw.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, BUFFER_BYTES)


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
