from __future__ import annotations

import contextlib
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sensors.decode.fault import Undecodable
from sensors.streams import Moment
from sensors.talks.kerberos import MAX_WAITING, KerberosTalk
from tests.unit.sensors.decode.test_kerberos import AS_REQ, error, reply, tgs_request
from tests.unit.sensors.wire import of, sense, tcp, udp


def krb(events: list[Any]) -> list[Any]:
    return [event["vonggac"]["kerberos"] for event in of(events, "kerberos")]


def framed(data: bytes) -> bytes:
    return len(data).to_bytes(4) + data


def test_a_first_ticket_is_told_with_its_reply():
    events = sense([udp(AS_REQ, dport=88), udp(reply(11), dport=88, back=True)])
    (event,) = of(events, "kerberos")
    assert event["vonggac"]["kerberos"] == {
        "msg_type": "KRB_AS_REP", "request_type": "AS", "cname": "an", "realm": "BTC.VN", "sname": "krbtgt/BTC.VN",
        "client": "an/BTC.VN", "service": "krbtgt/BTC.VN", "forwardable": True, "renewable": True, "preauth": False,
        "till": "2037-09-13T02:48:05.000000Z", "renew_till": "2026-11-22T06:33:25.000000Z",
        "client_ciphers": ["aes256-cts-hmac-sha1-96", "rc4-hmac"], "success": True,
        "encryption": "aes256-cts-hmac-sha1-96", "weak_encryption": False,
        "ticket_encryption": "aes256-cts-hmac-sha1-96", "ticket_weak_encryption": False,
    }  # fmt: skip
    assert event["user"] == {"name": "an", "domain": "BTC.VN"}
    assert event["event"]["outcome"] == "success"
    assert event["event"]["duration"] == 1_000_000
    assert event["network"]["protocol"] == "kerberos"


def test_a_weak_service_ticket_over_tcp_is_named():
    turns = [
        (0, framed(tgs_request("HTTP", "web.btc.vn"))),
        (1, framed(reply(13, "HTTP", "web.btc.vn", ticket_cipher=23))),
    ]
    events = sense(tcp(turns, dport=88, size=50))
    (told,) = krb(events)
    assert (told["msg_type"], told["service"], told["ticket_encryption"]) == (
        "KRB_TGS_REP", "HTTP/web.btc.vn", "rc4-hmac",
    )  # fmt: skip
    assert told["ticket_weak_encryption"] is True
    assert told["weak_encryption"] is False
    assert of(events, "kerberos")[0]["related"]["hosts"] == ["web.btc.vn"]


def test_an_error_is_a_failure_unless_it_asks_to_go_on():
    events = sense([
        udp(AS_REQ, dport=88), udp(error(25), dport=88, back=True),
        udp(tgs_request("cifs", "a"), dport=88), udp(error(7, "cifs", "a"), dport=88, back=True),
    ])  # fmt: skip
    first, second = of(events, "kerberos")
    assert first["vonggac"]["kerberos"]["error_code"] == "KDC_ERR_PREAUTH_REQUIRED"
    assert first["vonggac"]["kerberos"]["failed_request"] == "KRB_AS_REQ"
    assert "outcome" not in first["event"]
    assert (second["vonggac"]["kerberos"]["error_msg"], second["event"]["outcome"]) == (
        "KDC_ERR_S_PRINCIPAL_UNKNOWN", "failure",
    )  # fmt: skip
    assert second["vonggac"]["kerberos"]["success"] is False


def test_a_request_sent_again_is_one_event():
    assert len(krb(sense([udp(AS_REQ, dport=88)] * 3 + [udp(reply(), dport=88, back=True)]))) == 1


def test_replies_find_their_requests():
    asked = [udp(tgs_request("cifs", name, nonce=n), dport=88) for n, name in enumerate("ab")]
    told = krb(sense([*asked, udp(reply(13, "cifs", "b"), dport=88, back=True)]))
    assert [(each["service"], each["msg_type"]) for each in told] == [
        ("cifs/b", "KRB_TGS_REP"), ("cifs/a", "KRB_TGS_REQ"),
    ]  # fmt: skip


def test_either_side_alone_is_told():
    assert [each["msg_type"] for each in krb(sense([udp(AS_REQ, dport=88)]))] == ["KRB_AS_REQ"]
    (event,) = krb(sense(tcp([(1, framed(reply()))], dport=88, handshake=False)))
    assert event["msg_type"] == "KRB_AS_REP"


def test_behind_a_gap_the_next_message_is_found():
    talk, at = KerberosTalk(stream=True), Moment(1, 1)
    list(talk.data(0, framed(AS_REQ)[:50], at))
    list(talk.gap(0, 60, at))
    list(talk.data(0, b"\0\0rest", at))
    list(talk.data(0, framed(tgs_request("cifs", "a")), at))
    assert [found.fields["vonggac"]["kerberos"]["msg_type"] for found in talk.close(False)] == ["KRB_TGS_REQ"]


def test_requests_that_wait_are_bounded():
    talk, at = KerberosTalk(stream=False), Moment(1, 1)
    told = sum(len(list(talk.data(0, tgs_request("a", nonce=n), at))) for n in range(MAX_WAITING + 5))
    assert told == 5


def test_a_broken_message_is_an_anomaly():
    events = sense([udp(AS_REQ, dport=88), udp(AS_REQ[:60], dport=88)])
    assert [each["vonggac"]["anomaly"]["layer"] for each in of(events, "anomaly")] == ["kerberos"]


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 160), st.binary(max_size=80), st.integers(1, 60), st.booleans())
def test_only_the_declared_fault_escapes(keep, tail, size, gap):
    talk, at = KerberosTalk(stream=True), Moment(1, 1)
    with contextlib.suppress(Undecodable):
        for side, stream in enumerate((framed(AS_REQ), framed(reply()))):
            data = stream[:keep] + tail
            for begin in range(0, len(data), size):
                list(talk.data(side, data[begin : begin + size], at))
            if gap:
                list(talk.gap(side, size, at))
    list(talk.close(False))
