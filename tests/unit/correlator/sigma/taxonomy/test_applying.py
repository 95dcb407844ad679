"""Which events a log source means, and where its fields stand in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from correlator.engine import Correlator
from correlator.sigma.fields import LogSource, paths_of
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
