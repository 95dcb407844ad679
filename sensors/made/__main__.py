"""`python -m sensors.made FOLDER [--quiet]`: writes the working day's captures, one for each site; a line on stdout for
each as soon as it is there."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from sensors.made.day import SITES, make_capture


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m sensors.made")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--quiet", action="store_true", help="without what is planted")
    asked = parser.parse_args()
    for site in SITES:
        path = asked.folder / f"{site.sensor}.pcap"
        path.write_bytes(make_capture(site, quiet=asked.quiet))
        sys.stdout.write(f"{path}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
