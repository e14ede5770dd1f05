"""What it is worth to tuners that options which are numbers have an order."""

from __future__ import annotations

import pytest

from nni_annotate.domains import Choice
from nni_annotate.space import Parameters, SearchSpace
from nni_tuners import find_tuner
from objectives import best_of

SIZES = tuple(2**power for power in range(3, 13))
RATES = (1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1)
OPTIONS: dict[str, tuple[float, ...]] = {"a": SIZES, "b": RATES, "c": SIZES, "d": RATES}
WORDS = {key: list(map(str, options)) for key, options in OPTIONS.items()}
AS_NUMBERS = SearchSpace({key: Choice(options) for key, options in OPTIONS.items()})
AS_WORDS = SearchSpace({key: Choice(tuple(words)) for key, words in WORDS.items()})


def loss(parameters: Parameters) -> float:
    """The squared distance from the seventh option of each."""
    places = [WORDS[key].index(str(value)) for key, value in parameters.items()]
    return float(sum((place - 6) ** 2 for place in places))


@pytest.mark.parametrize("name", ["auto", "GP", "TPE", "CMA-ES"])
def test_numbers_are_found_sooner_than_words(name: str) -> None:
    """By 30 trials, over ten seeds."""
    found = [
        sum(best_of(find_tuner(name)(seed=seed), space, loss, 1, 30) for seed in range(10))
        for space in (AS_NUMBERS, AS_WORDS)
    ]
    assert found[0] < 0.7 * found[1]
