"""`python -m tests.conformance [--write]`: the score and every miss; with `--write`, docs/conformance.md as well."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.conformance.checks import MISS
from tests.conformance.score import page, run, table, under_the_bar

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "conformance.md"


def main() -> int:
    data = ROOT.parent / "shared" / "data"
    if not data.is_dir():
        print("there is no ../shared/data beside the repository", file=sys.stderr)
        return 1
    checks = run(data)
    print("\n".join(table(checks)))
    for check in checks:
        if check.verdict == MISS:
            print(f"\nmiss: {check.source} {check.protocol} {check.case}\n  {check.what}\n  {check.reason}")
    print(f"\n{sum(check.compared for check in checks)} fields compared")
    if "--write" in sys.argv[1:]:
        PAGE.write_text(page(checks), encoding="utf-8")
    low = under_the_bar(checks)
    print("\n".join(f"under the bar: {each}" for each in low) or "over the bar")
    return 1 if low else 0


if __name__ == "__main__":
    sys.exit(main())
