"""`python -m tests.golden.table > docs/rules.md`: every shipped rule by ATT&CK tactic. A test holds the page to it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import yaml

from correlator.rule import Rule
from correlator.sigma.load import load_rules
from rules import SHIPPED
from tests.golden.runner import rule_files

#: ATT&CK's tactics in its own order, those of industrial control systems behind them, as Sigma's tags write them.
TACTICS = {
    "reconnaissance": "Reconnaissance",
    "resource-development": "Resource Development",
    "initial-access": "Initial Access",
    "execution": "Execution",
    "persistence": "Persistence",
    "privilege-escalation": "Privilege Escalation",
    "defense-evasion": "Defense Evasion",
    "credential-access": "Credential Access",
    "discovery": "Discovery",
    "lateral-movement": "Lateral Movement",
    "collection": "Collection",
    "command-and-control": "Command and Control",
    "exfiltration": "Exfiltration",
    "impact": "Impact",
    "impair-process-control": "Impair Process Control",
    "inhibit-response-function": "Inhibit Response Function",
}

HEAD = """# The shipped rules

Written by `python -m tests.golden.table`; a test holds this page to the rules. How a rule is made: `rules/README.md`.
What they say on captures of others: [rules-on-captures.md](rules-on-captures.md). Detections of one agency, one kind
and one entity within the incident window are one incident.

{alerting} rules alert; {feeding} more only feed a correlation and are not listed. A rule stands under the first
tactic among its tags.
"""

SECTION = """
## {tactic}

| Title | Tiêu đề | Level | ATT&CK | Category | Kind | Entity | File |
| --- | --- | --- | --- | --- | --- | --- | --- |
"""

TAIL = """
## Indicators

They make detections of their own: `known-bad-ip`, `known-bad-domain`, `known-bad-url`, `known-bad-file` (a hash of a
file) and `known-bad-fingerprint` (a hash on a TLS connection), level high, category malware, or phishing where the
indicator is labelled so.
"""


def page() -> str:
    rules = load_rules([SHIPPED]).rules
    alerting = sorted(
        (rule for rule in rules if getattr(rule, "alerts", True)), key=lambda rule: (rule.place.path, rule.info.name)
    )
    tactics = tactic_of_ids()
    sections = (
        SECTION.format(tactic=name) + "".join(_row(rule) for rule in alerting if tactics[rule.info.id] == tactic)
        for tactic, name in TACTICS.items()
        if tactic in tactics.values()
    )
    return HEAD.format(alerting=len(alerting), feeding=len(rules) - len(alerting)) + "".join(sections) + TAIL


def tactic_of_ids() -> dict[str, str]:
    """A rule's id -> the first tactic among its tags."""
    return {document["id"]: first_tactic(document["tags"]) for document in _documents()}


def first_tactic(tags: Iterable[str]) -> str:
    return next(tag.removeprefix("attack.") for tag in tags if tag.removeprefix("attack.") in TACTICS)


def _documents() -> Iterable[dict[str, Any]]:
    for path in rule_files().values():
        yield from yaml.safe_load_all(path.read_text("utf-8"))


def _row(rule: Rule) -> str:
    info = rule.info
    file = rule.place.path.removeprefix(f"{SHIPPED}/")
    cells = (
        info.name,
        info.name_vi,
        info.level,
        " ".join(info.techniques),
        info.category,
        f"`{info.kind}`",
        f"`{info.entity}`",
        f"`{file}`",
    )
    return "| " + " | ".join(cells) + " |\n"


if __name__ == "__main__":
    print(page(), end="")
