"""Optuna's samplers as tuners; this is the one module that imports Optuna.

Akiba, Sano, Yanase, Ohta, Koyama, Optuna: A Next-generation Hyperparameter Optimization Framework,
KDD 2019.

Optuna sees a choice as a categorical of its indices, evenly spread values as the ints of their
order, and all else by its prior quantile, as a float from 0 to 1: there its samplers move every
range themselves, by the logarithm where it is logarithmic.
"""

from __future__ import annotations

import inspect
import warnings
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from typing import Any, ClassVar

import numpy as np
import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import BaseSampler
from optuna.trial import TrialState, create_trial

from nni_annotate.domains import Choice, QUniform, RandInt, show
from nni_tuners.encode import Floats
from nni_tuners.errors import TunerError
from nni_tuners.history import key_of
from nni_tuners.tuner import Tuner

NEEDS = {"CmaEsSampler": ("cmaes",), "GPSampler": ("scipy", "torch"), "QMCSampler": ("scipy",)}
EXPECTED = {
    "bool": "true or false", "int": "an int", "float": "a number", "str": "text", "None": "null"
}  # fmt: skip


class OptunaTuner(Tuner):
    """Suggests what one of Optuna's samplers does, and takes that sampler's arguments.

    Its study has the trials of the history and those that run, as far as it suggested them.
    """

    sampler: ClassVar[type[BaseSampler]]

    def __init__(
        self, *, optimize_mode: str = "minimize", seed: int | None = None, **arguments: Any
    ) -> None:
        super().__init__(optimize_mode=optimize_mode, seed=seed)
        missing = [name for name in NEEDS.get(self.sampler.__name__, ()) if not find_spec(name)]
        if missing:
            raise TunerError(f"needs what is not installed: pip install {' '.join(missing)}")
        for name in arguments.keys() & self.arguments():
            _check(name, _types(self.sampler)[name], arguments[name])
        self._arguments = arguments
        self._study = self._new_study()
        self._running: dict[tuple[float, ...], list[optuna.Trial]] = defaultdict(list)
        self._seen = 0  # trials of the history that the study has

    @classmethod
    def arguments(cls) -> dict[str, Any]:
        """Those of the sampler that are plain values."""
        parameters = inspect.signature(cls.sampler).parameters
        return {name: parameters[name].default for name in _types(cls.sampler) if name != "seed"}

    def prepare(self) -> None:
        """Start a study in this search space."""
        columns = enumerate(self.code.columns)
        self._names = [f"{at}: {'/'.join(column.keys)}" for at, column in columns]
        self._values = [self._values_of(at) for at in range(len(self._names))]
        self._study, self._seen = self._new_study(), 0
        self._running.clear()

    def suggest(self) -> Floats:
        """What the sampler gives to the next trial."""
        row = np.full(len(self.code.columns), np.nan)
        with _silence():
            self._take_in()
            trial = self._study.ask()
            for at, column in enumerate(self.code.columns):
                if column.condition is None or row[column.condition[0]] == column.condition[1]:
                    row[at] = self._number(trial, at)
        row = np.where(np.isnan(row), self.code.neutral, row)
        self._running[key_of(self.code.canonical(row))].append(trial)
        return row

    def _take_in(self) -> None:
        """Tell the study of the trials that ended since, whoever suggested them."""
        rows, losses = self.history.rows[self._seen :], self.history.losses[self._seen :].tolist()
        for row, known, loss in zip(rows, self.code.without_inactive(rows), losses, strict=True):
            value, state = (loss, TrialState.COMPLETE)
            if np.isnan(loss):
                value, state = None, TrialState.FAIL
            if waiting := self._running[key_of(row)]:
                self._study.tell(waiting.pop(0), value, state)
                continue
            active = np.flatnonzero(~np.isnan(known)).tolist()
            trial = create_trial(
                state=state,
                value=value,
                params={self._names[at]: self._inside(at, row[at]) for at in active},
                distributions={self._names[at]: self._distribution(at) for at in active},
            )
            self._study.add_trial(trial)
        self._seen = len(self.history)

    def _values_of(self, at: int) -> Floats | None:
        """The numbers that Optuna knows by their index."""
        by_index = isinstance(self.code.columns[at].domain, Choice | QUniform | RandInt)
        return self.code.values(at) if by_index else None

    def _number(self, trial: optuna.Trial, at: int) -> float:
        """What the sampler gives a column, as a row has it."""
        name, values = self._names[at], self._values[at]
        if values is None:
            return trial.suggest_float(name, 0, 1)
        if self.code.options[at]:
            return float(trial.suggest_categorical(name, range(len(values))))
        return float(values[trial.suggest_int(name, 0, len(values) - 1)])

    def _inside(self, at: int, number: float) -> float:
        """What a row has for a column, as Optuna has it."""
        values = self._values[at]
        return float(number) if values is None else int(np.searchsorted(values, number))

    def _distribution(self, at: int) -> BaseDistribution:
        values = self._values[at]
        if values is None:
            return FloatDistribution(0, 1)
        if self.code.options[at]:
            return CategoricalDistribution(range(len(values)))
        return IntDistribution(0, len(values) - 1)

    def _new_study(self) -> optuna.Study:
        arguments = dict(self._arguments)
        if "seed" in _types(self.sampler):
            arguments["seed"] = int(self.rng.integers(2**32))
        try:
            with _silence():
                return optuna.create_study(sampler=self.sampler(**arguments))
        except (TypeError, ValueError) as error:
            raise TunerError(str(error)) from None


@cache
def sampler_tuner(name: str) -> type[OptunaTuner]:
    """The tuner of the sampler that Optuna knows by that name."""
    return type(name, (OptunaTuner,), {"sampler": getattr(optuna.samplers, name)})


def _types(sampler: type[BaseSampler]) -> dict[str, list[str]]:
    """What the arguments of a sampler that are plain values may be."""
    found = inspect.signature(sampler).parameters.items()
    types = {name: str(parameter.annotation).split(" | ") for name, parameter in found}
    return {name: kinds for name, kinds in types.items() if EXPECTED.keys() >= set(kinds)}


def _check(name: str, types: list[str], value: Any) -> None:
    """Raises TunerError for what is of another type: Optuna may look at it much later."""
    found = type(value).__name__.removesuffix("Type")
    if found not in types and not (found == "int" and "float" in types):
        expected = " or ".join(EXPECTED[kind] for kind in types)
        raise TunerError(f"{name}: expected {expected}, found {show(value)}")


@contextmanager
def _silence() -> Iterator[None]:
    """Leaves out what Optuna warns and tells of, which is for who calls it directly."""
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        optuna.logging.set_verbosity(level)
