"""SHA-256, SHA-1 and MD5 of short texts (FIPS 180-4, RFC 1321), for ids and fingerprints; long ones go to hashlib.

A text stands in `out[begin:end]`; the digest is written to `out[to:]` as bytes. `work` is an array of WORK numbers.
"""

from __future__ import annotations

from math import floor, sin

import numpy as np

from sensors.loops.octets import Ints, Out

SHA256, SHA1, MD5 = 0, 1, 2

#: The numbers that a digest works with: its state (8) and its schedule (64).
DIGEST_WORK = 72
#: All of `work`: what lies behind is for those who tell, in the meantime.
WORK = DIGEST_WORK + 128
_MASK = 0xFFFFFFFF


def _primes(count: int) -> list[int]:
    found: list[int] = []
    number = 2
    while len(found) < count:
        if all(number % prime for prime in found):
            found.append(number)
        number += 1
    return found


def _root_bits(number: int, degree: int) -> int:
    """The first 32 bits behind the point of a number's square or cube root."""
    low, high = 0, number << 32
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if middle**degree <= number << 32 * degree else (low, middle)
    return low & _MASK


_K256 = np.array([_root_bits(prime, 3) for prime in _primes(64)], np.int64)
_H256 = np.array([_root_bits(prime, 2) for prime in _primes(8)], np.int64)
_H1 = np.array([0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0, 0, 0, 0], np.int64)
_K5 = np.array([floor(abs(sin(n + 1)) * 2**32) for n in range(64)], np.int64)
_S5 = np.array([7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21], np.int64)


def turn_left(word: int, bits: int) -> int:
    return (word << bits | word >> (32 - bits)) & _MASK


def turn_right(word: int, bits: int) -> int:
    return (word >> bits | word << (32 - bits)) & _MASK


def block_word(out: Out, at: int, end: int, kind: int) -> int:
    """The four bytes there as a number, behind the text its padding: a bit, then none (FIPS 180-4 §5.1.1)."""
    word = 0
    for n in range(4):
        octet = int(out[at + n]) if at + n < end else 0x80 if at + n == end else 0
        word |= octet << (8 * n if kind == MD5 else 24 - 8 * n)
    return word


def sha256_block(work: Ints) -> None:
    for n in range(16, 64):
        a, b = int(work[8 + n - 15]), int(work[8 + n - 2])
        low = turn_right(a, 7) ^ turn_right(a, 18) ^ a >> 3
        high = turn_right(b, 17) ^ turn_right(b, 19) ^ b >> 10
        work[8 + n] = (work[8 + n - 16] + low + work[8 + n - 7] + high) & _MASK
    a, b, c, d = int(work[0]), int(work[1]), int(work[2]), int(work[3])
    e, f, g, h = int(work[4]), int(work[5]), int(work[6]), int(work[7])
    for n in range(64):
        one = h + (turn_right(e, 6) ^ turn_right(e, 11) ^ turn_right(e, 25)) + (g ^ e & (f ^ g))
        one += int(_K256[n]) + int(work[8 + n])
        two = (turn_right(a, 2) ^ turn_right(a, 13) ^ turn_right(a, 22)) + (a & b | c & (a | b))
        h, g, f, e, d, c, b, a = g, f, e, (d + one) & _MASK, c, b, a, (one + two) & _MASK
    work[0] = (work[0] + a) & _MASK
    work[1] = (work[1] + b) & _MASK
    work[2] = (work[2] + c) & _MASK
    work[3] = (work[3] + d) & _MASK
    work[4] = (work[4] + e) & _MASK
    work[5] = (work[5] + f) & _MASK
    work[6] = (work[6] + g) & _MASK
    work[7] = (work[7] + h) & _MASK


def sha1_block(work: Ints) -> None:
    a, b, c, d, e = int(work[0]), int(work[1]), int(work[2]), int(work[3]), int(work[4])
    for n in range(80):
        here = 8 + (n & 15)
        if n >= 16:
            work[here] = turn_left(
                int(work[8 + (n - 3 & 15)] ^ work[8 + (n - 8 & 15)] ^ work[8 + (n - 14 & 15)] ^ work[here]), 1
            )
        word = int(work[here])
        if n < 20:
            mixed, k = d ^ b & (c ^ d), 0x5A827999
        elif n < 40:
            mixed, k = b ^ c ^ d, 0x6ED9EBA1
        elif n < 60:
            mixed, k = b & c | d & (b | c), 0x8F1BBCDC
        else:
            mixed, k = b ^ c ^ d, 0xCA62C1D6
        e, d, c, b, a = d, c, turn_left(b, 30), a, (turn_left(a, 5) + mixed + e + k + word) & _MASK
    work[0] = (work[0] + a) & _MASK
    work[1] = (work[1] + b) & _MASK
    work[2] = (work[2] + c) & _MASK
    work[3] = (work[3] + d) & _MASK
    work[4] = (work[4] + e) & _MASK


def md5_block(work: Ints) -> None:
    a, b, c, d = int(work[0]), int(work[1]), int(work[2]), int(work[3])
    for n in range(64):
        turn = n >> 4
        if turn == 0:
            mixed, g = d ^ b & (c ^ d), n
        elif turn == 1:
            mixed, g = c ^ d & (b ^ c), 5 * n + 1 & 15
        elif turn == 2:
            mixed, g = b ^ c ^ d, 3 * n + 5 & 15
        else:
            mixed, g = c ^ (b | ~d & _MASK), 7 * n & 15
        total = (a + mixed + int(_K5[n]) + int(work[8 + g])) & _MASK
        a, d, c, b = d, c, b, (b + turn_left(total, int(_S5[turn * 4 + (n & 3)]))) & _MASK
    work[0] = (work[0] + a) & _MASK
    work[1] = (work[1] + b) & _MASK
    work[2] = (work[2] + c) & _MASK
    work[3] = (work[3] + d) & _MASK


def digest(kind: int, out: Out, begin: int, end: int, to: int, work: Ints) -> None:
    """The digest of `out[begin:end]` to `out[to:]`: 32, 20 or 16 bytes."""
    for n in range(8):
        work[n] = _H256[n] if kind == SHA256 else _H1[n]
    size = end - begin
    blocks = (size + 8) // 64 + 1
    for block in range(blocks):
        for n in range(16):
            work[8 + n] = block_word(out, begin + block * 64 + 4 * n, end, kind)
        if block == blocks - 1:  # the text's length in bits
            work[8 + (14 if kind == MD5 else 15)] = size * 8
        if kind == SHA256:
            sha256_block(work)
        elif kind == SHA1:
            sha1_block(work)
        else:
            md5_block(work)
    words = 8 if kind == SHA256 else 5 if kind == SHA1 else 4
    for n in range(words):
        word = int(work[n])
        for octet in range(4):
            out[to + 4 * n + octet] = word >> (8 * octet if kind == MD5 else 24 - 8 * octet) & 255


LOOPS = (turn_left, turn_right, block_word, sha256_block, sha1_block, md5_block, digest)
