"""The systemd units leave their services little."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.e2e.program import ROOT

UNITS = sorted((ROOT / "deploy").glob("*.service"))


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_a_unit_is_exposed_by_two_of_ten_at_most(unit: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("this machine has no systemd-analyze")
    given = ["systemd-analyze", "security", "--offline=yes", "--no-pager", str(unit)]
    done = subprocess.run(given, capture_output=True, text=True, timeout=60)
    found = re.search(r"exposure level for \S+: ([\d.]+)", done.stdout)
    assert found, done.stderr
    assert float(found[1]) <= 2.0


def test_the_sensor_s_unit_gives_it_packets_and_nothing_else() -> None:
    lines = (ROOT / "deploy" / "vonggac-sensor@.service").read_text("utf-8").splitlines()
    assert {"CapabilityBoundingSet=CAP_NET_RAW", "AmbientCapabilities=CAP_NET_RAW", "IPAddressDeny=any"} <= set(lines)
    (families,) = [line for line in lines if line.startswith("RestrictAddressFamilies=")]
    assert "AF_INET" not in families
