"""An experiment under an adversary: whatever it does, nothing is lost and nothing is left behind.

By hand, for longer, with the project's packages and tests/ on the path:
`python tests/runtime/nemesis.py FOLDER SEED SECONDS`.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from conftest import environment_of_tests

SEED, SECONDS = 4, 6


@pytest.mark.skipif(sys.platform != "linux", reason="by Linux's own means")
def test_nemesis(tmp_path: Path) -> None:
    """Kills, stops, a full disk, a locked history, a folder that is moved: all at random."""
    nemesis = Path(__file__).with_name("nemesis.py")
    done = subprocess.run(
        [sys.executable, nemesis, tmp_path / "nemesis", str(SEED), str(SECONDS)],
        env=environment_of_tests(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
