"""Of which kind something is, and by what."""

from __future__ import annotations

from datetime import date

import pytest

from vonggac.dated import kind_maps
from vonggac.domain.kinds import Attacked, KindMap

MAP = kind_maps()[0]


INFECTED, EXPLOIT = "malicious-code/infected-system", "intrusion-attempts/exploit"


@pytest.mark.parametrize(
    ("tags", "kind", "rsit", "because"),
    [
        (("attack.t1486",), "ransomware", INFECTED, "technique T1486"),
        (("attack.execution", "attack.t1059.001", "attack.t1486"), "ransomware", INFECTED, "technique T1486"),
        (("attack.t1498.002",), "dos", "availability/dos", "technique T1498.002"),
        (("attack.t1499",), "dos", "availability/dos", "technique T1499"),
        (("attack.t1566.002",), "phishing", "fraud/phishing", "technique T1566.002"),
        (("attack.t1491",), "deface", "intrusions/system-compromise", "technique T1491"),
        (("attack.t1190",), "unauthorized-access", EXPLOIT, "technique T1190"),
        (("attack.t1110.003",), "unauthorized-access", "intrusion-attempts/brute-force", "technique T1110.003"),
        (("attack.t1041",), "espionage", "information-content-security/data-leak", "technique T1041"),
        (("attack.t1561.001",), "sabotage", "availability/sabotage", "technique T1561.001"),
        (("attack.t1046",), "unauthorized-access", "information-gathering/scanner", "technique T1046"),
        (("attack.t9999", "attack.command-and-control"), "malware", INFECTED, "tactic command-and-control"),
        (("cve.2021-44228", "attack.initial-access"), "unauthorized-access", EXPLOIT, "tag cve.2021-44228"),
        (("logsource.antivirus",), "malware", INFECTED, "logsource antivirus"),
        (("label.sector/phishing-kit", "indicator.domain"), "phishing", "fraud/phishing", "label sector/phishing-kit"),
        (("label.malicious-activity", "indicator.ip"), "malware", INFECTED, "indicator ip"),
        (("attack.t14860",), "other", "other/undetermined", "nothing"),
        ((), "other", "other/undetermined", "nothing"),
    ],
)  # fmt: skip
def test_tags_tell_the_kind(tags: tuple[str, ...], kind: str, rsit: str, because: str) -> None:
    found = MAP.classify("", "", tags)
    assert (found.kind, found.rsit, found.because, found.map) == (kind, rsit, because, "qd05-rsit-1")


@pytest.mark.parametrize(
    ("kind", "rsit", "tags", "wanted"),
    [
        ("malware", "malicious-code", ("attack.t1486",), ("malware", "malicious-code")),  # the row says another kind
        ("malware", "malicious-code", ("attack.t1071",), ("malware", "malicious-code/infected-system")),
        ("unauthorized-access", "", ("attack.t1046",), ("unauthorized-access", "information-gathering/scanner")),
        ("dos", "", (), ("dos", "availability/dos")),
        ("", "fraud", (), ("phishing", "fraud")),
        ("other", "", ("attack.t1486",), ("other", "other/undetermined")),
    ],
)
def test_what_a_rule_states_stands_and_its_tags_tell_the_rest(
    kind: str, rsit: str, tags: tuple[str, ...], wanted: tuple[str, str]
) -> None:
    found = MAP.classify(kind, rsit, tags)
    assert (found.kind, found.rsit, found.because) == (*wanted, "rule")


@pytest.mark.parametrize(
    ("kind", "before", "after"),
    [
        ("malware", "malicious-code/infected-system", "malicious-code/infected-system"),  # still fits
        ("dos", "malicious-code/infected-system", "availability/dos"),
        ("combined", "malicious-code", "malicious-code"),
        ("vulnerable", "malicious-code", "vulnerable"),  # an RSIT class as a category
        ("fraud", "fraud/phishing", "fraud/phishing"),
        ("unheard-of", "fraud/phishing", "fraud/phishing"),
    ],
)
def test_a_persons_category_keeps_the_class_where_it_fits(kind: str, before: str, after: str) -> None:
    assert MAP.class_beside(kind, before) == after


def test_what_harms_most_outranks_and_what_is_unknown_comes_last() -> None:
    assert (
        MAP.rank("ransomware")
        > MAP.rank("malware")
        > MAP.rank("dos")
        > MAP.rank("combined")
        > MAP.rank("abusive-content")
    )


def test_who_was_attacked_goes_by_kind_before_class() -> None:
    assert MAP.who_is_attacked("deface", "intrusions/system-compromise") is Attacked.DESTINATION
    assert MAP.who_is_attacked("unauthorized-access", "intrusions") is Attacked.DESTINATION_BY_SOURCE
    assert MAP.who_is_attacked("malware", "malicious-code/infected-system") is Attacked.EITHER


def test_a_map_is_what_it_is_made_of() -> None:
    empty = KindMap("m", date(2030, 1, 1), "", {}, {}, {}, ())
    assert (empty.rank("malware"), empty.class_beside("malware", "x")) == (-1, "x")
