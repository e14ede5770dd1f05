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


def share_of_cores(concurrency: int) -> dict[str, str]:
    """What has each of so many trials compute with its share of the cores, at least one thread.

    Nothing where the user has set any of it.
    """
    if any(name in os.environ for name in _OF_TRIALS):
        return {}
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return dict.fromkeys(_OF_TRIALS, str(max((cores or 1) // concurrency, 1)))


THREADS = "OMP_NUM_THREADS"
_OF_TRIALS = (
    THREADS, "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)  # fmt: skip
