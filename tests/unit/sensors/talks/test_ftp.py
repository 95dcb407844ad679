from __future__ import annotations

import ssl
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensors.streams import Moment
from sensors.talks.ftp import MAX_WAITING, FtpTalk
from tests.unit.sensors.handshake import handshake
from tests.unit.sensors.wire import CLIENT, SERVER, of, scapy, sense, tcp

FILE = b"MZ" + bytes(3000)
LOGIN = [
    (1, b"220 (vsFTPd 3.0.3)\r\n"),
    (0, b"USER lan\r\n"),
    (1, b"331 password\r\n"),
    (0, b"PASS matkhau\r\n"),
    (1, b"230-Welcome\r\n to the server\r\n230 done\r\n"),
]
PASSIVE = (1, b"227 Entering Passive Mode (198,51,100,20,200,10).\r\n")


def control(*turns: tuple[int, bytes], **more: Any) -> list[Any]:
    return list(tcp([*LOGIN, *turns], dport=2121, **more))


def active(turns: list[tuple[int, bytes]], port: int) -> list[Any]:
    """A connection that the server opens to the client."""
    s, frames = scapy(), []
    for frame in tcp(turns, sport=20, dport=port):
        ip = frame[s.IP]
        ip.src, ip.dst = (SERVER, CLIENT) if ip.src == CLIENT else (CLIENT, SERVER)
        frames.append(frame)
    return frames


def own(event: dict[str, Any], name: str = "ftp") -> dict[str, Any]:
    return event["vonggac"][name]


def test_each_command_is_one_event_with_its_replies():
    for size in (1000, 1):
        events = sense(control((0, b"QUIT\r\n"), (1, b"221 bye\r\n"), size=size))
        assert [(own(e).get("command"), own(e)["reply_code"]) for e in of(events, "ftp")] == [
            (None, 220),
            ("USER", 331),
            ("PASS", 230),
            ("QUIT", 221),
        ]
        assert own(of(events, "ftp")[2])["reply"] == ["Welcome", "to the server", "done"]
        assert of(events, "ftp")[2]["user"]["name"] == "lan"
        assert of(events, "ftp")[2]["event"]["category"] == ["network", "authentication"]
        assert "matkhau" not in str(events)
        assert len({e["event"]["id"] for e in events}) == len(events)
        assert of(events, "flow")[0]["network"]["protocol"] == "ftp"


def test_a_passive_download_is_a_file_on_its_own_connection():
    begun = control((0, b"PASV\r\n"), PASSIVE, (0, b"RETR /pub/a.exe\r\n"), (1, b"150 go\r\n"), fin=False)
    data = list(tcp([(1, FILE)], sport=40002, dport=51210, size=700))
    events = sense([*begun[:-1], *data, begun[-1]])
    (file,) = of(events, "file")
    assert file["file"]["name"] == "a.exe"
    assert file["file"]["path"] == "/pub/a.exe"
    assert file["file"]["hash"]["sha256"] == sha256(FILE).hexdigest()
    assert file["vonggac"]["file"] == {
        "direction": "response",
        "complete": True,
        "missing_bytes": 0,
        "protocol": "ftp",
    }
    (transfer,) = of(events, "ftp_data")
    assert own(transfer, "ftp_data") == {"command": "RETR", "filename": "/pub/a.exe", "mode": "passive"}
    assert transfer["user"]["name"] == "lan"
    assert {e["network"]["protocol"] for e in of(events, "flow")} == {"ftp", "ftp-data"}


def test_behind_address_translation_the_servers_own_address_is_expected_too():
    begun = control((0, b"PASV\r\n"), (1, b"227 (10,0,0,5,200,10)\r\n"), (0, b"STOR x\r\n"), fin=False)
    events = sense([*begun, *tcp([(0, FILE)], sport=40002, dport=51210)])
    assert of(events, "file")[0]["vonggac"]["file"]["direction"] == "request"
    assert "10.0.0.5" in of(events, "ftp")[3]["related"]["ip"]


@pytest.mark.parametrize("line", [b"PORT 192,0,2,10,200,20\r\n", b"EPRT |1|192.0.2.10|51220|\r\n"])
def test_an_active_upload_comes_from_the_server(line):
    begun = control((0, line), (1, b"200 ok\r\n"), (0, b"STOR up.exe\r\n"), (1, b"150 go\r\n"), fin=False)
    (file,) = of(sense([*begun, *active([(1, FILE)], 51220)]), "file")
    assert file["vonggac"]["file"]["direction"] == "request"
    assert file["source"]["ip"] == SERVER
    assert file["file"]["name"] == "up.exe"


