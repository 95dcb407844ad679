"""Our mapping files held to pySigma's pipelines for ECS, and their log sources to its pipelines for Windows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sigma.pipelines.common import windows_logsource_mapping
from sigma.pipelines.elasticsearch.macos import ecs_macos_esf
from sigma.pipelines.elasticsearch.windows import ecs_windows, ecs_windows_old
from sigma.pipelines.elasticsearch.zeek import ecs_zeek_beats, ecs_zeek_corelight
from sigma.pipelines.sysmon.sysmon import sysmon_generic_logsource_eventid_mapping
from sigma.pipelines.windows.windows import windows_generic_category_channel_mapping

from correlator.sigma.taxonomy import LogSource, applies, origin_of, paths_of
from correlator.sigma.taxonomy.tables import tables

_ONE_OF_TWO = "user.* and winlog.logon are one of an event's two accounts; the event data that names the field is kept"
_OTHER_VALUES = "egress and ingress, where rules say true and false"
#: What the pipelines map and we do not, with the reason.
WINDOWS_DIFFERENCES = {
    ("Initiated", "network.direction"): _OTHER_VALUES,
    ("SubjectLogonId", "winlog.logon.id"): _ONE_OF_TWO,
    ("SubjectDomainName", "user.domain"): _ONE_OF_TWO,
    ("SubjectUserName", "user.name"): _ONE_OF_TWO,
    ("SubjectUserSid", "user.id"): _ONE_OF_TWO,
    ("TargetLogonId", "winlog.logon.id"): _ONE_OF_TWO,
    ("AccountDomain", "user.domain"): _ONE_OF_TWO,
    ("AccountName", "user.name"): _ONE_OF_TWO,
    ("TargetDomainName", "user.domain"): _ONE_OF_TWO,
}
#: Fields of the pipeline's that we have elsewhere or not at all: (field, target) -> reason.
ZEEK_DIFFERENCES = {
    ("duration", "event.duration"): "nanoseconds, where rules say seconds",
    ("rtt", "event.duration"): "nanoseconds, where rules say seconds",
    ("c-uri-stem", "url.original"): "url.path is the stem",
    ("cs-cookie", "http.cookie_vars"): "names of cookies, where rules say their text",
    ("c-cookie", "http.cookie_vars"): "names of cookies, where rules say their text",
    ("question_length", "labels.dns.query_length"): "a label of one installation",
    ("orig_cc", "source.geo.country_iso_code"): "added by an enrichment that we have not",
    ("resp_cc", "destination.geo.country_iso_code"): "added by an enrichment that we have not",
    ("agent.version", "version"): "no column of Zeek's",
    ("p", "destination.port"): "a column of notice.log that is either end's port",
}
#: Logs of Zeek's that no rule of SigmaHQ's names: their columns are looked for under `zeek.<log>.<column>` only.
UNNAMED_LOGS = (
    "dnp3", "dpd", "gquic", "intel", "irc", "known_certs", "mysql", "ocsp", "pe", "pop3", "sip", "smb", "socks",
    "software", "tunnel",
)  # fmt: skip
#: Names in which the pipeline puts the log or its meaning before a column; Zeek's column is the rest.
MADE_UP = (
    "clientIP", "clientip", "conn_", "dest_", "dns_", "ftp_", "http_", "irc_", "kerberos_", "mqtt_", "mysql_",
    "network_", "ntp_", "pop3_", "smb_", "smtp_", "snmp_", "ssh_", "ssl_", "tls_", "weird_",
)  # fmt: skip


def mapped(pipeline: Any) -> Iterator[tuple[str, str, LogSource]]:
    """Each field that a pipeline maps, its ECS name, and the log source this is for."""
    for item in pipeline.items:
        mapping = getattr(item.transformation, "mapping", None)
        if isinstance(mapping, dict):
            condition = next(iter(item.rule_conditions))
            source = LogSource(condition.category or "", condition.product or "", condition.service or "")
            for name, targets in mapping.items():
                for target in targets if isinstance(targets, list) else [targets]:
                    yield name, target.partition(" #")[0].strip().removesuffix(".caseless"), source


def sources_of(product: str) -> list[LogSource]:
    return [entry.source for entry in tables().entries if entry.source.product == product]


@pytest.mark.parametrize(
    ("pipeline", "product"), [(ecs_windows, "windows"), (ecs_windows_old, "windows"), (ecs_macos_esf, "macos")]
)
def test_what_a_pipeline_of_hosts_maps_is_found_under_its_name(pipeline: Any, product: str):
    left = {
        (name, target)
        for name, target, source in mapped(pipeline())
        if not any(target in paths_of(name, each) for each in (source, *sources_of(product)))
    }
    assert left == (set(WINDOWS_DIFFERENCES) if pipeline is ecs_windows else set())


@pytest.mark.parametrize("pipeline", [ecs_zeek_beats, ecs_zeek_corelight])
def test_what_a_pipeline_of_zeek_maps_is_found_under_its_name(pipeline: Any):
    sources = [*sources_of("zeek"), *(LogSource(name) for name in ("proxy", "webserver", "firewall", "dns"))]
    left = {
        (name, target)
        for name, target, _ in mapped(pipeline())
        if not any(target in paths_of(name, each) for each in sources)
        and "*" not in target
        and not name.startswith(MADE_UP)
        and target.removeprefix("zeek.").partition(".")[0] not in UNNAMED_LOGS
    }
    assert left == set(ZEEK_DIFFERENCES)


@pytest.mark.parametrize(("service", "channels"), windows_logsource_mapping.items())
def test_every_windows_service_of_pysigma_is_its_channel(service: str, channels: str | list[str]):
    for channel in [channels] if isinstance(channels, str) else channels:
        source = LogSource(product="windows", service=service)
        assert applies(source, origin_of({"winlog": {"channel": channel}}))
        assert applies(source, origin_of({"Event": {"System": {"Channel": channel, "EventID": 7}}}))
        assert applies(source, origin_of({"Channel": channel, "EventID": 7}))
        assert not applies(source, origin_of({"Channel": "Another", "EventID": 7}))


@pytest.mark.parametrize(("category", "codes"), sysmon_generic_logsource_eventid_mapping.items())
def test_every_sysmon_category_of_pysigma_is_its_event_ids(category: str, codes: int | list[int]):
    source = LogSource(category, "windows")
    wanted = {codes} if isinstance(codes, int) else set(codes)
    channel = "Microsoft-Windows-Sysmon/Operational"
    found = {n for n in range(300) if applies(source, origin_of({"Channel": channel, "EventID": n}))}
    assert found == wanted | ({26} if category == "file_delete" else set())  # 26 is a deletion too, without a copy kept
    assert not any(applies(source, origin_of({"Channel": "System", "EventID": n})) for n in wanted)


@pytest.mark.parametrize(("category", "facts"), windows_generic_category_channel_mapping.items())
def test_every_powershell_category_of_pysigma_is_its_event_id(category: str, facts: dict[str, Any]):
    channels = tables().windows.channels[facts["service"]]
    for channel in channels:
        assert applies(LogSource(category, "windows"), origin_of({"Channel": channel, "EventID": facts["EventID"]}))
