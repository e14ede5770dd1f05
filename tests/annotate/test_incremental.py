"""Compiling a tree again: what didn't change is recognised, and what did never missed."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import clean_environment, command, run
from nni_annotate.output import find_unchanged, write_tree
from nni_annotate.project import compile_tree
from nni_annotate.sources import MANIFEST

ANNOTATED = (
    '"""@nni.variable(nni.choice(1, 2), name=x)"""\nx = 1\n"""@nni.report_final_result(x)"""\n'
)
_NO_PARSER = "import sys; assert 'libcst' not in sys.modules"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A script, a package, data and an empty folder, none of them new."""
    folder = tmp_path / "src"
    (folder / "pkg").mkdir(parents=True)
    (folder / "empty").mkdir()
    (folder / "train.py").write_text(ANNOTATED)
    (folder / "tool").write_text("#!/usr/bin/env python\n")
    (folder / "pkg" / "__init__.py").write_text("")
    (folder / "pkg" / "rows.csv").write_text("1\n")
    (folder / "link").symlink_to("pkg/rows.csv")
    for path in folder.rglob("*"):
        if not path.is_symlink():
            os.utime(path, (1_700_000_000, 1_700_000_000))
    return folder


def compiled(source: Path, out: Path) -> None:
    """Compiles a tree as the command does."""
    write_tree(compile_tree(source, out), out)


def is_unchanged(source: Path, out: Path, *, as_scripts: bool = False) -> bool:
    """Whether compiling again is left out."""
    return find_unchanged(source, out, notebooks_as_scripts=as_scripts) is not None


def contents(folder: Path) -> dict[str, object]:
    """What a folder holds, but for the time that is noted in no file."""
    return {
        str(path.relative_to(folder)): path.readlink() if path.is_symlink()
        else path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }  # fmt: skip


def test_an_unchanged_tree_is_recognised_without_a_parser(source: Path, tmp_path: Path) -> None:
    """By the command too, which says what there is and prints the warnings again."""
    (source / "notes.py").write_text('"""nni.variable(nni.choice(1, 2), name=x)"""\n')
    os.utime(source / "notes.py", (1_700_000_000, 1_700_000_000))
    first = run("nni-annotate", source, "-o", tmp_path / "out")
    assert first.returncode == 0
    before = contents(tmp_path / "out")
    code = f"import atexit; atexit.register(exec, {_NO_PARSER!r}, {{}}); "
    words = command("nni-annotate", source, "-o", tmp_path / "out")
    again = subprocess.run(
        [*words[:2], code + words[2], *words[3:]],
        env=clean_environment(), capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert again.stderr.endswith(f"{tmp_path / 'out'}: unchanged, 1 parameter in 1 file\n")
    assert "NNI502" in again.stderr
    assert "NNI502" in first.stderr
    assert contents(tmp_path / "out") == before


def _rewrite(path: Path, text: str) -> None:
    """Writes a file anew so that its size and its time stay."""
    found = path.stat()
    assert len(text) == found.st_size
    path.write_text(text)
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))


def _relink(path: Path, aim: str) -> None:
    path.unlink()
    path.symlink_to(aim)


CHANGES: dict[str, Callable[[Path, Path], object]] = {
    "another size": lambda s, _: (s / "train.py").write_text(ANNOTATED + "\n"),
    "another time": lambda s, _: os.utime(s / "train.py"),
    "an older time": lambda s, _: os.utime(s / "train.py", (1, 1)),
    "data": lambda s, _: (s / "pkg" / "rows.csv").write_text("2, 3\n"),
    "a new file": lambda s, _: (s / "new").write_text(""),
    "a new folder": lambda s, _: (s / "new").mkdir(),
    "a new link": lambda s, _: (s / "new").symlink_to("x"),
    "another mode": lambda s, _: (s / "tool").chmod(0o755),
    "a lost file": lambda s, _: (s / "tool").unlink(),
    "a lost folder": lambda s, _: (s / "empty").rmdir(),
    "another link": lambda s, _: _relink(s / "link", "tool"),
    "an ignore file": lambda s, _: (s / ".nniignore").write_text("tool\n"),
    "the output": lambda _, o: (o / "train.py").write_text("x = 5\n"),
    "a file gone from the output": lambda _, o: (o / "tool").unlink(),
    "the search space": lambda _, o: (o / "search_space.json").write_text("{}"),
    "no search space": lambda _, o: (o / "search_space.json").unlink(),
    "what a killed run left": lambda _, o: (o / ".nni-annotate-x").mkdir(),
}


