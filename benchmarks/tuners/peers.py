"""The tuners that race, by name: this project's, and adapters to those of others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec

from nni_tuners import TUNERS, find_tuner
from race import Tuner


@dataclass(frozen=True)
class Peer:
    """Where a tuner's adapter is, and the modules that it cannot do without."""

    module: str
    factory: str
    needs: tuple[str, ...]

    def missing(self) -> list[str]:
        """Those of the modules that are not installed."""
        return [name for name in self.needs if find_spec(name) is None]

    def make(self, *, trials: int, pending: int, seed: int) -> Tuner:
        """A new tuner; how long it is asked and how many trials run at a time, it may use."""
        make: Callable[..., Tuner] = getattr(import_module(self.module), self.factory)
        return make(trials=trials, pending=pending, seed=seed)


PEERS = {
    "optuna": Peer("peer_optuna", "tpe", ("optuna",)),
    "optuna-gp": Peer("peer_optuna", "gp", ("optuna", "scipy", "torch")),
    "optuna-cmaes": Peer("peer_optuna", "cmaes", ("optuna", "cmaes")),
    "hyperopt": Peer("peer_hyperopt", "tpe", ("hyperopt",)),
    "hyperopt-anneal": Peer("peer_hyperopt", "annealing", ("hyperopt",)),
    "nevergrad": Peer("peer_nevergrad", "NevergradTuner", ("nevergrad",)),
    "smac": Peer("peer_smac", "SmacTuner", ("smac", "ConfigSpace")),
    "hebo": Peer("peer_hebo", "HeboTuner", ("hebo", "torch")),
}


def official(name: str) -> str:
    """The name as results have it: this project's tuners go by several.

    Raises TunerError where it is neither a peer nor a tuner of this project.
    """
    if name in PEERS:
        return name
    kind = find_tuner(name)
    return next(known for known, other in TUNERS.items() if other is kind)


def missing(name: str) -> list[str]:
    """The modules that the tuner of that name needs and that are not installed."""
    return PEERS[name].missing() if name in PEERS else []


def make(name: str, *, trials: int, pending: int, seed: int) -> Tuner:
    """The tuner of that name, for one race."""
    if name in PEERS:
        return PEERS[name].make(trials=trials, pending=pending, seed=seed)
    return find_tuner(name)(seed=seed)
