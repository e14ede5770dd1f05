"""SMAC's hyperparameter optimisation as a tuner."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path
from typing import Any

from ConfigSpace import Categorical, ConfigurationSpace, EqualsCondition, Float, Integer
from smac import HyperparameterOptimizationFacade as Facade
from smac import Scenario
from smac.runhistory import TrialValue

from nni_annotate.domains import (
    Branch,
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
from peer_space import Domains, leaves, parameters_of, prefix


class SmacTuner:
    """Random forests; no trial is run again for its noise."""

    def __init__(self, *, seed: int, trials: int, **_: int) -> None:
        logging.disable(logging.WARNING)
        self._seed, self._trials = seed, trials
        self._folder = tempfile.TemporaryDirectory()
        self._asked: dict[int, Any] = {}

    def update_search_space(self, space: SearchSpace, /) -> None:
        self._space = space
        scenario = Scenario(
            configspace(space, self._seed),
            n_trials=self._trials,
            deterministic=True,
            seed=self._seed,
            output_directory=Path(self._folder.name),
        )
        self._facade: Any = Facade(scenario, _unused, overwrite=True, logging_level=False)

    def generate_parameters(self, parameter_id: int, /) -> Parameters:
        asked = self._asked[parameter_id] = self._facade.ask()
        values = dict(asked.config)

        def pick(name: str, domain: Plain) -> Any:
            match domain:
                case Choice() | RandInt() | Uniform() | LogUniform() | QUniform() | QLogUniform():
                    return values[name]
                case _:
                    return value_at(domain, values[name])

        return parameters_of(self._space.items(), pick)

    def receive_trial_result(self, parameter_id: int, _: Parameters, value: float, /) -> None:
        self._facade.tell(self._asked.pop(parameter_id), TrialValue(cost=value), save=False)

    def trial_end(self, parameter_id: int, success: bool, /) -> None:
        pass


def _unused(config: Any, seed: int = 0) -> float:  # noqa: ARG001 - SMAC looks at the signature
    raise AssertionError("asking and telling needs no function")


def configspace(space: SearchSpace, seed: int) -> Any:
    """The search space with a condition for each parameter of a branch."""
    found: Any = ConfigurationSpace(seed=seed)
    hyperparameters = {name: hyperparameter(name, leaf) for name, leaf in leaves(space.items())}
    found.add(list(hyperparameters.values()))
    found.add(conditions(space.items(), hyperparameters))
    return found


def hyperparameter(name: str, domain: Plain) -> Any:
    """ConfigSpace's hyperparameter for a leaf; normal ones are quantiles."""
    match domain:
        case Choice(options):
            return Categorical(name, list(range(len(options))))
        case RandInt(lower, upper):
            return Integer(name, (lower, upper - 1))
        case QUniform(low, high, 1) if gives_ints(domain):
            return Integer(name, (int(low), int(high)))
        case QLogUniform(low, high, 1) if gives_ints(domain):
            return Integer(name, (int(low), int(high)), log=True)
        case Uniform(low, high) | QUniform(low, high):
            return Float(name, (low, high))
        case LogUniform(low, high) | QLogUniform(low, high):
            return Float(name, (low, high), log=True)
        case _:
            return Float(name, (0, 1))


def conditions(domains: Domains, hyperparameters: dict[str, Any], inside: str = "") -> list[Any]:
    """That the parameters of a branch count where its choice is at its option."""
    found = []
    for key, domain in domains:
        if isinstance(domain, Choice):
            name = inside + key
            for index, option in enumerate(domain.options):
                if isinstance(option, Branch):
                    within = prefix(name, option)
                    for child, _ in option.parameters:
                        pair = hyperparameters[within + child], hyperparameters[name]
                        found.append(EqualsCondition(*pair, index))
                    found += conditions(option.parameters, hyperparameters, within)
    return found
