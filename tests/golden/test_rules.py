"""What every shipped rule holds, and that the page about them is true."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from correlator.sigma.info import CATEGORIES, RSIT_CLASSES
from rules import SHIPPED
from tests.golden.runner import rule_files
from tests.golden.table import page

ROOT = Path(__file__).parents[2]
DATASETS = (
    *("arp", "dcerpc", "dhcp", "dns", "file", "flow", "ftp", "ftp_data", "http", "icmp", "imap", "irc", "kerberos"),
    *("ldap", "modbus", "mqtt", "ntlm", "ntp", "pop3", "rdp", "rfb", "sip", "smb", "smtp", "snmp", "ssh", "telnet"),
    *("tftp", "tls"),
)
DOCUMENTS = [
    (path.relative_to(SHIPPED).as_posix(), document)
    for path in rule_files().values()
    for document in yaml.safe_load_all(path.read_text("utf-8"))
]


@pytest.mark.parametrize(("path", "rule"), DOCUMENTS, ids=[f"{path}:{rule['title']}" for path, rule in DOCUMENTS])
def test_a_shipped_rule_says_everything_that_ours_say(path: str, rule: dict[str, Any]):
    for key in ("id", "title", "title_vi", "description", "date", "status", "level", "falsepositives"):
        assert rule[key], key
    assert rule["author"] == "Vọng Gác"
    assert all(isinstance(reason, str) for reason in rule["falsepositives"])
    assert any(tag.startswith("attack.t") for tag in rule["tags"])
    assert any(not tag.removeprefix("attack.t")[:1].isdigit() for tag in rule["tags"])
    block = rule["vonggac"]
    assert set(block) == {"category", "rsit", "kind", "entity"}
    assert block["category"] in CATEGORIES
    assert block["rsit"] in RSIT_CLASSES
    if "logsource" in rule:
        assert rule["logsource"]["product"] == "vonggac"
        assert rule["logsource"]["service"] in DATASETS


def test_titles_are_told_apart_in_both_languages():
    for key in ("title", "title_vi"):
        titles = [rule[key] for _, rule in DOCUMENTS if rule["level"] != "informational"]
        assert len(set(titles)) == len(titles)


def test_the_page_of_rules_is_what_the_rules_say():
    assert (ROOT / "docs" / "rules.md").read_text("utf-8") == page(), "run python -m tests.golden.table > docs/rules.md"
