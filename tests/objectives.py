"""What tuners are tried on: spaces, functions of their parameters, how far they get."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np

from nni_annotate.domains import Branch, Choice, LogUniform, QUniform, RandInt, Uniform
from nni_annotate.space import Parameters, SearchSpace
from nni_tuners import RandomTuner, Tuner

Objective = Callable[[Parameters], float]
Maker = Callable[[int], Tuner]  # of a tuner with that seed


def cube(columns: int) -> SearchSpace:
    return SearchSpace({f"x{index}": Uniform(-5, 5) for index in range(columns)})


def sphere(parameters: Parameters) -> float:
    return math.fsum((value - 1.5) ** 2 for value in parameters.values())


def rosenbrock(parameters: Parameters) -> float:
    x = [0.4 * value for value in parameters.values()]
    return math.fsum(100 * (b - a**2) ** 2 + (1 - a) ** 2 for a, b in pairwise(x))


def training(parameters: Parameters) -> float:
    best = {"sgd": -1.5, "adam": -3, "rmsprop": -3.3}
    return float(
        (math.log10(parameters["lr"]) - best[parameters["optimizer"]]) ** 2
        + {"sgd": 0.4, "adam": 0, "rmsprop": 0.2}[parameters["optimizer"]]
        + 0.1 * (parameters["layers"] - 5) ** 2
        + 3 * (parameters["dropout"] - 0.3) ** 2
    )


TRAINING = SearchSpace(
    {
        "lr": LogUniform(1e-6, 1),
        "optimizer": Choice(("sgd", "adam", "rmsprop")),
        "layers": RandInt(1, 12),
        "dropout": QUniform(0, 0.9, 0.1),
    }
)


BRANCHES = SearchSpace(
    {"c": Choice(tuple(Branch(f"b{index}", (("x", Uniform(0, 1)),)) for index in range(4)))}
)


def branched(parameters: Parameters) -> float:
    """Each branch has a best x of its own, and the third one is the best of them."""
    index, x = int(parameters["c"]["_name"][1]), parameters["c"]["x"]
    return float(abs(x - 0.2 * index - 0.1) + (0.2 if index != 2 else 0))


MODELS = SearchSpace(
    {
        "model": Choice(
            tuple(
                Branch(f"m{index}", tuple((f"{key}{index}", Uniform(-1, 1)) for key in "abcd"))
                for index in range(5)
            )
        )
    }
)


def models(parameters: Parameters) -> float:
    """Models with parameters of their own: the first is the best, and far apart are the optima."""
    model = parameters["model"]
    index = int(model["_name"][1])
    gaps = [model[f"{key}{index}"] - math.sin(3 * index + i) for i, key in enumerate("abcd")]
    return math.fsum(gap**2 for gap in gaps) + 0.3 * (2 * index % 5)


def best_of(
    tuner: Tuner, space: SearchSpace, objective: Objective, batch: int, trials: int = 60
) -> float:
    """The best value of these trials, `batch` of them at a time."""
    tuner.update_search_space(space)
    values = []
    for first in range(0, trials, batch):
        several = range(first, first + batch)
        many = tuner.generate_multiple_parameters(several)
        for trial, parameters in zip(several, many, strict=True):
            values.append(objective(parameters))
            tuner.receive_trial_result(trial, parameters, values[-1])
    return min(values)


def share_of_random(
    make: Maker,
    space: SearchSpace,
    objective: Objective,
    batch: int = 1,
    seeds: int = 10,
    trials: int = 60,
) -> float:
    """The mean of the best values over these seeds, by the mean of random search's."""
    mine, randoms = (
        [best_of(kind(seed), space, objective, batch, trials) for seed in range(seeds)]
        for kind in (make, lambda seed: RandomTuner(seed=seed))
    )
    return float(np.mean(mine) / np.mean(randoms))


def share_of_failures(make: Maker, trials: int, *, told: bool) -> float:
    """How often it tries the better end, a fifth of the axis, which fails; a mean of five seeds."""
    failed = 0
    for seed in range(5):
        tuner = make(seed)
        tuner.update_search_space(cube(1))
        for trial in range(trials):
            parameters = tuner.generate_parameters(trial)
            if parameters["x0"] < 3:
                tuner.receive_trial_result(trial, parameters, -parameters["x0"])
                continue
            failed += 1
            if told:
                tuner.trial_end(trial, success=False)
            else:
                tuner.pending.clear()
    return failed / (5 * trials)
