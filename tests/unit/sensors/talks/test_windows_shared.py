"""Windows protocols in the shared captures, against what Suricata and Zeek made of them (shared/data/manifest.json)."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.unit.sensors.test_shared_captures import cases, events_of
from tests.unit.sensors.wire import of

pytestmark = pytest.mark.shared

#: Suricata makes no transaction of these but where they carry DCERPC.
_UNCOUNTED = {f"SMB2_COMMAND_{name}" for name in ("READ", "WRITE", "GET_INFO", "SET_INFO")}


def sensed(shared_data: Path, case: str) -> list[Any]:
    return events_of(shared_data / cases(shared_data)[case]["input"])


def rows(shared_data: Path, case: str, log: str) -> list[dict[str, str]]:
    return list(cases(shared_data)[case]["expect"]["zeek_logs"][log]["records"])


def test_smb_commands_are_those_that_suricata_counts(shared_data):
    commands = [event["vonggac"]["smb"] for event in of(sensed(shared_data, "sv:smb2-06"), "smb")]
    counted = [each for each in commands if each["command"] not in _UNCOUNTED or "request" in each.get("dcerpc", {})]
    for check in cases(shared_data)["sv:smb2-06"]["expect"]["eve_filters"]:
        wanted = {name[4:]: value for name, value in check["match"].items() if name.startswith("smb.")}
        if check["match"]["event_type"] == "smb":
            assert sum(_has(each, wanted) for each in counted) == check["count"], wanted


def _has(command: dict[str, Any], wanted: dict[str, Any]) -> bool:
    flat = command | {f"dcerpc.{name}": value for name, value in command.get("dcerpc", {}).items()}
    return all(flat.get(name) == value for name, value in wanted.items())


def test_smb_files_are_zeeks(shared_data):
    case = "zeek:smb/smb2readwrite.pcap"
    events = sensed(shared_data, case)
    files = [(e["file"]["name"], e["file"]["mime_type"], e["file"]["size"]) for e in of(events, "file")]
    seen = [(row["filename"], row["mime_type"], int(row["seen_bytes"])) for row in rows(shared_data, case, "files.log")]
    assert sorted(files) == sorted(seen)
    ours = {(e["vonggac"]["smb"].get("action"), e["vonggac"]["smb"].get("filename"), e.get("file", {}).get("size", 0))
            for e in of(events, "smb")}  # fmt: skip
    theirs = {(row["action"][5:], row["name"], int(row["size"])) for row in rows(shared_data, case, "smb_files.log")}
    assert theirs <= ours


def test_rdp_and_its_tls_are_zeeks(shared_data):
    case = "zeek:rdp/rdp-to-ssl.pcap"
    events = sensed(shared_data, case)
    names = ("cookie", "result", "security_protocol")
    ours = [tuple(event["vonggac"]["rdp"][name] for name in names) for event in of(events, "rdp")]
    assert ours == [tuple(row[name] for name in names) for row in rows(shared_data, case, "rdp.log")]
    tls = [(e["tls"]["cipher"], e["tls"]["client"]["server_name"], e["tls"]["established"], e["tls"]["resumed"])
           for e in of(events, "tls")]  # fmt: skip
    theirs = rows(shared_data, case, "ssl.log")
    assert tls == [
        (row["cipher"], row["server_name"], row["established"] == "T", row["resumed"] == "T") for row in theirs
    ]
    assert {event["network"]["protocol"] for event in of(events, "flow")} == {"rdp"}


def test_rdp_messages_are_those_that_suricata_counts(shared_data):
    (event,) = of(sensed(shared_data, "sv:output-eve-rdp-01"), "rdp")
    (check,) = cases(shared_data)["sv:output-eve-rdp-01"]["expect"]["eve_filters"]
    assert len(event["vonggac"]["rdp"]["messages"]) == check["count"]


def test_a_roasted_ticket_is_named(shared_data):
    (event,) = of(sensed(shared_data, "sv:krb5-kerberoasting"), "kerberos")
    (check,) = [c for c in cases(shared_data)["sv:krb5-kerberoasting"]["expect"]["eve_filters"]
                if c["match"]["event_type"] == "krb5"]  # fmt: skip
    wanted = {name[5:]: value for name, value in check["match"].items() if name.startswith("krb5.")}
    assert {name: event["vonggac"]["kerberos"][name] for name in wanted} == wanted


def test_calls_to_netlogon_are_those_that_suricata_alerts_on(shared_data):
    calls = Counter(
        e["vonggac"]["dcerpc"].get("operation") for e in of(sensed(shared_data, "sv:dcerpc/zerologon"), "dcerpc")
    )
    counts = [check["count"] for check in cases(shared_data)["sv:dcerpc/zerologon"]["expect"]["eve_filters"]]
    assert [calls["NetrServerAuthenticate3"], calls["NetrServerPasswordSet2"]] == counts


def test_an_enumeration_of_the_domain_is_named(shared_data):
    otrf = shared_data / "pcap" / "otrf"
    samr = of(events_of(otrf / "empire_shell_samr_EnumDomainUsers_2020-09-21193527.cap"), "dcerpc")
    assert "SamrEnumerateUsersInDomain" in [event["vonggac"]["dcerpc"].get("operation") for event in samr]
    svcctl = of(events_of(otrf / "covenant_sc_query_dcerpc_smb_svcctl_2020-08-05034820.cap"), "dcerpc")
    assert "OpenSCManagerW" in [event["vonggac"]["dcerpc"].get("operation") for event in svcctl]
    searches = of(events_of(otrf / "covenant_ldap_searchrequest_domainuser.cap"), "ldap")
    filters = [event["vonggac"]["ldap"].get("filter") for event in searches]
    assert "(&(samAccountType=805306368)(|(samAccountName=nmartha)))" in filters
