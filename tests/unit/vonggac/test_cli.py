"""The command line itself: where options may stand, what an error means to a shell, what goes where."""

from __future__ import annotations

import errno
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

import click
import pytest

from vonggac import cli, errors
from vonggac.call import Call, printable
from vonggac.cli import hoist, run
from vonggac.messages import LANGUAGES, explain
from vonggac.settings import Settings

ROOT = Path(__file__).resolve().parents[3]


# --- global options


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (["sense", "a.pcap", "--quiet"], ["--quiet", "sense", "a.pcap"]),
        (["incident", "list", "--data-dir", "d", "--json"], ["--data-dir", "d", "--json", "incident", "list"]),
        (["incident", "list", "--data-dir=d"], ["--data-dir=d", "incident", "list"]),
        (["--lang", "vi", "sense", "--lang", "en"], ["--lang", "vi", "--lang", "en", "sense"]),
        (["sense", "--", "--quiet"], ["sense", "--", "--quiet"]),
        (["sense", "--data-dir"], ["--data-dir", "sense"]),
        (["hunt", "--value", "--json"], ["--json", "hunt", "--value"]),
        ([], []),
    ],
)
def test_global_options_may_stand_before_or_after_the_command(given: list[str], meant: list[str]) -> None:
    assert hoist(given) == meant


def test_options_after_the_command_are_in_force(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert run(["incident", "list", "--data-dir", str(tmp_path / "kho")]) == 0
    assert (tmp_path / "kho" / "vonggac.db").exists()
    assert capfdbinary.readouterr().out == b""


# --- exit codes


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], int]:
    """The exit code of a command that raises this."""

    def code(error: BaseException) -> int:
        @click.command()
        def fails() -> None:
            raise error

        monkeypatch.setattr(sys.modules[__name__], "fails", fails, raising=False)
        monkeypatch.setattr(cli, "COMMANDS", {**cli.COMMANDS, "fails": f"{__name__}:fails"})
        return run(["fails"])

    return code


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (errors.UsageRefused, 2),
        (errors.UnknownInput, 3),
        (errors.ReadError, 1),
        (errors.RuleError, 1),
        (errors.InvalidRecord, 1),
        (errors.NotFound, 3),
        (errors.Conflict, 4),
        (errors.TransitionNotAllowed, 2),
        (errors.StoreUnavailable, 4),
        (errors.PeerUnavailable, 4),
        (errors.NotAuthenticated, 5),
        (errors.SharingRefused, 5),
    ],
)
def test_each_kind_of_error_has_its_exit_code(
    failing: Callable[[BaseException], int],
    kind: type[errors.VonggacError],
    code: int,
    capfd: pytest.CaptureFixture[str],
) -> None:
    error = kind("no_collection", collection="nó", detail="only for the operator")
    assert failing(error) == code
    told = capfd.readouterr()
    assert told.out == ""
    sentences = [explain(error, lang) for lang in LANGUAGES]
    assert told.err.splitlines() == [*sentences, "  (only for the operator)"]
    assert all("nó" in sentence for sentence in sentences)


def test_every_kind_of_error_is_in_the_test_above() -> None:
    (mark,) = test_each_kind_of_error_has_its_exit_code.pytestmark  # type: ignore[attr-defined]
    kinds = {kind for kind in vars(errors).values() if isinstance(kind, type)} - {errors.ClassVar}
    assert {kind for kind, _ in mark.args[1]} == kinds - {errors.VonggacError}


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (KeyboardInterrupt(), 130),
        (click.Abort(), 130),
        (click.UsageError("no"), 2),
        (OSError(errno.ENOSPC, "No space left on device", "/x"), 4),
        (FileNotFoundError(errno.ENOENT, "No such file", "/x"), 3),
        (PermissionError(errno.EACCES, "Permission denied", "/x"), 2),
    ],
)
def test_what_is_not_our_own_error_has_an_exit_code_too(
    failing: Callable[[BaseException], int], error: BaseException, code: int, capfd: pytest.CaptureFixture[str]
) -> None:
    assert failing(error) == code
    told = capfd.readouterr().err
    assert ("/x" in told) == isinstance(error, OSError)


def test_a_fault_of_our_own_is_not_hidden(failing: Callable[[BaseException], int]) -> None:
    with pytest.raises(ZeroDivisionError):
        failing(ZeroDivisionError())


