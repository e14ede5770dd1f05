"""CMA-ES's distribution: its constants, its updates, its margin, and that it converges."""

from __future__ import annotations

from collections.abc import Callable
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nni_tuners.encode import Floats
from nni_tuners.search_distribution import Constants, SearchDistribution

# What the package cmaes 0.13.1, by other authors, has for the same dimensions and population.
CMAES = {
    (2, 6): [2.0286114646100617, 0.44620498737831715, 1.4462049873783172, 0.6245545390268264,
             0.1548153998964136, 0.057859085071916304, 1.254272742818995],
    (5, 8): [2.6001788261131793, 0.3650883760934854, 1.3650883760934853, 0.4501995579928079,
             0.047292304159400896, 0.03816916070385781, 2.1285237557247996],
    (10, 10): [3.1672992814107026, 0.2844285879463675, 1.2844285879463675, 0.29499038303562225,
               0.015283824524751714, 0.02015428276120838, 3.0847265651690123],
    (5, 4): [1.459789888852586, 0.3019069217157347, 1.3019069217157346, 0.4478292586955627,
             0.04860292131265042, 0.005740015164410891, 2.1285237557247996],
}  # fmt: skip
CMAES_WEIGHTS = {
    (5, 8): [0.5299301844787792, 0.2857142857142857, 0.14285714285714282, 0.041498386949792215,
             -0.1672795068098809, -0.45674904775585873, -0.7014920573635213, -0.9134980955117175],
    (5, 4): [0.8041628599327295, 0.19583714006727054, -0.5500162853285433, -1.417877593820792],
}  # fmt: skip


@pytest.mark.parametrize(("case", "expected"), CMAES.items())
def test_constants_are_those_of_another_implementation(
    case: tuple[int, int], expected: list[float]
) -> None:
    k = Constants(*case)
    found = [k.mu_eff, k.c_sigma, k.d_sigma, k.c_c, k.c_1, k.c_mu, k.expected_norm]
    assert found == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("case", "expected"), CMAES_WEIGHTS.items())
def test_weights_are_those_of_another_implementation(
    case: tuple[int, int], expected: list[float]
) -> None:
    assert Constants(*case).weights.tolist() == pytest.approx(expected, rel=1e-12)


@given(st.integers(1, 60), st.integers(4, 60))
def test_constants_keep_the_tutorials_bounds(dimensions: int, population: int) -> None:
    k = Constants(dimensions, population)
    positive = k.weights[k.weights > 0]
    assert positive.sum() == pytest.approx(1)
    assert (np.diff(k.weights) <= 0).all()
    assert 1 <= k.mu_eff <= population / 2
    assert 0 < k.c_1 + k.c_mu <= 1
    assert 0 < k.c_sigma < 1
    assert 0 < k.c_c < 1.01
    # Negative weights never take all of the covariance away.
    lost = -k.weights[k.weights < 0].sum()
    assert k.c_mu * lost * dimensions <= 1 - k.c_1 - k.c_mu + 1e-12


def test_updates_are_those_of_another_implementation() -> None:
    """Four generations of a population of 7 in 3 dimensions."""
    found = SearchDistribution(np.full(3, 0.5), 0.3, 7)
    for generation in range(4):
        wave = np.sin(np.arange(1, 22) * (generation + 1.7)).reshape(7, 3)
        found.update(0.5 + 0.3 * wave / (generation + 1))
    assert found.mean == pytest.approx([0.464072772314399, 0.478266732158011, 0.536465719968088])
    assert found.step == pytest.approx(0.163959893026517)
    assert found.covariance[np.triu_indices(3)] == pytest.approx(
        [0.639502536413916, 0.133426715084182, 0.036042920903473,
         0.638145352132751, 0.084993119145528, 0.744917153355140], rel=1e-6,
    )  # fmt: skip


def test_samples_have_the_mean_and_the_covariance() -> None:
    distribution = SearchDistribution(np.zeros(3), 0.5, 6)
    rng = np.random.default_rng(0)
    for _ in range(20):
        points = distribution.sample(rng, 6)
        distribution.update(points[np.argsort(points @ np.array([1.0, 2.0, 3.0]))])
    distribution.scales = np.array([1.0, 2.0, 0.5])
    points = distribution.sample(rng, 200_000)
    assert points.mean(axis=0) == pytest.approx(distribution.mean, rel=0.01)
    scaled = distribution.covariance * np.outer(distribution.scales, distribution.scales)
    size = np.abs(scaled).max() * distribution.step**2
    assert np.cov(points.T) == pytest.approx(distribution.step**2 * scaled, abs=0.02 * size)
    assert points.std(axis=0) == pytest.approx(distribution.deviations, rel=0.02)


def sphere(x: Floats) -> float:
    return float((x**2).sum())


def ellipsoid(x: Floats) -> float:
    return float((1e6 ** (np.arange(len(x)) / (len(x) - 1)) * (x + x[::-1]) ** 2).sum() + sphere(x))


def rosenbrock(x: Floats) -> float:
    return float((100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum())


@pytest.mark.parametrize(
    ("objective", "evaluations", "found"),
    [(sphere, 900, 5), (ellipsoid, 2400, 5), (rosenbrock, 3200, 3)],  # it has a second minimum
)
def test_converges_in_five_dimensions(
    objective: Callable[[Floats], float], evaluations: int, found: int
) -> None:
    """To 1e-8 in so many evaluations, from so many of five starts at least."""
    bests = []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        distribution = SearchDistribution(rng.uniform(-0.5, 0.5, 5), 0.3, 8)
        bests.append(np.inf)
        for _ in range(evaluations // 8):
            points = distribution.sample(rng, 8)
            losses = [objective(point) for point in points]
            distribution.update(points[np.argsort(losses)])
            bests[-1] = min(bests[-1], *losses)
    assert sum(best < 1e-8 for best in bests) >= found


@given(
    st.floats(0, 1),
    st.floats(-7, 1).map(lambda exponent: 10**exponent),
    st.integers(2, 40),
    st.floats(0.001, 0.25),
)
def test_every_value_can_be_left(mean: float, step: float, values: int, margin: float) -> None:
    """With a probability of the margin, which is shared by both sides where there are two."""
    edges = np.arange(1, values) / values
    found = SearchDistribution(np.array([mean, mean]), step, 8)
    found.keep_margin([None, edges], margin)
    assert found.mean[0] == mean
    assert found.scales[0] == 1
    normal = NormalDist(float(found.mean[1]), float(found.deviations[1]))
    at = int(np.searchsorted(edges, mean))
    below = normal.cdf(edges[at - 1]) if at else 0
    above = 1 - normal.cdf(edges[at]) if at < len(edges) else 0
    if at in (0, len(edges)):
        assert below + above >= margin * 0.999
    else:
        assert min(below, above) >= margin / 2 * 0.999


def test_a_wide_distribution_needs_no_margin() -> None:
    found = SearchDistribution(np.array([0.4]), 0.3, 8)
    found.keep_margin([np.array([0.25, 0.5, 0.75])], 0.01)
    assert (found.mean[0], found.scales[0]) == (0.4, 1.0)


def test_no_dimensions_are_borne() -> None:
    distribution = SearchDistribution(np.empty(0), 0.3, 4)
    points = distribution.sample(np.random.default_rng(0), 4)
    distribution.update(points)
    distribution.keep_margin([], 0.1)
    assert points.shape == (4, 0)
    assert not distribution.is_degenerate
