"""`vonggac suppression`: what it prints, what it refuses, and that `ingest` goes by it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.unit.correlator.samples import rule_text
from tests.unit.vonggac.test_pipeline import hits
from vonggac.call import Call
from vonggac.cli import run
from vonggac.commands.suppressions import COLUMNS, conditions
from vonggac.domain.suppression import Condition, Operator
from vonggac.errors import UsageRefused

Result = tuple[int, list[dict[str, Any]], str]
Vonggac = Callable[..., Result]
RULE = "5f0c7a3e-7f4e-4c39-9c1e-0d1c9d6b7a10"


@pytest.fixture
def vonggac(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch) -> Vonggac:
    """(exit code, the objects on stdout, stderr) of one call, with one rule of the kind `one`."""
    rule = rule_text("  s:\n    f: 1\n  condition: s", title="One") + "vonggac: {kind: one, entity: source.ip}\n"
    (tmp_path / "rules.yml").write_text(f"id: {RULE}\n{rule}", "utf-8")
    monkeypatch.setenv("VONGGAC_RULES_PATHS", str(tmp_path / "rules.yml"))

    def call(*arguments: str) -> Result:
        code = run(["--data-dir", str(tmp_path / "kho"), *arguments])
        said = capfdbinary.readouterr()
        return code, [json.loads(line) for line in said.out.splitlines()], said.err.decode()

    return call


@pytest.fixture
def events(tmp_path: Path) -> str:
    path = tmp_path / "events.ndjson"
    path.write_text("".join(json.dumps(each) + "\n" for each in hits(3)), "utf-8")
    return str(path)


def test_what_is_suppressed_beforehand_opens_no_incident(vonggac: Vonggac, events: str) -> None:
    code, (made,), _ = vonggac(
        *("suppression", "add", "--rule", RULE, "--where", "source.ip|cidr=192.0.2.0/24", "--from", "2026-03-02"),
        *("--until", "30d", "--reason", "máy quét", "--ticket", "CV-1", "--by", "lan"),
    )
    assert (code, made["author"], made["rule_name"], made["hits"]) == (0, "lan", "One", 0)
    code, (summary,), _ = vonggac("ingest", events)
    assert (code, summary["detections"], summary["incidents_new"]) == (0, 3, 0)
    assert summary["stages"]["incident"]["refused"] == {"suppressed": 3}
    _, (listed,), _ = vonggac("suppression", "list")
    assert (listed["id"], listed["hits"], listed["standing"]) == (made["id"], 3, "in-force")
    _, held, _ = vonggac("suppression", "show", made["id"], "--detections")
    assert [each["vonggac"]["detection"]["suppressed_by"] for each in held] == [made["id"]] * 3


def test_a_preview_counts_what_is_stored(vonggac: Vonggac, events: str) -> None:
    vonggac("ingest", events)
    _, (told,), _ = vonggac("suppression", "preview", "--kind", "one", "--since", "2026-03-01", "--until", "2026-03-03")
    assert (told["count"], told["looked_at"], len(told["newest"])) == (3, 3, 3)
    _, (other,), _ = vonggac("suppression", "preview", "--where", "source.ip=192.0.2.77", "--since", "2026-03-01")
    assert (other["count"], other["looked_at"]) == (0, 3)
    assert vonggac("suppression", "list", "--all")[1] == []


def test_one_is_extended_ended_and_listed_as_what_it_is(vonggac: Vonggac) -> None:
    _, (made,), _ = vonggac("suppression", "add", "--kind", "one", "--until", "2d", "--reason", "thử")
    assert made["notices"] == ["expiring"]
    _, (extended,), _ = vonggac("suppression", "extend", made["id"], "--until", "30d", "--reason", "còn thử")
    assert (extended["notices"], extended["version"]) == ([], 2)
    _, (ended,), _ = vonggac("suppression", "end", made["id"], "--reason", "xong", "--by", "minh")
    assert [act["actor"] for act in ended["history"]] == ["operator", "operator", "minh"]
    assert vonggac("suppression", "list")[1] == []
    assert [each["standing"] for each in vonggac("suppression", "list", "--all")[1]] == ["ended"]
    assert [each["id"] for each in vonggac("suppression", "list", "--standing", "ended")[1]] == [made["id"]]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["add", "--until", "1d", "--reason", "x"], 2, "suppress everything"),
        (["add", "--kind", "one", "--reason", "x"], 2, "--until"),
        (["add", "--kind", "one", "--until", "1d"], 2, "--reason"),
        (["add", "--kind", "one", "--until", "9000d", "--reason", "x"], 2, "366 days"),
        (["add", "--kind", "one", "--until", "soon", "--reason", "x"], 2, "'soon'"),
        (["add", "--kind", "nothing", "--until", "1d", "--reason", "x"], 2, "kind nothing"),
        (["add", "--rule", "nothing", "--until", "1d", "--reason", "x"], 2, "rules check"),
        (["add", "--where", "source.ip", "--until", "1d", "--reason", "x"], 2, "FIELD=VALUE"),
        (["add", "--where", "source.ip|within=a", "--until", "1d", "--reason", "x"], 2, "is, like, cidr, below"),
        (["add", "--where", "sourceip=10.0.0.1", "--until", "1d", "--reason", "x"], 2, "source.ip"),
        (["show", "sup-0"], 3, "sup-0"),
        (["end", "sup-0", "--reason", "x"], 3, "suppression list --all"),
        (["list", "--standing", "elsewhere"], 2, "in-force"),
    ],
)
def test_a_refusal_says_what_is_wrong_and_what_to_do(
    vonggac: Vonggac, arguments: list[str], code: int, words: str
) -> None:
    got, printed, said = vonggac("suppression", *arguments)
    assert (got, printed) == (code, [])
    assert words in said


def test_a_rule_that_is_gone_is_named(vonggac: Vonggac, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vonggac("suppression", "add", "--rule", RULE, "--until", "30d", "--reason", "thử")
    vonggac("suppression", "add", "--kind", "one", "--until", "30d", "--reason", "thử")
    (tmp_path / "none").mkdir()
    monkeypatch.setenv("VONGGAC_RULES_PATHS", str(tmp_path / "none"))
    _, listed, _ = vonggac("suppression", "list")
    assert [each["notices"] for each in listed] == [["unknown-kind"], ["unknown-rule"]]


def test_values_of_one_field_are_alternatives_and_the_rest_holds_together() -> None:
    given = ["source.ip=10.0.0.1", "url.original|like=/a=*", "source.ip|is=10.0.0.2", "source.ip|cidr=10.0.0.0/8"]
    assert conditions(given) == (
        Condition("source.ip", Operator.IS, ("10.0.0.1", "10.0.0.2")),
        Condition("url.original", Operator.LIKE, ("/a=*",)),
        Condition("source.ip", Operator.CIDR, ("10.0.0.0/8",)),
    )
    with pytest.raises(UsageRefused):
        conditions(["source.ip"])


def test_a_table_tells_in_a_row_what_is_covered_how_it_stands_and_until_when(
    vonggac: Vonggac, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    vonggac(
        *("suppression", "add", "--rule", RULE, "--where", "source.ip|cidr=192.0.2.0/24", "--until", "2d"),
        *("--reason", "máy quét", "--by", "lan"),
    )
    monkeypatch.setattr(Call, "for_people", True)
    monkeypatch.setenv("COLUMNS", "240")
    assert run(["--data-dir", str(tmp_path / "kho"), "suppression", "list"]) == 0
    heads, row = capfdbinary.readouterr().out.decode().splitlines()[:2]
    assert heads.split() == list(COLUMNS)
    for told in ("in-force (expiring)", "One; source.ip cidr 192.0.2.0/24", "*", "lan", "máy quét"):
        assert told in row
