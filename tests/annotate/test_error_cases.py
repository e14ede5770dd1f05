"""Every case in fixtures/errors: what the command prints for a script, to the letter."""

from __future__ import annotations

from pathlib import Path

import pytest

from conftest import cases, run


@pytest.mark.parametrize("case", cases("errors"), ids=lambda case: case.name)
def test_prints_the_expected_diagnostics(case: Path, tmp_path: Path) -> None:
    """Everything at once on standard error; a file with errors leaves nothing behind."""
    done = run("nni-annotate", "train.py", "--emit-search-space", cwd=case)
    assert done.stderr == (case / "expected_stderr.txt").read_text(encoding="utf-8")
    assert done.stdout == (case / "expected_stdout.txt").read_text(encoding="utf-8")
    assert done.returncode == int((case / "expected_code.txt").read_text())
    written = run("nni-annotate", "train.py", "-o", tmp_path / "out", cwd=case)
    assert written.returncode == done.returncode
    assert (tmp_path / "out").exists() == (done.returncode == 0)
