"""Fields that the shared rules name, looked for in what our readers make of the shared captures and logs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import yaml

from correlator.facts import Facts
from correlator.sigma.taxonomy import LogSource, applies, origin_of, paths_of
from sensors import open_source
from sensors.base import Origin
from vonggac.domain.event import Document

pytestmark = pytest.mark.shared

INPUTS = ("zeek-logs/wrccdc-json", "zeek-logs/otrf-lsass", "eve/vast-eve-mixed.json", "eve/fever")
CAPTURES = (
    "pcap/zeek/wikipedia/wikipedia.pcap",
    "pcap/ndpi/WebattackSQLinj/WebattackSQLinj.pcap",
    "pcap/ndpi/trickbot/trickbot.pcap",
    "pcap/zeek/smb__smb2readwrite/smb2readwrite.pcap",
    "pcap/suricata-verify/krb5-kerberoasting/input.pcap",
)
EVENTS_PER_INPUT = 400
#: Log sources of network sensors -> fields of theirs that some real event holds, and that none holds, with the reason.
SEEN = {
    LogSource("dns"): ({"query"}, {}),
    LogSource("webserver"): (
        {"cs-method", "cs-uri-query", "cs-uri-stem", "cs-user-agent", "cs-referer", "sc-status", "cs-content-type"},
        {"cs-username": "no capture has a login in it"},
    ),
    LogSource("proxy"): (
        {"c-uri", "c-uri-extension", "c-useragent", "cs-host", "cs-method", "cs-uri", "cs-uri-stem", "sc-status"},
        {"cs-cookie": "our sensors do not keep cookies"},
    ),
    LogSource("firewall"): ({"src_ip", "dst_ip"}, {}),
    LogSource("", "zeek", "dns"): (
        {"query", "qtype_name", "answers", "id.resp_p", "Z", "rejected"},
        {},
    ),
    LogSource("", "zeek", "http"): (
        {"status_code", "uri", "method", "user_agent", "id.resp_h", "request_body_len"},
        {"client_header_names": "no Zeek log here has that script's column"},
    ),
    LogSource("", "zeek", "dce_rpc"): ({"endpoint", "operation"}, {}),
    LogSource("", "zeek", "smb_files"): ({"name", "path"}, {}),
    LogSource("", "zeek", "kerberos"): ({"request_type", "service", "cipher"}, {}),
    LogSource("", "zeek", "x509"): ({"certificate.serial"}, {}),
}


def rules(shared_data: Path) -> Iterator[tuple[LogSource, set[str]]]:
    """Each shared rule's log source and the fields it names."""
    for file in sorted((shared_data / "sigma").rglob("*.yml")):
        for document in yaml.safe_load_all(file.read_text("utf-8")):
            if "detection" in document:
                given = document["logsource"]
                source = LogSource(*(given.get(part, "") for part in ("category", "product", "service")))
                yield source, set(_fields(document["detection"].values()))


def _fields(node: Any) -> Iterator[str]:
    if isinstance(node, Mapping):
        yield from (name for key in node if (name := key.partition("|")[0]))
    elif not isinstance(node, str):
        for inner in node:
            yield from _fields(inner)


@lru_cache(maxsize=1)
def real_events(shared_data: Path) -> tuple[Document, ...]:
    found: list[Document] = []
    for name in (*INPUTS, *CAPTURES):
        folder = shared_data / name
        for path in sorted(folder.iterdir()) if folder.is_dir() else (folder,):
            batches = open_source(str(path), Origin("sensor"))
            found += islice((event for batch in batches for event in batch.events), EVENTS_PER_INPUT)
    return tuple(found)


def test_every_field_that_a_shared_rule_names_has_a_path(shared_data: Path):
    named = {(source, name) for source, names in rules(shared_data) for name in names}
    assert all(paths_of(name, source) for source, name in named)
    assert len({source for source, _ in named}) >= 20


def test_the_fields_of_network_rules_are_where_real_events_hold_them(shared_data: Path):
    names: dict[LogSource, set[str]] = defaultdict(set)
    for source, fields in rules(shared_data):
        names[source] |= fields
    held: dict[LogSource, set[str]] = defaultdict(set)
    for event in real_events(shared_data):
        facts, origin = Facts(event), origin_of(event)
        for source in SEEN:
            if applies(source, origin):
                missing = names[source] - held[source]
                held[source] |= {name for name in missing if any(facts.get(path) for path in paths_of(name, source))}
    assert {source: (held[source], names[source] - held[source]) for source in SEEN} == {
        source: (seen, set(unseen)) for source, (seen, unseen) in SEEN.items()
    }
