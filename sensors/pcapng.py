"""The blocks of a pcapng file: sections in either byte order, several interfaces, each with its own clock."""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import BinaryIO, NamedTuple

from sensors.chunk import Chunk, Packet, chunked
from sensors.kernel import MAX_PACKET
from sensors.pcap import PCAPNG_MAGIC
from vonggac.errors import ReadError

#: The largest block: a packet with its options. Others (name resolution, decryption secrets) are skipped up to this.
MAX_BLOCK = 16 << 20
#: Interfaces in one section.
MAX_INTERFACES = 4_096
#: The last time that 64 bits of nanoseconds hold, in the year 2262.
_LAST_NS = 2**63 - 1

_SECTION, _INTERFACE, _OLD_PACKET, _SIMPLE, _ENHANCED = 0x0A0D0D0A, 1, 2, 3, 6
_TSRESOL, _TSOFFSET = 9, 14


class Interface(NamedTuple):
    linktype: int
    snaplen: int
    units_per_second: int
    offset_seconds: int

    def ns(self, units: int) -> int:
        """ns since 1970 of a timestamp in this interface's units; 0 when no date can be made of it."""
        ns = units * 1_000_000_000 // self.units_per_second + self.offset_seconds * 1_000_000_000
        return ns if 0 <= ns <= _LAST_NS else 0


def chunks(stream: BinaryIO, location: str) -> Iterator[Chunk]:
    """The packets of all sections. Raises ReadError (offset in bytes) where the file breaks off."""
    return chunked(_records(stream, location))


def _records(stream: BinaryIO, location: str) -> Iterator[tuple[Packet, bytes]]:
    """Each packet, and the block that held it."""
    order = "<"
    interfaces: list[Interface] = []
    index = 0
    last_ns = 0
    for offset, kind, body, order_found, raw in _blocks(stream, location):
        if kind == _SECTION:
            order, interfaces = order_found, []
        elif kind == _INTERFACE:
            if len(interfaces) >= MAX_INTERFACES:
                raise ReadError("too_many_interfaces", location=location, offset=offset)
            interfaces.append(_interface(body, order, location, offset))
        elif kind in (_ENHANCED, _SIMPLE, _OLD_PACKET):
            packet = _packet(kind, body, order, interfaces, index, last_ns)
            if packet is None:
                raise ReadError("broken_block", location=location, offset=offset, packet=index)
            last_ns = packet.ns
            yield packet, raw
            index += 1


def _blocks(stream: BinaryIO, location: str) -> Iterator[tuple[int, int, bytes, str, bytes]]:
    """(offset, type, body, byte order, the whole block) of each block."""
    order, offset = "<", 0
    while head := stream.read(8):
        if len(head) < 8:
            raise ReadError("truncated_capture", location=location, offset=offset)
        if head[:4] == PCAPNG_MAGIC:
            magic = stream.read(4)
            order = ">" if magic == b"\x1a\x2b\x3c\x4d" else "<"
            if magic not in (b"\x1a\x2b\x3c\x4d", b"\x4d\x3c\x2b\x1a"):
                raise ReadError("broken_block", location=location, offset=offset)
            head += magic
        kind, length = Struct(order + "II").unpack_from(head)
        if length < 12 or length > MAX_BLOCK or length < len(head) + 4:
            raise ReadError("broken_block", location=location, offset=offset)
        rest = (length + 3) // 4 * 4 - len(head)  # lengths that are no multiple of 4 occur; the padding is there
        body = stream.read(rest)
        if len(body) < rest:
            raise ReadError("truncated_capture", location=location, offset=offset)
        yield offset, kind, head[8:] + body[:-4], order, head + body
        offset += len(head) + rest


def _interface(body: bytes, order: str, location: str, offset: int) -> Interface:
    if len(body) < 8:
        raise ReadError("broken_block", location=location, offset=offset)
    linktype, _, snaplen = Struct(order + "HHI").unpack_from(body)
    units, seconds = 1_000_000, 0
    at = 8
    while at + 4 <= len(body):
        code, size = Struct(order + "HH").unpack_from(body, at)
        value = body[at + 4 : at + 4 + size]
        if code == 0:
            break
        if code == _TSRESOL and value:
            units = 2 ** min(value[0] & 0x7F, 63) if value[0] & 0x80 else 10 ** min(value[0], 19)
        elif code == _TSOFFSET and len(value) == 8:
            seconds = Struct(order + "q").unpack(value)[0]
        at += 4 + (size + 3) // 4 * 4
    return Interface(linktype, snaplen, units, seconds)


def _packet(kind: int, body: bytes, order: str, interfaces: list[Interface], index: int, last_ns: int) -> Packet | None:
    """The packet of a block; None when the block contradicts itself. A simple packet has the time of the one before."""
    if kind == _SIMPLE:
        if len(body) < 4 or not interfaces:
            return None
        wire_length = Struct(order + "I").unpack_from(body)[0]
        length = min(wire_length, interfaces[0].snaplen or wire_length, len(body) - 4)
        return Packet(index, last_ns, interfaces[0].linktype, body[4 : 4 + length], wire_length)
    if len(body) < 20:
        return None
    layout = "IIIII" if kind == _ENHANCED else "HHIIII"
    fields = Struct(order + layout).unpack_from(body)
    number, (high, low, length, wire_length) = fields[0], fields[-4:]
    if number >= len(interfaces) or length > len(body) - 20 or length > MAX_PACKET:
        return None
    ns = interfaces[number].ns(high << 32 | low) or last_ns
    return Packet(index, ns, interfaces[number].linktype, body[20 : 20 + length], max(wire_length, length))
