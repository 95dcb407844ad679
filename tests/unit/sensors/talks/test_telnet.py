from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from sensors.decode.telnet import MAX_SUBNEGOTIATION, Commands, Option, environment, terminal, window
from tests.unit.sensors.wire import of, sense, tcp

NEGOTIATION = [
    (1, b"\xff\xfd\x18\xff\xfd\x1f\xff\xfd\x27\xff\xfb\x01"),
    (0, b"\xff\xfb\x18\xff\xfb\x1f\xff\xfb\x27\xff\xfd\x01"),
    (1, b"\xff\xfa\x18\x01\xff\xf0"),
    (
        0,
        b"\xff\xfa\x18\x00xterm\xff\xf0\xff\xfa\x1f\x00\x50\x00\x18\xff\xf0\xff\xfa\x27\x00\x00USER\x01-f root\xff\xf0",
    ),
]
LOGIN = [
    (1, b"\r\nrouter login: "),
    (0, b"adn\x7fmin\r\n"),
    (1, b"admin\r\nPassword: "),
    (0, b"matkhau\r\n"),
    (1, b"\r\nLogin incorrect\r\nrouter login: "),
    (0, b"r"),
    (1, b"r"),
    (0, b"oot\r\0"),
    (1, b"oot\r\nPassword: "),
    (0, b"xc3511\r\n"),
    (1, b"\r\nBusyBox v1.0\r\n# "),
    (0, b"cat /etc/passwd\r\n"),
]


def test_a_connection_is_one_event_with_its_log_ins():
    for size in (1000, 1):
        events = sense(tcp([*NEGOTIATION, *LOGIN], dport=2323, size=size))
        (event,) = of(events, "telnet")
        assert event["user"]["name"] == "root"
        assert event["event"]["outcome"] == "success"
        own = event["vonggac"]["telnet"]
        assert own["users"] == ["admin", "root"]
        assert own["auth_attempts"] == 2
        assert own["auth_failures"] == 1
        assert own["terminal_type"] == "xterm"
        assert (own["columns"], own["rows"]) == (80, 24)
        assert own["environment"] == ["USER=-f root"]
        assert "will terminal-type" in own["client_options"]
        for secret in ("matkhau", "xc3511", "passwd"):
            assert secret not in str(events)
        assert of(events, "flow")[0]["network"]["protocol"] == "telnet"


def test_one_side_alone_is_told():
    (client,) = of(sense(tcp([t for t in NEGOTIATION if not t[0]])), "telnet")
    assert client["vonggac"]["telnet"]["terminal_type"] == "xterm"
    assert len(of(sense(tcp([t for t in NEGOTIATION + LOGIN if t[0]])), "telnet")) == 1


def test_a_gap_forgets_what_was_asked():
    frames = [bytes(f) for f in tcp([*NEGOTIATION, *LOGIN], size=1000)]
    lost = next(index for index, frame in enumerate(frames) if frame.endswith(b"admin\r\nPassword: "))
    events = sense(frames[:lost] + frames[lost + 1 :])
    assert "matkhau" not in str(events)
    assert len(of(events, "telnet")) == 1


def test_commands_are_taken_off_wherever_the_stream_is_cut():
    data = b"a\xff\xffb\xff\xfa\x18\x00x\xff\xffy\xff\xf0c\xff\xfb\x01d\xff\xf1e"
    for cut in range(1, len(data)):
        commands, text, options = Commands(), b"", []
        for at in range(0, len(data), cut):
            piece, found = commands.feed(data[at : at + cut])
            text += piece
            options += found
        assert text == b"a\xffbcde"
        assert options == [Option("sb", 0x18, b"\x00x\xffy"), Option("will", 1)]


def test_a_subnegotiation_without_end_is_bounded():
    commands = Commands()
    commands.feed(b"\xff\xfa\x18" + bytes(100_000))
    assert commands.feed(b"\xff\xf0")[1] == [Option("sb", 0x18, bytes(MAX_SUBNEGOTIATION - 1))]


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 60), st.binary(max_size=60))
def test_any_bytes_are_read(keep, tail):
    data = NEGOTIATION[3][1][:keep] + tail
    for option in Commands().feed(data)[1]:
        terminal(option.data), window(option.data), environment(option.data)
    environment(b"\0" + tail)
