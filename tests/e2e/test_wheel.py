"""The wheel, in an environment of its own that has never seen the repository, works from another directory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from sensors.made import day

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("vonggac", "sensors", "correlator", "sharing", "api", "rules")
#: What is not Python and must be there all the same.
KINDS = (".yml", ".html", ".css", ".js", ".woff2", ".toml", ".typ", ".json")

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Installed:
    wheel: Path
    folder: Path
    elsewhere: Path

    def run(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        """A program of the environment, called from a folder that is not the repository."""
        env = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
        command = [str(self.folder / "bin" / arguments[0]), *arguments[1:]]
        return subprocess.run(
            command, cwd=self.elsewhere, env=env | {"LANG": "C.UTF-8"}, capture_output=True, timeout=120, check=False
        )


def must(command: Sequence[str | Path]) -> None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The wheel of this repository in a new venv; its dependencies are those of the tests' own environment."""
    base = tmp_path_factory.mktemp("wheel")
    must([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", base / "dist"])
    (wheel,) = (base / "dist").glob("*.whl")
    folder, elsewhere = base / "venv", base / "elsewhere"
    elsewhere.mkdir()
    venv.create(folder, with_pip=False, symlinks=True)
    pip = [sys.executable, "-m", "pip", "--python", folder / "bin" / "python"]
    must([*pip, "install", "--quiet", "--no-deps", "--no-index", "--disable-pip-version-check", wheel])
    (site,) = folder.glob("lib/python*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return Installed(wheel, folder, elsewhere)


def test_the_wheel_holds_every_file_of_every_room_and_no_tests(installed: Installed) -> None:
    found = (path for room in ROOMS for path in (ROOT / room).rglob("*") if path.is_file())
    files = {str(path.relative_to(ROOT)) for path in found if "__pycache__" not in path.parts}
    assert {Path(name).suffix for name in files} >= set(KINDS)
    with zipfile.ZipFile(installed.wheel) as packed:
        names = set(packed.namelist())
    assert files - names == set()
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == set(ROOMS)
    licences = {Path(name).name for name in names if ".dist-info/licenses/" in name}
    assert licences == {path.name for path in ROOT.glob("LICENSE*")}


def test_the_rooms_are_those_of_the_environment(installed: Installed) -> None:
    code = f"import json, importlib as i; print(json.dumps([i.import_module(m).__file__ for m in {ROOMS!r}]))"
    done = installed.run("python", "-c", code)
    assert done.returncode == 0, done.stderr.decode()
    for place in json.loads(done.stdout):
        assert Path(place).is_relative_to(installed.folder), place


def test_its_command_helps(installed: Installed) -> None:
    done = installed.run("vonggac", "--help")
    assert done.returncode == 0, done.stderr.decode()
    assert b"demo" in done.stdout


def test_its_rules_are_all_in_order(installed: Installed) -> None:
    done = installed.run("vonggac", "rules", "check")
    assert done.returncode == 0, done.stderr.decode()
    statuses = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(statuses) >= 20
    assert {status["status"] for status in statuses} == {"ok"}
    assert all(Path(status["path"]).is_relative_to(installed.folder) for status in statuses)


def test_its_demo_finds_what_was_planted(installed: Installed) -> None:
    done = installed.run("vonggac", "demo", "--once")
    assert done.returncode == 0, done.stderr.decode()
    figures = json.loads(done.stdout)
    assert (figures["ok"], figures["incidents"]) == (True, len(day.PLANTED))
    assert list(installed.elsewhere.iterdir()) == []
