"""The file of placeholders: names with one text or several."""

from __future__ import annotations

from pathlib import Path

import pytest

from correlator.sigma.placeholders import read_placeholders
from vonggac.errors import RuleError, UnknownInput


def test_a_name_stands_for_one_value_or_for_each_of_a_list(tmp_path: Path):
    path = tmp_path / "names.yml"
    path.write_text("Administrators: [root, 'adm_*']\nPort: 22\n", "utf-8")
    assert read_placeholders(path) == {"Administrators": ["root", "adm_*"], "Port": ["22"]}


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("A: [x]\nB: []\n", 2, "no values"),
        ("A:\n  - x\n  - {y: z}\n", 3, "must be text"),
        ("A: yes\n", 1, "must be text"),
        ("A: *x\n", 1, "aliases"),
        ("- A\n", 1, "map"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(text: str, line: int, reason: str, tmp_path: Path):
    path = tmp_path / "names.yml"
    path.write_text(text, "utf-8")
    with pytest.raises(RuleError) as fault:
        read_placeholders(path)
    assert fault.value.facts["line"] == line
    assert reason in str(fault.value.facts["reason"])


def test_a_file_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(UnknownInput):
        read_placeholders(tmp_path / "nothing.yml")
