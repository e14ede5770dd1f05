"""Prints what a suggestion costs: milliseconds, and times what Random costs in the same run.

python benchmarks/suggest_cost.py
"""

from __future__ import annotations

import time
from statistics import median

import numpy as np

from nni_annotate.domains import Choice, LogUniform, QUniform, RandInt, Uniform
from nni_annotate.space import SearchSpace
from nni_tuners import TUNERS, Tuner

OBSERVATIONS = (100, 1000)
SUGGESTIONS = 50
OTHERS = ("BatchTuner", "PBTTuner", "Hyperband", "BOHB")
KINDS = {name: kind for name, kind in TUNERS.items() if name not in OTHERS}
SPACES = {
    "10 uniform": SearchSpace({f"x{index}": Uniform(0, 1) for index in range(10)}),
    "10 mixed": SearchSpace(
        {f"lr{index}": LogUniform(1e-5, 1) for index in range(4)}
        | {f"layers{index}": RandInt(1, 9) for index in range(2)}
        | {f"dropout{index}": QUniform(0, 0.9, 0.1) for index in range(2)}
        | {f"optimizer{index}": Choice(("sgd", "adam", "rmsprop")) for index in range(2)}
    ),
}


def main() -> None:
    """Print a line for each space, number of observations and tuner."""
    print(f"{'space':12} {'tuner':20} {'results':>8} {'ms':>8} {'x Random':>9}")
    for name, space in SPACES.items():
        for count in OBSERVATIONS:
            costs = {tuner: milliseconds(kind, space, count) for tuner, kind in KINDS.items()}
            for tuner, cost in costs.items():
                ratio = cost / costs["Random"]
                print(f"{name:12} {tuner:20} {count:8} {cost:8.3f} {ratio:9.1f}")


def milliseconds(kind: type[Tuner], space: SearchSpace, count: int) -> float:
    """The median time of a suggestion after that many results."""
    tuner, values = kind(seed=0), np.random.default_rng(1)
    tuner.update_search_space(space)
    for trial in range(count):
        parameters = tuner.generate_parameters(trial)
        tuner.receive_trial_result(trial, parameters, values.normal())
    times = []
    for trial in range(count, count + SUGGESTIONS):
        start = time.perf_counter()
        tuner.generate_parameters(trial)
        times.append(time.perf_counter() - start)
        tuner.trial_end(trial, success=False)
    return 1000 * median(times)


if __name__ == "__main__":
    main()
