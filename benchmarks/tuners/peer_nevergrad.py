"""nevergrad's choice of an optimiser as a tuner."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import NormalDist
from typing import Any

import nevergrad as ng

from nni_annotate.domains import (
    Branch,
    Choice,
    Domain,
    LogUniform,
    Plain,
    QLogUniform,
    QUniform,
    RandInt,
    Uniform,
)
from nni_annotate.space import Parameters, SearchSpace
from nni_tuners.quantiles import value_at
from peer_space import Domains, leaves, parameters_of, prefix

OPTION = ""  # the key of an option's index, beside the leaves of its branch
STANDARD = NormalDist()


class NevergradTuner:
    """NGOpt, which picks an algorithm by the space, the number of trials and that of workers."""

    def __init__(self, *, seed: int, trials: int, pending: int) -> None:
        self._seed, self._trials, self._pending = seed, trials, pending
        self._asked: dict[int, Any] = {}

    def update_search_space(self, space: SearchSpace, /) -> None:
        self._space = space
        list(leaves(space.items()))
        parametrization = ng.p.Dict(**described(space.items()))
        parametrization.random_state.seed(self._seed)
        self._optimizer: Any = ng.optimizers.NGOpt(
            parametrization, budget=self._trials, num_workers=self._pending
        )

    def generate_parameters(self, parameter_id: int, /) -> Parameters:
        asked = self._asked[parameter_id] = self._optimizer.ask()
        values = flat(asked.value)

        def pick(name: str, domain: Plain) -> Any:
            match domain:
                case Choice() | RandInt() | Uniform() | LogUniform() | QUniform() | QLogUniform():
                    return values[name]
                case _:  # a standard normal's draw; this puts it into the domain
                    return value_at(domain, STANDARD.cdf(values[name]))

        return parameters_of(self._space.items(), pick)

    def receive_trial_result(self, parameter_id: int, _: Parameters, value: float, /) -> None:
        self._optimizer.tell(self._asked.pop(parameter_id), value)

    def trial_end(self, parameter_id: int, success: bool, /) -> None:
        pass


def described(domains: Domains, inside: str = "") -> dict[str, Any]:
    """nevergrad's parameter for each leaf; a branch's are within its choice."""
    return {inside + key: parameter(inside + key, domain) for key, domain in domains}


def parameter(name: str, domain: Domain) -> Any:
    """nevergrad's parameter for a domain; multiples of q are rounded to later."""
    match domain:
        case Choice(options):
            inner = [
                described(option.parameters, prefix(name, option))
                if isinstance(option, Branch)
                else {}
                for option in options
            ]
            if not any(inner):
                return ng.p.Choice(range(len(options)))
            return ng.p.Choice([ng.p.Dict(**{OPTION: i}, **keys) for i, keys in enumerate(inner)])
        case RandInt(lower, upper):
            return ng.p.Scalar(lower=lower, upper=upper - 1).set_integer_casting()
        case Uniform(low, high) | QUniform(low, high):
            return ng.p.Scalar(lower=low, upper=high)
        case LogUniform(low, high) | QLogUniform(low, high):
            return ng.p.Log(lower=low, upper=high)
        case _:
            return ng.p.Scalar()


def flat(values: Mapping[str, Any]) -> dict[str, Any]:
    """The leaves of all branches side by side, of choices the index."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            inner = dict(value)
            found[name] = inner.pop(OPTION)
            found |= flat(inner)
        else:
            found[name] = value
    return found
