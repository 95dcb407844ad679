"""What behaviours find in captures: the made day, and real ones that nobody here wrote."""

from __future__ import annotations

import pytest

from sensors import open_source
from sensors.base import Origin
from sensors.made.day import MINISTRY, PROVINCE_A, PROVINCE_B, SITES, make_capture
from tests.unit.correlator.behaviour.made import found_in
from vonggac.domain.event import Document

#: Capture -> what is found in it, and why that is right. Nothing is found in any other.
EXPECTED = {
    "ndpi/dns-tunnel-iodine/dns-tunnel-iodine.pcap": ["dns-tunnel"],  # iodine: 222 questions of type NULL
    "ndpi/synscan/synscan.pcap": ["port-scan"],  # nmap: 1,994 ports of one host
}
#: Attacks, but none of these behaviours: one request (trickbot); one account of one host (the two guessings, which
#: rules find); ICMP, which no behaviour looks at (a rule does).
ATTACKS_OF_ANOTHER_KIND = (
    "ndpi/trickbot/trickbot.pcap",
    "zeek/ftp__bruteforce/bruteforce.pcap",
    "zeek/ssh__sshguess/sshguess.pcap",
    "ndpi/icmp-tunnel/icmp-tunnel.pcap",
)


def events_of(path) -> list[Document]:
    return [event for batch in open_source(str(path), Origin("sensor-1")) for event in batch.events]


@pytest.mark.shared
def test_captures_are_quiet_but_for_the_attacks_in_them(shared_data):
    folder = shared_data / "pcap"
    paths = sorted(path for path in folder.rglob("*") if path.suffix in (".pcap", ".pcapng", ".cap"))
    found = {str(path.relative_to(folder)): [one.rule.kind for one in found_in(events_of(path))] for path in paths}
    assert {name: kinds for name, kinds in found.items() if kinds} == EXPECTED
    assert set(found) >= set(ATTACKS_OF_ANOTHER_KIND)


@pytest.mark.parametrize("site", SITES, ids=lambda site: site.sensor)
def test_the_ordinary_day_is_quiet(site, tmp_path):
    (tmp_path / "day.pcap").write_bytes(make_capture(site, quiet=True))
    assert found_in(events_of(tmp_path / "day.pcap")) == []


@pytest.mark.parametrize(
    ("site", "kinds"),
    [
        (MINISTRY, ["port-scan", "c2-beacon", "phishing-lookalike", "phishing-lookalike", "phishing-lookalike"]),
        (PROVINCE_A, []),
        (PROVINCE_B, ["dns-tunnel", "network-scan"]),
    ],
    ids=lambda value: getattr(value, "sensor", ""),
)
def test_what_is_planted_in_the_day_is_found(site, kinds, tmp_path):
    (tmp_path / "day.pcap").write_bytes(make_capture(site))
    assert [one.rule.kind for one in found_in(events_of(tmp_path / "day.pcap"))] == kinds
