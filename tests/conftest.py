"""What all tests share: the commands as a user runs them, and where the fixtures are."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# No example fails for being slow on a busy machine, and a machine's verdict is the same each time.
settings.register_profile(
    "project",
    deadline=None,
    derandomize=os.environ.get("CI") is not None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("project")

ROOT = Path(__file__).resolve().parent.parent
FIXTURES = ROOT / "fixtures"
_STARTS = {
    "nni-annotate": ("nni_annotate.entry", "main"),
    "nni-run": ("nni_runner.entry", "main"),
    "nnictl": ("nni_runner.entry", "control"),
}


def clean_environment() -> dict[str, str]:
    """The environment of a shell that is in no experiment and finds this checkout's packages."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("NNI_")}
    roots = [str(ROOT / name) for name in ("annotate", "runtime", "tuners")]
    return {**kept, "PYTHONPATH": os.pathsep.join(roots)}


def environment_of_tests() -> dict[str, str]:
    """That of a program which uses what tests share."""
    environment = clean_environment()
    return environment | {"PYTHONPATH": f"{environment['PYTHONPATH']}{os.pathsep}{ROOT / 'tests'}"}


def command(name: str, *arguments: str | Path) -> list[str]:
    """The words that run one of the project's commands."""
    module, start = _STARTS[name]
    start = f"from {module} import {start}; {start}(prog_name={name!r})"
    return [sys.executable, "-c", start, *map(str, arguments)]


def run(
    name: str, *arguments: str | Path, cwd: Path | None = None, timeout: float = 60
) -> subprocess.CompletedProcess[str]:
    """Runs one of the project's commands to its end."""
    return subprocess.run(
        command(name, *arguments),
        cwd=cwd,
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def cases(folder: str) -> list[Path]:
    """The cases in a folder of fixtures: each folder is one, and an empty one is a mistake."""
    found = sorted(path for path in (FIXTURES / folder).iterdir() if path.is_dir())
    assert found, f"no cases in {folder}"
    for case in found:
        assert any(case.iterdir()), f"{case} is empty"
    return found


@pytest.fixture
def _standalone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Takes away what an experiment around the test run would leave in the environment."""
    for name in list(os.environ):
        if name.startswith("NNI_"):
            monkeypatch.delenv(name)
