"""What several end-to-end tests start from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sensors.made import day


@pytest.fixture(scope="session")
def made_day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    """The captures of the made working day, by sensor."""
    folder = tmp_path_factory.mktemp("made-day")
    captures = {}
    for site in day.SITES:
        captures[site.sensor] = folder / f"{site.sensor}.pcap"
        captures[site.sensor].write_bytes(day.make_capture(site))
    yield captures