def test_a_reader_that_has_left_is_no_error() -> None:
    """`vonggac … | head -1`: more events than a pipe holds, and nobody to take them."""
    capture = next(ROOT.glob("tests/golden/*/fires.pcap"))
    command = [sys.executable, "-m", "vonggac", "--quiet", "sense", *([str(capture)] * 40)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.read(1)
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == 0


# --- how fast, and what it says


def test_help_answers_in_under_half_a_second() -> None:
    seconds = []
    for _ in range(3):
        began = time.monotonic()
        done = subprocess.run([sys.executable, "-m", "vonggac", "--help"], capture_output=True, cwd=ROOT, check=True)
        seconds.append(time.monotonic() - began)
    assert all(name.encode() in done.stdout for name in cli.COMMANDS)
    assert median(seconds) < 0.5, seconds


@pytest.mark.parametrize(("lang", "word"), [("vi", "Danh bạ cơ quan"), ("en", "The agency directory")])
def test_help_comes_in_the_language_asked_for(
    lang: str, word: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["vonggac", "--lang", lang, "--help"])
    assert run(["--lang", lang, "--help"]) == 0
    assert word in capsys.readouterr().out


def heavy_modules(*arguments: str) -> list[str]:
    """What a call imports of that which takes long."""
    code = (
        "import sys; from vonggac.cli import run; run(sys.argv[1:]);"
        "print([m for m in ('scapy', 'elasticsearch', 'stix2', 'sigma', 'fastapi', 'uvicorn') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, cwd=ROOT, check=True)
    found: list[str] = json.loads(done.stdout.splitlines()[-1].replace(b"'", b'"'))
    return found


@pytest.mark.parametrize("arguments", [("--help",), ("--version",), ("sense", "nothing.pcap"), ("incident", "--help")])
def test_small_calls_import_nothing_heavy(arguments: Sequence[str]) -> None:
    assert heavy_modules(*arguments) == []


# --- data on stdout, messages on stderr

ITEMS = [{"id": "1", "title_vi": "Quét cổng", "more": 1}, {"id": "2", "title_vi": "x\x1b[31m", "more": None}]


def test_programs_get_one_object_a_line(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    call = Call(Settings())
    call.table(ITEMS, ("id", "title_vi"))
    call.show(ITEMS[0])
    sys.stdout.flush()
    assert [json.loads(line) for line in capfdbinary.readouterr().out.splitlines()] == [*ITEMS, ITEMS[0]]


def test_people_get_a_table_that_cannot_steer_their_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    Call(Settings()).table(ITEMS, ("id", "title_vi"))
    shown = capsys.readouterr().out
    assert "Quét cổng" in shown
    assert "more" not in shown
    assert "x\x1b[31m" not in shown
    assert "x\\x1b[31m" in shown


def test_json_is_forced_on_a_terminal_too(
    monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    call = Call(Settings(), json=True)
    call.table(ITEMS, ("id",))
    call.show(ITEMS[0])
    sys.stdout.flush()
    assert len(capfdbinary.readouterr().out.splitlines()) == 3


def test_quiet_leaves_errors_and_nothing_else(capfd: pytest.CaptureFixture[str]) -> None:
    call = Call(Settings(), quiet=True, _languages=("en",))
    call.tell("message.reading", location="x")
    call.refuse(errors.NotFound("no_collection", collection="x"))
    assert capfd.readouterr().err == explain(errors.NotFound("no_collection", collection="x"), "en") + "\n"
    assert call.refused == 1


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Sở Thông tin và Truyền thông", "Sở Thông tin và Truyền thông"),
        ("two\nlines", "two\nlines"),
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("a\rb\x00\x7f", "a\\rb\\x00\\x7f"),
        ("gov.vn\u202efdp.exe", "gov.vn\\u202efdp.exe"),
        ("\u200b\ufeff", "\\u200b\\ufeff"),
        (None, ""),
        (7, "7"),
    ],
)
def test_control_and_direction_characters_are_shown_not_obeyed(text: object, shown: str) -> None:
    assert printable(text) == shown


# --- what is said of rules


def test_explaining_a_rule_says_of_which_kind_it_is_by_which_map_and_why(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    path = tmp_path / "foreign.yml"
    path.write_text(
        "title: Files encrypted\nid: 6f0a1e0c-5d3a-4b43-9d57-0a3a8f6c2b11\ntags: [attack.impact, attack.t1486]\n"
        "logsource: {product: windows}\ndetection:\n  s: {EventID: 1}\n  condition: s\n",
        "utf-8",
    )
    assert run(["rules", "explain", "foreign", "--rules", str(path), "--data-dir", str(tmp_path / "d"), "--json"]) == 0
    said = json.loads(capfdbinary.readouterr().out)
    assert {name: said[name] for name in ("category", "rsit", "because", "map")} == {
        "category": "ransomware",
        "rsit": "malicious-code/infected-system",
        "because": "technique T1486",
        "map": "qd05-rsit-1",
    }
