"""The tuners by name."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from nni_tuners.arguments import check_names
from nni_tuners.classes import Classes
from nni_tuners.errors import TunerError

if TYPE_CHECKING:
    from nni_tuners.tuner import Tuner

TUNERS: Mapping[str, type[Tuner]] = Classes(
    {
        "auto": "AutoTuner",
        "TPE": "TPETuner",
        "Random": "RandomTuner",
        "GridSearch": "GridSearchTuner",
        "Anneal": "AnnealTuner",
        "SMAC": "SMACTuner",
        "Evolution": "EvolutionTuner",
        "RegularizedEvolution": "RegularizedEvolutionTuner",
        "CMA-ES": "CMAESTuner",
        "GP": "GPTuner",
        "Metis": "MetisTuner",
        "QMC": "QMCTuner",
        "BatchTuner": "BatchTuner",
        "PBTTuner": "PBTTuner",
        "Hyperband": "HyperbandTuner",
        "BOHB": "BOHBTuner",
    }
)
OPTUNA = "optuna:"
# Those of Optuna's that need no argument which only Python can give, nor Optuna's own loop.
SAMPLERS = ("CmaEs", "GP", "NSGAII", "NSGAIII", "QMC", "Random", "TPE")
ALIASES = {
    "grid": "GridSearch",
    "randomsearch": "Random",
    "batch": "BatchTuner",
    "gptuner": "GP",
    "metistuner": "Metis",
    "pbt": "PBTTuner",
    **{f"{OPTUNA}{name.lower()}": f"{OPTUNA}{name}Sampler" for name in SAMPLERS},
}
NAMES = (*TUNERS, *(f"{OPTUNA}{name}Sampler" for name in SAMPLERS))


def find_tuner(name: str) -> type[Tuner]:
    """The tuner of that name; case, `_`, `-` and spaces don't matter.

    Behind `optuna:` stands the name of one of Optuna's samplers.

    Raises TunerError where there is none.
    """
    official = official_name(name)
    if official in TUNERS:
        return TUNERS[official]
    try:
        from nni_tuners.optuna_adapter import sampler_tuner
    except ImportError as error:
        raise TunerError(f"Optuna is not there ({error}): pip install optuna") from None
    return sampler_tuner(official.removeprefix(OPTUNA))


def make_tuner(
    name: str, arguments: Mapping[str, Any], *, optimize_mode: str, seed: int | None
) -> Tuner:
    """A tuner by its name and by name the arguments that are its own, NNI's `classArgs`.

    Raises TunerError naming the arguments that there are.
    """
    kind = find_tuner(name)
    check_names(arguments, kind.arguments())
    return kind(optimize_mode=optimize_mode, seed=seed, **arguments)


def official_name(name: str) -> str:
    """How that tuner's name is written. Raises TunerError where there is none."""
    known = {_plain(official): official for official in NAMES} | ALIASES
    if _plain(name) in known:
        return known[_plain(name)]
    message = f"expected a tuner out of {', '.join(NAMES)}; found {name}"
    names = {_stem(plain): official for plain, official in known.items()}
    if close := get_close_matches(_stem(_plain(name)), names, n=1):
        message += f"; did you mean {names[close[0]]}?"
    raise TunerError(message)


def _plain(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter not in "_- ")


def _stem(plain: str) -> str:
    """What tells names apart: many end in the same word, which makes none of them alike."""
    return plain.removesuffix("tuner")
