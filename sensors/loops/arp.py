"""ARP requests and replies of IPv4 over Ethernet: as `sensors.decode.arp`."""

from __future__ import annotations

from sensors.loops.documents import begin_event, put_source, tell_line
from sensors.loops.octets import Bytes, same_bytes, u8, u16
from sensors.loops.text import put, put_address, put_bytes, put_int, put_nibbles
from sensors.loops.world import ID_END, OBSERVER_END, OUT, TAKEN, UNUSUAL, World

_SENDER, _TARGET = 8, 18  # a hardware address, and an IPv4 address behind it


def is_zero(data: Bytes, at: int, size: int) -> bool:
    for n in range(size):  # noqa: SIM110 a generator is not for the compiler
        if data[at + n]:
            return False
    return True


def arp_put_mac(w: World, at: int, data: Bytes, begin: int, ecs: bool) -> int:
    """As `colons`, or as `ecs_mac`."""
    out = w.out
    for n in range(6):
        if n:
            out[at] = 45 if ecs else 58
            at += 1
        at = put_nibbles(out, at, u8(data, begin + n), 2)
        if ecs:
            for digit in range(at - 2, at):
                if out[digit] >= 97:
                    out[digit] -= 32
    return at


def arp_put_end(w: World, at: int, data: Bytes, end: int, address: int) -> int:
    """`source` or `destination`, as far as it is known; a comma before it."""
    out = w.out
    mac, ip = not is_zero(data, address, 6), not is_zero(data, address + 6, 4)
    if not mac and not ip:
        return at
    at = put(out, at, b',"destination":{') if end else put(out, at, b',"source":{')
    if mac:
        at = put(out, at, b'"mac":"')
        at = arp_put_mac(w, at, data, address, True)
        at = put(out, at, b'",') if ip else put(out, at, b'"')
    if ip:
        at = put(out, at, b'"ip":"')
        at = put_address(out, at, data, address + 6, 4)
        at = put(out, at, b'"')
    return put(out, at, b"}")


def arp_put_told(w: World, at: int, data: Bytes, end: int, address: int) -> int:
    """What the packet says of its sender or target, in Suricata's words; a comma before it."""
    out = w.out
    at = put(out, at, b',"dest_mac":"') if end else put(out, at, b',"src_mac":"')
    at = arp_put_mac(w, at, data, address, False)
    at = put(out, at, b'","dest_ip":"') if end else put(out, at, b'","src_ip":"')
    at = put_address(out, at, data, address + 6, 4)
    return put(out, at, b'"')


def put_truth(w: World, at: int, truth: bool) -> int:
    return put(w.out, at, b"true") if truth else put(w.out, at, b"false")


def arp_tells(w: World, data: Bytes, at_packet: int, end: int, vlan: int, position: int, ns: int) -> int:
    """The event of a packet behind EtherType 0x0806."""
    if end - at_packet < 28 or u16(data, at_packet) != 1 or u16(data, at_packet + 2) != 0x0800:
        return UNUSUAL
    opcode = u16(data, at_packet + 6)
    if u16(data, at_packet + 4) != 0x0604 or opcode < 1 or opcode > 2:
        return UNUSUAL
    sender, target = at_packet + _SENDER, at_packet + _TARGET
    out, begin = w.out, int(w.numbers[OUT])
    at = begin_event(w, begin, b"arp", b'"category":["network"],"type":["protocol"]', position, ns, 0)
    at = put(out, at, b"},")
    at = put_bytes(out, at, w.fixed, w.numbers[ID_END], w.numbers[OBSERVER_END])
    at = put(out, at, b',"network":{"type":"arp","protocol":"arp"')
    if vlan >= 0:
        at = put(out, at, b',"vlan":{"id":"')
        at = put_int(out, at, vlan)
        at = put(out, at, b'"}')
    at = put(out, at, b"}")
    at = arp_put_end(w, at, data, 0, sender)
    at = arp_put_end(w, at, data, 1, target)
    at = put_source(w, at, position)
    at = put(out, at, b',"arp":{"opcode":"request"') if opcode == 1 else put(out, at, b',"arp":{"opcode":"reply"')
    at = put(out, at, b',"hw_type":"ethernet","proto_type":"ipv4"')
    at = arp_put_told(w, at, data, 0, sender)
    at = arp_put_told(w, at, data, 1, target)
    from_nobody, same = is_zero(data, sender + 6, 4), same_bytes(data, sender + 6, data, target + 6, 4)
    at = put(out, at, b',"gratuitous":')
    at = put_truth(w, at, not from_nobody and same)
    at = put(out, at, b',"probe":')
    at = put_truth(w, at, opcode == 1 and from_nobody)
    at = put(out, at, b'}},"related":{')
    to_nobody = is_zero(data, target + 6, 4)
    if not from_nobody or not to_nobody:
        at = put(out, at, b'"ip":["')
        at = put_address(out, at, data, (target if from_nobody else sender) + 6, 4)
        if not from_nobody and not to_nobody and not same:
            at = put(out, at, b'","')
            at = put_address(out, at, data, target + 6, 4)
        at = put(out, at, b'"]')
    at = put(out, at, b"}}")
    tell_line(w, begin, at)
    return TAKEN


LOOPS = (is_zero, arp_put_mac, arp_put_end, arp_put_told, put_truth, arp_tells)
