from __future__ import annotations

import pytest

from sensors.decode.fault import Undecodable
from sensors.decode.syslog import plausible
from sensors.talks.syslog import read_syslog
from tests.unit.sensors.hostile import only_undecodable_escapes
from tests.unit.sensors.wire import of, sense, udp

NEW = b"<165>1 2003-10-11T22:14:15.003Z may1.tinh.vn sshd 421 ID47 - \xef\xbb\xbfFailed password for root"
OLD = b"<34>Oct 11 22:14:15 may1 su[230]: 'su root' failed for lonvick on /dev/pts/8"
BARE = b"<13>%ASA-6-302013: Built outbound TCP connection\n"


def test_a_message_of_rfc_5424_is_read():
    (event,) = of(sense([udp(NEW, dport=514)]), "syslog")
    assert event["log"]["syslog"] == {
        "priority": 165, "facility": {"code": 20, "name": "local4"}, "severity": {"code": 5, "name": "notice"},
        "version": "1", "hostname": "may1.tinh.vn", "appname": "sshd", "procid": "421", "msgid": "ID47",
    }  # fmt: skip
    assert event["message"].endswith("Failed password for root")
    assert event["related"]["hosts"] == ["may1.tinh.vn"]
    assert event["network"]["protocol"] == "syslog"


def test_a_message_of_the_older_form_is_read():
    fields = read_syslog(OLD).fields
    own = fields["log"]["syslog"]
    assert (own["hostname"], own["appname"], own["procid"], own["facility"]["name"]) == ("may1", "su", "230", "auth")
    assert fields["message"].startswith("'su root'")


def test_a_message_of_neither_form_is_text():
    assert read_syslog(BARE).fields["message"] == "%ASA-6-302013: Built outbound TCP connection"


@pytest.mark.parametrize("data", [b"<192>x y", b"<>abc", b"<1>", b"<html>", b"<13>\0\1\2\3", b"<00>abc"])
def test_other_text_is_not_syslog(data):
    assert not plausible(data)


def test_a_priority_that_does_not_exist_is_a_fault():
    with pytest.raises(Undecodable):
        read_syslog(b"<999>x")


def test_only_the_declared_fault_escapes():
    only_undecodable_escapes(read_syslog, NEW, OLD, BARE)
