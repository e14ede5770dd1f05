"""Problems whose optimum is known, made of functions on [-5, 5]^d and parameters of any type."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from axes import Axis, Kind
from bbob import Bbob
from bbob_instances import Floats
from nni_annotate.space import Parameters, SearchSpace
from nni_tuners import RandomTuner
from problem import Problem


@dataclass(frozen=True)
class Known:
    """A problem, and parameters at which its value is the best."""

    problem: Problem
    optimum: Parameters


def place(
    name: str,
    function: Bbob,
    kinds: Mapping[str, Kind],
    idle: Collection[str] = (),
) -> Known:
    """The function of these parameters, in this order; the idle ones change nothing."""
    targets = iter(function.x_opt.tolist())
    axes = {key: kind(0 if key in idle else next(targets)) for key, kind in kinds.items()}
    heard = {key: axis for key, axis in axes.items() if key not in idle}
    assert len(heard) == function.dimensions
    problem = Problem(
        name,
        name.partition("/")[0],
        space_of(axes),
        lambda parameters: function.value(coordinates(heard, parameters)),
        best=0.0,
    )
    return Known(problem, best_of(axes))


def space_of(axes: Mapping[str, Axis]) -> SearchSpace:
    """The search space of these parameters."""
    return SearchSpace({key: axis.domain for key, axis in axes.items()})


def best_of(axes: Mapping[str, Axis]) -> Parameters:
    """The values that the axes were made for."""
    return {key: axis.best for key, axis in axes.items()}


def coordinates(axes: Mapping[str, Axis], parameters: Parameters) -> Floats:
    """What a function sees of the parameters."""
    return np.array([axis.place(parameters[key]) for key, axis in axes.items()])


def noisy(known: Known, share: float) -> Known:
    """With noise that is this share of the standard deviation of random trials' values."""
    problem = known.problem
    values = [problem.value(parameters) for parameters in draws(problem.space, 500)]
    return replace(known, problem=replace(problem, noise=share * float(np.std(values))))


def draws(space: SearchSpace, count: int, seed: int = 0) -> Iterator[Parameters]:
    """Random parameters."""
    tuner = RandomTuner(seed=seed)
    tuner.update_search_space(space)
    return (tuner.generate_parameters(trial) for trial in range(count))


def level(function: Bbob) -> Callable[[Floats], float]:
    """The function divided by its standard deviation, so that others compare with it."""
    points = np.random.default_rng(0).uniform(-5, 5, (500, function.dimensions))
    scale = float(np.std([function.value(point) for point in points]))
    return lambda x: function.value(x) / scale
