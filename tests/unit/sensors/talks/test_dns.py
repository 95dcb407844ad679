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


def many(*questions: tuple[str, str]) -> bytes:
    return bytes(s.DNS(id=0, rd=0, qd=[s.DNSQR(qname=name, qtype=kind) for name, kind in questions]))


def test_multicast_dns_is_named_and_a_hosts_own_answer_does_not_answer_its_question():
    told = bytes(s.DNS(id=0, qr=1, aa=1, qd=[], an=s.DNSRR(rrname="may1.local", type="A", rdata="192.0.2.9")))
    asked = many(("_http._tcp.local", "PTR"), ("may2.local", "AAAA"))
    events = of(sense([udp(asked, sport=5353, dport=5353), udp(told, sport=5353, dport=5353)]), "dns")
    assert [(e["dns"]["type"], e["dns"]["question"]["name"]) for e in events] == [
        ("answer", "may1.local"),
        ("query", "_http._tcp.local"),
    ]
    assert events[1]["vonggac"]["dns"]["questions"][1] == {"name": "may2.local", "type": "AAAA"}
    assert "type" not in events[0]["dns"]["question"]
    assert {e["network"]["protocol"] for e in events} == {"mdns"}


def test_llmnr_is_named():
    (event,) = of(sense([udp(query(name="may3"), dport=5355)]), "dns")
    assert (event["network"]["protocol"], event["dns"]["question"]["name"]) == ("llmnr", "may3")


def test_netbios_names_are_read_and_joined_with_their_addresses():
    encoded = "".join(chr(65 + (octet >> 4)) + chr(65 + (octet & 15)) for octet in b"MAY1".ljust(15) + b"\0")
    name = b"\x20" + encoded.encode() + b"\0"
    asked = b"\1\2\1\x10\0\1\0\0\0\0\0\0" + name + b"\0\x20\0\1"
    told = b"\1\2\x85\0\0\0\0\1\0\0\0\0" + name + b"\0\x20\0\1\0\0\0\x3c\0\6\0\0\xc0\0\2\7"
    (event,) = of(sense([udp(asked, sport=137, dport=137), udp(told, sport=137, dport=137, back=True)]), "dns")
    assert event["dns"]["question"] == {"name": "may1", "type": "NB", "class": "IN"}
    assert event["dns"]["answers"][0]["data"] == "192.0.2.7"
    assert event["dns"]["resolved_ip"] == ["192.0.2.7"]
    assert event["vonggac"]["dns"]["netbios_suffix"] == "00"
    assert event["network"]["protocol"] == "netbios-ns"
    assert "192.0.2.7" in event["related"]["ip"]


def test_a_repeated_question_waits_on_when_the_first_is_answered():
    events = of(sense([udp(query()), udp(query()), udp(answer(), back=True)]), "dns")
    assert [(e["dns"]["type"], e["event"].get("duration")) for e in events] == [("answer", 2_000_000), ("query", None)]
    assert len({e["event"]["id"] for e in events}) == 2


def test_after_missing_bytes_a_stream_goes_on_where_a_segment_begins_a_message():
    framed = [struct.pack("!H", len(m)) + m for m in (query(n, f"t{n}.example") for n in (1, 2, 3))]
    packets = list(tcp([(0, each) for each in framed], dport=53))
    del packets[4]
    events = of(sense(packets), "dns")
    assert [e["dns"]["id"] for e in events] == ["1", "3"]


def test_client_subnet_and_extended_error_are_told():
    option = b"\0\x08\0\7\0\1\x18\0\xc0\0\2" + b"\0\x0f\0\7\0\x12chan!" + b"\0\x0a\0\x08" + bytes(8)
    opt = b"\0\0\x29\4\xd0\0\0\x80\0" + len(option).to_bytes(2) + option
    told = bytearray(answer(rcode=2))
    told[11] = 1
    (event,) = of(sense([udp(query()), udp(bytes(told) + opt, back=True)]), "dns")
    assert event["vonggac"]["dns"]["edns"] == {
        "version": 0, "udp_size": 1232, "do": True, "options": ["client_subnet", "extended_error", "cookie"],
        "client_subnet": "192.0.2.0/24", "extended_error": 18, "extended_error_text": "chan!",
    }  # fmt: skip
