from __future__ import annotations

import contextlib
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensors.decode import rdp
from sensors.decode.fault import Undecodable
from tests.unit.sensors.windows_wire import der, wide


def tpkt(x224: bytes) -> bytes:
    return b"\3\0" + (len(x224) + 4).to_bytes(2) + x224


def request(cookie: bytes = b"Cookie: mstshash=an\r\n", protocols: int | None = 3) -> bytes:
    offer = b"" if protocols is None else struct.pack("<BBHI", 1, 0, 8, protocols)
    return tpkt(bytes((6 + len(cookie) + len(offer),)) + b"\xe0\0\0\0\0\0" + cookie + offer)


def confirm(kind: int = 2, number: int = 2) -> bytes:
    return tpkt(b"\x0e\xd0\0\0\x12\x34\0" + struct.pack("<BBHI", kind, 0, 8, number))


def core(name: str = "PC-AN", build: int = 7601, layout: int = 0x42A) -> bytes:
    block = struct.pack("<HHHHHHII", 4, 8, 1920, 1080, 0xCA01, 0xAA03, layout, build)
    block += wide(name).ljust(32, b"\0") + struct.pack("<III", 4, 0, 12) + bytes(64)
    return block + struct.pack("<HHIHHH", 0xCA01, 1, 0, 24, 7, 0) + wide("55274-OEM").ljust(64, b"\0")


def block(kind: int, contents: bytes) -> bytes:
    return struct.pack("<HH", kind, len(contents) + 4) + contents


def client(*blocks: bytes) -> bytes:
    data = b"".join(blocks)
    header = b"\0\5\0\x14\x7c\0\1\x81\x48\0\x08\0\x10\0\1\xc0\0Duca" + (0x8000 | len(data)).to_bytes(2)
    domain = der(0x30, der(2, b"\1"))
    inside = der(0x65, der(4, b"\1"), der(4, b"\1"), der(1, b"\xff"), domain, domain, domain, der(4, header + data))
    return tpkt(b"\x02\xf0\x80\x7f" + inside)


def server(method: int = 2, level: int = 2, result: int = 0) -> bytes:
    security = struct.pack("<IIII", method, level, 32, 8) + bytes(32) + struct.pack("<II", 1, 1)
    data = block(0x0C01, struct.pack("<I", 0x80004)) + block(0x0C02, security)
    header = b"\0\5\0\x14\x7c\0\1\x2a\x14\x76\x0a\1\1\0\1\xc0\0McDn" + (0x8000 | len(data)).to_bytes(2)
    inside = der(0x66, der(10, bytes((result,))), der(2, b"\0"), der(0x30, der(2, b"\1")), der(4, header + data))
    return tpkt(b"\x02\xf0\x80\x7f" + inside)


CHANNELS = struct.pack("<I", 2) + b"rdpdr\0\0\0" + bytes(4) + b"cliprdr\0" + bytes(4)


def test_a_request_has_a_cookie_and_an_offer():
    assert rdp.decode_request(request()) == ("an", 3)
    assert rdp.decode_request(request(b"", None)) == ("", None)
    assert rdp.protocol_names(3) == ["RDP", "SSL", "HYBRID"]


@pytest.mark.parametrize(
    ("data", "protocol", "failure"),
    [
        (confirm(), "HYBRID", ""),
        (confirm(2, 0), "RDP", ""),
        (confirm(3, 5), "", "HYBRID_REQUIRED_BY_SERVER"),
        (tpkt(b"\x06\xd0\0\0\x12\x34\0"), "RDP", ""),
    ],
)
def test_the_answer_chooses_or_refuses(data, protocol, failure):
    assert rdp.decode_confirm(data) == (protocol, failure)


def test_a_client_says_what_it_is():
    said = rdp.decode_client(client(block(0xC001, core()), block(0xC003, CHANNELS)))
    assert said is not None
    assert (said.name, said.build, said.keyboard, said.version) == ("PC-AN", "RDP 7.1", "Vietnamese", "8.4")
    assert (said.width, said.height, said.color_depth) == (1920, 1080, "24bit")
    assert said.product_id == "55274-OEM"
    assert said.channels == ("rdpdr", "cliprdr")


def test_a_server_says_how_it_encrypts():
    said = rdp.decode_server(server())
    assert said == ("Success", "128bit", "Client compatible", "RSA", 1, True)
    assert rdp.decode_client(server()) is None


_VALID = (request(), confirm(), client(block(0xC001, core()), block(0xC003, CHANNELS)), server())


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(_VALID), st.integers(7, 400), st.binary(max_size=40))
def test_only_the_declared_fault_escapes(valid, keep, tail):
    data = valid[:keep] + tail
    with contextlib.suppress(Undecodable):
        rdp.tpkt_size(data)
    for decode in (rdp.decode_request, rdp.decode_confirm, rdp.decode_client, rdp.decode_server):
        with contextlib.suppress(Undecodable):
            decode(data)
