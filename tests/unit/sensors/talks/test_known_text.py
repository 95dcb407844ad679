from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensors.talks.known.text import PATTERNS
from sensors.talks.recognise import recognise_datagram, recognise_stream
from tests.unit.sensors.wire import of, sense, tcp

STREAMS = [
    (1, b"220 mail.a.vn ESMTP Postfix\r\n", "smtp"),
    (1, b"220 ProFTPD Server (mailhost)\r\n", "ftp"),
    (0, b"EHLO a.vn\r\n", "smtp"),
    (0, b"user lan\r\n", "ftp"),
    (1, b"+OK POP3 ready\r\n", "pop3"),
    (1, b"* OK IMAP4rev1\r\n", "imap"),
    (0, b"a001 LOGIN lan x\r\n", "imap"),
    (1, b"RFB 003.889\n", "rfb"),
    (1, b"\xff\xfd\x18", "telnet"),
    (0, b"\x10\x0c\0\4MQTT\4\2\0\x3c\0\0", "mqtt"),
    (0, b"\0\1\0\0\0\6\1\3\0\0\0\1", "modbus"),
    (0, b"REGISTER sip:a.vn SIP/2.0\r\n", "sip"),
    (0, b"NICK bot\r\n", "irc"),
    (0, b"\x13BitTorrent protocol" + bytes(48), "bittorrent"),
    (0, b"*1\r\n$4\r\nPING\r\n", "redis"),
    (0, b"\0\0\0\x08\x04\xd2\x16\x2f", "postgresql"),
    (1, b"\x4a\0\0\0\x0a8.0.35\0" + bytes(60), "mysql"),
    (0, b"\x04\x01\0\x50\xc0\0\2\1me\0", "socks4"),
    (0, b"\x05\x02\0\2", "socks5"),
    (0, b"set key 0 60 5\r\nhello\r\n", "memcached"),
    (0, b"DESCRIBE rtsp://192.0.2.1/live RTSP/1.0\r\n", "rtsp"),
]
DATAGRAMS = [
    (b"OPTIONS sip:100@192.0.2.1 SIP/2.0\r\n\r\n", "sip"),
    (b"d1:ad2:id20:aaaaaaaaaaaaaaaaaaaae1:q4:ping1:t2:aa1:y1:qe", "bittorrent"),
    (b"M-SEARCH * HTTP/1.1\r\n\r\n", "ssdp"),
    (b"\0\1\0\0\0\1\0\0stats\r\n", "memcached"),
]


def name(verdict):
    return verdict.talk().name if verdict.talk else verdict.label


@pytest.mark.parametrize(("side", "data", "protocol"), STREAMS)
def test_streams_are_told_by_their_first_bytes(side, data, protocol):
    assert name(recognise_stream(data, side)) == protocol


@pytest.mark.parametrize(("data", "protocol"), DATAGRAMS)
def test_datagrams_are_told_by_their_content(data, protocol):
    assert name(recognise_datagram(data, 40000, 40001)) == protocol


@pytest.mark.parametrize(
    "data",
    [
        b"\x05\x00\x0b\x03\x10\0\0\0",
        b"\0\0\0\x85\xffSMB",
        b"\xff\xd8\xff\xe0\0\x10JFIF",
        b"\xff\xfb\x90\x44",
        b"220000 rows",
    ],
)
def test_what_only_resembles_them_is_none_of_them(data):
    assert name(recognise_stream(data + bytes(100), 0)) not in {protocol for _, _, protocol in STREAMS}


def test_the_client_of_irc_is_told_by_its_commands():
    turns = [
        (0, b"NICK bot1\r\nUSER b 0 * :Bot Net\r\n"),
        (1, b":srv 001 bot1 :hi\r\nPING :x\r\n"),
        (0, b"PONG :x\r\nJOIN #c2 key\r\n"),
    ]
    nick, user, join = of(sense(tcp(turns, size=9)), "irc")
    assert nick["vonggac"]["irc"] == {"command": "NICK", "value": "bot1", "nick": "bot1"}
    assert user["vonggac"]["irc"]["real_name"] == "Bot Net"
    assert join["vonggac"]["irc"] == {"command": "JOIN", "value": "#c2", "nick": "bot1"}
    assert join["user"]["name"] == "b"


@given(st.sampled_from([data for _, data, _ in STREAMS]), st.integers(0, 30), st.binary(max_size=40), st.integers(0, 1))
def test_any_first_bytes_get_a_verdict(valid, keep, tail, side):
    recognise_stream(valid[:keep] + tail, side)


@given(st.data())
def test_what_a_protocol_can_begin_with_stands_in_front_of_its_pattern(data):
    firsts, pattern, _ = data.draw(st.sampled_from(PATTERNS))
    beginning = data.draw(st.from_regex(pattern))
    match = pattern.match(beginning)
    assert match is None or match[0][0] in firsts
