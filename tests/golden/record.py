"""`python -m tests.golden.record [STEM…]`: make the captures anew and write down what is found. Read the diff."""

from __future__ import annotations

import json
import sys

from correlator.sigma.load import load_rules
from rules import SHIPPED
from tests.golden.make import Capture
from tests.golden.runner import HERE, SIDES, builders, found_in, rule_files


def record(stem: str) -> None:
    folder = HERE / stem
    folder.mkdir(exist_ok=True)
    rules = load_rules([SHIPPED]).rules
    found = {}
    for side in SIDES:
        capture = Capture()
        builders(stem)[side](capture)
        path = folder / f"{side}.pcap"
        path.write_bytes(capture.bytes())
        found[side] = found_in(path, rules)
    text = json.dumps(found, ensure_ascii=False, indent=1, sort_keys=True)
    (folder / "expected.json").write_text(text + "\n", "utf-8")
    sizes = ", ".join(
        f"{side} {len(found[side])} in {(folder / f'{side}.pcap').stat().st_size} bytes" for side in SIDES
    )
    print(f"{stem}: {sizes}")


if __name__ == "__main__":
    for wanted in sys.argv[1:] or rule_files():
        record(wanted)
