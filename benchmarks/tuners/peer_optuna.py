"""Optuna's samplers as tuners."""

from __future__ import annotations

import math
from typing import Any

import optuna

from nni_annotate.domains import (
    Choice,
    LogUniform,
    Plain,
    QLogUniform,
    QUniform,
    RandInt,
    Uniform,
    gives_ints,
)
from nni_annotate.space import Parameters, SearchSpace
from nni_tuners.quantiles import value_at
from peer_space import leaves, parameters_of


class OptunaTuner:
    """A study that is asked and told."""

    def __init__(self, sampler: Any) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._study: Any = optuna.create_study(sampler=sampler)
        self._trials: dict[int, Any] = {}

    def update_search_space(self, space: SearchSpace, /) -> None:
        self._space = space
        list(leaves(space.items()))

    def generate_parameters(self, parameter_id: int, /) -> Parameters:
        trial = self._trials[parameter_id] = self._study.ask()
        return parameters_of(self._space.items(), lambda *leaf: suggested(trial, *leaf))

    def receive_trial_result(self, parameter_id: int, _: Parameters, value: float, /) -> None:
        self._study.tell(self._trials.pop(parameter_id), value)

    def trial_end(self, parameter_id: int, success: bool, /) -> None:
        pass


def suggested(trial: Any, name: str, domain: Plain) -> Any:
    """The trial's value for a leaf, by the distribution that Optuna has for such."""
    match domain:
        case Choice(options):
            return trial.suggest_categorical(name, range(len(options)))
        case RandInt(lower, upper):
            return trial.suggest_int(name, lower, upper - 1)
        case Uniform(low, high):
            return trial.suggest_float(name, low, high)
        case LogUniform(low, high):
            return trial.suggest_float(name, low, high, log=True)
        case QUniform(low, high, q) if all(_is_multiple(bound, q) for bound in (low, high)):
            suggest = trial.suggest_int if gives_ints(domain) else trial.suggest_float
            return suggest(name, low, high, step=q)
        case QLogUniform(low, high, 1) if gives_ints(domain):
            return trial.suggest_int(name, low, high, log=True)
        case QLogUniform(low, high):
            return trial.suggest_float(name, low, high, log=True)
        case _:
            return value_at(domain, trial.suggest_float(name, 0, 1))


def _is_multiple(number: float, q: float) -> bool:
    return math.isclose(round(number / q) * q, number, abs_tol=1e-9 * q)


def tpe(*, seed: int, **_: int) -> OptunaTuner:
    """Its default sampler with its defaults."""
    return OptunaTuner(optuna.samplers.TPESampler(seed=seed))


def gp(*, seed: int, **_: int) -> OptunaTuner:
    """Its Gaussian process."""
    return OptunaTuner(optuna.samplers.GPSampler(seed=seed, warn_independent_sampling=False))


def cmaes(*, seed: int, **_: int) -> OptunaTuner:
    """Its CMA-ES; choices are drawn at random."""
    return OptunaTuner(optuna.samplers.CmaEsSampler(seed=seed, warn_independent_sampling=False))
