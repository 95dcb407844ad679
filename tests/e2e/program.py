"""The program as users run it: a process of its own, in a folder of its own, told only what a test tells it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 120.0


@dataclass(frozen=True)
class Done:
    """What came of one call."""

    code: int
    out: bytes
    err: str

    @property
    def items(self) -> list[dict[str, Any]]:
        """stdout's NDJSON."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def item(self) -> dict[str, Any]:
        """stdout's one object."""
        (only,) = self.items
        return only


def environment(**more: str) -> dict[str, str]:
    """Nothing of the tester's own settings; the rooms are found by their path, as `./run` does it."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    return {**kept, "LANG": "C.UTF-8", "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", **more}


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "vonggac", *map(str, arguments)]


def vonggac(
    *arguments: object,
    stdin: str = "",
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    seconds: float = SECONDS,
    before: Sequence[str] = (),
) -> Done:
    """One call to its end. `before` is a command that runs it (`unshare -n …`)."""
    done = subprocess.run(
        [*before, *command(*arguments)],
        input=stdin.encode(),
        capture_output=True,
        env=environment(**(env or {})),
        cwd=cwd,
        timeout=seconds,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr.decode())


def must(*arguments: object, **how: Any) -> Done:
    """A call that ends with 0."""
    done = vonggac(*arguments, **how)
    assert done.code == 0, done.err
    return done


@contextmanager
def running(
    folder: Path, *arguments: object, env: Mapping[str, str] | None = None
) -> Iterator[tuple[subprocess.Popen[bytes], Path, Path]]:
    """A call that stays: the process, and the files that its stdout and stderr go to. Killed at the end."""
    out, err = folder / "stdout", folder / "stderr"
    with out.open("wb") as out_file, err.open("wb") as err_file:
        process = subprocess.Popen(
            command(*arguments),
            stdin=subprocess.DEVNULL,
            stdout=out_file,
            stderr=err_file,
            env=environment(**(env or {})),
        )
    try:
        yield process, out, err
    finally:
        process.kill()
        process.wait()


@contextmanager
def serving(folder: Path, data: Path, *arguments: object, env: Mapping[str, str] | None = None) -> Iterator[str]:
    """A node on a free port; its address. It must end by itself, without a traceback, when it is told to."""
    folder.mkdir(exist_ok=True)
    given = ("--data-dir", data, "serve", "--port", 0, *arguments)
    with running(folder, *given, env=env) as (process, out, err):
        line = until(lambda: out.read_text() if out.read_text().endswith("\n") else None, process, err)
        yield json.loads(line)["ready"]
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        assert "Traceback" not in err.read_text()


def until(
    look: Callable[[], Any],
    process: subprocess.Popen[bytes] | None = None,
    err: Path | None = None,
    seconds: float = 60,
) -> Any:
    """The first true thing that `look` sees. Raises AssertionError when there is none in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        seen = look()
        if seen:
            return seen
        if process is not None and process.poll() is not None:
            break
        time.sleep(0.05)  # between two looks; bounded by `end`
    raise AssertionError("nothing came" + (f": {err.read_text()[-2000:]}" if err else ""))


def explained(done: Done, *facts: str) -> None:
    """stderr has a sentence in each language that holds these facts and ends as sentences do, and no traceback."""
    assert "Traceback" not in done.err, done.err
    assert re.search(r"\{\w+\}", done.err) is None, done.err
    told = [line for line in done.err.splitlines() if line and all(fact in line for fact in facts)]
    assert len(told) >= 2, done.err
    assert all(line.rstrip().endswith((".", ")")) for line in told), told
    words = [re.sub(r"/\S*", "", line) for line in told]  # without the paths, which may hold any letter
    assert any(re.search("[ăâđêôơưạ-ỹ]", line) for line in words), told
    assert any(line.isascii() for line in words), told
