"""One tuner on one problem: what it asks for, what it is told, and how good its best trial is."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np

from nni_annotate.space import Parameters, SearchSpace
from nni_tuners import NoMoreTrialError, TunerError
from problem import Problem

NOISE = 1  # the noise's stream of random numbers is not the one of a tuner with the same seed


class UnsupportedError(Exception):
    """A tuner cannot take a search space; the text says why."""


class Tuner(Protocol):
    """What of NNI's interface a race needs; there is no parameter id that was not asked for."""

    def update_search_space(self, search_space: SearchSpace, /) -> None: ...

    def generate_parameters(self, parameter_id: int, /) -> Parameters: ...

    def receive_trial_result(
        self, parameter_id: int, parameters: Parameters, value: float, /
    ) -> None: ...

    def trial_end(self, parameter_id: int, success: bool, /) -> Any: ...


@dataclass(frozen=True)
class Run:
    """What came of a race.

    `curve` has for every number of results the noiseless value of the trial that looked best until
    then: without noise it never rises. `seconds` is the CPU time of a suggestion: of asking for it
    and of telling its result.
    """

    curve: tuple[float, ...]
    seconds: float


def race(tuner: Tuner, problem: Problem, trials: int, pending: int, seed: int) -> Run:
    """The run of a new tuner that is asked for so many trials.

    `pending` trials run at a time: of each that is asked for, up to `pending` - 1 before it are
    untold, and results come in the order of asking. The seed is that of the noise.
    The curve of a tuner that ends earlier goes on level.
    Raises UnsupportedError where the tuner refuses the search space, and SpaceError where what it
    suggests is outside of it.
    """
    clock = _Clock()
    noise = np.random.default_rng((NOISE, seed))
    running: deque[tuple[int, Parameters]] = deque()
    results: list[tuple[float, float]] = []  # as seen, and without the noise

    def tell() -> None:
        trial, parameters = running.popleft()
        value = problem.value(problem.space.canonical(parameters))
        seen = value + problem.noise * float(noise.standard_normal())
        clock.measure(lambda: tuner.receive_trial_result(trial, parameters, seen))
        clock.measure(lambda: tuner.trial_end(trial, True))
        results.append((seen, value))

    clock.measure(partial(_take, tuner, problem.space))
    for trial in range(trials):
        if len(running) == pending:
            tell()
        parameters = clock.measure(partial(_ask, tuner, trial))
        if parameters is None:
            break
        running.append((trial, parameters))
    while running:
        tell()
    return Run(_curve(results, trials), clock.seconds / len(results))


class _Clock:
    """The CPU time that calls took together, in all threads."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def measure(self, call: Callable[[], Any]) -> Any:
        start = time.process_time()
        found = call()
        self.seconds += time.process_time() - start
        return found


def _take(tuner: Tuner, space: SearchSpace) -> None:
    try:
        tuner.update_search_space(space)
    except TunerError as error:
        raise UnsupportedError(str(error)) from None


def _ask(tuner: Tuner, trial: int) -> Parameters | None:
    try:
        return tuner.generate_parameters(trial)
    except NoMoreTrialError:
        return None


def _curve(results: list[tuple[float, float]], trials: int) -> tuple[float, ...]:
    """The value of the trial that looked best, after each result; level behind the last one."""
    curve = []
    best = results[0]
    for result in results:
        best = min(best, result, key=lambda one: one[0])
        curve.append(best[1])
    return tuple(curve + curve[-1:] * (trials - len(curve)))
