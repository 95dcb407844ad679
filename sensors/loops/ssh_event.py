"""`ssh` events, with HASSH (salesforce/hassh); `sensors.talks.ssh` and `sensors.decode.ssh` say the same."""

from __future__ import annotations

from sensors.loops.digest import MD5, digest
from sensors.loops.documents import SSH, begin_event, put_ends, put_related, put_source, tell_line
from sensors.loops.kept import E_OWN, ENTRY_HEAD, entry_find, entry_number
from sensors.loops.octets import same_bytes, u8, u32
from sensors.loops.slots import BYTES_PER_TELLING
from sensors.loops.text import put, put_bytes, put_hex, put_json
from sensors.loops.world import OUT, S_ALLOWANCE, S_BEGUN, S_BEGUN_NS, S_OWN, World

#: Columns of a slot: whether each side uses new keys.
SSH_NEW_KEYS = S_OWN
#: Kinds of entries, which a side owns: what is not all there of a line or packet, an identification, a KEXINIT packet.
SSH_PART, SSH_BANNER, SSH_OFFER = 0, 1, 2
#: The size of an identification without its line end.
SSH_TEXT_SIZE = E_OWN

#: Where `scratch` has both sides' HASSH, then the text of one; texts of ids stand before.
_SSH_PRINTS, _SSH_TEXT = 2_048, 2_080


def ssh_list(w: World, offer: int, number: int) -> tuple[int, int]:
    """Where a name-list of a KEXINIT packet stands (RFC 4253 §7.1), of which there are ten; -1 where it does not."""
    begin = offer + ENTRY_HEAD
    end = begin + 4 + u32(w.pool, begin) - u8(w.pool, begin + 4)
    at = begin + 22
    for n in range(number + 1):
        if at + 4 > end:
            break
        size = u32(w.pool, at)
        at += 4
        if at + size > end:
            break
        if n == number:
            return at, at + size
        at += size
    return -1, -1


def ssh_print(w: World, offer: int, side: int) -> None:
    """HASSH of a side's offer is in `scratch`: of key exchange, encryption, MAC and compression as it sends."""
    at = _SSH_TEXT
    for n in range(4):
        begin, end = ssh_list(w, offer, 2 * n + side if n else 0)
        if n:
            w.scratch[at] = 59
            at += 1
        at = put_bytes(w.scratch, at, w.pool, begin, end)
    digest(MD5, w.scratch, _SSH_TEXT, at, _SSH_PRINTS + 16 * side, w.work)


def ssh_put_sides(w: World, at: int, slot: int) -> int:
    """`ssh`: what each side said."""
    out = w.out
    at = put(out, at, b',"ssh":{')
    first = at
    for side in range(2):
        banner, offer = entry_find(w, slot, SSH_BANNER, side), entry_find(w, slot, SSH_OFFER, side)
        if banner < 0 and offer < 0:
            continue
        if at > first:
            at = put(out, at, b",")
        at = put(out, at, b'"server":{' if side else b'"client":{')
        if banner >= 0:
            begin = banner + ENTRY_HEAD
            at = put(out, at, b'"version":"')
            at = put_json(out, at, w.pool, begin, begin + entry_number(w, banner, SSH_TEXT_SIZE))
            at = put(out, at, b'"')
        if offer >= 0:
            at = put(out, at, b',"hassh":"' if banner >= 0 else b'"hassh":"')
            ssh_print(w, offer, side)
            at = put_hex(out, at, w.scratch, _SSH_PRINTS + 16 * side, _SSH_PRINTS + 16 * side + 16)
            at = put(out, at, b'"')
        at = put(out, at, b"}")
    return put(out, at, b"}")


def ssh_name_end(w: World, at: int, end: int) -> int:
    """Where the name that begins here in a list ends."""
    while at < end and w.pool[at] != 44:
        at += 1
    return at


def ssh_lists_name(w: World, offer: int, number: int, name: int, size: int) -> bool:
    """Whether the name that stands there in the area is in a list of this offer."""
    at, end = ssh_list(w, offer, number)
    while at < end:
        stop = ssh_name_end(w, at, end)
        if stop - at == size and same_bytes(w.pool, at, w.pool, name, size):
            return True
        at = stop + 1
    return False


def ssh_put_agreed(w: World, at: int, client: int, server: int) -> int:
    """What both offers agree on: of each of some lists the client's first name that the server has too."""
    for number in (0, 1, 2, 4, 6):
        name, end = ssh_list(w, client, number)
        while name < end:
            stop = ssh_name_end(w, name, end)
            if stop > name and ssh_lists_name(w, server, number, name, stop - name):
                at = ssh_put_label(w, at, number)
                at = put_json(w.out, at, w.pool, name, stop)
                at = put(w.out, at, b'"')
                break
            name = stop + 1
    return at


def ssh_put_label(w: World, at: int, number: int) -> int:
    """As Zeek's ssh.log names what is agreed on."""
    if number == 0:
        return put(w.out, at, b',"kex_alg":"')
    if number == 1:
        return put(w.out, at, b',"host_key_alg":"')
    if number == 2:
        return put(w.out, at, b',"cipher_alg":"')
    return put(w.out, at, b',"mac_alg":"' if number == 4 else b',"compression_alg":"')


def ssh_put_hashes(w: World, at: int, client: int, server: int) -> int:
    """`related.hash`: HASSH of both offers, where these are there, and once where they are the same."""
    if client < 0 and server < 0:
        return at
    same = client >= 0 and server >= 0 and same_bytes(w.scratch, _SSH_PRINTS, w.scratch, _SSH_PRINTS + 16, 16)
    at = put(w.out, at, b',"hash":["')
    if client >= 0:
        at = put_hex(w.out, at, w.scratch, _SSH_PRINTS, _SSH_PRINTS + 16)
        if server >= 0 and not same:
            at = put(w.out, at, b'","')
    if server >= 0 and not same:
        at = put_hex(w.out, at, w.scratch, _SSH_PRINTS + 16, _SSH_PRINTS + 32)
    return put(w.out, at, b'"]')


def ssh_tell(w: World, flow: int, slot: int) -> None:
    """The event of a connection as far as it was seen."""
    out, row = w.out, w.slots[slot]
    begin, position = int(w.numbers[OUT]), int(row[S_BEGUN])
    encrypted = row[SSH_NEW_KEYS] and row[SSH_NEW_KEYS + 1]
    client, server = entry_find(w, slot, SSH_OFFER, 0), entry_find(w, slot, SSH_OFFER, 1)
    kinds = b'"category":["network"],"type":["connection","protocol"]'
    at = begin_event(w, begin, b"ssh", kinds, position, int(row[S_BEGUN_NS]), 0)
    if encrypted:
        at = put(out, at, b',"outcome":"success"')
    at = put_ends(w, at, flow, SSH, 0, 0)
    at = ssh_put_sides(w, at, slot)
    at = put_source(w, at, position)
    at = put(out, at, b',"ssh":{"encrypted":true' if encrypted else b',"ssh":{"encrypted":false')
    if client >= 0 and server >= 0:
        at = ssh_put_agreed(w, at, client, server)
    at = put(out, at, b"}}")
    at = put(out, put_related(w, at, flow), b"]")
    at = ssh_put_hashes(w, at, client, server)
    tell_line(w, begin, put(out, at, b"}}"))
    row[S_ALLOWANCE] -= BYTES_PER_TELLING


LOOPS = (
    ssh_list, ssh_print, ssh_put_sides, ssh_name_end, ssh_lists_name, ssh_put_label, ssh_put_agreed, ssh_put_hashes,
    ssh_tell,
)  # fmt: skip
