"""The runner's arithmetic takes one core, and the trials know nothing of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

LIMITS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS")
CODE = f"""
import json, os, sys
sys.path[:] = {sys.path!r}
from nni_runner.entry import main
sys.argv = ["nni-run", "--version"]
try:
    main()
except SystemExit:
    pass
from threadpoolctl import threadpool_info
threads = [library["num_threads"] for library in threadpool_info()]
print(json.dumps([threads, {{name: os.environ.get(name) for name in {LIMITS!r}}}]))
"""


@pytest.mark.parametrize("given", [{}, {"OPENBLAS_NUM_THREADS": "2"}], ids=["unset", "set"])
def test_one_thread_unless_the_user_says_more(given: dict[str, str]) -> None:
    kept = {name: value for name, value in os.environ.items() if name not in LIMITS}
    done = subprocess.run(
        [sys.executable, "-c", CODE], env={**kept, **given}, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    threads, environment = json.loads(done.stdout.splitlines()[-1])
    assert environment == {**dict.fromkeys(LIMITS), **given}
    if threads and (given == {} or (os.cpu_count() or 1) > 1):  # another numpy may have no pool
        assert set(threads) == {int(given.get("OPENBLAS_NUM_THREADS", 1))}
