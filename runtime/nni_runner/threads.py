"""How many threads the runner's own arithmetic takes."""

from __future__ import annotations

import os

_LIMITS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS")


def import_numpy_with_one_thread() -> None:
    """Have numpy leave the other cores to the trials, unless the user has set how many it takes.

    Its library asks the environment once, as it is loaded; the trials' environment stays as it was.
    """
    free = [name for name in _LIMITS if name not in os.environ]
    os.environ.update(dict.fromkeys(free, "1"))
    try:
        import numpy  # noqa: F401
    finally:
        for name in free:
            del os.environ[name]
