from __future__ import annotations

import struct

import pytest

from sensors.decode.fault import Undecodable
from sensors.decode.ike import decode_ike, plausible
from sensors.streams import Moment
from sensors.talks.ike import IkeTalk
from tests.unit.sensors.hostile import only_undecodable_escapes
from tests.unit.sensors.wire import of, sense, udp

INITIATOR, RESPONDER = bytes(range(1, 9)), bytes(range(17, 25))


def payload(following: int, body: bytes) -> bytes:
    return struct.pack("!BBH", following, 0, len(body) + 4) + body


def message(
    first: int, body: bytes, *, version: int = 0x20, exchange: int = 34, flags: int = 8, to: bytes = b""
) -> bytes:
    head = INITIATOR + to.ljust(8, b"\0") + struct.pack("!BBBBII", first, version, exchange, flags, 0, 28 + len(body))
    return head + body


def transform(more: int, kind: int, number: int, attributes: bytes = b"") -> bytes:
    return struct.pack("!BBHBBH", more, 0, 8 + len(attributes), kind, 0, number) + attributes


PROPOSAL = transform(3, 1, 12, b"\x80\x0e\x01\0") + transform(3, 1, 3) + transform(3, 2, 5) + transform(3, 3, 12)
PROPOSAL += transform(0, 4, 14)
SA2 = struct.pack("!BBHBBBB", 0, 0, 8 + len(PROPOSAL), 1, 1, 0, 5) + PROPOSAL
INIT = message(
    33,
    payload(34, SA2) + payload(40, b"\0\x0e\0\0" + b"k" * 100) + payload(41, b"n" * 32)
    + payload(43, b"\0\0\x40\x04") + payload(0, bytes.fromhex("4048b7d56ebce88525e7de7f00d6c2d3")),
)  # fmt: skip
ATTRIBUTES = bytes.fromhex("8001000780020002800300018004000e800b0001000c000400007080800e0100")
TRANSFORM1 = struct.pack("!BBHBBH", 0, 0, 8 + len(ATTRIBUTES), 1, 1, 0) + ATTRIBUTES
SA1 = struct.pack("!II", 1, 1) + struct.pack("!BBHBBBB", 0, 0, 8 + len(TRANSFORM1), 1, 1, 0, 1) + TRANSFORM1
AGGRESSIVE = message(
    1, payload(5, SA1) + payload(0, b"\x02\x11\x01\xf4" + b"vpn.tinh.vn"), version=0x10, exchange=4, flags=0
)


def test_the_first_message_of_version_2_tells_what_is_offered():
    (event,) = of(sense([udp(INIT, sport=500, dport=500)]), "ike")
    ike = event["vonggac"]["ike"]
    assert ike.pop("key_exchange").startswith("6b6b")
    assert ike == {
        "version_major": 2, "version_minor": 0, "exchange_type": 34, "exchange_type_name": "IKE_SA_INIT",
        "init_spi": "0102030405060708", "resp_spi": "0000000000000000", "message_id": 0, "role": "initiator",
        "response": False, "encrypted": False, "nonce": "6e" * 32, "notify": ["NAT_DETECTION_SOURCE_IP"],
        "payload": ["SecurityAssociation", "KeyExchange", "Nonce", "Notify", "VendorID"],
        "proposals": [{
            "number": 1, "protocol": "IKE", "alg_enc": "ENCR_AES_CBC_256,ENCR_3DES", "alg_prf": "PRF_HMAC_SHA2_256",
            "alg_auth": "AUTH_HMAC_SHA2_256_128", "alg_dh": "MODP_2048",
        }],
        "vendor_ids": ["4048b7d56ebce88525e7de7f00d6c2d3"],
    }  # fmt: skip
    assert event["network"]["protocol"] == "ike"


def test_aggressive_mode_of_version_1_tells_the_identity_and_weak_algorithms():
    (event,) = of(sense([udp(AGGRESSIVE, sport=500, dport=500)]), "ike")
    ike = event["vonggac"]["ike"]
    assert (ike["exchange_type_name"], ike["identification"]) == ("aggressive", "vpn.tinh.vn")
    assert ike["proposals"] == [{
        "number": 1, "protocol": "IKE", "transform": 1, "alg_enc": "AES_CBC", "alg_hash": "SHA",
        "alg_auth": "PRE_SHARED_KEY", "alg_dh": "MODP_2048", "life_type": "seconds", "life_duration": 28800,
        "key_length": 256,
    }]  # fmt: skip


def test_what_is_sealed_is_only_named():
    sealed = message(46, payload(35, b"x" * 60), exchange=35, flags=0x20, to=RESPONDER)
    (event,) = of(sense([udp(sealed, sport=500, dport=500, back=True)]), "ike")
    ike = event["vonggac"]["ike"]
    assert (ike["encrypted"], ike["payload"], ike["role"], ike["response"]) == (
        True, ["EncryptedAndAuthenticated"], "responder", True,
    )  # fmt: skip
    quick = message(8, b"x" * 60, version=0x10, exchange=32, flags=1)
    assert decode_ike(quick).payloads == ()


def test_a_refusal_is_a_failure():
    refused = message(41, payload(0, b"\0\0\0\x0e"), flags=0x20, to=RESPONDER)
    (event,) = of(sense([udp(refused, sport=500, dport=500)]), "ike")
    assert (event["vonggac"]["ike"]["notify"], event["event"]["outcome"]) == (["NO_PROPOSAL_CHOSEN"], "failure")


def test_esp_on_the_same_port_is_passed_over():
    packets = [udp(data, sport=4500, dport=4500) for data in (bytes(4) + INIT, b"\xff", b"\1\2\3\4" + bytes(60))]
    events = sense(packets)
    assert len(of(events, "ike")) == 1
    assert not of(events, "anomaly")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (INIT[:20], "cut"),
        (message(33, b"", version=0x30), "version"),
        (INIT[:-8], "length"),
        (message(33, payload(0, SA2)[:2] + b"\xff\xff"), "payload_length"),
        (message(41, payload(41, b"\0\0\0\1") * 70), "too_many_payloads"),
        (message(33, payload(0, SA2[:2] + b"\0\2" + SA2[4:])), "entry_length"),
        (message(1, payload(0, b"\0\0"), version=0x10, exchange=2), "sa"),
    ],
)
def test_broken_messages_say_why(data, reason):
    with pytest.raises(Undecodable) as caught:
        decode_ike(data)
    assert caught.value.reason == reason


def test_a_message_of_another_length_is_not_taken_for_ike():
    assert plausible(INIT)
    assert not plausible(INIT + b"\0")
    assert not plausible(bytes(28))


def test_only_the_declared_fault_escapes():
    def read(data: bytes) -> None:
        list(IkeTalk().data(0, data, Moment(0, 0)))

    only_undecodable_escapes(read, INIT, AGGRESSIVE)
