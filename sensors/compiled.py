"""The loops, plain or compiled. `python -m sensors.compiled` puts compiled code on disk, at install."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sensors import kernel
from sensors.loops import (
    arp,
    dcerpc,
    dcerpc_event,
    dcerpc_kept,
    digest,
    dns,
    dns_event,
    dns_names,
    dns_records,
    documents,
    frames,
    ftp,
    ftp_event,
    ftp_lines,
    http,
    http_event,
    http_head,
    icmp,
    kept,
    listen,
    octets,
    slots,
    smb,
    smb_answer,
    smb_ask,
    smb_content,
    smb_event,
    smb_file,
    smb_kept,
    smb_login,
    smb_pipe,
    smb_setup,
    smb_token,
    smb_words,
    ssh,
    ssh_event,
    text,
    tls,
    tls_chain,
    tls_event,
    tls_hello,
    tls_names,
    tls_prints,
    tls_slot,
    world,
)
from vonggac.compiled import LoopSet, compiled, forget_older

#: What makes it worth loading Numba (a second, 100 MB): a capture's size in bytes, or packets that were seen.
WORTH_BYTES = 8 << 20
WORTH_PACKETS = 40_000

MODULES = (
    octets, digest, text, frames, kernel, world, documents, slots, kept,
    arp, icmp,
    dns_names, dns_records, dns_event, dns,
    tls_slot, tls_names, tls_hello, tls_chain, tls_prints, tls_event, tls,
    http_head, http_event, http,
    dcerpc_event, dcerpc_kept, dcerpc,
    smb_words, smb_token, smb_kept, smb_login, smb_file, smb_event, smb_content, smb_pipe, smb_setup, smb_ask,
    smb_answer, smb,
    ftp_lines, ftp_event, ftp,
    ssh_event, ssh,
    listen,
)  # fmt: skip
LOOPS = LoopSet(
    MODULES,
    entries=("walk", "run", "listen", "meet", "pass_time", "drop_slot"),
    long=("walk", "run", "listen"),
    inline=(octets, frames, kernel),  # what is done for each packet
)


def compiled_kernel() -> Any:
    return compiled(LOOPS)


class Loops:
    """The functions for one source: plain at first, compiled once it has shown to be large."""

    def __init__(self, location: str = "") -> None:
        #: Whether a capture is known to be large beforehand.
        self.large = _size(location) >= WORTH_BYTES
        self._left = 0 if self.large else WORTH_PACKETS
        self.functions: Any = kernel if self._left else compiled_kernel()

    def seen(self, packets: int) -> None:
        if self._left:
            self._left = max(0, self._left - packets)
            if not self._left:
                self.functions = compiled_kernel()


def _size(location: str) -> int:
    try:
        return Path(location).stat().st_size
    except OSError:
        return 0


def main() -> None:
    """Compile for the types that are used, so that the first capture need not."""
    from sensors.base import Origin
    from sensors.chunk import Chunk, Packet, PcapWalk
    from sensors.decode.address import UDP
    from sensors.decode.frame import Segment
    from sensors.document import Scribe
    from sensors.flows import FlowTable
    from sensors.sorter import Sorter
    from sensors.streams import Moment

    forget_older(LOOPS)
    loops = Loops()
    loops.functions = compiled_kernel()
    PcapWalk(loops, bytes(24), "<", 1000, 16, 1).take(bytes(16), 0, 0)
    sorter = Sorter(Scribe(Origin(""), ""), loops.functions)
    datagram = bytes(12) + b"\x08\0\x45\0\0\x1c" + bytes(5) + b"\x11" + bytes(10) + b"\0\1\0\1\0\x08\0\0"
    list(sorter.feed(Chunk.of([Packet(0, 0, 1, datagram, len(datagram))])))
    list(sorter.finish())
    list(sorter.pass_time(1))
    sorter.leave(0)
    list(sorter.pass_time(2))
    table = FlowTable(limit=1, loops=loops.functions)
    address = bytes(4)
    for number in range(2):
        segment = Segment(address, address, UDP, number, 0, b"", 0, 0, 0, 0, 0, (), 0)
        table.enter(segment, (), 1, Moment(0, 0))


if __name__ == "__main__":
    main()
