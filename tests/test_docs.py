"""Every command in the README and the docs is run, those of the docs in a copy of the clone."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import ROOT, clean_environment, command
from graphics import Graphics
from waiting import wait_for

README = ROOT / "README.md"
PAGES = sorted((ROOT / "docs").glob("*.md"))
# What sets up an environment is run by .ci/run, which has one of its own.
SET_UP = ("python3 -m venv", ".venv/bin/pip install")


def commands(page: Path) -> list[str]:
    """The commands of a page: whole `sh` blocks, and what stands behind a $ in `console` blocks."""
    text = page.read_text(encoding="utf-8")
    found: list[str] = []
    for kind, block in re.findall(r"^```(sh|console)\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        for line in block.splitlines():
            if kind == "sh":
                parts = (part.strip() for part in line.split("&&"))
                found += [part for part in parts if not part.startswith(SET_UP)]
            elif line.startswith("$ "):
                found.append(line[2:])
    return [line.replace(".venv/bin/", "") for line in found]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What a clone holds, and on the path the project's commands, its Python and two GPUs."""
    copy = tmp_path / "clone"
    for folder in ("examples", "benchmarks"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    binaries = tmp_path / "bin"
    binaries.mkdir()
    own = {name: command(name) for name in ("nni-annotate", "nni-run", "nnictl")}
    for name, words in {**own, "python": [sys.executable]}.items():
        script = binaries / name
        script.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
        script.chmod(0o755)
    shutil.copy(Graphics(tmp_path / "graphics").program, binaries)
    return copy


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_runs(page: Path, checkout: Path) -> None:
    """In the order of the page, as it is written."""
    environment = clean_environment()
    environment["PATH"] = f"{checkout.parent / 'bin'}{os.pathsep}{environment['PATH']}"
    environment["HOME"] = str(checkout.parent / "home")
    environment["TMPDIR"] = str(checkout.parent)
    for line in commands(page):
        if line.endswith("&"):
            start_in_background(line, checkout, environment)
            continue
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", line],
            cwd=checkout, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, (line, done.stdout, done.stderr)
        assert "FAILED" not in done.stderr, done.stderr


def start_in_background(line: str, folder: Path, environment: dict[str, str]) -> None:
    """Starts an experiment that the commands after it are about; ends when it has a result."""
    subprocess.run(["bash", "-c", line], cwd=folder, env=environment, check=True)

    def has_result() -> bool:
        listed = ["nnictl", "experiment", "list", "--json"]
        text = subprocess.check_output(listed, env=environment, text=True)
        return any(one["best"] for one in json.loads(text))

    wait_for(has_result)


def test_the_readme_s_two_commands_are_found() -> None:
    """One runs the example, as below; the other the tests, as .ci/run does."""
    first, second = commands(README)
    assert first.startswith("nni-run examples/digits")
    assert second in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()


def test_the_digits_example_beats_its_baseline(checkout: Path) -> None:
    """By the README's own command, from a fixed seed."""
    line, _ = commands(README)
    words = [*shlex.split(line)[1:], "--seed", "3", "--json", "--experiments-dir", "experiments"]
    done = subprocess.run(
        command("nni-run", *words),
        cwd=checkout, env=clean_environment(), capture_output=True, text=True, check=True,
    )  # fmt: skip
    report = json.loads(done.stdout)
    assert report["gain"] > 0.3
    assert report["best"]["value"] > 0.95
    assert {trial["status"] for trial in report["trials"]} == {"SUCCEEDED"}


def test_the_example_of_what_compiles_to_what_is_true(tmp_path: Path) -> None:
    """docs/annotations.md shows a source and its compiled code: they fit."""
    text = (ROOT / "docs" / "annotations.md").read_text(encoding="utf-8")
    source, compiled = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    (tmp_path / "train.py").write_text(source)
    subprocess.run(
        command("nni-annotate", "train.py", "-o", "out"),
        cwd=tmp_path, env=clean_environment(), capture_output=True, check=True,
    )  # fmt: skip
    assert (tmp_path / "out" / "train.py").read_text() == compiled
