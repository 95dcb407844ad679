"""Which events a log source means, and where its fields stand in them."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from correlator.engine import Correlator
from correlator.sigma.taxonomy import LogSource, applies, only_zeek_says, origin_of, paths_of
from correlator.sigma.taxonomy.tables import FILES, tables
from tests.unit.correlator.samples import event, load_text, rule_text

SYSMON = {
    "Event": {
        "System": {
            "EventID": 1,
            "Channel": "Microsoft-Windows-Sysmon/Operational",
            "Provider": {"#attributes": {"Name": "S"}},
        },
        "EventData": {"Image": r"C:\x\certutil.exe"},
    }
}
WINLOG = {
    "event": {"code": "1", "id": "w"},
    "winlog": {"channel": "Microsoft-Windows-Sysmon/Operational", "event_data": {"Image": r"C:\x\certutil.exe"}},
}


@pytest.mark.parametrize(
    ("logsource", "detection", "fields", "expected"),
    [
        ("{category: dns}", "query: a.example", {"dataset": "dns", "dns__question__name": "a.example"}, True),
        ("{category: dns}", "query: a.example", {"dataset": "http", "dns__question__name": "a.example"}, False),
        ("{category: proxy}", "c-uri|contains: /x", {"dataset": "http", "url__original": "/x/y"}, True),
        ("{category: webserver}", "cs-method: POST", {"dataset": "http", "http__request__method": "POST"}, True),
        ("{category: webserver}", "sc-status: 404", {"dataset": "http", "http__response__status_code": 404}, True),
        ("{category: firewall}", "dst_port: 445", {"dataset": "flow", "destination__port": 445}, True),
        ("{product: zeek, service: dns}", "qtype_name: TXT", {"dataset": "dns", "dns__question__type": "TXT"}, True),
        ("{product: zeek, service: conn}", "id.resp_p: 22", {"dataset": "flow", "destination__port": 22}, True),
        ("{product: zeek, service: smb_files}", "name: x", {"dataset": "zeek.smb_files", "name": "x"}, True),
        ("{product: zeek, service: http}", "method: PUT", {"dataset": "dns", "http__request__method": "PUT"}, False),
        (
            "{product: vonggac, service: flow}",
            "source.ip: 192.0.2.1",
            {"dataset": "flow", "source__ip": "192.0.2.1"},
            True,
        ),
        (
            "{product: windows, category: network_connection}",
            "DestinationPort: 445",
            {"dataset": "flow", "destination__port": 445},
            False,
        ),
        ("{product: cisco, service: aaa}", "CmdSet: show", {"dataset": "cisco.aaa", "CmdSet": "show"}, True),
        ("{product: cisco, service: aaa}", "CmdSet: show", {"dataset": "flow", "CmdSet": "show"}, False),
    ],
)
def test_a_rule_sees_the_events_of_its_log_source(
    logsource: str, detection: str, fields: dict[str, Any], expected: bool, tmp_path: Path
):
    loaded = load_text(tmp_path, rule_text(f"  s:\n    {detection}\n  condition: s", logsource=logsource))
    assert bool(Correlator(loaded.rules).feed([event(**fields)])) is expected


@pytest.mark.parametrize("document", [SYSMON, WINLOG])
@pytest.mark.parametrize(("category", "expected"), [("process_creation", True), ("image_load", False)])
def test_windows_events_are_known_in_both_forms(
    document: dict[str, Any], category: str, expected: bool, tmp_path: Path
):
    text = rule_text(
        "  s:\n    Image|endswith: '\\certutil.exe'\n  condition: s",
        logsource=f"{{product: windows, category: {category}}}",
    )
    loaded = load_text(tmp_path, text)
    found = Correlator(loaded.rules).feed([{"@timestamp": "2026-03-02T02:00:00Z", **document}])
    assert bool(found) is expected


@pytest.mark.parametrize(("fields", "expected"), [({}, False), ({"vonggac__zeek": {"dns": {"Z": 1}}}, True)])
def test_a_zeek_rule_about_what_ecs_cannot_say_is_not_true_of_events_that_do_not_say_it(
    fields: dict[str, Any], expected: bool, tmp_path: Path
):
    loaded = load_text(
        tmp_path, rule_text("  s: {Z: 0}\n  condition: not s", logsource="{product: zeek, service: dns}")
    )
    assert bool(Correlator(loaded.rules).feed([event(dataset="dns", **fields)])) is expected


def test_a_name_in_no_table_is_looked_for_under_itself():
    assert paths_of("anything", LogSource("dns")) == ("anything",)
    assert paths_of("source.ip", LogSource(product="vonggac", service="dns")) == ("source.ip",)


def told(dataset: str = "", **fields: Any) -> dict[str, Any]:
    return {"event": {"dataset": dataset}} | {name.replace("__", "."): value for name, value in fields.items()}


FLAT_WEB = {"event": {"dataset": "record"}, "c-uri": "/x", "cs-method": "GET"}
ZEEK_FILES = {"event": {"dataset": "smb", "module": "zeek"}, "vonggac": {"zeek": {"smb_files": {"name": "x"}}}}
STREAM = {  # Sysmon's event 15, which ECS too calls the creation of a file
    "event": {"code": "15", "category": ["file"], "type": ["creation"]},
    "winlog": {"channel": "Microsoft-Windows-Sysmon/Operational"},
}
ENDPOINT = {"event": {"dataset": "endpoint.events.process", "category": ["process"], "type": ["start"]}}


@pytest.mark.parametrize(
    ("source", "document", "expected"),
    [
        (LogSource("webserver"), told("http"), True),
        (LogSource("webserver"), told("apache.access"), True),
        (LogSource("webserver"), told("tls"), False),
        (LogSource("proxy"), told("tls"), True),
        (LogSource("proxy"), told("flow"), False),
        (LogSource("webserver"), {"event": {"dataset": "caddy.log", "category": ["web"]}}, True),
        (LogSource("firewall"), told("flow"), True),
        (LogSource("firewall"), told("cisco_asa.log"), True),
        (LogSource("firewall"), told("dns"), False),
        (LogSource("network_connection"), told("flow"), True),
        (LogSource("network_connection", "windows"), told("flow"), False),
        (LogSource("network_connection", "linux"), told("flow"), False),
        (LogSource("network_connection", "windows"), {"EventID": 3, "Provider_Name": "Microsoft-Windows-Sysmon"}, True),
        (LogSource("network_connection"), {"EventID": 3, "Channel": "Microsoft-Windows-Sysmon/Operational"}, True),
        (LogSource("network", "", "dns"), told("dns"), True),
        (LogSource("network", "", "connection"), told("dns"), False),
        (LogSource("dns"), {"EventID": 22, "Channel": "Microsoft-Windows-Sysmon/Operational"}, True),
        (LogSource("", "zeek", "smb_files"), ZEEK_FILES, True),
        (LogSource("", "zeek", "smb_mapping"), ZEEK_FILES, False),
        (LogSource("", "zeek", "smb_mapping"), told("smb"), True),
        (LogSource("", "zeek", "conn"), told("zeek.connection"), True),
        (LogSource("", "zeek"), told("apache.access"), False),
        (LogSource("process_creation", "windows"), ENDPOINT | {"host": {"os": {"type": "windows"}}}, True),
        (LogSource("process_creation", "linux"), ENDPOINT | {"host": {"os": {"type": "linux"}}}, True),
        (LogSource("process_creation", "windows"), ENDPOINT | {"host": {"os": {"type": "linux"}}}, False),
        (LogSource("process_creation", "linux"), {"EventID": 1, "Channel": "Linux-Sysmon/Operational"}, True),
        (LogSource("process_creation", "windows"), {"EventID": 1, "Channel": "System"}, False),
        (LogSource("file_event", "windows"), STREAM, False),
        (LogSource("create_stream_hash", "windows"), STREAM, True),
        (LogSource("process_creation", "windows"), {"EventID": 4688, "Channel": "Security"}, True),
        (LogSource("process_creation", "windows"), {"EventID": 4688}, True),
        (LogSource("registry_set", "windows"), {"EventID": 4657, "OperationType": "%%1905"}, True),
        (LogSource("registry_set", "windows"), {"EventID": 4657, "OperationType": "%%1904"}, False),
        (LogSource("registry_add", "windows"), {"EventID": 4657, "OperationType": "%%1904"}, True),
        (LogSource("", "windows", "security"), {"Channel": "Security", "EventID": 4625}, True),
        (LogSource("", "windows", "system"), {"Channel": "Security", "EventID": 4625}, False),
        (LogSource("", "windows", "my-own"), {"Channel": "My-Own", "EventID": 1}, True),
        (LogSource("", "linux", "sshd"), told("system.auth", process={"name": "sshd"}), True),
        (LogSource("", "linux", "sshd"), told("system.auth", process={"name": "su"}), False),
        (LogSource("", "linux", "auth"), told("system.auth", process={"name": "su"}), True),
        (LogSource("", "linux", "syslog"), told("syslog"), True),
        (LogSource("", "aws", "cloudtrail"), told("aws.cloudtrail"), True),
        (LogSource("", "gcp", "gcp.audit"), told("gcp.audit"), True),
        (LogSource("", "m365", "exchange"), told("o365.audit"), True),
        (LogSource("application", "django"), told("django.log"), True),
        (LogSource("application", "django"), told("rails.log"), False),
        (LogSource("", "", "apache"), told("apache.error"), True),
        (LogSource("antivirus"), {"event": {"dataset": "some.av", "category": ["malware"]}}, True),
        (LogSource("webserver"), FLAT_WEB, True),
        (LogSource("proxy"), FLAT_WEB, True),
        (LogSource("dns"), FLAT_WEB, False),
        (LogSource("process_creation", "windows"), {"Image": "a.exe", "CommandLine": "a"}, True),
        (LogSource("dns_query", "windows"), {"Image": "a.exe", "CommandLine": "a"}, False),
        (LogSource("antivirus"), {"Signature": "EICAR", "Filename": "x"}, True),
        (LogSource("", "cisco", "aaa"), {"CmdSet": "show", "src": "x"}, True),
        (LogSource("", "linux", "sshd"), {"message": "x", "logsource": {"product": "linux", "service": "sshd"}}, True),
        (LogSource("", "linux", "sudo"), {"message": "x", "logsource": {"product": "linux", "service": "sshd"}}, False),
        (LogSource("", "linux", "sshd"), {"message": "x"}, False),
    ],
)
def test_what_a_log_source_means(source: LogSource, document: dict[str, Any], expected: bool):
    assert applies(source, origin_of(document)) is expected


@pytest.mark.parametrize(
    "document",
    [{}, {"event": 1}, {"event": {"dataset": ["dns"], "module": {}, "code": [1], "category": 5, "type": {}}},
     {"winlog": [], "Event": {"System": "x"}}, {"winlog": {"channel": 5, "event_id": {"#text": 4}}},
     {"logsource": [1], "EventID": {"a": 1}, "Channel": None}, {"host": {"os": ["x"]}, "process": "x"}],
)  # fmt: skip
def test_an_event_of_any_shape_has_an_origin(document: dict[str, Any]):
    assert hash(origin_of(document)) is not None


def test_a_process_of_the_security_log_is_found_by_sysmons_names():
    source = LogSource("process_creation", "windows")
    assert "Event.EventData.NewProcessName" in paths_of("Image", source)
    assert "winlog.event_data.ParentProcessName" in paths_of("ParentImage", source)
    assert paths_of("Image", source)[-1] == "Image"


def test_user_data_is_found_in_the_wrapper_of_its_service():
    applocker = LogSource(product="windows", service="applocker")
    assert "Event.UserData.RuleAndFileData.FilePath" in paths_of("FilePath", applocker)


def test_what_stands_in_an_events_head_is_not_looked_for_in_its_data():
    assert not any("event_data" in path for path in paths_of("Channel", LogSource(product="windows")))


@pytest.mark.parametrize(("name", "expected"), [("Z", True), ("query", False), ("uid", True), ("id.orig_h", False)])
def test_only_what_our_sensors_cannot_say_is_left_to_zeek(name: str, expected: bool):
    assert only_zeek_says(name, LogSource(product="zeek", service="dns")) is expected


def test_every_mapping_file_says_since_when_and_from_what():
    read = tables()
    assert set(read.dates) == set(read.sources) == set(FILES)
    assert all(isinstance(day, date) for day in read.dates.values())
    assert all(read.sources.values())


def test_mapping_files_name_no_path_twice_for_a_field():
    for entry in tables().entries:
        for name, paths in entry.fields.items():
            assert len(set(paths)) == len(paths), (entry.source, name)
