"""DNS over UDP, port 53: questions wait in their slot's area as they came, and go into one event with their answers.

It says what `sensors.talks.dns` and `sensors.decode.dns` say. Left to them are messages of several questions, names
with letters beyond ASCII, rare records, and all that cannot be decoded.

A waiting question stands in the area as three numbers of 8 bytes (position, time, size with the side in the lowest
bit) and its bytes. A message that comes is put behind them and read there.
"""

from __future__ import annotations

from sensors.loops.dns_event import DNS_HEAD, dns_number, dns_put_number, dns_tell
from sensors.loops.dns_names import dns_skip
from sensors.loops.octets import Bytes, Ints, u8, u16
from sensors.loops.slots import room
from sensors.loops.world import S_AREA, S_CAPACITY, S_OWN, S_USED, TAKEN, UNUSUAL, World

#: A slot's own: how many questions wait, when the last of them came, and whether any message was taken.
S_DNS_WAITING, S_DNS_LAST_NS, S_DNS_HEARD = S_OWN, S_OWN + 1, S_OWN + 2
#: The talk's own bounds, `sensors.talks.dns`.
DNS_MAX_WAITING = 128
DNS_PATIENCE_NS = 30 * 10**9
#: Questions given up in one call; where more are due, the talk does it.
DNS_MAX_GIVEN_UP = 15


def is_dns_port(sport: int, dport: int) -> bool:
    """Whether a datagram between these ports is DNS for certain, and not mDNS, LLMNR or the NetBIOS name service."""
    if sport == 137 or dport == 137:
        return False
    return dport == 53 or (sport == 53 and dport != 5353 and dport != 5355)


def dns_late(pool: Bytes, at: int, waiting: int, ns: int) -> int:
    """How many of the questions that wait from there on have waited for too long by now, the oldest first."""
    late = 0
    while late < waiting and ns - dns_number(pool, at + 8) > DNS_PATIENCE_NS:
        at += DNS_HEAD + (dns_number(pool, at + 16) >> 1)
        late += 1
    return late


def dns_drop(pool: Bytes, state: Ints, at: int, end: int) -> int:
    """Forget the question at this offset; what stands behind it moves, as far as `end`. How far it did."""
    step = DNS_HEAD + (dns_number(pool, at + 16) >> 1)
    for n in range(at, end - step):
        pool[n] = pool[n + step]
    state[S_USED] -= step
    state[S_DNS_WAITING] -= 1
    return step


def dns_same_question(pool: Bytes, a: int, a_end: int, b: int) -> bool:
    """Whether the message at `b` has the same question as that at `a`, which has one, in whatever case."""
    if not u16(pool, b + 4):
        return False
    end = dns_skip(pool, a + 12, a_end)
    for n in range(12, end - a):
        one, other = u8(pool, a + n), u8(pool, b + n)
        if one != other and (one | 32 != other | 32 or not 97 <= one | 32 <= 122):
            return False
    return u16(pool, end) == u16(pool, b + end - a)


def dns_asked(pool: Bytes, at: int, waiting: int, side: int, base: int, end: int) -> int:
    """Which of the questions that wait from there on is the oldest of the other side that the message at `base`
    answers; -1 where none is."""
    for _ in range(waiting):
        what = dns_number(pool, at + 16)
        asked = at + DNS_HEAD
        if (
            what & 1 != side
            and u16(pool, asked) == u16(pool, base)
            and (not u16(pool, base + 4) or dns_same_question(pool, base, end, asked))
        ):
            return at
        at = asked + (what >> 1)
    return -1


def dns_hears(
    w: World, flow: int, slot: int, side: int, data: Bytes, at: int, end: int, position: int, ns: int
) -> int:  # fmt: skip
    """One datagram is one message."""
    state, pool = w.slots[slot], w.pool
    size, used = end - at, int(state[S_USED])
    step = DNS_HEAD + size
    if size < 12 or (used + step > state[S_CAPACITY] and not room(w, slot, used, step)):
        return UNUSUAL
    area = int(state[S_AREA])
    for n in range(size):
        pool[area + used + DNS_HEAD + n] = data[at + n]
    head = area + used
    dns_put_number(pool, head, position)
    dns_put_number(pool, head + 8, ns)
    dns_put_number(pool, head + 16, size << 1 | side)
    waiting = int(state[S_DNS_WAITING])
    answers = u8(pool, head + DNS_HEAD + 2) & 0x80 != 0
    late = dns_late(pool, area, waiting, ns)
    if not answers:
        late = max(late, waiting + 1 - DNS_MAX_WAITING)
        # Questions wait in the order of time, so that asking them again gives up none.
        if waiting and ns < state[S_DNS_LAST_NS]:
            return UNUSUAL
    trial = late > 0 or not answers
    if trial:
        told = late <= DNS_MAX_GIVEN_UP and dns_tell(w, flow, slot, head, head + DNS_HEAD, head + step, ns, trial)
        if not told:
            return UNUSUAL
        trial = False
    for _ in range(late):
        base = area + DNS_HEAD
        dns_tell(w, flow, slot, area, base, base + (dns_number(pool, area + 16) >> 1), ns, trial)
        head -= dns_drop(pool, state, area, head + step)
    state[S_DNS_HEARD] = 1
    if not answers:
        state[S_USED] = head + step - area
        state[S_DNS_WAITING] += 1
        state[S_DNS_LAST_NS] = ns
        return TAKEN
    base = head + DNS_HEAD
    asked = dns_asked(pool, area, waiting - late, side, base, base + size)
    if not dns_tell(w, flow, slot, head if asked < 0 else asked, base, base + size, ns, trial):
        return UNUSUAL
    if asked >= 0:
        dns_drop(pool, state, asked, head)
    return TAKEN


def dns_ends(w: World, flow: int, slot: int) -> int:
    """The flow ended: what still waits has no answer."""
    state, pool = w.slots[slot], w.pool
    waiting, at = int(state[S_DNS_WAITING]), int(state[S_AREA])
    if waiting > DNS_MAX_GIVEN_UP:
        return UNUSUAL
    for _ in range(waiting):
        base, size = at + DNS_HEAD, dns_number(pool, at + 16) >> 1
        dns_tell(w, flow, slot, at, base, base + size, dns_number(pool, at + 8), waiting < 0)
        at = base + size
    return TAKEN


LOOPS = (
    is_dns_port, dns_late, dns_drop, dns_same_question, dns_asked, dns_hears, dns_ends,
)  # fmt: skip
