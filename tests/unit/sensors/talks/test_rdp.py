from __future__ import annotations

import contextlib
import ssl
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensors.decode.fault import Undecodable
from sensors.streams import Moment
from sensors.talks.rdp import RdpTalk
from tests.unit.sensors.decode.test_rdp import CHANNELS, block, client, confirm, core, request, server, tpkt
from tests.unit.sensors.handshake import handshake
from tests.unit.sensors.wire import of, sense, tcp

CLIENT = client(block(0xC001, core()), block(0xC003, CHANNELS))


def run(turns: list[tuple[int, bytes]], **options: Any) -> list[Any]:
    events = sense(tcp(turns, dport=3389, **options))
    assert not of(events, "anomaly")
    assert of(events, "flow")[0]["network"]["protocol"] == "rdp"
    return events


def test_settings_in_the_clear_are_one_event():
    turns = [
        (0, request(protocols=0)),
        (1, confirm(2, 0)),
        (0, CLIENT),
        (1, server()),
        (0, tpkt(b"\x02\xf0\x80\x04\1")),
    ]
    (event,) = of(run(turns, size=60), "rdp")
    assert event["vonggac"]["rdp"] == {
        "cookie": "an", "requested_protocols": ["RDP"], "security_protocol": "RDP", "result": "Success",
        "client_version": "8.4", "client_build": "RDP 7.1", "client_name": "PC-AN",
        "client_dig_product_id": "55274-OEM", "keyboard_layout": "Vietnamese", "desktop_width": 1920,
        "desktop_height": 1080, "requested_color_depth": "24bit", "client_channels": ["rdpdr", "cliprdr"],
        "encryption_method": "128bit", "encryption_level": "Client compatible", "cert_type": "RSA",
        "cert_permanent": True, "cert_count": 1,
        "messages": ["initial_request", "initial_response", "connect_request", "connect_response"],
    }  # fmt: skip
    assert event["related"]["hosts"] == ["pc-an"]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_where_tls_is_chosen_its_handshake_is_told_too(version):
    events = run([(0, request()), (1, confirm()), *handshake(version)])
    (event,) = of(events, "rdp")
    assert (event["vonggac"]["rdp"]["security_protocol"], event["vonggac"]["rdp"]["result"]) == ("HYBRID", "encrypted")
    (tls,) = of(events, "tls")
    assert tls["tls"]["client"]["server_name"] == "cong.example.vn"
    assert tls["tls"]["established"] is True


def test_a_refusal_is_a_failure():
    (event,) = of(run([(0, request(protocols=0)), (1, confirm(3, 5))]), "rdp")
    assert event["event"]["outcome"] == "failure"
    assert event["vonggac"]["rdp"]["result"] == "HYBRID_REQUIRED_BY_SERVER"


def test_either_side_alone_is_told():
    (asked,) = of(run([(0, request())]), "rdp")
    assert asked["vonggac"]["rdp"] == {
        "cookie": "an", "requested_protocols": ["RDP", "SSL", "HYBRID"], "messages": ["initial_request"],
    }  # fmt: skip
    (answered,) = of(run([(1, confirm())], handshake=False), "rdp")
    assert answered["vonggac"]["rdp"]["security_protocol"] == "HYBRID"


def test_a_clients_tls_that_is_captured_before_the_answer_waits_for_it():
    turns = handshake(ssl.TLSVersion.TLSv1_2)
    events = run([(0, request()), turns[0], (1, confirm()), *turns[1:]])
    assert len(of(events, "rdp")) == len(of(events, "tls")) == 1


def test_behind_a_gap_nothing_more_is_asked():
    talk, at = RdpTalk(), Moment(1, 1)
    list(talk.data(0, request(), at))
    assert [found.dataset for found in talk.gap(0, 10, at)] == ["rdp"]
    assert talk.done
    assert not list(talk.close(False))


def test_an_unending_client_is_told_and_left():
    talk, at = RdpTalk(), Moment(1, 1)
    found = list(talk.data(0, request(), at))
    for _ in range(100):
        if not talk.done:
            found += talk.data(0, bytes(1000), at)
    assert [each.dataset for each in found] == ["rdp"]


def test_another_protocol_in_tpkt_is_not_taken_for_rdp():
    s7 = tpkt(b"\x11\xe0\0\0\0\1\0\xc0\1\x0a\xc1\2\1\0\xc2\2\1\2")
    events = sense(tcp([(0, s7)], dport=102))
    assert "protocol" not in of(events, "flow")[0]["network"]


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 600), st.binary(max_size=80), st.integers(1, 60), st.booleans())
def test_only_the_declared_fault_escapes(keep, tail, size, gap):
    talk, at = RdpTalk(), Moment(1, 1)
    with contextlib.suppress(Undecodable):
        for side, stream in enumerate((request() + CLIENT, confirm(2, 0) + server())):
            data = stream[:keep] + tail
            for begin in range(0, len(data), size):
                if not talk.done:
                    list(talk.data(side, data[begin : begin + size], at))
            if gap and not talk.done:
                list(talk.gap(side, size, at))
    list(talk.close(False))
