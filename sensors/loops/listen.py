"""What the kernel told of packets, followed in order: common talks are heard here, all else is told to the engine."""

from __future__ import annotations

from sensors.kernel import APPLICATION, ARP, BEGUN, BEGUN_NS, DATA, DPORT, END, FREE, PROTOCOL, SPORT, TALK, WANTED
from sensors.loops.arp import arp_tells
from sensors.loops.dcerpc import begins_dcerpc, dcerpc_ends, dcerpc_hears
from sensors.loops.dns import dns_ends, dns_hears, is_dns_port
from sensors.loops.documents import (
    DCERPC,
    DNS,
    FTP,
    HTTP,
    R_ACTIVE,
    SMB,
    SSH,
    TLS,
    tell_line,
    tell_row,
    write_flow,
)
from sensors.loops.ftp import ftp_ends, ftp_hears
from sensors.loops.ftp_lines import begins_ftp
from sensors.loops.http import begins_http, http_ends, http_hears
from sensors.loops.icmp import icmp_ends, icmp_hears, icmp_version
from sensors.loops.octets import Bytes, Ints, u8
from sensors.loops.slots import BYTES_PER_TELLING, ENGINE, ENGINE_ALL, SILENT, UNKNOWN, drop_slot, take_slot
from sensors.loops.smb import begins_smb, smb_ends, smb_hears, smb_slot
from sensors.loops.ssh import begins_ssh, ssh_ends, ssh_hears
from sensors.loops.tls import begins_tls, tls_ends, tls_hears
from sensors.loops.world import (
    DONE,
    OUT,
    S_ALLOWANCE,
    S_NEXT,
    T_ACTIVE,
    T_ARP,
    T_DATA,
    T_END,
    T_LEAVE,
    T_OPEN,
    TELL_COLUMNS,
    TELLS,
    UNUSUAL,
    World,
)

#: One row may write so much text, and so many rows.
ROW_TEXT = 1 << 20
ROW_TELLS = 1_024
#: A flow that has less left to tell is the engine's, which knows what happens then.
_LEAST = 32 * BYTES_PER_TELLING
_TCP, _UDP = 6, 17


def pass_on(w: World, told: Ints) -> None:
    """The engine reads this payload."""
    row = w.tells[tell_row(w, T_DATA, int(told[1]))]
    for n in range(2, TELL_COLUMNS):
        row[n] = told[n]


def leave(w: World, flow: int) -> None:
    """From here on the flow is the engine's, with what its slot holds; the engine frees the slot."""
    row = w.tells[tell_row(w, T_LEAVE, flow)]
    row[2] = w.flows[flow, TALK] - 1
    row[3], row[4] = w.flows[flow, BEGUN], w.flows[flow, BEGUN_NS]
    w.flows[flow, TALK] = ENGINE


def hand_on(w: World, flow: int) -> None:
    """The flow is the engine's from its first payload on."""
    row = w.tells[tell_row(w, T_OPEN, flow)]
    row[2], row[3] = w.flows[flow, BEGUN], w.flows[flow, BEGUN_NS]
    w.flows[flow, TALK] = ENGINE


def note_announced(w: World, data: Bytes, at: int, end: int) -> None:
    """Ports that FTP may announce in these bytes (RFC 959 §4.1.2, RFC 2428): who connects there is the engine's."""
    if end - at < 5:
        return
    a, b, c, d = u8(data, at), u8(data, at + 1), u8(data, at + 2), u8(data, at + 3)
    reply = a == 50 and b == 50 and (c == 55 or c == 57)
    command = (a | 32 == 112 and b | 32 == 111 and c | 32 == 114 and d | 32 == 116) or (
        a | 32 == 101 and b | 32 == 112 and c | 32 == 114 and d | 32 == 116
    )
    if not reply and not command:
        return
    number = before = 0
    digits = False
    for n in range(at + 4, min(end, at + 512)):
        byte = u8(data, n)
        if 48 <= byte <= 57:
            number = min(number * 10 + byte - 48, 1 << 20)
            digits = True
        elif digits:
            note_port(w, before, number)
            before, number, digits = number, 0, False
    if digits:
        note_port(w, before, number)


