from __future__ import annotations

import contextlib
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensors.decode.dns import decode_dns, netbios_name, plausible
from sensors.decode.fault import Undecodable
from tests.unit.sensors.wire import scapy

s = scapy()

ANSWERS = [
    ("A", s.DNSRR(rrname="a.vn", type="A", rdata="192.0.2.7"), "192.0.2.7"),
    ("AAAA", s.DNSRR(rrname="a.vn", type="AAAA", rdata="2001:db8::7"), "2001:db8::7"),
    ("CNAME", s.DNSRR(rrname="a.vn", type="CNAME", rdata="b.vn"), "b.vn"),
    ("TXT", s.DNSRR(rrname="a.vn", type="TXT", rdata=[b"v=spf1 ", b"-all"]), "v=spf1 -all"),
    ("MX", s.DNSRRMX(rrname="a.vn", preference=10, exchange="mx.a.vn"), "10 mx.a.vn"),
    ("SRV", s.DNSRRSRV(rrname="a.vn", priority=1, weight=2, port=3, target="t.vn"), "1 2 3 t.vn"),
    ("SOA", s.DNSRRSOA(rrname="a.vn", mname="n.vn", rname="r.vn", serial=1, refresh=2, retry=3, expire=4, minimum=5),
     "n.vn r.vn 1 2 3 4 5"),
]  # fmt: skip


def answer(record: object) -> bytes:
    return bytes(s.DNS(id=7, qr=1, rd=1, ra=1, qd=s.DNSQR(qname="a.vn", qtype="A"), an=record))


@pytest.mark.parametrize(("kind", "record", "text"), ANSWERS, ids=[row[0] for row in ANSWERS])
def test_record_data_is_read_as_people_write_it(kind, record, text):
    message = decode_dns(answer(record))
    assert [(r.name, r.type, r.data) for r in message.answers] == [("a.vn", kind, text)]


def test_header_fields_are_read():
    message = decode_dns(bytes(s.DNS(id=513, qr=1, aa=1, rd=1, rcode=3, qd=s.DNSQR(qname="Không.VN".encode()))))
    assert (message.id, message.response, message.rcode, message.flags) == (513, True, "NXDOMAIN", ("AA", "RD"))
    assert message.questions[0].name == "Không.VN"


def test_edns_extends_the_response_code():
    message = decode_dns(bytes(s.DNS(qr=1, rcode=0, qd=s.DNSQR(qname="a.vn"), ar=s.DNSRROPT(extrcode=1))))
    assert message.rcode == "BADVERS"


def test_bytes_that_do_not_print_are_escaped():
    data = b"\0\1\1\0\0\1\0\0\0\0\0\0" + b"\4a\xff\x00.\0" + b"\0\1\0\1"
    assert decode_dns(data).questions[0].name == "a\\255\\000\\046"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (b"\xc0\x0c", "pointer_loop"),
        (b"\x80a\0", "label_type"),
        ((b"\x3f" + b"a" * 63) * 5 + b"\0", "name_length"),
        (b"\x3fabc", "cut"),
    ],
)
def test_a_broken_name_is_named(name, reason):
    with pytest.raises(Undecodable) as caught:
        decode_dns(b"\0\1\1\0\0\1\0\0\0\0\0\0" + name + b"\0\1\0\1")
    assert caught.value.reason == reason


def test_other_protocols_are_not_taken_for_dns():
    assert not plausible(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert not plausible(bytes(48))
    assert plausible(bytes(s.DNS(rd=1, qd=s.DNSQR(qname="a.vn"))))


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(ANSWERS), st.integers(0, 100), st.binary(max_size=60))
def test_only_the_declared_fault_escapes(row, keep, tail):
    with contextlib.suppress(Undecodable):
        decode_dns(answer(row[1])[:keep] + tail)


