"""`python -m tests.fuzz [SECONDS] [TARGET…]`: each target so long (60) in a process of its own; exit code 1 where one
failed. An input that fails is left under `.fuzz/`, and `python -m tests.fuzz again TARGET FILE` shows why.
"""

from __future__ import annotations

import subprocess
import sys
from hashlib import sha256
from pathlib import Path

FOLDER = Path(".fuzz")
#: Of one input: bytes, seconds (a hundred times what a megabyte may take, as every line is traced), and megabytes.
MAX_BYTES, MAX_SECONDS, MAX_MB = 16_384, 10, 2_048


def fuzz(target: str, seconds: int) -> None:
    """In this process, until the time is over or an input fails; does not return."""
    import atheris

    with atheris.instrument_imports(include=["sensors"]):
        from tests.fuzz import targets
    corpus = FOLDER / target
    corpus.mkdir(parents=True, exist_ok=True)
    for seed in targets.seeds():
        (corpus / sha256(seed).hexdigest()[:16]).write_bytes(seed)

    def mutate(data: bytes, most: int, seed: int) -> bytes:
        return targets.mutated(data, most, seed, atheris.Mutate)

    options = [
        f"-max_total_time={seconds}", f"-max_len={MAX_BYTES}", f"-timeout={MAX_SECONDS}", f"-rss_limit_mb={MAX_MB}",
        f"-artifact_prefix={FOLDER}/{target}-", "-print_final_stats=1", "-verbosity=0", str(corpus),
    ]  # fmt: skip
    atheris.Setup(["tests.fuzz", *options], targets.TARGETS[target], custom_mutator=mutate)
    atheris.Fuzz()


def main(arguments: list[str]) -> int:
    if arguments[:1] == ["one"]:
        fuzz(arguments[1], int(arguments[2]))
        return 0
    from tests.fuzz.targets import TARGETS

    if arguments[:1] == ["again"]:
        TARGETS[arguments[1]](Path(arguments[2]).read_bytes())
        return 0
    seconds = int(arguments.pop(0)) if arguments and arguments[0].isdigit() else 60
    failed = []
    for target in arguments or TARGETS:
        done = subprocess.run([sys.executable, "-m", "tests.fuzz", "one", target, str(seconds)], check=False)
        print(f"{'ok  ' if done.returncode == 0 else 'FAIL'} {target}", flush=True)
        if done.returncode != 0:
            failed.append(target)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
