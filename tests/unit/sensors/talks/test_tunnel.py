from __future__ import annotations

import ssl

from tests.unit.sensors.handshake import handshake
from tests.unit.sensors.talks.test_http import request, response
from tests.unit.sensors.wire import of, sense, tcp

CONNECT = b"CONNECT cong.example.vn:443 HTTP/1.1\r\nHost: cong.example.vn:443\r\n\r\n"
OPEN = b"HTTP/1.1 200 Connection established\r\n\r\n"


def test_tls_inside_connect_has_its_own_event():
    events = sense(tcp([(0, CONNECT), (1, OPEN), *handshake(ssl.TLSVersion.TLSv1_3)]))
    (http,), (tls,), (flow,) = (of(events, dataset) for dataset in ("http", "tls", "flow"))
    assert (http["http"]["request"]["method"], http["url"]["domain"], http["url"]["port"]) == (
        "CONNECT", "cong.example.vn", 443,
    )  # fmt: skip
    assert tls["tls"]["client"]["server_name"] == "cong.example.vn"
    assert (http["network"]["protocol"], flow["network"]["protocol"]) == ("http", "tls")


def test_http_inside_connect_is_read_too():
    events = of(sense(tcp([(0, CONNECT), (1, OPEN), (0, request("/ben-trong")), (1, response())])), "http")
    assert [event["url"].get("path", "") for event in events] == ["", "/ben-trong"]


def test_a_server_that_speaks_first_inside_is_recognised():
    turns = [(0, CONNECT), (1, OPEN + b"SSH-2.0-a\r\n"), (0, b"SSH-2.0-b\r\n")]
    (event,) = of(sense(tcp(turns)), "ssh")
    assert (event["ssh"]["server"]["version"], event["ssh"]["client"]["version"]) == ("SSH-2.0-a", "SSH-2.0-b")


def test_an_unknown_inside_stays_http_and_is_no_fault():
    events = sense(tcp([(0, CONNECT), (1, OPEN), *[(n % 2, bytes(range(200, 240))) for n in range(40)]]))
    assert [e["network"]["protocol"] for e in of(events, "flow")] == ["http"]
    assert not of(events, "anomaly")


def test_a_connect_refused_goes_on_as_http():
    refused = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno"
    events = of(sense(tcp([(0, CONNECT), (1, refused), (0, request()), (1, response())])), "http")
    assert [e["http"]["response"]["status_code"] for e in events] == [403, 200]


def test_a_websocket_is_named_and_its_frames_are_not_read():
    asked = request("/chat", Upgrade="websocket", Connection="Upgrade")
    switched = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n\r\n"
    events = sense(tcp([(0, asked), (1, switched + b"\x81\5hello"), (0, b"\x81\x85mask.....")]))
    (http,), (flow,) = of(events, "http"), of(events, "flow")
    assert http["vonggac"]["http"]["upgrade"] == "websocket"
    assert flow["network"]["protocol"] == "websocket"
    assert not of(events, "anomaly")


def test_bytes_missing_before_anything_is_recognised_leave_it_unknown():
    packets = list(tcp([(0, CONNECT), (1, OPEN), (0, b"\x16"), (0, bytes(50)), (0, bytes(50))]))
    del packets[6]
    events = sense(packets)
    assert not of(events, "anomaly")
    assert not of(events, "tls")