@pytest.mark.parametrize("change", CHANGES)
def test_every_change_is_noticed(source: Path, tmp_path: Path, change: str) -> None:
    """And the output is then the same as that of a first run."""
    out, fresh = tmp_path / "out", tmp_path / "fresh"
    compiled(source, out)
    assert is_unchanged(source, out)
    CHANGES[change](source, out)
    assert not is_unchanged(source, out)
    compiled(source, out)
    compiled(source, fresh)
    assert contents(out) == contents(fresh)


def test_an_edit_in_the_same_instant_is_noticed(source: Path, tmp_path: Path) -> None:
    """A file that was written just before it was compiled may be written again unnoticed."""
    (source / "train.py").write_text(ANNOTATED)  # now
    compiled(source, tmp_path / "out")
    _rewrite(source / "train.py", ANNOTATED.replace("x = 1", "x = 2"))
    assert not is_unchanged(source, tmp_path / "out")


def test_files_of_one_s_own_in_the_output_change_nothing(source: Path, tmp_path: Path) -> None:
    """Results that a run of the compiled code has left there, say."""
    compiled(source, tmp_path / "out")
    (tmp_path / "out" / "model.bin").write_text("weights")
    (tmp_path / "out" / "__pycache__").mkdir()
    assert is_unchanged(source, tmp_path / "out")
    (source / "tool").unlink()
    compiled(source, tmp_path / "out")
    assert (tmp_path / "out" / "model.bin").read_text() == "weights"


def test_another_compiler_or_another_task_compiles_again(source: Path, tmp_path: Path) -> None:
    """Scripts in place of notebooks; a manifest of another version."""
    cell = {"cell_type": "code", "metadata": {}, "outputs": [], "source": ANNOTATED}
    notebook = json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    (source / "note.ipynb").write_text(notebook)
    os.utime(source / "note.ipynb", (1_700_000_000, 1_700_000_000))
    out = tmp_path / "out"
    compiled(source, out)
    assert is_unchanged(source, out)
    assert not is_unchanged(source, out, as_scripts=True)
    manifest = json.loads((out / MANIFEST).read_text())
    assert manifest["parameters"]["note/x/choice"] == [
        {"file": "note.ipynb", "line": 1, "column": 1, "cell": 1, "is_written": True}
    ]
    space = (out / "search_space.json").stat()
    (out / MANIFEST).write_text(json.dumps({**manifest, "compiler": "0.0.1"}))
    os.utime(out / MANIFEST, ns=(space.st_mtime_ns, space.st_mtime_ns))
    assert not is_unchanged(source, out)


def test_a_run_that_is_killed_leaves_what_the_next_one_mends(source: Path, tmp_path: Path) -> None:
    """At whatever moment: the output is the old one, the new one, or known to be neither."""
    for number in range(200):
        (source / "pkg" / f"data_{number}").write_text(str(number))
    out, fresh = tmp_path / "out", tmp_path / "fresh"
    chance = random.Random(1)
    for attempt in range(6):
        (source / "train.py").write_text(ANNOTATED.replace("(1, 2)", f"(1, 2, {attempt + 5})"))
        (source / f"extra_{attempt}").write_text("")
        process = subprocess.Popen(
            command("nni-annotate", source, "-o", out), env=clean_environment(),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            process.wait(chance.uniform(0.05, 0.6))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
        if attempt % 3 == 2:
            done = run("nni-annotate", source, "-o", out)
            assert done.returncode == 0, done.stderr
            shutil.rmtree(fresh, ignore_errors=True)
            compiled(source, fresh)
            assert contents(out) == contents(fresh)
