"""`python -m tests.golden.table > docs/rules.md`: the table of every shipped rule. A test holds the page to it."""

from __future__ import annotations

from correlator.rule import Rule
from correlator.sigma.load import load_rules
from rules import SHIPPED

HEAD = """# The shipped rules

Written by `python -m tests.golden.table`; a test holds this page to the rules. How a rule is made: `rules/README.md`.
Detections of one agency, one kind and one entity within the incident window are one incident. Rules that only feed a
correlation, and never alert by themselves, are not listed.

| Title | Tiêu đề | Level | ATT&CK | Category | Kind | Entity | File |
| --- | --- | --- | --- | --- | --- | --- | --- |
"""

TAIL = """
Indicators make detections of their own: `known-bad-ip`, `known-bad-domain`, `known-bad-url`, `known-bad-file` (a hash
of a file) and `known-bad-fingerprint` (a hash on a TLS connection), level high, category malware, or phishing where the
indicator is labelled so.
"""


def page() -> str:
    rules = [rule for rule in load_rules([SHIPPED]).rules if getattr(rule, "alerts", True)]
    return (
        HEAD + "".join(_row(rule) for rule in sorted(rules, key=lambda rule: (rule.place.path, rule.info.name))) + TAIL
    )


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
