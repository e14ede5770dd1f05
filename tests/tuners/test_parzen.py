"""The Parzen estimator's densities and draws, against quadrature, counting and plain formulas."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nni_tuners.parzen import ParzenEstimator, categorical_kernel, erf, truncated_normal

POINTS = (np.arange(20000) + 0.5) / 20000


def mixture(
    rows: list[list[float]],
    options: list[int],
    *,
    weights: list[float] | None = None,
    branching: list[bool] | None = None,
    multivariate: bool = True,
    floor: float = 0.03,
) -> ParzenEstimator:
    return ParzenEstimator(
        np.array(rows, dtype=float).reshape(len(rows), len(options)),
        np.array(weights or [1 / (len(rows) + 1)] * (len(rows) + 1)),
        np.array(options, dtype=np.intp),
        np.full(len(options), floor),
        branching=np.array(branching or [False] * len(options)),
        multivariate=multivariate,
    )


@pytest.mark.parametrize("x", [0, 1e-9, 0.1, 0.5, 1, 2, 3, 5, 30])
def test_erf_is_the_error_function(x: float) -> None:
    assert erf(np.array([x]))[0] == pytest.approx(math.erf(x), abs=1.5e-7)


@given(st.lists(st.floats(0, 1), min_size=0, max_size=8), st.floats(0.03, 1))
def test_a_density_of_one_number_integrates_to_one(centres: list[float], floor: float) -> None:
    density = mixture([[centre] for centre in centres], [0], floor=floor)
    assert np.exp(density.log_density(POINTS[:, None])).mean() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("multivariate", [True, False])
def test_a_density_of_numbers_and_options_integrates_to_one(multivariate: bool) -> None:
    density = mixture(
        [[0.1, 0, 0.0], [0.8, 2, 1.0], [0.7, 2, 0.4]],
        [0, 3, 0],
        weights=[0.4, 0.2, 0.3, 0.1],
        multivariate=multivariate,
    )
    axis = (np.arange(300) + 0.5) / 300
    x, option, y = np.meshgrid(axis, [0, 1, 2], axis, indexing="ij")
    rows = np.column_stack([x.ravel(), option.ravel(), y.ravel()])
    assert 3 * np.exp(density.log_density(rows)).mean() == pytest.approx(1, abs=1e-3)


def test_a_multivariate_density_is_a_mixture_of_products() -> None:
    rows, weights = [[0.2, 1], [0.6, 0]], [0.5, 0.3, 0.2]
    density = mixture(rows, [0, 2], weights=weights)
    width = float(density.bandwidths[0])
    own, other = categorical_kernel(2)

    def kernel(x: float, centre: float) -> float:
        normal = NormalDist(centre, width)
        return normal.pdf(x) / (normal.cdf(1) - normal.cdf(0))

    expected = 0.5 * kernel(0.5, 0.2) * other + 0.3 * kernel(0.5, 0.6) * own + 0.2 * 1 / 2
    assert density.log_density(np.array([[0.5, 0]]))[0] == pytest.approx(
        math.log(expected), abs=1e-6
    )


def test_univariate_densities_forget_which_numbers_came_together() -> None:
    rows = [[0.1, 0.1], [0.9, 0.9]]
    together, apart = np.array([[0.1, 0.1]]), np.array([[0.1, 0.9]])
    univariate = mixture(rows, [0, 0], multivariate=False)
    assert univariate.log_density(together) == pytest.approx(univariate.log_density(apart))
    multivariate = mixture(rows, [0, 0])
    assert multivariate.log_density(together)[0] > multivariate.log_density(apart)[0] + 1


@pytest.mark.parametrize("options", [1, 2, 7])
def test_a_categorical_kernel_sums_to_one_and_prefers_its_own(options: int) -> None:
    own, other = categorical_kernel(options)
    assert own + (options - 1) * other == pytest.approx(1)
    assert own > other > 0


@pytest.mark.parametrize("multivariate", [True, False])
def test_draws_have_the_density(multivariate: bool) -> None:
    density = mixture(
        [[0.0, 0], [0.7, 2]], [0, 3], weights=[0.5, 0.3, 0.2], multivariate=multivariate
    )
    draws = density.sample(np.random.default_rng(0), 40000)
    assert draws.min() >= 0
    assert draws[:, 0].max() <= 1
    for option in range(3):
        for low in np.arange(0, 1, 0.25):
            inside = (draws[:, 1] == option) & (low <= draws[:, 0]) & (draws[:, 0] < low + 0.25)
            axis = low + (np.arange(500) + 0.5) / 2000
            rows = np.column_stack([axis, np.full(500, option)])
            expected = np.exp(density.log_density(rows)).mean() / 4
            # Five standard errors of a count of 40000.
            assert inside.mean() == pytest.approx(
                expected, abs=5 * math.sqrt(expected * (1 - expected) / 40000)
            )


# Two options of a first column, and two columns that belong to the first option.
NAN = math.nan
NESTED = [[0, 0.2, 1], [1, NAN, NAN], [0, 0.7, 0], [1, NAN, NAN]]
BRANCHING = [True, False, False]


@pytest.mark.parametrize("multivariate", [True, False])
def test_a_density_over_branches_integrates_to_one(multivariate: bool) -> None:
    density = mixture(
        NESTED,
        [2, 0, 3],
        weights=[0.3, 0.1, 0.2, 0.2, 0.2],
        branching=BRANCHING,
        multivariate=multivariate,
    )
    total = np.exp(density.log_density(np.array([[1, NAN, NAN]])))[0]
    for option in range(3):
        rows = np.column_stack([np.zeros(20000), POINTS, np.full(20000, option)])
        total += np.exp(density.log_density(rows)).mean()
    assert total == pytest.approx(1, abs=1e-6)


def test_a_kernel_knows_its_own_branch_only() -> None:
    density = mixture([[1, NAN, NAN]], [2, 0, 3], weights=[0.6, 0.4], branching=BRANCHING)
    found = np.exp(density.log_density(np.array([[0, 0.1, 0], [0, 0.9, 2], [1, NAN, NAN]])))
    assert found == pytest.approx([0.4 / 2 / 3, 0.4 / 2 / 3, 0.6 + 0.4 / 2])


def test_draws_outside_the_branch_of_a_kernel_are_those_of_the_prior() -> None:
    density = mixture([[1, NAN, NAN]], [2, 0, 3], weights=[0.9, 0.1], branching=BRANCHING)
    draws = density.sample(np.random.default_rng(0), 20000)
    assert not np.isnan(draws).any()
    other = draws[draws[:, 0] == 0]
    # A half of the kernel's draws stays, and a half of all other ones are there by chance.
    assert len(other) / 20000 == pytest.approx(0.9 * 0.25 + 0.1 * 0.5, abs=0.02)
    quartiles = np.quantile(other[:, 1], [0.25, 0.5, 0.75])
    assert quartiles == pytest.approx([0.25, 0.5, 0.75], abs=0.03)
    assert np.bincount(other[:, 2].astype(int)) / len(other) == pytest.approx(1 / 3, abs=0.03)


def test_draws_without_rows_are_those_of_the_prior() -> None:
    draws = mixture([], [0, 4]).sample(np.random.default_rng(0), 4000)
    assert np.quantile(draws[:, 0], [0.25, 0.5, 0.75]) == pytest.approx([0.25, 0.5, 0.75], abs=0.05)
    assert np.bincount(draws[:, 1].astype(int)) == pytest.approx(1000, abs=150)


def test_a_truncated_normal_has_the_moments_of_the_closed_form() -> None:
    centres, width = np.full((50000, 1), 0.1), 0.3
    draws = truncated_normal(np.random.default_rng(0), centres, np.array([width]))
    normal = NormalDist(0.1, width)
    share = normal.cdf(1) - normal.cdf(0)
    mean = 0.1 + width**2 * (normal.pdf(0) - normal.pdf(1)) / share
    assert draws.min() >= 0
    assert draws.max() <= 1
    assert draws.mean() == pytest.approx(mean, abs=0.005)
