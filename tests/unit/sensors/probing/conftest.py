"""An authority and those whom it has signed."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from tests.real.certificates import certificate


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with certificates and keys: `ca`, and for 127.0.0.1 `good`, `expired`, `other` (for another address)
    and `own` (signed by itself)."""
    folder = tmp_path_factory.mktemp("keys")
    authority = certificate(folder / "ca", "CA mẫu")
    certificate(folder / "good", "cổng", authority)
    certificate(folder / "expired", "cổng cũ", authority, lasts=timedelta(hours=-1))
    certificate(folder / "other", "cổng khác", authority, address="127.0.0.2")
    certificate(folder / "own", "tự ký")
    return folder