def note_port(w: World, before: int, number: int) -> None:
    if number < 65_536:
        w.ports[number] = 1
    if before < 256 and number < 256:
        w.ports[before << 8 | number] = 1


def claim(w: World, told: Ints, data: Bytes, position: int, ns: int) -> int:
    """The slot of a flow whose first payload begins a talk of the loops; -1 otherwise."""
    flow, side, at, size = int(told[1]), int(told[2]), int(told[4]), int(told[5])
    row = w.flows[flow]
    if row[PROTOCOL] == _UDP:
        if is_dns_port(int(row[SPORT]), int(row[DPORT])):
            return take_slot(w, flow, DNS, position, ns)
        return -1
    if row[PROTOCOL] != _TCP:
        return take_slot(w, flow, icmp_version(w, flow), position, ns)
    if w.ports[row[DPORT]] or told[6] or (told[8] >= 0 and told[7] != told[8]):
        return -1
    if begins_tls(data, at, at + size):
        return take_slot(w, flow, TLS, position, ns)
    if begins_http(data, at, at + size, side):
        return take_slot(w, flow, HTTP, position, ns)
    if begins_dcerpc(data, at, at + size):
        return take_slot(w, flow, DCERPC, position, ns)
    if begins_smb(data, at, at + size):
        return smb_slot(w, flow, position, ns)
    if begins_ftp(data, at, at + size):
        return take_slot(w, flow, FTP, position, ns)
    if begins_ssh(data, at, at + size):
        return take_slot(w, flow, SSH, position, ns)
    return -1


def hear(w: World, told: Ints, data: Bytes, position: int, ns: int) -> None:
    """One payload."""
    flow, side, at, size, missing = int(told[1]), int(told[2]), int(told[4]), int(told[5]), int(told[6])
    talk = int(w.flows[flow, TALK])
    if talk == SILENT:
        return
    stream = w.flows[flow, PROTOCOL] == _TCP
    unheard = w.flows[flow, PROTOCOL] == _UDP and (missing > 0 or size == 0)
    if stream:
        note_announced(w, data, at, at + size)
    slot = talk - 1
    if talk == UNKNOWN and not unheard:
        slot = claim(w, told, data, position, ns)
    if slot < 0:
        if talk == UNKNOWN:
            hand_on(w, flow)
        pass_on(w, told)
        return
    state = w.slots[slot]
    if state[S_ALLOWANCE] < _LEAST or (stream and is_out_of_order(state, side, told)):
        if stream and is_old(state, side, told):
            state[S_ALLOWANCE] += max(BYTES_PER_TELLING, size)
            return
        leave(w, flow)
        pass_on(w, told)
        return
    state[S_ALLOWANCE] += max(BYTES_PER_TELLING, size)
    if unheard:
        return
    application = w.flows[flow, APPLICATION]
    if application == DNS:
        verdict = dns_hears(w, flow, slot, side, data, at, at + size, position, ns)
    elif application == TLS:
        verdict = tls_hears(w, flow, slot, side, data, at, at + size, position, ns)
    elif application == HTTP:
        verdict = http_hears(w, flow, slot, side, data, at, at + size, position, ns)
    elif application == DCERPC:
        verdict = dcerpc_hears(w, flow, slot, side, data, at, at + size, position, ns)
    elif application == SMB:
        verdict = smb_hears(w, flow, slot, side, data, at, at + size, position, ns)
    elif application == FTP:
        verdict = ftp_hears(w, flow, slot, side, data, at, at + size, position, ns)
    elif application == SSH:
        verdict = ssh_hears(w, flow, slot, side, data, at, at + size)
    else:
        verdict = icmp_hears(w, flow, slot, side, data, at, at + size, position, ns)
    if verdict == UNUSUAL:
        state[S_ALLOWANCE] -= max(BYTES_PER_TELLING, size)
        if talk == UNKNOWN:  # it may only look like this talk, which the engine finds out
            drop_slot(w, slot)
            hand_on(w, flow)
        else:
            leave(w, flow)
        pass_on(w, told)
        return
    if stream:
        state[S_NEXT + side] = (told[7] + size) & 0xFFFFFFFF
    if verdict == DONE:
        w.flows[flow, WANTED] = 0
        w.flows[flow, TALK] = SILENT
        drop_slot(w, slot)


