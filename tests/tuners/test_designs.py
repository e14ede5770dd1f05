"""Latin hypercubes and Halton sequences."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nni_tuners.designs import Halton, halton, latin_hypercube, primes
from nni_tuners.encode import Floats


def generator(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


@given(st.integers(1, 20), st.integers(0, 5), st.integers(0, 9))
def test_a_latin_hypercube_has_one_point_in_every_cell(count: int, columns: int, seed: int) -> None:
    points = latin_hypercube(generator(seed), count, columns)
    assert points.shape == (count, columns)
    cells = np.sort(np.floor(points * count), axis=0)
    assert (cells == np.arange(count)[:, None]).all()


@given(st.integers(0, 8), st.integers(1, 3), st.integers(0, 40), st.integers(0, 99))
def test_halton_has_one_point_in_every_cell(column: int, power: int, block: int, seed: int) -> None:
    """In any block of base^power points, and so in the whole sequence too."""
    base = [2, 3, 5, 7, 11, 13, 17, 19, 23][column]
    count = base**power
    points = Halton(generator(seed), 9).points(block * count, count)
    assert points.shape == (count, 9)
    assert ((points >= 0) & (points < 1)).all()
    cells = np.sort(np.floor(points[:, column] * count + 1e-6))
    assert (cells == np.arange(count)).all()


@given(st.integers(0, 99))
def test_halton_has_one_point_in_every_box_of_coprime_sides(seed: int) -> None:
    points = halton(generator(seed), 4 * 9 * 5, 3)
    boxes = np.floor(points * [4, 9, 5] + 1e-6)
    assert len(np.unique(boxes, axis=0)) == len(points)


def test_halton_goes_on_where_it_was() -> None:
    sequence = Halton(generator(1), 30)
    parts = [sequence.points(0, 7), sequence.points(7, 1), sequence.points(8, 12)]
    assert (np.concatenate(parts) == halton(generator(1), 20, 30)).all()


def test_without_permutations_it_is_the_sequence_of_van_der_corput() -> None:
    class Unmixed:
        def permuted(self, numbers: Floats, axis: int) -> Floats:
            assert axis == 1
            return numbers

    points = halton(Unmixed(), 6, 2)  # type: ignore[arg-type]
    assert points[:, 0] == pytest.approx(np.array([0, 1 / 2, 1 / 4, 3 / 4, 1 / 8, 5 / 8]))
    assert points[:, 1] == pytest.approx(np.array([0, 1 / 3, 2 / 3, 1 / 9, 4 / 9, 7 / 9]))


def centred_discrepancy(points: Floats) -> float:
    """Hickernell, A generalized discrepancy and quadrature error bound, 1998: the square of CL2."""
    far = np.abs(points - 0.5)
    pairs = np.abs(points[:, None] - points)
    single = (1 + far / 2 - far**2 / 2).prod(axis=1).mean()
    double = (1 + far[:, None] / 2 + far / 2 - pairs / 2).prod(axis=2).mean()
    return float((13 / 12) ** points.shape[1] - 2 * single + double)


# Means over 20 seeds of scipy 1.17.1's qmc.discrepancy of its own qmc.Halton(scramble=True).
SCIPY = [(2, 64, 0.000268), (5, 64, 0.00363), (10, 100, 0.0266)]


@pytest.mark.parametrize(("columns", "count", "scipy"), SCIPY)
def test_halton_is_as_even_as_that_of_scipy(columns: int, count: int, scipy: float) -> None:
    mine = [centred_discrepancy(halton(generator(seed), count, columns)) for seed in range(20)]
    randoms = [centred_discrepancy(generator(seed).random((count, columns))) for seed in range(20)]
    assert np.mean(mine) < 1.1 * scipy
    assert np.mean(mine) < 0.7 * np.mean(randoms)


def test_halton_has_no_lines_in_a_hundred_columns() -> None:
    """The plain sequence has: its 40 first points are all but one line in late columns."""
    means = []
    for seed in range(20):
        correlations = np.atleast_2d(np.corrcoef(halton(generator(seed), 40, 100)[:, 60:].T))
        means.append(np.abs(correlations[~np.eye(40, dtype=bool)]).mean())
    independent = np.sqrt(2 / np.pi / 39)  # the mean absolute correlation of 40 random points
    assert np.mean(means) == pytest.approx(independent, rel=0.15)


def test_primes_are_those_of_a_sieve() -> None:
    sieve = np.ones(4000, dtype=bool)
    sieve[:2] = False
    for number in range(2, 64):
        sieve[number * number :: number] = False
    expected = np.flatnonzero(sieve).tolist()
    assert list(itertools.islice(primes(), len(expected))) == expected
