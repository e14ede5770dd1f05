"""What a tuner is measured on: a search space and a function of its parameters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from nni_annotate.space import Parameters, SearchSpace


@dataclass(frozen=True)
class Problem:
    """A function to be minimised; `best` is the least value that is known of it.

    A tuner sees `value` plus Gaussian noise of that standard deviation; what it found is judged
    without the noise. `held_out` problems are those that no constant was ever chosen on.
    """

    name: str
    family: str
    space: SearchSpace
    value: Callable[[Parameters], float]
    best: float
    noise: float = 0.0
    held_out: bool = False
