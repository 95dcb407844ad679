"""What mail, FTP and the small protocols write stands in docs/ecs-fields.md, and in ECS where ECS has a list."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.unit.sensors.talks import test_ftp as ftp
from tests.unit.sensors.talks import test_imap as imap
from tests.unit.sensors.talks import test_modbus as modbus
from tests.unit.sensors.talks import test_mqtt as mqtt
from tests.unit.sensors.talks import test_pop3 as pop3
from tests.unit.sensors.talks import test_rfb as rfb
from tests.unit.sensors.talks import test_sip as sip
from tests.unit.sensors.talks import test_smtp as smtp
from tests.unit.sensors.talks import test_telnet as telnet
from tests.unit.sensors.test_ecs_fields import paths
from tests.unit.sensors.wire import sense, tcp, udp

PAGE = Path(__file__).parents[4] / "docs" / "ecs-fields.md"
#: ECS 9.0's allowed types of the categories that these events have.
TYPES = {
    "network": {"access", "allowed", "connection", "denied", "end", "info", "protocol", "start"},
    "email": {"info"},
    "authentication": {"start", "end", "info"},
    "file": {"access", "change", "creation", "deletion", "info"},
}


@pytest.fixture(scope="module")
def events() -> list[Any]:
    turns = [smtp.session(), pop3.SESSION, imap.SESSION, mqtt.SESSION, modbus.SESSION, rfb.SESSION]
    turns += [telnet.NEGOTIATION + telnet.LOGIN, [(0, b"NICK a\r\nUSER b 0 * :c\r\n")]]
    frames = [frame for number, turn in enumerate(turns) for frame in tcp(turn, sport=41000 + number)]
    frames += ftp.control((0, b"PASV\r\n"), ftp.PASSIVE, (0, b"RETR /pub/a.exe\r\n"), fin=False)
    frames += tcp([(1, ftp.FILE)], sport=40002, dport=51210)
    frames += [udp(sip.INVITE, sport=5060, dport=5060), udp(sip.REFUSED, sport=5060, dport=5060, back=True)]
    return sense(frames)


def test_every_field_written_stands_on_the_page(events):
    known = set(re.findall(r"`([@a-z][\w.@]*)`", PAGE.read_text("utf-8")))
    known |= {name.replace(".smtp.", f".{other}.") for name in known for other in ("pop3", "imap")}
    packets = "connack|publish|puback|pubrec|pubrel|pubcomp|subscribe|suback|pingreq|disconnect|connect"
    own = re.compile(rf"vonggac\.mqtt\.(?:{packets})\.(?:qos|retain|dup|message_id)")
    written = {path for event in events for path in paths(event)}
    assert sorted(path for path in written - known if not own.fullmatch(path)) == []
    assert {event["event"]["dataset"] for event in events} >= {
        "smtp", "pop3", "imap", "ftp", "ftp_data", "file", "mqtt", "modbus", "sip", "telnet", "rfb", "irc",
    }  # fmt: skip


def test_categories_and_types_fit_each_other(events):
    for event in events:
        allowed = set().union(*(TYPES[name] for name in event["event"]["category"]))
        assert set(event["event"]["type"]) <= allowed
