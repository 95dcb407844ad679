"""What a machine may lack: a test that needs it is skipped with the reason, or fails where CI promises everything."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def lacking(reason: str) -> NoReturn:
    """The test ends here: skipped, or failed when the environment has CI=true."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"CI=true, but {reason}", pytrace=False)
    pytest.skip(reason)
