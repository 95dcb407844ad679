from __future__ import annotations

import struct

from tests.unit.sensors.wire import CLIENT, SERVER, of, scapy, sense, tcp, udp

s = scapy()


def query(ident: int = 1, name: str = "www.mof.gov.vn", kind: str = "A") -> bytes:
    return bytes(s.DNS(id=ident, rd=1, qd=s.DNSQR(qname=name, qtype=kind)))


def answer(ident: int = 1, name: str = "www.mof.gov.vn", rcode: int = 0) -> bytes:
    records = s.DNSRR(rrname=name, type="A", ttl=60, rdata="203.0.113.5")
    return bytes(s.DNS(id=ident, qr=1, rd=1, ra=1, rcode=rcode, qd=s.DNSQR(qname=name), an=[] if rcode else [records]))


def test_a_question_is_joined_with_its_answer():
    events = sense([udp(query()), udp(answer(), back=True)])
    (event,) = of(events, "dns")
    assert event["dns"] == {
        "id": "1",
        "type": "answer",
        "op_code": "QUERY",
        "header_flags": ["RD", "RA"],
        "question": {
            "name": "www.mof.gov.vn",
            "type": "A",
            "class": "IN",
            "registered_domain": "mof.gov.vn",
            "top_level_domain": "gov.vn",
            "subdomain": "www",
        },
        "response_code": "NOERROR",
        "answers": [{"name": "www.mof.gov.vn", "type": "A", "class": "IN", "ttl": 60, "data": "203.0.113.5"}],
        "resolved_ip": ["203.0.113.5"],
    }
    assert event["event"]["duration"] == 1_000_000
    assert event["event"]["outcome"] == "success"
    assert event["related"] == {"ip": [CLIENT, SERVER, "203.0.113.5"], "hosts": ["www.mof.gov.vn"]}
    (flow,) = of(events, "flow")
    assert event["flow"]["id"] == flow["event"]["id"]
    assert event["network"]["community_id"] == flow["network"]["community_id"]
    assert flow["network"]["protocol"] == "dns"


def test_a_question_without_an_answer_is_a_query():
    (event,) = of(sense([udp(query())]), "dns")
    assert event["dns"]["type"] == "query"
    assert "response_code" not in event["dns"]


def test_an_answer_without_a_question_stands_alone_and_keeps_the_client_as_source():
    (event,) = of(sense([udp(answer(), back=True)]), "dns")
    assert event["dns"]["type"] == "answer"
    assert (event["source"]["ip"], event["destination"]["port"]) == (CLIENT, 53)


def test_the_same_id_for_another_name_is_not_the_answer():
    events = of(sense([udp(query()), udp(answer(name="evil.example"), back=True)]), "dns")
    assert [(e["dns"]["type"], e["dns"]["question"]["name"]) for e in events] == [
        ("answer", "evil.example"),
        ("query", "www.mof.gov.vn"),
    ]


def test_a_failed_lookup_is_a_failure():
    (event,) = of(sense([udp(query()), udp(answer(rcode=3), back=True)]), "dns")
    assert (event["dns"]["response_code"], event["event"]["outcome"]) == ("NXDOMAIN", "failure")


def test_dns_is_recognised_on_any_port():
    (event,) = of(sense([udp(query(), dport=9953)]), "dns")
    assert event["destination"]["port"] == 9953


def test_messages_over_tcp_are_cut_by_their_length():
    framed = b"".join(struct.pack("!H", len(m)) + m for m in (query(1), query(2, "b.example")))
    answers = b"".join(struct.pack("!H", len(m)) + m for m in (answer(2, "b.example"), answer(1)))
    events = of(sense(tcp([(0, framed), (1, answers)], dport=53, size=20)), "dns")
    assert [(e["dns"]["id"], e["dns"]["type"]) for e in events] == [("2", "answer"), ("1", "answer")]
    assert len({e["event"]["id"] for e in events}) == 2


def test_garbage_on_the_dns_port_is_an_anomaly_that_says_where():
    (event,) = of(sense([udp(query()), udp(b"\0\1\1\0\0\1\0\0\0\0\0\0\xc0\x0c\0\1\0\1")]), "anomaly")
    assert event["vonggac"]["anomaly"] == {"layer": "dns", "reason": "pointer_loop", "offset": 12, "packet": 1}
