"""Experiments that Python code runs; needs the runner, which `import nni` alone doesn't."""

from __future__ import annotations

from nni_runner.api.experiment import Experiment
from nni_runner.api.records import TrialJob, TrialMetricData, TrialResult
from nni_runner.api.settings import AlgorithmConfig, CustomAlgorithmConfig, LocalConfig
from nni_runner.api.settings import Settings as ExperimentConfig

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
