from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensors.decode.dns import decode_dns, plausible
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