def is_out_of_order(state: Ints, side: int, told: Ints) -> bool:
    """Whether a segment's bytes are not the next of its side, all of them."""
    if told[6]:
        return True
    wanted = int(state[S_NEXT + side])
    if wanted < 0:
        wanted = int(told[8] if told[8] >= 0 else told[7])
    return bool(told[7] != wanted)


def is_old(state: Ints, side: int, told: Ints) -> bool:
    """Whether all of a segment's bytes were seen before."""
    wanted = int(state[S_NEXT + side])
    behind = (wanted - int(told[7])) & 0xFFFFFFFF
    return bool(wanted >= 0 and not told[6] and 0 < behind < 1 << 31 and behind >= told[5])


def hear_arp(w: World, told: Ints, data: Bytes, position: int, ns: int) -> None:
    at, size = int(told[4]), int(told[5])
    if arp_tells(w, data, at, at + size, int(told[6]), position, ns) == UNUSUAL:
        row = w.tells[tell_row(w, T_ARP, 0)]
        row[2], row[3], row[4], row[5], row[6] = told[6], told[7], told[3], at, size


def end_talk(w: World, flow: int) -> None:
    """The flow ended: what its talk still has to tell is told."""
    slot = int(w.flows[flow, TALK]) - 1
    application = w.flows[flow, APPLICATION]
    if application == DNS:
        verdict = dns_ends(w, flow, slot)
    elif application == TLS:
        verdict = tls_ends(w, flow, slot)
    elif application == HTTP:
        verdict = http_ends(w, flow, slot)
    elif application == DCERPC:
        verdict = dcerpc_ends(w, flow, slot)
    elif application == SMB:
        verdict = smb_ends(w, flow, slot)
    elif application == FTP:
        verdict = ftp_ends(w, flow, slot)
    elif application == SSH:
        verdict = ssh_ends(w, flow, slot)
    else:
        verdict = icmp_ends(w, flow, slot)
    if verdict == UNUSUAL:
        leave(w, flow)
    else:
        w.flows[flow, TALK] = SILENT
        drop_slot(w, slot)


def report(w: World, kind: int, flow: int, record: int, reason: int) -> None:
    """The event of a flow as its record (its own row, or a copy of a part of it) has it. The record is free afterwards,
    unless the engine is told of it."""
    talk = int(w.flows[flow, TALK])
    begin, hole, end = -1, -1, -1
    if talk != ENGINE_ALL:
        begin, hole, end = write_flow(w, record, reason, -1 if talk == ENGINE else int(w.flows[flow, APPLICATION]))
    if talk != ENGINE and talk != ENGINE_ALL:
        tell_line(w, begin, end)
        w.unused[w.heads[FREE]] = record
        w.heads[FREE] += 1
        return
    row = w.tells[tell_row(w, kind, flow)]
    row[2], row[3], row[4], row[5], row[6] = reason, begin, hole, end, record


def listen(w: World, told: Ints, begin: int, end: int, data: Bytes, first: int, times: Ints) -> int:
    """Rows of `told` from `begin` on: the first not looked at, as the engine must take text and rows before."""
    for n in range(begin, end):
        if w.numbers[OUT] > len(w.out) - ROW_TEXT or w.numbers[TELLS] > len(w.tells) - ROW_TELLS:
            return n
        row = told[n]
        flow, packet = int(row[1]), int(row[3])
        if row[0] == DATA:
            hear(w, row, data, first + packet, int(times[packet]))
        elif row[0] == END:
            if w.flows[flow, TALK] > 0:
                end_talk(w, flow)
            report(w, T_END, flow, flow, int(row[2]))
        elif row[0] == ARP:
            hear_arp(w, row, data, first + packet, int(times[packet]))
        else:
            report(w, T_ACTIVE, flow, int(row[2]), R_ACTIVE)
            w.tells[w.numbers[TELLS] - 1, 7] = packet
    return end


LOOPS = (
    pass_on, leave, hand_on, note_port, note_announced, claim, is_out_of_order, is_old, hear, hear_arp,
    end_talk, report, listen,
)  # fmt: skip