RECORDS = [
    (65, "0001 00 0001 0003 026832 0004 0004 c0000201 0003 0002 01bb", "1 . alpn=h2 ipv4hint=192.0.2.1 port=443"),
    (64, "0000 0161 02766e 00", "0 a.vn"),
    (257, "00 05 6973737565 6c65747365 6e63727970742e6f7267", "0 issue letsencrypt.org"),
    (43, "ec45 08 02 aabbcc", "60485 8 2 aabbcc"),
    (48, "0101 03 0d 0102", "257 3 13 0102"),
    (47, "0161 02766e 00 0006 4001 0000 0003", "a.vn A MX RRSIG NSEC"),
    (50, "01 00 000a 02 abcd 03 010203 0001 40", "1 0 10 abcd 010203 A"),
    (51, "01 00 0000 00", "1 0 0 -"),
    (46, "0001 0d 02 00000e10 65000000 64000000 1234 0161 00 beef", "A 13 2 3600 1694498816 1677721600 4660 a beef"),
    (52, "03 01 01 abcd", "3 1 1 abcd"),
    (44, "04 02 abcd", "4 2 abcd"),
    (35, "000a 0064 0175 07453255 2b736970 00 0161 00", "10 100 u E2U+sip  a"),
    (256, "000a 0001 68747470733a2f2f612e766e", "10 1 https://a.vn"),
    (13, "03 415243 05 4c696e7578", "ARC Linux"),
    (17, "0161 00 0162 00", "a b"),
    (18, "0001 0161 00", "1 a"),
    (108, "00005e00 5301", "00-00-5e-00-53-01"),
    (12345, "0102", "0102"),
    (33, "0001", "0001"),
]


@pytest.mark.parametrize(("kind", "data", "text"), RECORDS, ids=[str(row[0]) for row in RECORDS])
def test_other_records_have_the_form_of_their_rfc(kind, data, text):
    raw = bytes.fromhex(data)
    head = b"\0\7\x84\0\0\0\0\1\0\0\0\0" + b"\1a\0" + kind.to_bytes(2) + b"\0\1\0\0\0\x3c" + len(raw).to_bytes(2)
    (record,) = decode_dns(head + raw).answers
    assert record.data == text


def test_edns_options_and_the_other_sections_are_read():
    option = b"\0\x08\0\7\0\1\x18\0\xc0\0\2"
    option += b"\0\x0f\0\7\0\x12chan!"
    opt = b"\0\0\x29\4\xd0\0\0\x80\0" + len(option).to_bytes(2) + option
    soa = b"\1a\0\0\2\0\1\0\0\0\x3c\0\3\1n\0"
    message = decode_dns(b"\0\7\x84\0\0\0\0\0\0\1\0\1" + soa + opt)
    assert [record.data for record in message.authorities] == ["n"]
    assert message.edns is not None
    assert (message.edns.udp_size, message.edns.dnssec, [code for code, _ in message.edns.options]) == (
        1232,
        True,
        [8, 15],
    )


def test_a_fault_beside_the_answers_costs_only_its_text():
    bad = b"\1a\0\0\2\0\1\0\0\0\x3c\0\2\xc0\xff"
    assert decode_dns(b"\0\7\x84\0\0\0\0\0\0\1\0\0" + bad).authorities[0].data == "c0ff"


def test_netbios_names_are_read_with_their_service():
    encoded = "".join(chr(65 + (octet >> 4)) + chr(65 + (octet & 15)) for octet in b"MAY1".ljust(15) + b"\x20")
    assert netbios_name(encoded) == ("MAY1", 0x20)
    assert netbios_name(f"{encoded}.vung1") == ("MAY1.vung1", 0x20)
    assert netbios_name("www") is None
    assert netbios_name("Z" * 32) is None


def test_a_message_full_of_pointers_to_long_names_is_read_once():
    """512 records of one name with 120 labels, in 8 KB: the labels are walked once, not a thousand times."""
    name = b"\1a" * 120 + b"\0"
    records = b"\xc0\x0e\0\2\0\1\0\0\0\1\0\2\xc0\x0e" * 512
    data = b"\0\1\x84\0\0\1\2\0\0\0\0\0" + name + b"\0\1\0\1" + records
    begun = time.process_time()
    message = decode_dns(data)
    assert time.process_time() - begun < 0.05
    assert message.answers[511].data == ".".join("a" * 119)
