from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sensors import open_source
from sensors.base import Origin
from sensors.document import instant_text
from sensors.made.traffic import Capture
from tests.unit.sensors.talks.test_dns import answer, query
from tests.unit.sensors.talks.test_http import request, response
from tests.unit.sensors.wire import CLIENT, MACS, SERVER, batches, of, pcap, scapy, sense, tcp, udp
from vonggac.domain.event import Document, fault
from vonggac.domain.times import format_instant, from_epoch_us

s = scapy()


def traffic() -> list[bytes]:
    frames = [udp(query()), udp(answer(), back=True)]
    frames += tcp([(0, request()), (1, response())], size=50)
    frames += [s.Ether(**MACS) / s.IP(src=CLIENT, dst=SERVER) / s.ICMP() / s.Raw(b"ping")]
    frames += [s.Ether(**MACS) / s.ARP(psrc=CLIENT, pdst=SERVER)]
    frames += [s.Ether(**MACS, type=0x88CC) / s.Raw(bytes(46))]
    return [bytes(frame) for frame in frames]


def test_every_event_is_valid_ecs_and_names_its_sensor_and_agency():
    events = sense(traffic())
    assert {event["event"]["dataset"] for event in events} == {"dns", "http", "file", "icmp", "arp", "flow"}
    for event in events:
        assert fault(event) is None
        assert event["observer"] == {"name": "sensor-1", "type": "sensor"}
        assert event["organization"] == {"id": "BTC", "name": "Bộ Tài chính"}
        assert event["vonggac"]["source"]["position"] >= 0


def test_the_same_bytes_give_the_same_output():
    capture = pcap(traffic())
    once, again = ([orjson.dumps([*b.events]) for b in batches(capture)] for _ in range(2))
    assert once == again


def test_ids_are_unique_and_layer_seven_points_to_its_flow():
    events = sense(traffic())
    ids = [event["event"]["id"] for event in events]
    assert len(set(ids)) == len(ids)
    known = {flow["event"]["id"]: flow for flow in of(events, "flow")}
    for event in events:
        if event["event"]["dataset"] == "arp":
            continue
        flow = known[event["flow"]["id"]]
        assert event["network"]["community_id"] == flow["network"]["community_id"]


def test_frames_without_ip_are_counted_by_what_they_are():
    (batch,) = batches(pcap(traffic()))
    assert batch.counts == {"ethertype_0x88cc": 1}


def test_a_broken_frame_is_an_anomaly_that_says_where_and_why():
    good = traffic()[0]
    (event,) = of(sense([good, good[:20]]), "anomaly")
    assert event["vonggac"]["anomaly"] == {"layer": "ipv4", "reason": "header_short", "offset": 14, "packet": 1}
    assert event["error"]["code"] == "ipv4.header_short"


def test_a_fragmented_answer_is_put_together():
    message = s.Ether(**MACS) / s.IP(src=SERVER, dst=CLIENT, id=7) / s.UDP(sport=53, dport=40000) / s.Raw(answer())
    parts = s.fragment(message, fragsize=24)
    assert len(parts) > 2
    events = sense([udp(query()), *reversed(parts)])
    assert [event["dns"]["type"] for event in of(events, "dns")] == ["answer"]
    assert of(events, "flow")[0]["destination"]["packets"] == len(parts)


def test_fragments_that_never_complete_are_told():
    message = s.Ether(**MACS) / s.IP(src=SERVER, dst=CLIENT, id=7) / s.UDP() / s.Raw(bytes(100))
    events = sense(s.fragment(message, fragsize=24)[:-1])
    assert [event["vonggac"]["anomaly"]["reason"] for event in events] == ["fragments_incomplete"]


@pytest.mark.parametrize(
    ("side", "data", "name"),
    [
        (0, b"\0\0\0\x55\xffSMBr", "smb"),
        (1, b"220 mail.example ESMTP ready\r\n", "smtp"),
        (1, b"220 (vsFTPd 3.0.3) FTP\r\n", "ftp"),
        (0, b"\x03\0\0\x2b\x26\xe0\0\0\0\0\0Cookie", "rdp"),
    ],
)
def test_protocols_are_named_by_their_content(side, data, name):
    (flow,) = of(sense(tcp([(side, data)], dport=12345)), "flow")
    assert flow["network"]["protocol"] == name


