"""The docs say what the program does: settings, commands, exit codes and links are held to it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import click
import pytest

from vonggac import errors
from vonggac.cli import COMMANDS, cli
from vonggac.messages import LANGUAGES, catalogue
from vonggac.settings import Settings, dotted

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("vonggac", "sensors", "correlator", "sharing", "api")
DOCS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("rules/*.md")])


def text(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def test_every_setting_stands_in_its_page_with_its_default() -> None:
    rows = {row[0]: row[1] for row in re.findall(r"^\| `([\w.]+)` \|\s*(.*?)\s*\|", text("docs/settings.md"), re.M)}
    assert set(rows) == {dotted(field.name) for field in fields(Settings)}
    for field in fields(Settings):
        default = str(field.default).lower() if isinstance(field.default, bool) else str(field.default)
        assert rows[dotted(field.name)].strip().strip("`") == default, field.name


def commands() -> Iterator[str]:
    context = click.Context(cli)
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from (f"{name} {inner}" for inner in command.list_commands(context))
        else:
            yield name


@pytest.mark.parametrize("command", list(commands()))
def test_every_command_stands_in_its_page_and_has_a_help_line(command: str) -> None:
    assert re.search(rf"^\| `{command}[` ]", text("docs/cli.md"), re.M), command
    line = f"help.{command.split()[0]}"
    assert all(line in catalogue(lang) for lang in LANGUAGES), line


def test_no_command_stands_in_the_page_that_the_program_lacks() -> None:
    table = text("docs/cli.md").split("## Commands")[1].split("Roles:")[0]
    named = {" ".join(re.findall(r"^[a-z]+(?: [a-z]+)?", row)) for row in re.findall(r"^\| `([^`]+)`", table, re.M)}
    known = set(commands())
    assert {name for name in named if name not in known and name.split()[0] not in known} == set()


def test_every_exit_code_stands_in_its_page() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.VonggacError)]
    codes = {0, 130, *(kind.exit_code for kind in kinds)}
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", text("docs/cli.md"), re.M)} == codes


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_links_between_pages_lead_somewhere(path: Path) -> None:
    for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text("utf-8")):
        assert (path.parent / link).exists(), f"{path.name}: {link}"


def test_both_languages_say_the_same_things() -> None:
    vi, en = (catalogue(lang) for lang in LANGUAGES)
    assert set(vi) == set(en)
    for key, sentence in vi.items():
        assert set(re.findall(r"\{(\w+)\}", sentence)) == set(re.findall(r"\{(\w+)\}", en[key])), key


def raised() -> Iterator[tuple[str, str, set[str]]]:
    """(place, key, facts) of every error of ours that is made with a literal key."""
    kinds = {name for name, kind in vars(errors).items() if isinstance(kind, type)} | {"HttpRefused", "RowRefused"}
    for room in ROOMS:
        for path in (ROOT / room).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in kinds):
                    continue
                key = node.args[-1] if node.args else None
                if isinstance(key, ast.Constant) and isinstance(key.value, str):
                    facts = {word.arg for word in node.keywords if word.arg}
                    facts |= {"location", "line"} if node.func.id == "RowRefused" else set()
                    if any(word.arg is None for word in node.keywords):
                        facts.add("**")
                    yield f"{path.name}:{node.lineno}", key.value, facts


def test_every_error_has_its_sentence_and_its_facts() -> None:
    found = list(raised())
    assert len(found) > 40
    for place, key, facts in found:
        sentence = catalogue("en").get(f"error.{key}")
        assert sentence is not None, f"{place}: no sentence for {key}"
        missing = set(re.findall(r"\{(\w+)\}", sentence)) - facts
        assert not missing or "**" in facts, f"{place}: {key} lacks {missing}"


def test_every_message_that_commands_tell_is_there() -> None:
    for path in (ROOT / "vonggac").rglob("*.py"):
        for key in re.findall(r"\.tell\(\s*\"([\w.]+)\"", path.read_text("utf-8")):
            assert key in catalogue("vi"), f"{path.name}: {key}"
