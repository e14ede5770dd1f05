"""The names that tuners are known by."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

import nni_tuners
from conftest import ROOT
from nni_tuners import (
    TUNERS,
    AnnealTuner,
    AutoTuner,
    BatchTuner,
    BOHBTuner,
    CMAESTuner,
    EvolutionTuner,
    GPTuner,
    GridSearchTuner,
    HyperbandTuner,
    MetisTuner,
    PBTTuner,
    QMCTuner,
    RandomTuner,
    RegularizedEvolutionTuner,
    SMACTuner,
    TPETuner,
    TunerError,
    find_tuner,
    make_tuner,
    official_name,
)

NAMES = (
    "auto, TPE, Random, GridSearch, Anneal, SMAC, Evolution, RegularizedEvolution, CMA-ES, GP, "
    "Metis, QMC, BatchTuner, PBTTuner, Hyperband, BOHB, optuna:CmaEsSampler, optuna:GPSampler, "
    "optuna:NSGAIISampler, optuna:NSGAIIISampler, optuna:QMCSampler, optuna:RandomSampler, "
    "optuna:TPESampler"
)


def test_the_names_are_those_of_nni() -> None:
    """CMA-ES, QMC and auto apart, which NNI has not."""
    assert {
        "auto": AutoTuner,
        "TPE": TPETuner,
        "Random": RandomTuner,
        "GridSearch": GridSearchTuner,
        "Anneal": AnnealTuner,
        "SMAC": SMACTuner,
        "Evolution": EvolutionTuner,
        "RegularizedEvolution": RegularizedEvolutionTuner,
        "CMA-ES": CMAESTuner,
        "GP": GPTuner,
        "Metis": MetisTuner,
        "QMC": QMCTuner,
        "BatchTuner": BatchTuner,
        "PBTTuner": PBTTuner,
        "Hyperband": HyperbandTuner,
        "BOHB": BOHBTuner,
    } == TUNERS


@pytest.mark.parametrize(
    ("name", "tuner"),
    [
        *TUNERS.items(),
        ("tpe", TPETuner),
        ("RANDOM", RandomTuner),
        ("random_search", RandomTuner),
        ("grid", GridSearchTuner),
        ("gridsearch", GridSearchTuner),
        ("grid_search", GridSearchTuner),
        ("Grid-Search", GridSearchTuner),
        ("anneal", AnnealTuner),
        ("smac", SMACTuner),
        ("evolution", EvolutionTuner),
        ("regularized_evolution", RegularizedEvolutionTuner),
        ("cmaes", CMAESTuner),
        ("CMA-ES", CMAESTuner),
        ("cma_es", CMAESTuner),
        ("gp_tuner", GPTuner),
        ("metis", MetisTuner),
        ("MetisTuner", MetisTuner),
        ("qmc", QMCTuner),
        ("Batch", BatchTuner),
        ("batch_tuner", BatchTuner),
        ("PBT", PBTTuner),
        ("pbt_tuner", PBTTuner),
    ],
)
def test_finds_a_tuner_however_it_is_written(name: str, tuner: type) -> None:
    assert find_tuner(name) is tuner
    assert TUNERS[official_name(name)] is tuner


def test_makes_a_tuner_with_arguments_of_its_own() -> None:
    tuner = make_tuner("evolution", {"population_size": 9}, optimize_mode="maximize", seed=1)
    assert isinstance(tuner, EvolutionTuner)
    assert (tuner.population_size, tuner.optimize_mode) == (9, "maximize")


@pytest.mark.parametrize(
    ("name", "argument", "message"),
    [
        (
            "evolution",
            "population",
            "population: no such argument; expected one of population_size; "
            "did you mean population_size?",
        ),
        ("auto", "gamma", "gamma: no such argument; expected none"),
        ("GP", "cold_start_num", 'cold_start_num: expected an int from 1 on, found "x"'),
        ("QMC", "seed", "seed: no such argument; expected none"),
        ("TPE", "gamma", 'gamma: expected a number between 0 and 1, found "x"'),
        ("TPE", "multivariate", 'multivariate: expected true or false, found "x"'),
    ],
)
def test_says_which_arguments_a_tuner_takes(name: str, argument: str, message: str) -> None:
    with pytest.raises(TunerError) as caught:
        make_tuner(name, {argument: "x"}, optimize_mode="minimize", seed=1)
    assert str(caught.value) == message


def test_the_documentation_has_every_tuner_with_its_arguments() -> None:
    page = (ROOT / "docs" / "tuners.md").read_text(encoding="utf-8")
    text = page[: page.index("\n## ")]  # there are other tables
    documented = {
        name: re.findall(r"(\w+)=([^`]+)", arguments)
        for name, arguments in re.findall(r"^\| `(.*?)` \| .* \|(.*)\|$", text, re.MULTILINE)
    }
    assert documented == {
        name: [(argument, repr(default)) for argument, default in kind.arguments().items()]
        for name, kind in TUNERS.items()
    }


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("TPEE", f"expected a tuner out of {NAMES}; found TPEE; did you mean TPE?"),
        ("radnom", f"expected a tuner out of {NAMES}; found radnom; did you mean Random?"),
        ("DNGO", f"expected a tuner out of {NAMES}; found DNGO"),
        ("", f"expected a tuner out of {NAMES}; found "),
    ],
)
def test_says_which_tuners_there_are(name: str, message: str) -> None:
    with pytest.raises(TunerError) as caught:
        find_tuner(name)
    assert str(caught.value) == message


def test_everything_public_is_there() -> None:
    for name in nni_tuners.__all__:
        assert getattr(nni_tuners, name) is not None
    with pytest.raises(AttributeError):
        nni_tuners.__getattr__("GaussianProcess")


def test_importing_the_package_does_not_load_numpy() -> None:
    code = "import sys, nni_tuners; sys.exit('numpy' in sys.modules)"
    path = f"import sys; sys.path[:] = {sys.path!r}; "
    assert subprocess.run([sys.executable, "-c", path + code], check=False).returncode == 0