def test_an_unknown_protocol_has_no_name():
    (flow,) = of(sense(tcp([(0, b"\x99\x98\x97" * 100), (1, b"\x01" * 50)], dport=80)), "flow")
    assert "protocol" not in flow["network"]


def test_http_is_recognised_on_any_port():
    assert of(sense(tcp([(0, request()), (1, response())], dport=4711)), "flow")[0]["network"]["protocol"] == "http"


@given(st.integers(0, 253_402_300_799_999_999))
def test_times_are_written_as_the_domain_writes_them(us):
    assert instant_text(us * 1000) == format_instant(from_epoch_us(us))


TRAFFIC = traffic()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.tuples(st.integers(0, len(TRAFFIC) - 1), st.integers(0, 400), st.binary(max_size=6)), min_size=1, max_size=12
    )
)
def test_no_change_of_real_frames_makes_the_engine_raise(changes):
    frames = list(TRAFFIC)
    for index, at, new in changes:
        frames[index] = frames[index][:at] + new + frames[index][at + len(new) :]
    for event in sense(frames):
        assert fault(event) is None
        orjson.dumps(event)


STREAM = [bytes(frame) for frame in tcp([(0, request("/a", "POST", b"x" * 99)), (1, response())], size=60)]


@settings(max_examples=100, deadline=None)
@given(st.permutations(range(3, len(STREAM) - 3)), st.lists(st.integers(3, len(STREAM) - 1), max_size=5))
def test_the_order_of_segments_does_not_matter(order, repeated):
    """The handshake comes first and the close last; what is between may come in any order, some of it twice."""
    frames = STREAM[:3] + [STREAM[n] for n in order] + [STREAM[n] for n in repeated] + STREAM[-3:]
    events = sense(frames)
    assert not of(events, "anomaly")
    (event,) = of(events, "http")
    assert event["http"]["request"]["body"]["bytes"] == 99
    assert event["http"]["response"]["status_code"] == 200


def test_two_sources_that_begin_with_the_same_packet_share_no_id_but_its_own(tmp_path: Path) -> None:
    def ids(later: float) -> list[str]:
        capture = Capture(1_800_000_000.0, "10.0.0.53")
        capture.udp(0, "10.0.0.1", "10.0.0.2", 1, 9, b"same")
        for number in range(3):
            capture.udp(later + number, "10.0.0.3", "10.0.0.4", 7, 9 + number, b"x")
        path = tmp_path / f"{later}.pcap"
        path.write_bytes(capture.bytes())
        return [event["event"]["id"] for batch in open_source(str(path), Origin("s")) for event in batch.events]

    first, second = ids(5.0), ids(6.0)
    assert len(first) == len(second) == 4
    assert len(set(first) & set(second)) == 1


def flood(message: bytes, count: int) -> list[Document]:
    """The events of a TCP client that sends a message so many times."""
    return sense(tcp([(0, message * count)], dport=389, size=1400))


@pytest.mark.parametrize("message", [b"\x30\x06\x02\x01\x05\x50\x01\x04", b"GET / HTTP/1.0\r\n\r\n"])
def test_a_flood_of_tiny_messages_is_told_once_and_not_followed(message):
    few, many = flood(message, 20), flood(message, 4_000)
    assert not of(few, "anomaly")
    (anomaly,) = of(many, "anomaly")
    assert anomaly["vonggac"]["anomaly"]["reason"] == "too_many_messages"
    sent = 4_000 * len(message)
    assert len(many) < 70 + sent / 90
    (flow,) = of(many, "flow")
    assert flow["network"]["protocol"] == of(few, "flow")[0]["network"]["protocol"]
    assert flow["source"]["bytes"] > sent


def test_one_message_a_packet_is_never_a_flood():
    frames = [udp(query(number), sport=40_000) for number in range(1_000)]
    assert len(of(sense(frames), "dns")) == 1_000
