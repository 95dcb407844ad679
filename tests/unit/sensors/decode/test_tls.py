from __future__ import annotations

import contextlib
import ssl
from hashlib import md5

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensors.decode.fault import Undecodable
from sensors.decode.tls import Hello, cipher_text, decode_hello, grease, ja3, ja3s, ja4, version_text
from sensors.decode.tls_names import CIPHERS
from tests.unit.sensors.handshake import handshake


def client_hello(version: ssl.TLSVersion) -> bytes:
    record = handshake(version)[0][1]
    return record[9 : 5 + int.from_bytes(record[3:5])]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_real_client_hello_is_read(version):
    hello = decode_hello(client_hello(version), client=True)
    known = {cipher["id"] & 0xFFFF for cipher in ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).get_ciphers()}
    assert hello.version == 0x0303
    assert set(hello.ciphers) <= known | {0x00FF}  # the renegotiation signal of RFC 5746
    assert hello.server_name == "cong.example.vn"
    assert hello.alpn == (b"h2", b"http/1.1")
    assert 29 in hello.groups  # x25519
    assert 0x0403 in hello.signatures
    assert hello.best_version == (0x0304 if version is ssl.TLSVersion.TLSv1_3 else 0x0303)


HELLO = Hello(
    0x0303, b"", (0x0A0A, 0x1301, 0xC02F), (0x1A1A, 0, 16, 10, 43, 13), "a.vn", (b"h2",), (0x2A2A, 29),
    (0,), (0x0804, 0x0403), (0x3A3A, 0x0304, 0x0303),
)  # fmt: skip


def test_grease_is_no_part_of_a_fingerprint():
    text = "771,4865-49199,0-16-10-43-13,29,0"
    assert ja3(HELLO) == md5(text.encode(), usedforsecurity=False).hexdigest()
    assert ja4(HELLO).startswith("t13d0205h2_")
    assert grease(0x0A0A)
    assert not grease(0x0A1A)


def test_ja4_of_a_hello_without_names_and_extensions():
    bare = Hello(0x0301, b"", (), (), None, (), (), (), (), ())
    assert ja4(bare) == "t10i000000_000000000000_000000000000"


def test_unknown_ciphers_keep_their_number():
    assert cipher_text(0x1301) == "TLS_AES_128_GCM_SHA256"
    assert cipher_text(0xFEFE) == "0xFEFE"


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 600), st.binary(max_size=80), st.booleans())
def test_only_the_declared_fault_escapes(keep, tail, client):
    body = _hello_once()
    with contextlib.suppress(Undecodable):
        hello = decode_hello(body[:keep] + tail, client=client)
        if client:
            ja3(hello)
            ja4(hello)


def _hello_once(known: list[bytes] = []) -> bytes:  # noqa: B006  one handshake serves all examples
    if not known:
        known.append(client_hello(ssl.TLSVersion.TLSv1_3))
    return known[0]


def test_a_server_hello_of_an_early_draft_has_neither_session_nor_compression():
    """draft-ietf-tls-tls13-18 §4.1.3; JA3S as other tools have it of the same bytes."""
    body = b"\x7f\x12" + bytes(32) + b"\x13\x01" + b"\0\x08\0\x28\0\4\0\x1d\0\0"
    hello = decode_hello(body, client=False)
    assert (version_text(hello.best_version), hello.ciphers, ja3s(hello)) == (
        "1.3 draft-18", (0x1301,), "b8a8031b301aef7618403061e9f33065",
    )  # fmt: skip


def test_every_cipher_is_named_as_another_implementation_names_it():
    from tests.unit.sensors.wire import scapy

    scapy()
    from scapy.layers.tls.crypto.suites import _tls_cipher_suites as suites

    wrong = {number: name for number, name in suites.items() if 0 <= number < 0x10000 and CIPHERS.get(number) != name}
    assert wrong == {}
