"""A real embedded store in a temporary folder, for whatever needs one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from vonggac.ports import Clock, Store
from vonggac.settings import Settings
from vonggac.stores import open_store


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> Iterator[Store]:
    opened = open_store(Settings(data_dir=tmp_path / "data"), clock=clock)
    yield opened
    opened.close()
