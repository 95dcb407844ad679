from __future__ import annotations

import contextlib
import ssl
import struct
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sensors.decode import ldap
from sensors.decode.fault import Undecodable
from sensors.streams import Moment
from sensors.talks.ldap import MAX_KEPT, MAX_WAITING, LdapTalk
from tests.unit.sensors import windows_wire as w
from tests.unit.sensors.decode.test_ldap import SEARCH, bind, entry, message, result, sasl
from tests.unit.sensors.decode.test_ntlm import answer, negotiation
from tests.unit.sensors.handshake import handshake
from tests.unit.sensors.windows_wire import der
from tests.unit.sensors.wire import of, sense, tcp, udp

UNBIND = message(9, b"\x42\0")


def told(events: list[Any]) -> list[Any]:
    return [event["vonggac"]["ldap"] for event in of(events, "ldap")]


def run(turns: list[tuple[int, bytes]], **options: Any) -> list[Any]:
    events = sense(tcp(turns, dport=389, **options))
    assert not of(events, "anomaly")
    return events


def test_operations_are_joined_with_their_results():
    turns = [(0, bind(1)), (1, result(1, ldap.BIND_RESPONSE)), (0, SEARCH), (1, entry(7) + entry(7))]
    turns += [(1, message(7, der(ldap.REFERENCE, der(4, b"ldap://x")))), (1, result(7, ldap.SEARCH_DONE)), (0, UNBIND)]
    events = run(turns)
    assert told(events) == [
        {
            "message_id": 1, "operation": "bind_request", "version": 3, "mechanism": "simple", "object": "cn=an,dc=btc",
            "password": True, "result": "success", "result_code": 0,
        },
        {
            "message_id": 7, "operation": "search_request", "base_object": "DC=btc,DC=vn", "scope": "tree",
            "deref_aliases": "never", "filter": "(&(objectClass=user)(!(cn=a*b*))(sn>=b))", "attributes": ["cn"],
            "result_count": 2, "reference_count": 1, "result": "success", "result_code": 0,
        },
        {"message_id": 9, "operation": "unbind_request"},
    ]  # fmt: skip
    assert of(events, "ldap")[0]["user"] == {"name": "cn=an,dc=btc"}
    assert "secret" not in str(events)
    assert of(events, "flow")[0]["network"]["protocol"] == "ldap"


def test_nothing_follows_an_unbind():
    assert [each["operation"] for each in told(run([(0, SEARCH + UNBIND * 1000)]))] == [
        "unbind_request",
        "search_request",
    ]


def test_a_refused_bind_is_a_failure():
    (event,) = of(run([(0, bind(1)), (1, result(1, ldap.BIND_RESPONSE, 49, text=b"80090308"))]), "ldap")
    assert event["event"]["outcome"] == "failure"
    assert event["vonggac"]["ldap"]["diagnostic_message"] == "80090308"


def test_writes_name_what_they_touch():
    names = der(0x30, der(0x30, der(4, b"cn"), der(0x31, der(4, b"x"))))
    change = der(0x30, der(10, b"\2"), der(0x30, der(4, b"member"), der(0x31)))
    turns = [
        (0, message(1, der(ldap.ADD, der(4, b"cn=x"), names))), (1, result(1, ldap.ADD_RESPONSE)),
        (0, message(2, der(ldap.MODIFY, der(4, b"cn=x"), der(0x30, change)))), (1, result(2, ldap.MODIFY_RESPONSE)),
        (0, message(3, der(ldap.RENAME, der(4, b"cn=x"), der(4, b"cn=y"), der(1, b"\xff")))),
        (1, result(3, ldap.RENAME_RESPONSE)),
        (0, message(4, der(ldap.COMPARE, der(4, b"cn=y"), der(0x30, der(4, b"sn"), der(4, b"v"))))),
        (1, result(4, ldap.COMPARE_RESPONSE, 6)),
        (0, message(5, der(ldap.DELETE, b"cn=y"))), (1, result(5, ldap.DELETE_RESPONSE, 50)),
        (0, message(6, der(ldap.ABANDON, b"\5"))),
    ]  # fmt: skip
    add, modify, rename, compare, delete, abandon = told(run(turns))
    assert (add["object"], add["attributes"]) == ("cn=x", ["cn"])
    assert modify["changes"] == [{"operation": "replace", "attribute": "member"}]
    assert (rename["new_rdn"], rename["delete_old_rdn"]) == ("cn=y", True)
    assert (compare["argument"], compare["result"]) == ("sn", "compareTrue")
    assert (delete["object"], delete["result"]) == ("cn=y", "insufficientAccessRights")
    assert abandon["abandoned_message_id"] == 5


LOGIN = [
    (0, sasl(1, negotiation(w.NTLM_NEGOTIATE))),
    (1, result(1, ldap.BIND_RESPONSE, 14, der(0x87, answer(w.NTLM_CHALLENGE, 1)))),
    (0, sasl(2, answer(w.NTLM_AUTHENTICATE, 1))),
    (1, result(2, ldap.BIND_RESPONSE)),
]


