"""Many trials: an experiment costs and holds no more for each the longer it goes on."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

import pytest

from conftest import ROOT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's /proc")


@pytest.mark.parametrize("concurrency", [1, 200])
def test_nothing_grows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, concurrency: int) -> None:
    """Neither files nor threads; of memory a few kB a trial, which are its history."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    controller = import_module("controller")

    trials, reports = 1000, 5
    first, *_, fifth, _, _, _, _, last = controller.run(tmp_path, trials, concurrency, reports)
    assert last.trials == trials
    assert last.files <= fifth.files <= first.files + concurrency + 2
    assert last.threads <= fifth.threads
    assert last.kilobytes - fifth.kilobytes < 10 * (last.trials - fifth.trials)
