"""Threads beside the one that runs the experiment."""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable


def start_thread(run: Callable[..., None], *arguments: object) -> threading.Thread:
    """One that ends with the process at the latest. Raises OSError where there is no room."""
    thread = threading.Thread(target=run, args=arguments, daemon=True)
    try:
        thread.start()
    except RuntimeError as error:
        raise OSError(errno.EAGAIN, str(error)) from None
    return thread
