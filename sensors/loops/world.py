"""What the loops know: one tuple of arrays, made once for each engine, and what its numbers mean."""

from __future__ import annotations

from typing import NamedTuple

from sensors.loops.octets import Bytes, Ints, Out, Words


class World(NamedTuple):
    flows: Ints  # a row for each flow: `sensors.kernel`'s columns
    keys: Words
    heads: Ints  # the table's numbers
    unused: Ints  # and the stack of its free rows
    names: Out  # a row for each flow: what it is called, see `sensors.loops.documents`
    slots: Ints  # a row for each flow whose talk is a loop's: SLOT_COLUMNS
    pool: Bytes  # the slots' areas: bytes that talks keep
    past: Bytes  # an area as it was, see `sensors.loops.kept`
    free: Ints  # stacks of free slots and of free large areas
    numbers: Ints  # NUMBERS, below
    fixed: Bytes  # texts that are the same in all events
    firsts: Ints  # first position of each segment of the source so far
    hashes: Out  # and its hash, in hexadecimal
    ports: Out  # 1 where a connection to this port was announced on another one
    out: Out  # where text is written
    tells: Ints  # rows for the engine: TELL_COLUMNS
    scratch: Out  # for texts and bytes on the way
    clock: Ints
    work: Ints


# --- `numbers`
OUT, TELLS, SEGMENTS, FREE_SLOTS, FREE_LARGE = 0, 1, 2, 3, 4
#: Borders in `fixed`: the beginning of an id's text (sensor and source), observer and organization, source.
ID_END, OBSERVER_END, SOURCE_END = 5, 6, 7
NUMBERS = 8

# --- columns of a slot
S_FLOW, S_AREA, S_CAPACITY, S_USED = 0, 1, 2, 3  # an area is pool[S_AREA : S_AREA + S_CAPACITY]
S_NEXT = 4  # and 5: the sequence number wanted next of each side, -1 before any
S_ALLOWANCE = 6
S_BEGUN, S_BEGUN_NS = 7, 8  # the packet in which the talk began
S_ORDINALS = 9  # packet of the thing begun last, and how many began in it before: see `next_ordinal`
S_OWN = 16  # from here on a talk's own
SLOT_COLUMNS = 64

SLOTS = 16_384
SMALL_AREA = 2_048
LARGE_AREAS = 1_024
LARGE_AREA = 32_768

# --- rows of `tells`: kind, flow, then by kind
TELL_COLUMNS = 10
#: A payload that a talk outside the loops reads: side, packet, payload offset, length, missing, seq, first byte,
#: acknowledged.
T_DATA = 0
#: A flow of the engine's ended: reason, text begin, hole, text end. The hole is where network.protocol goes; begin is
#: -1 where the event is not written here.
T_END = 1
#: A long flow's report: the same, and the copy of its row: reason, text begin, hole, text end, copy, packet.
T_ACTIVE = 2
#: A line and those that follow at once, with line ends between, and holes in them: begin, end, how many.
T_LINE = 3
#: The flow's talk goes on outside the loops: slot, packet position and time of the flow's first packet.
T_LEAVE = 4
#: Bytes of a body that a talk of the loops passes by: in place of the flow the body's number; begin, end, and where the
#: room for more of them ends.
T_BODY = 5
#: The flow is the engine's: packet position and time of its first packet.
T_OPEN = 6
#: An ARP packet that is not written here: VLANs (-1: none), packet, offset, length.
T_ARP = 7
#: FTP agreed on a data connection to one of the flow's ends, whose address is text, or to the IPv4 address (-1: none)
#: that was told: begin, end, port, passive, address.
T_EXPECT = 8
#: What the agreed data connection is for: verb, argument and user on a line each, and where the file begins; nothing
#: where the flow ends before it is said: begin, end, offset.
T_TRANSFER = 9

# --- holes in lines, where something goes that is not written here: a letter and what the hole is about between two NUL
# bytes, which JSON text never has.
#: `,"registered_domain":…` of a name in lower case, as JSON has it, or nothing.
HOLE_DOMAIN = b"\0D"
HOLE_END = b"\0"

#: What a talk says of bytes: taken; not for it (nothing has changed); taken, and it wants no more.
TAKEN, UNUSUAL, DONE = 0, 1, 2

#: The most bytes that one event may take in `out`, and one packet in rows of `tells`.
MAX_EVENT = 65_536
LOOPS = ()
