"""A search space and a history in, parameters out."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nni_tuners.anneal import AnnealTuner
    from nni_tuners.assessor import Assessor, AssessResult
    from nni_tuners.assessors.curvefitting import Curvefitting
    from nni_tuners.assessors.medianstop import Medianstop
    from nni_tuners.assessors.registry import ASSESSORS, assessor_name, make_assessor
    from nni_tuners.auto import AutoTuner
    from nni_tuners.batch import BatchTuner
    from nni_tuners.bohb import BOHBTuner
    from nni_tuners.cma_es import CMAESTuner
    from nni_tuners.errors import NoMoreTrialError, TunerError
    from nni_tuners.evolution import EvolutionTuner
    from nni_tuners.gp import GPTuner
    from nni_tuners.grid_search import GridSearchTuner
    from nni_tuners.hyperband import HyperbandTuner
    from nni_tuners.metis import MetisTuner
    from nni_tuners.pbt import PBTTuner
    from nni_tuners.qmc import QMCTuner
    from nni_tuners.random_search import RandomTuner, random_parameters
    from nni_tuners.registry import TUNERS, find_tuner, make_tuner, official_name
    from nni_tuners.regularized_evolution import RegularizedEvolutionTuner
    from nni_tuners.smac import SMACTuner
    from nni_tuners.tpe import TPETuner
    from nni_tuners.tuner import Tuner

__all__ = [
    "ASSESSORS",
    "TUNERS",
    "AnnealTuner",
    "AssessResult",
    "Assessor",
    "AutoTuner",
    "BOHBTuner",
    "BatchTuner",
    "CMAESTuner",
    "Curvefitting",
    "EvolutionTuner",
    "GPTuner",
    "GridSearchTuner",
    "HyperbandTuner",
    "Medianstop",
    "MetisTuner",
    "NoMoreTrialError",
    "PBTTuner",
    "QMCTuner",
    "RandomTuner",
    "RegularizedEvolutionTuner",
    "SMACTuner",
    "TPETuner",
    "Tuner",
    "TunerError",
    "assessor_name",
    "find_tuner",
    "make_assessor",
    "make_tuner",
    "official_name",
    "random_parameters",
]

_HOMES = {
    "ASSESSORS": "assessors.registry",
    "AssessResult": "assessor",
    "Assessor": "assessor",
    "Curvefitting": "assessors.curvefitting",
    "Medianstop": "assessors.medianstop",
    "assessor_name": "assessors.registry",
    "make_assessor": "assessors.registry",
    "TUNERS": "registry",
    "AnnealTuner": "anneal",
    "AutoTuner": "auto",
    "BatchTuner": "batch",
    "BOHBTuner": "bohb",
    "HyperbandTuner": "hyperband",
    "CMAESTuner": "cma_es",
    "EvolutionTuner": "evolution",
    "GridSearchTuner": "grid_search",
    "NoMoreTrialError": "errors",
    "GPTuner": "gp",
    "MetisTuner": "metis",
    "PBTTuner": "pbt",
    "QMCTuner": "qmc",
    "RandomTuner": "random_search",
    "random_parameters": "random_search",
    "RegularizedEvolutionTuner": "regularized_evolution",
    "SMACTuner": "smac",
    "TPETuner": "tpe",
    "Tuner": "tuner",
    "TunerError": "errors",
    "find_tuner": "registry",
    "make_tuner": "registry",
    "official_name": "registry",
}


def __getattr__(name: str) -> object:
    """Import at first use: numpy takes longer to load than most commands take to run."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
