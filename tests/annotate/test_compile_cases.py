"""Every case in fixtures/compile: its input gives its expected tree, to the byte."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import cases, clean_environment, run
from nni_annotate.output import write_tree
from nni_annotate.project import compile_tree
from nni_annotate.sources import MANIFEST

CASES = cases("compile")
# What runs without packages that aren't there: the others' scripts print nothing or can't run.
RUNNABLE = [case for case in CASES if case.name not in ("tensorflow_session",)]


def files(folder: Path) -> dict[str, tuple[bytes, bool]]:
    """Every file below a folder: its bytes, and whether it may be executed."""
    return {
        str(path.relative_to(folder)): (path.read_bytes(), bool(path.stat().st_mode & 0o100))
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_compiles_to_the_expected_tree(case: Path, tmp_path: Path) -> None:
    """The compiled tree is the expected one, and nothing was left in the source."""
    before = files(case / "input")
    write_tree(compile_tree(case / "input"), tmp_path / "out")
    assert files(tmp_path / "out") == files(case / "expected")
    assert files(case / "input") == before


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_only_annotated_lines_change(case: Path) -> None:
    """Line by line, a compiled file is its source but for annotations and what they annotate."""
    for path, (content, _) in files(case / "input").items():
        compiled = (case / "expected" / path).read_bytes()
        pairs = list(zip(content.splitlines(True), compiled.splitlines(True), strict=True))
        for source, target in pairs:
            if source != target:
                assert b"nni_trial" in target or target.strip() in (b"", b")", b"))")


@pytest.mark.parametrize("case", RUNNABLE, ids=lambda case: case.name)
def test_runs_as_before_without_an_experiment(case: Path, tmp_path: Path) -> None:
    """Each Python file does the same before and after compiling."""
    for path in sorted((case / "input").glob("*.py")):
        outcomes = []
        for folder in ("input", "expected"):
            shutil.copytree(case / folder, tmp_path / folder, dirs_exist_ok=True)
            done = subprocess.run(
                [sys.executable, "-W", "error", path.name],
                cwd=tmp_path / folder,
                env=clean_environment(),
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            outcomes.append((done.returncode, done.stdout, done.stderr))
        before, after = outcomes
        assert after[:2] == before[:2]
        if path.name != "broken.py":
            assert before[0] == 0, before
            assert after[2] == before[2]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_compiled_tree_is_refused(case: Path, tmp_path: Path) -> None:
    """Neither a compiled folder nor a compiled file on its own is compiled again."""
    folder = tmp_path / "compiled"
    shutil.copytree(case / "expected", folder)
    done = run("nni-annotate", folder, "-o", tmp_path / "again")
    assert done.returncode == 1
    assert "compiled already" in done.stderr
    (folder / MANIFEST).unlink()
    done = run("nni-annotate", folder, "-o", tmp_path / "again")
    assert done.returncode == 1
    assert "compiled already" in done.stderr
    assert not (tmp_path / "again").exists()
