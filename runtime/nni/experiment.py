"""Experiments that Python code runs; needs the runner, which `import nni` alone doesn't."""

from __future__ import annotations

from nni_runner.api.experiment import Experiment
from nni_runner.api.records import TrialJob, TrialMetricData, TrialResult
from nni_runner.api.settings import (
    AlgorithmConfig,
    CustomAlgorithmConfig,
    ExperimentConfig,
    LocalConfig,
)

__all__ = [
    "AlgorithmConfig",
    "CustomAlgorithmConfig",
    "Experiment",
    "ExperimentConfig",
    "LocalConfig",
    "TrialJob",
    "TrialMetricData",
    "TrialResult",
]


def __getattr__(name: str) -> object:
    """What NNI has here for platforms that aren't offered is missed with a reason."""
    if name.endswith("Config") and not name.startswith("_"):
        raise ImportError(
            f"nni.experiment has no {name}: trials run on this machine only, for others see "
            "docs/coming-from-nni.md; there are AlgorithmConfig, CustomAlgorithmConfig, "
            "ExperimentConfig and LocalConfig"
        )
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
