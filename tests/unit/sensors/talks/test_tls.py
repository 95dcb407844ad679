from __future__ import annotations

import ssl

import pytest

from tests.unit.sensors.handshake import handshake
from tests.unit.sensors.wire import of, sense, tcp


def test_a_tls_1_2_connection_tells_its_certificate():
    (event,) = of(sense(tcp(handshake(ssl.TLSVersion.TLSv1_2), dport=8443)), "tls")
    tls = event["tls"]
    assert (tls["version"], tls["version_protocol"], tls["established"], tls["resumed"]) == ("1.2", "tls", True, False)
    assert tls["next_protocol"] == "http/1.1"
    assert tls["client"]["server_name"] == "cong.example.vn"
    assert tls["server"]["subject"] == tls["server"]["issuer"] == "CN=cong.example.vn"
    assert tls["server"]["not_before"] < tls["server"]["not_after"]
    assert tls["server"]["hash"]["sha256"].lower() in event["related"]["hash"]
    assert tls["client"]["ja4"].startswith("t12d")
    assert event["related"]["hosts"] == ["cong.example.vn"]


def test_a_tls_1_3_connection_hides_its_certificate():
    (event,) = of(sense(tcp(handshake(ssl.TLSVersion.TLSv1_3), size=100)), "tls")
    assert (event["tls"]["version"], event["tls"]["established"]) == ("1.3", True)
    assert "subject" not in event["tls"]["server"]
    assert event["tls"]["client"]["ja4"].startswith("t13d")


def test_a_hello_without_an_answer_is_not_established():
    turns = handshake(ssl.TLSVersion.TLSv1_3)[:1]
    (event,) = of(sense(tcp(turns)), "tls")
    assert event["tls"]["established"] is False
    assert "version" not in event["tls"]


@pytest.mark.parametrize("cut", [6, 40, 200])
def test_a_broken_record_is_an_anomaly_and_the_connection_is_still_told(cut):
    hello = handshake(ssl.TLSVersion.TLSv1_3)[0][1]
    events = sense(tcp([(0, hello), (1, b"\x16\x03\x03\xff\xff" + bytes(cut))]))
    assert of(events, "anomaly")[0]["vonggac"]["anomaly"]["reason"] == "record_length"
    assert of(events, "tls")[0]["tls"]["client"]["server_name"] == "cong.example.vn"
