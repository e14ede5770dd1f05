"""Whether the search finds a maximum that is known."""

from __future__ import annotations

import numpy as np
import pytest

from nni_annotate.domains import Branch, Choice, LogUniform, QUniform, RandInt, Uniform
from nni_annotate.space import SearchSpace
from nni_tuners.encode import Code, Floats
from nni_tuners.search import Search

SPACES = {
    "numbers": SearchSpace({f"x{index}": Uniform(0, 1) for index in range(6)}),
    "mixed": SearchSpace(
        {
            "lr": LogUniform(1e-5, 1),
            "layers": RandInt(0, 40),
            "dropout": QUniform(0, 1, 0.1),
            "optimizer": Choice(("sgd", "adam", "rmsprop", "ada")),
        }
    ),
    "options": SearchSpace({f"c{index}": Choice(tuple("abcd")) for index in range(7)}),
    "nested": SearchSpace(
        {
            "model": Choice(
                (
                    Branch("svm", (("C", LogUniform(1e-3, 1e3)), ("gamma", Uniform(0, 1)))),
                    Branch("net", (("layers", RandInt(1, 9)), ("rate", Uniform(0, 1)))),
                )
            )
        }
    ),
    "none": SearchSpace({}),
}


class Nearness:
    """How near a row is to a target; numbers by their squared distance, options by being equal."""

    def __init__(self, code: Code, target: Floats) -> None:
        self._code, self._target = code, target

    def __call__(self, rows: Floats) -> Floats:
        gaps = rows - self._target
        scores: Floats = -np.where(self._code.options > 0, gaps != 0, gaps**2).sum(axis=1)
        return scores

    def slopes(self, rows: Floats) -> tuple[Floats, Floats]:
        slopes = np.where(self._code.options > 0, 0, -2 * (rows - self._target))
        return self(rows), slopes


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
def test_finds_the_target(space: SearchSpace, seed: int) -> None:
    code, rng = Code(space), np.random.default_rng(seed)
    target, good = code.settled(code.draw(rng, 2))[[0, 1]]
    score = Nearness(code, target)
    rows = Search(code, rng).best_rows(score, good[None])
    assert score(rows)[0] == pytest.approx(0, abs=1e-3)
    assert (rows == code.settled(rows)).all()
    discrete = [column for column in range(len(code.columns)) if code.values(column) is not None]
    assert (rows[0][discrete] == target[discrete]).all()
    assert (rows >= 0).all()
    assert (rows <= np.maximum(code.options - 1, 1)).all()


def test_the_best_come_first() -> None:
    code, rng = Code(SPACES["mixed"]), np.random.default_rng(0)
    score = Nearness(code, code.draw(rng, 1)[0])
    scores = score(Search(code, rng).best_rows(score, code.draw(rng, 3)))
    assert scores[0] == scores.max()
    assert (np.diff(scores[5:]) <= 0).all()


def test_given_options_stay() -> None:
    code, rng = Code(SPACES["options"]), np.random.default_rng(0)
    target = code.draw(rng, 1)[0]
    other = (target[2] + 1) % 4
    rows = Search(code, rng, {2: other}).best_rows(Nearness(code, target), code.draw(rng, 3))
    assert (rows[:, 2] == other).all()
    assert (np.delete(rows[0], 2) == np.delete(target, 2)).all()


def test_a_given_branch_is_searched() -> None:
    code, rng = Code(SPACES["nested"]), np.random.default_rng(0)
    target = code.settled(code.draw(rng, 1))[0]
    other = 1 - target[0]
    rows = Search(code, rng, {0: other}).best_rows(Nearness(code, target), target[None])
    assert (rows[:, 0] == other).all()
    assert (rows == code.settled(rows)).all()
