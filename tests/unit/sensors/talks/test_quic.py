from __future__ import annotations

from sensors.streams import Moment
from sensors.talks.quic import MAX_CRYPTO, MAX_DATAGRAMS, QuicTalk
from tests.unit.sensors.hostile import only_undecodable_escapes
from tests.unit.sensors.talks.quic_packets import SERVER_ID, SHORT, crypto, hellos, initial
from tests.unit.sensors.wire import of, sense, udp

CLIENT_HELLO, SERVER_HELLO = hellos()


def quic(*turns: tuple[int, bytes]) -> list[dict[str, object]]:
    events = sense([udp(data, dport=443, back=bool(side)) for side, data in turns])
    assert not of(events, "anomaly")
    return of(events, "quic")


def test_a_connection_is_one_event_with_both_hellos():
    (event,) = quic(
        (0, initial(crypto(0, CLIENT_HELLO), size=1180)),
        (1, initial(b"\2\0\0\0\0" + crypto(0, SERVER_HELLO), server=True) + SHORT),
        (0, SHORT),
        (1, SHORT),
    )
    tls = event["tls"]
    assert (tls["client"]["server_name"], tls["version"], tls["established"]) == ("cong.example.vn", "1.3", True)
    assert tls["client"]["ja4"].startswith("q13d")
    assert tls["server"]["ja3s"]
    assert event["vonggac"]["quic"]["version"] == "1"
    assert event["vonggac"]["quic"]["server_id"] == SERVER_ID.hex(":")
    assert event["destination"]["domain"] == "cong.example.vn"
    assert {"type": 0, "name": "server_name", "values": ["cong.example.vn"]} in event["vonggac"]["quic"]["extensions"]
    assert event["network"]["protocol"] == "quic"


def test_a_hello_in_pieces_and_in_any_order_over_two_packets_is_put_together():
    middle = len(CLIENT_HELLO) // 2
    first = initial(crypto(middle, CLIENT_HELLO[middle:]) + b"\1\0\0" + crypto(10, CLIENT_HELLO[10:middle]))
    (event,) = quic((0, first), (0, initial(crypto(0, CLIENT_HELLO[:20]), number=1)))
    assert event["tls"]["client"]["server_name"] == "cong.example.vn"
    assert event["tls"]["established"] is False


def test_packets_that_share_a_datagram_are_all_read():
    middle = len(CLIENT_HELLO) // 2
    both = initial(crypto(0, CLIENT_HELLO[:middle])) + initial(crypto(middle, CLIENT_HELLO[middle:]), number=1)
    (event,) = quic((0, both + bytes(100)))
    assert event["tls"]["client"]["server_name"] == "cong.example.vn"


def test_after_a_retry_the_keys_are_the_new_connection_ids():
    again = initial(crypto(0, CLIENT_HELLO), by=SERVER_ID, number=1)
    retry = b"\xf0\0\0\0\1\2\1\2\x08" + SERVER_ID + b"token" + bytes(16)
    (event,) = quic((0, initial(crypto(0, b"\1\0"), size=60)), (1, retry), (0, again))
    assert event["vonggac"]["quic"]["retry"] is True
    assert event["tls"]["client"]["server_name"] == "cong.example.vn"


def test_a_connection_refused_says_why():
    (event,) = quic(
        (0, initial(crypto(0, CLIENT_HELLO))), (1, initial(b"\x1c\x41\x28\0\5no h3" + bytes(20), server=True))
    )
    assert event["vonggac"]["quic"]["close"] == {"code": 0x128, "reason": "no h3"}


def test_a_server_heard_alone_is_a_connection_of_that_version():
    (event,) = quic((1, initial(crypto(0, SERVER_HELLO), server=True)))
    assert event["vonggac"]["quic"] == {"version": "1"}
    assert "tls" not in event


def test_googles_quic_tells_name_and_program():
    values = b"www.google.vn" + b"Chrome/46 Linux"
    chlo = b"CHLO\2\0\0\0SNI\0\x0d\0\0\0UAID\x1c\0\0\0" + values
    (event,) = quic((0, b"\x0d" + bytes(8) + b"Q043\1" + bytes(12) + b"\xa0\1\0\0" + chlo), (1, b"\x0c" + bytes(40)))
    assert (event["tls"]["client"]["server_name"], event["user_agent"]["original"]) == (
        "www.google.vn",
        "Chrome/46 Linux",
    )
    assert event["vonggac"]["quic"]["version"] == "Q043"


def test_other_datagrams_stay_unknown():
    events = sense([udp(b"\xc0\0\0\0\x01\x15" + bytes(1300), dport=443), udp(SHORT, sport=41000, dport=443)])
    assert not of(events, "quic")
    assert all("protocol" not in flow["network"] for flow in of(events, "flow"))


def test_what_one_connection_may_keep_is_bounded():
    talk = QuicTalk()
    assert not list(talk.data(0, initial(crypto(MAX_CRYPTO - 10, bytes(20)), size=60), Moment(0, 0)))
    found = [f for n in range(1, 99) for f in talk.data(0, initial(b"\1", size=60, number=n), Moment(n, n))]
    assert len(found) == 1
    assert talk.done
    assert MAX_DATAGRAMS < 99


def test_only_the_declared_fault_escapes():
    def read(data: bytes) -> None:
        talk = QuicTalk()
        list(talk.data(0, data, Moment(0, 0)))
        list(talk.data(1, data, Moment(1, 1)))
        list(talk.close(True))

    broken = initial(crypto(0, b"\1\0\0\x40" + CLIENT_HELLO[4:68]))
    only_undecodable_escapes(read, initial(crypto(0, CLIENT_HELLO)), broken, b"\x80\0\0\0\0\2ab\2cd" + bytes(40))