def test_a_login_by_ntlm_is_told():
    events = run(LOGIN)
    (ntlm,) = of(events, "ntlm")
    assert ntlm["vonggac"]["ntlm"] | {"username": "nguyễn", "success": True} == ntlm["vonggac"]["ntlm"]
    first, second = of(events, "ldap")
    assert (first["vonggac"]["ldap"]["result"], "outcome" in first["event"]) == ("saslBindInProgress", False)
    assert second["vonggac"]["ldap"]["ntlmssp"]["user"] == "nguyễn"


def wrapped(data: bytes, header: bytes) -> bytes:
    return (len(header) + len(data)).to_bytes(4) + header + data


SIGNATURE = struct.pack("<IQI", 1, 5, 0)


def test_signed_messages_are_read():
    kerberos = struct.pack(">HBBHHQ", 0x0504, 0, 0xFF, 12, 12, 7) + bytes(12)
    turns = [*LOGIN, (0, wrapped(SEARCH, SIGNATURE)), (1, wrapped(entry(7), kerberos))]
    turns += [
        (1, wrapped(entry(7, 3 * MAX_KEPT) + result(7, ldap.SEARCH_DONE), kerberos)),
        (0, wrapped(UNBIND, SIGNATURE)),
    ]
    search, unbind = told(run(turns))[2:]
    assert (search["result_count"], search["result"]) == (2, "success")
    assert unbind["operation"] == "unbind_request"
    assert of(run(turns), "ldap")[2]["user"]["name"] == "nguyễn"


def test_sealed_messages_are_named_once():
    sealed = wrapped(b"\x99" * 60, SIGNATURE)
    events = run([*LOGIN, (0, sealed), (1, sealed), (0, sealed)])
    assert [each["operation"] for each in told(events)[2:]] == ["sealed"]
    kerberos = wrapped(b"\x30" * 60, struct.pack(">HBBHHQ", 0x0504, 2, 0xFF, 12, 28, 7))
    assert told(run([*LOGIN, (0, kerberos)]))[2]["sealed"] is True


def test_starttls_goes_on_as_tls():
    start = message(1, der(ldap.EXTENDED, der(0x80, ldap.START_TLS.encode())))
    events = run([(0, start), (1, result(1, ldap.EXTENDED_RESPONSE)), *handshake(ssl.TLSVersion.TLSv1_2)])
    assert told(events)[0]["argument"] == "StartTLS"
    assert of(events, "tls")[0]["tls"]["established"] is True
    refused = run([(0, start), (1, result(1, ldap.EXTENDED_RESPONSE, 52)), (0, SEARCH)])
    assert [each["operation"] for each in told(refused)] == ["extended_request", "search_request"]


def test_over_udp_the_same_is_read():
    events = sense([udp(SEARCH, dport=389), udp(entry(7) + result(7, ldap.SEARCH_DONE), dport=389, back=True)])
    assert told(events)[0]["result_count"] == 1


def test_entries_longer_than_what_is_kept_are_counted():
    long = entry(7, 5 * MAX_KEPT)
    (search,) = told(run([(0, SEARCH), (1, long + long), (1, result(7, ldap.SEARCH_DONE))]))
    assert (search["result_count"], search["result"]) == (2, "success")


def test_either_side_alone_is_told():
    assert "result" not in told(run([(0, SEARCH)]))[0]
    (alone,) = told(run([(1, entry(7)), (1, result(7, ldap.SEARCH_DONE))], handshake=False))
    assert alone["operation"] == "search_result_done"


def test_behind_a_gap_the_next_message_is_found():
    talk, at = LdapTalk(stream=True), Moment(1, 1)
    list(talk.data(0, SEARCH[:30], at))
    list(talk.gap(0, 60, at))
    list(talk.data(0, b"rest of it", at))
    found = list(talk.data(0, b"of it" + UNBIND, at))
    assert [each.fields["vonggac"]["ldap"]["operation"] for each in found] == ["unbind_request"]


def test_operations_that_wait_are_bounded():
    talk, at = LdapTalk(stream=True), Moment(1, 1)
    data = [der(0x30, der(2, n.to_bytes(2)), der(ldap.DELETE, b"cn=x")) for n in range(MAX_WAITING + 6)]
    assert sum(len(list(talk.data(0, each, at))) for each in data) == 6


def test_a_broken_request_is_marked_and_what_follows_is_read():
    broken = message(1, der(ldap.SEARCH, der(4, b"dc=x"), b"\x0a\x09"))
    first, second = told(run([(0, SEARCH + broken + UNBIND)]))[::2]
    assert (first["operation"], second["malformed"]) == ("unbind_request", "length")


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 200), st.binary(max_size=80), st.integers(1, 60), st.booleans(), st.booleans())
def test_only_the_declared_fault_escapes(keep, tail, size, gap, logged_in):
    talk, at = LdapTalk(stream=True), Moment(1, 1)
    if logged_in:
        for side, data in LOGIN:
            list(talk.data(side, data, at))
    with contextlib.suppress(Undecodable):
        for side, stream in enumerate((SEARCH + bind(8) + wrapped(UNBIND, SIGNATURE), entry(7) + result(7, 0x65))):
            data = stream[:keep] + tail
            for begin in range(0, len(data), size):
                if not talk.done:
                    list(talk.data(side, data[begin : begin + size], at))
            if gap:
                list(talk.gap(side, size, at))
    list(talk.close(False))
