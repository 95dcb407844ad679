"""The examples of the Sigma specification 2.1, one for each statement: what matches, and what must not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from correlator.facts import Facts
from correlator.rule import MatchRule
from correlator.sigma.compile import compile_tree
from tests.unit.correlator.samples import event, load_text, rule_text

Fields = dict[str, Any]


def _matches(folder: Path, detection: str, fields: Fields) -> bool:
    loaded = load_text(folder, rule_text(detection, logsource="{category: process_creation, product: windows}"))
    assert not loaded.faults, loaded.faults
    (rule,) = loaded.rules
    assert isinstance(rule, MatchRule)
    return compile_tree(rule.tree)(Facts({**event(), **fields}))


def _item(item: str) -> str:
    return f"  selection:\n    {item}\n  condition: selection"


EXAMPLES: list[tuple[str, str, list[Fields], list[Fields]]] = [
    (
        "a value is a text without regard to case",
        _item(r"Image: 'C:\Windows\System32\whoami.exe'"),
        [{"Image": r"c:\windows\SYSTEM32\Whoami.exe"}],
        [{"Image": r"C:\Windows\System32\whoami.exe "}, {}],
    ),
    ("? is one character", _item("Image: 'prog?.exe'"), [{"Image": "progB.exe"}], [{"Image": "prog.exe"}]),
    (
        "* is any number of characters",
        _item("Image: 'antivirus_V*.exe'"),
        [{"Image": "antivirus_V1.exe"}, {"Image": "antivirus_V21.2.1.exe"}, {"Image": "antivirus_V.exe"}],
        [{"Image": "antivirus.exe"}],
    ),
    ("a backslash before other characters is itself", _item(r"f: 'a\b'"), [{"f": r"a\b"}], [{"f": "ab"}]),
    ("two backslashes are one", _item(r"f: 'a\\b'"), [{"f": r"a\b"}], [{"f": r"a\\b"}]),
    ("an escaped wildcard is a character", _item(r"f: 'a\*'"), [{"f": "a*"}], [{"f": "ab"}, {"f": r"a\*"}]),
    ("an escaped backslash before a wildcard", _item(r"f: 'a\\*'"), [{"f": r"a\bc"}, {"f": "a\\"}], [{"f": "abc"}]),
    ("three backslashes before a wildcard", _item(r"f: 'a\\\*'"), [{"f": r"a\*"}], [{"f": r"a\b"}]),
    ("three backslashes are two", _item(r"f: 'a\\\b'"), [{"f": r"a\\b"}], [{"f": r"a\b"}]),
    ("four backslashes are two", _item(r"f: 'a\\\\b'"), [{"f": r"a\\b"}], [{"f": r"a\b"}]),
    (
        "a list of texts is looked for in the whole event, either of them",
        "  keywords: [EVILSERVICE, 'svchost.exe -n evil']\n  condition: keywords",
        [{"x": "an EvilService"}, {"y": {"z": ["svchost.exe -n EVIL"]}}],
        [{"x": "evil service"}],
    ),
    (
        "a list of maps is either of them",
        "  selection:\n    - Image|endswith: '\\\\example.exe'\n    - Description|contains: 'Test executable'\n"
        "  condition: selection",
        [{"Image": r"C:\example.exe"}, {"Description": "a test EXECUTABLE"}],
        [{"Image": "example.exe"}],
    ),
    (
        "a map is all of its fields, a list of values either of them",
        "  selection:\n    EventLog: Security\n    EventID: [517, 1102]\n  condition: selection",
        [{"EventLog": "Security", "EventID": 517}, {"EventLog": "security", "EventID": "1102"}],
        [{"EventLog": "Security", "EventID": 518}, {"EventID": 517}],
    ),
    (
        "null is absence, and negated presence",
        "  selection: {EventID: 4738}\n  filter: {PasswordLastSet: null}\n  condition: selection and not filter",
        [{"EventID": 4738, "PasswordLastSet": "x"}, {"EventID": 4738, "PasswordLastSet": ""}],
        [{"EventID": 4738}, {"EventID": 4738, "PasswordLastSet": None}],
    ),
    (
        "exists",
        "  selection: {EventID: 4738, PasswordLastSet|exists: true}\n  condition: selection",
        [{"EventID": 4738, "PasswordLastSet": "-"}],
        [{"EventID": 4738}],
    ),
    (
        "all keywords",
        "  k:\n    '|all': [OabVirtualDirectory, ' -ExternalUrl ']\n  condition: k",
        [{"a": "Set-OabVirtualDirectory", "b": "x -ExternalUrl y"}],
        [{"a": "Set-OabVirtualDirectory"}],
    ),
    ("windash", _item("c|windash|contains: ' -s '"), [{"c": f"x {dash}s y"} for dash in "-/–—―"], [{"c": "x _s y"}]),
    (
        "windash keeps dashes inside words",
        _item("c|windash|contains: '-param-name'"),
        [{"c": "/param-name"}],
        [{"c": "/param/name"}],
    ),
    (
        "many dashes",
        _item("c|windash|contains|all: ['-a -b -c -d', 'x']"),
        [{"c": "x /a -b –c ―d"}],
        [{"c": "x _a -b -c -d"}],
    ),
    (
        "utf16le, base64 at any offset",
        _item("c|utf16le|base64offset|contains: cmd"),
        [{"c": "-enc YwBtAGQA"}, {"c": "AGMAbQBkAA"}],
        [{"c": "cmd"}],
    ),
    ("neq of a text", _item("f|neq: a"), [{"f": "b"}, {}], [{"f": "A"}]),
    ("neq of a number", _item("f|neq: 5"), [{"f": 6}], [{"f": 5}, {"f": "5"}]),
    ("neq of a field", _item("f|fieldref|neq: g"), [{"f": "a", "g": "b"}], [{"f": "a", "g": "A"}]),
    ("neq of several", _item("f|neq: [a, b]"), [{"f": "c"}], [{"f": "a"}, {"f": "b"}]),
    ("a plain percent sign", _item("f: '%name%'"), [{"f": "%name%"}], [{"f": "name"}]),
    (
        "names that begin with an underscore are not among them",
        "  a: {f: 1}\n  _b: {g: 2}\n  condition: all of them",
        [{"f": 1}],
        [{"g": 2}],
    ),
    (
        "several conditions are either of them",
        "  a: {f: 1}\n  b: {g: 2}\n  condition: [a, b]",
        [{"f": 1}, {"g": 2}],
        [{"f": 2}],
    ),
    (
        "1 of filters is negated as a whole",
        "  selection: {f: 1}\n  filter_a: {g: 1}\n  filter_b: {h: 1}\n  condition: selection and not 1 of filter_*",
        [{"f": 1}, {"f": 1, "g": 2}],
        [{"f": 1, "g": 1}, {"f": 1, "h": 1}, {}],
    ),
    (
        "a regex is searched for, with its case",
        _item(r"f|re: '[a-z]{2,3}\.exe$'"),
        [{"f": "xcmd.exe"}],
        [{"f": "CMD.EXE"}, {"f": "cmd.exe "}],
    ),
    ("cidr of version 6", _item("f|cidr: 'fe80::/10'"), [{"f": "fe80::1"}], [{"f": "fec0::1"}, {"f": "10.0.0.1"}]),
    ("a number's bounds", _item("f|gte: 10\n    f|lt: 20"), [{"f": 10}, {"f": "19.9"}], [{"f": 20}, {"f": 9}]),
]


@pytest.mark.parametrize(("statement", "detection", "yes", "no"), EXAMPLES, ids=[each[0] for each in EXAMPLES])
def test_the_specification_is_kept(statement: str, detection: str, yes: list[Fields], no: list[Fields], tmp_path: Path):
    assert [fields for fields in yes if not _matches(tmp_path, detection, fields)] == []
    assert [fields for fields in no if _matches(tmp_path, detection, fields)] == []
