"""hyperopt's algorithms as tuners."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from hyperopt import JOB_STATE_DONE, Trials, anneal, hp
from hyperopt import tpe as parzen
from hyperopt.base import Domain, spec_from_misc

from nni_annotate.domains import (
    Branch,
    Choice,
    LogNormal,
    LogUniform,
    Normal,
    Plain,
    QLogNormal,
    QLogUniform,
    QNormal,
    QUniform,
    RandInt,
    Uniform,
)
from nni_annotate.space import Parameters, SearchSpace
from peer_space import Domains, leaves, parameters_of, prefix


class HyperoptTuner:
    """What hyperopt's fmin does, from outside."""

    def __init__(self, suggest: Any, seed: int) -> None:
        self._suggest = suggest
        self._seeds = np.random.default_rng(seed)
        self._documents: dict[int, Any] = {}

    def update_search_space(self, space: SearchSpace, /) -> None:
        self._space = space
        list(leaves(space.items()))
        self._domain: Any = Domain(lambda _: 0.0, expressions(space.items()))
        self._trials: Any = Trials()

    def generate_parameters(self, parameter_id: int, /) -> Parameters:
        seed = int(self._seeds.integers(2**31 - 1))
        ids = self._trials.new_trial_ids(1)
        (document,) = self._suggest(ids, self._domain, self._trials, seed)
        self._trials.insert_trial_docs([document])
        self._trials.refresh()
        # What was inserted is a copy.
        self._documents[parameter_id] = self._trials._dynamic_trials[-1]
        values = spec_from_misc(document["misc"])
        return parameters_of(self._space.items(), lambda name, _: values[name])

    def receive_trial_result(self, parameter_id: int, _: Parameters, value: float, /) -> None:
        document = self._documents.pop(parameter_id)
        document["state"] = JOB_STATE_DONE
        document["result"] = {"status": "ok", "loss": value}
        self._trials.refresh()

    def trial_end(self, parameter_id: int, success: bool, /) -> None:
        pass


def expressions(domains: Domains, inside: str = "") -> dict[str, Any]:
    """hyperopt's expression for each parameter."""
    return {inside + key: expression(inside + key, domain) for key, domain in domains}


def expression(name: str, domain: Any) -> Any:
    """hyperopt's expression; it has a counterpart to every domain."""
    match domain:
        case Choice(options):
            inner = [
                expressions(option.parameters, prefix(name, option))
                if isinstance(option, Branch)
                else index
                for index, option in enumerate(options)
            ]
            return hp.choice(name, inner)
        case RandInt(lower, upper):
            return hp.uniformint(name, lower, upper - 1)
        case _:
            return number(name, domain)


def number(name: str, domain: Plain) -> Any:
    """hyperopt's expression for a float, or for multiples of q."""
    match domain:
        case Uniform(low, high):
            return hp.uniform(name, low, high)
        case LogUniform(low, high):
            return hp.loguniform(name, math.log(low), math.log(high))
        case QUniform(low, high, q):
            return hp.quniform(name, low, high, q)
        case QLogUniform(low, high, q):
            return hp.qloguniform(name, math.log(low), math.log(high), q)
        case Normal(mu, sigma):
            return hp.normal(name, mu, sigma)
        case LogNormal(mu, sigma):
            return hp.lognormal(name, mu, sigma)
        case QNormal(mu, sigma, q):
            return hp.qnormal(name, mu, sigma, q)
        case QLogNormal(mu, sigma, q):
            return hp.qlognormal(name, mu, sigma, q)
        case _:
            raise AssertionError(f"{domain.type} is no number of hyperopt's")


def tpe(*, seed: int, **_: int) -> HyperoptTuner:
    """Its tree of Parzen estimators."""
    return HyperoptTuner(parzen.suggest, seed)


def annealing(*, seed: int, **_: int) -> HyperoptTuner:
    """Its simulated annealing."""
    return HyperoptTuner(anneal.suggest, seed)
