"""Waiting for what happens outside the test's process."""

from __future__ import annotations

import time
from collections.abc import Callable

LIMIT = 60  # seconds that nothing here should take


def wait_for(condition: Callable[[], bool]) -> None:
    """Waits until something outside this process has happened."""
    end = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)
