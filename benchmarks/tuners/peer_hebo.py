"""HEBO as a tuner."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from hebo.design_space.design_space import DesignSpace
from hebo.optimizers.hebo import HEBO

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
from peer_space import has_branches, leaves, parameters_of
from race import UnsupportedError


class HeboTuner:
    """A warped Gaussian process; it knows nothing of pending trials."""

    def __init__(self, *, seed: int, **_: int) -> None:
        self._seed = seed
        self._asked: dict[int, Any] = {}

    def update_search_space(self, space: SearchSpace, /) -> None:
        if has_branches(space.items()):
            raise UnsupportedError("it has no nested choices")
        self._space = space
        np.random.seed(self._seed)  # it draws from the global generators
        torch.manual_seed(self._seed)
        described = [described_leaf(name, leaf) for name, leaf in leaves(space.items())]
        self._optimizer: Any = HEBO(DesignSpace().parse(described), scramble_seed=self._seed)

    def generate_parameters(self, parameter_id: int, /) -> Parameters:
        asked = self._asked[parameter_id] = self._optimizer.suggest(n_suggestions=1)
        values = asked.iloc[0].to_dict()

        def pick(name: str, domain: Plain) -> Any:
            match domain:
                case Choice() | RandInt() | Uniform() | LogUniform() | QUniform() | QLogUniform():
                    return values[name]
                case _:
                    return value_at(domain, values[name])

        return parameters_of(self._space.items(), pick)

    def receive_trial_result(self, parameter_id: int, _: Parameters, value: float, /) -> None:
        self._optimizer.observe(self._asked.pop(parameter_id), np.array([[value]]))

    def trial_end(self, parameter_id: int, success: bool, /) -> None:
        pass


def described_leaf(name: str, domain: Plain) -> dict[str, Any]:
    """HEBO's description of a leaf; normal ones are quantiles."""
    match domain:
        case Choice(options):
            return {"name": name, "type": "cat", "categories": list(range(len(options)))}
        case RandInt(lower, upper):
            return {"name": name, "type": "int", "lb": lower, "ub": upper - 1}
        case QUniform(low, high, 1) if gives_ints(domain):
            return {"name": name, "type": "int", "lb": low, "ub": high}
        case QLogUniform(low, high, 1) if gives_ints(domain):
            return {"name": name, "type": "pow_int", "lb": low, "ub": high, "base": 10}
        case Uniform(low, high) | QUniform(low, high):
            return {"name": name, "type": "num", "lb": low, "ub": high}
        case LogUniform(low, high) | QLogUniform(low, high):
            return {"name": name, "type": "pow", "lb": low, "ub": high, "base": 10}
        case _:
            return {"name": name, "type": "num", "lb": 0, "ub": 1}