def test_an_extended_passive_listing_is_no_file():
    begun = control((0, b"EPSV\r\n"), (1, b"229 Extended (|||51210|)\r\n"), (0, b"LIST\r\n"), fin=False)
    events = sense([*begun, *tcp([(1, b"-rw a.txt\r\n")], sport=40002, dport=51210)])
    assert not of(events, "file")
    assert not of(events, "ftp_data")
    assert of(events, "ftp")[3]["vonggac"]["ftp"]["dynamic_port"] == 51210


def test_a_resumed_or_torn_download_has_no_hash():
    begun = control((0, b"PASV\r\n"), PASSIVE, (0, b"REST 10\r\nRETR a\r\n"), (1, b"350 ok\r\n150 go\r\n"), fin=False)
    (resumed,) = of(sense([*begun, *tcp([(1, FILE)], sport=40002, dport=51210)]), "file")
    assert "hash" not in resumed["file"]
    begun = control((0, b"PASV\r\n"), PASSIVE, (0, b"RETR a\r\n"), fin=False)
    (torn,) = of(sense([*begun, *tcp([(1, FILE)], sport=40002, dport=51210, fin=False)]), "file")
    assert torn["vonggac"]["file"]["complete"] is False


def test_commands_sent_ahead_find_their_replies():
    events = sense(control((0, b"TYPE I\r\nSIZE a\r\nCWD /x\r\n"), (1, b"200 I\r\n213 9\r\n550 no\r\n")))
    assert [(own(e)["command"], own(e)["reply_code"]) for e in of(events, "ftp")[3:]] == [
        ("TYPE", 200),
        ("SIZE", 213),
        ("CWD", 550),
    ]


def test_a_greeting_that_names_nobody_is_waited_out():
    assert (
        of(sense(tcp([(1, b"220 ready\r\n"), (0, b"USER a\r\n"), (1, b"530 no\r\n")])), "ftp")[1]["user"]["name"] == "a"
    )
    turns = [(1, b"220 ready\r\n"), (0, b"HELO a\r\n"), (1, b"250 hi\r\n")]
    assert of(sense(tcp(turns)), "smtp")[0]["vonggac"]["smtp"]["banner"] == "ready"


def test_after_auth_tls_the_stream_is_tls():
    turns = [LOGIN[0], (0, b"AUTH TLS\r\n"), (1, b"234 go\r\n"), *handshake(ssl.TLSVersion.TLSv1_2)]
    events = sense(tcp(turns))
    assert [own(e).get("command") for e in of(events, "ftp")] == [None, "AUTH"]
    assert of(events, "tls")[0]["tls"]["established"] is True


def test_one_side_alone_is_told_and_a_gap_loses_only_its_own():
    client = of(sense(tcp([turn for turn in LOGIN if turn[0] == 0])), "ftp")
    assert [own(e)["command"] for e in client] == ["USER", "PASS"]
    server = of(sense(tcp([turn for turn in LOGIN if turn[0] == 1])), "ftp")
    assert [own(e)["reply_code"] for e in server] == [220, 331, 230]
    frames = control((0, b"NOOP\r\n"), (1, b"200 ok\r\n"), (0, b"QUIT\r\n"), (1, b"221 bye\r\n"))
    lost = next(index for index, frame in enumerate(frames) if bytes(frame).endswith(b"331 password\r\n"))
    events = of(sense(frames[:lost] + frames[lost + 1 :]), "ftp")
    assert [own(e)["command"] for e in events if "command" in own(e)] == ["USER", "PASS", "NOOP", "QUIT"]
    assert [own(e)["reply_code"] for e in events if "reply_code" in own(e)] == [220, 230, 200, 221]


def test_what_waits_for_replies_is_bounded():
    talk = FtpTalk()
    found = sum(len(list(talk.data(0, b"NOOP\r\n" * 100, Moment(at, at)))) for at in range(10))
    assert found == 1000 - MAX_WAITING


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 150), st.binary(min_size=1, max_size=120), st.booleans())
def test_any_tail_gives_events_or_an_anomaly(keep, tail, server):
    turns, left = [], keep
    for side, data in [*LOGIN, (0, b"PASV\r\n"), PASSIVE]:
        turns.append((side, data[:left]))
        left -= len(data)
        if left <= 0:
            break
    sense(tcp([*turns, (int(server), tail)]))
