"""SSH before encryption: identification strings (RFC 4253 §4.2) and key exchange offers (§7.1), with HASSH."""

from __future__ import annotations

import struct
from hashlib import md5
from struct import unpack_from
from typing import NamedTuple

from sensors.decode.fault import Undecodable

#: RFC 4253 §4.2 allows 255 characters; lines before a server's own are skipped up to this many bytes.
MAX_BANNER = 8_192
#: RFC 4253 §6.1: implementations must take 35,000 bytes; larger packets in the clear do not occur.
MAX_PACKET = 65_536

KEXINIT, NEWKEYS = 20, 21


class Offer(NamedTuple):
    """The ten name-lists of SSH_MSG_KEXINIT, in order: kex, host key, then pairs of both directions."""

    lists: tuple[str, ...]

    def hassh(self, *, client: bool) -> str:
        """MD5 over kex, encryption, MAC and compression of the sender's direction (salesforce/hassh)."""
        first = 2 if client else 3
        parts = (self.lists[0], self.lists[first], self.lists[first + 2], self.lists[first + 4])
        return md5(";".join(parts).encode(), usedforsecurity=False).hexdigest()


def agreed(client: Offer, server: Offer) -> dict[str, str]:
    """What both sides will use, in the words of Zeek's ssh.log: the client's first that the server has too (RFC 4253
    §7.1), the ciphers and what else has two directions as the client sends. What they have not in common is absent."""
    names = ("kex_alg", "host_key_alg", "cipher_alg", "", "mac_alg", "", "compression_alg")
    chosen = {}
    for at, name in enumerate(names):
        has = frozenset(server.lists[at].split(","))
        first = next((each for each in client.lists[at].split(",") if each and each in has), None)
        if name and first is not None:
            chosen[name] = first
    return chosen


def take_banner(buffer: bytearray) -> str | None:
    """The identification string, taken off the buffer; None while it is not all there."""
    while (end := buffer.find(b"\n")) >= 0:
        line = bytes(buffer[:end]).rstrip(b"\r")
        del buffer[: end + 1]
        if line.startswith(b"SSH-"):
            return line.decode("utf-8", "backslashreplace")[:255]
    if len(buffer) > MAX_BANNER:
        raise Undecodable("ssh", 0, "banner_length")
    return None


def take_packet(buffer: bytearray) -> bytes | None:
    """The payload of the next binary packet in the clear (RFC 4253 §6), taken off; None while it is not all there."""
    if len(buffer) < 6:
        return None
    size, padding = unpack_from("!IB", buffer)
    if not padding + 2 <= size <= MAX_PACKET:
        raise Undecodable("ssh", 0, "packet_length")
    if len(buffer) < size + 4:
        return None
    payload = bytes(buffer[5 : 4 + size - padding])
    del buffer[: size + 4]
    return payload


def decode_offer(payload: bytes) -> Offer:
    """The name-lists of a KEXINIT payload."""
    lists: list[str] = []
    at = 17
    try:
        for _ in range(10):
            size = unpack_from("!I", payload, at)[0]
            if at + 4 + size > len(payload):
                raise Undecodable("ssh", at, "name_list")
            lists.append(payload[at + 4 : at + 4 + size].decode("ascii", "backslashreplace"))
            at += 4 + size
    except struct.error as error:
        raise Undecodable("ssh", at, "name_list") from error
    return Offer(tuple(lists))
