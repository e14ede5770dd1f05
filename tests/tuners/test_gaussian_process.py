"""The Gaussian process against scikit-learn's, and against finite differences."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

from nni_tuners.encode import Floats
from nni_tuners.gaussian_process import (
    Data,
    MarginalLikelihood,
    Posterior,
    Prior,
    fit,
    lower_inverse,
)
from nni_tuners.improvement import log_improvement
from nni_tuners.utilities import find_utility

FLAT = Prior(0.0, 1e9, 0.0, 1e9, -9.0, -20.0)
USUAL = Prior(0.0, 0.5, -6.0, 2.0, -6.0, -9.2)
HYPERPARAMETERS = np.log([0.3, 0.8, 2.0, 1e-2])


def some_data(points: int = 30) -> Data:
    """Three columns, the last one with two features."""
    rng = np.random.default_rng(0)
    features = rng.random((points, 4))
    values = np.sin(5 * features[:, 0]) + features[:, 1] ** 2 + 0.1 * rng.normal(size=points)
    return Data(features, np.array([0, 1, 2, 2]), (values - values.mean()) / values.std())


def differences(function: object, point: Floats, step: float = 1e-6) -> Floats:
    assert callable(function)
    return np.array(
        [
            (function(point + step * unit) - function(point - step * unit)) / (2 * step)
            for unit in np.eye(len(point))
        ]
    )


def reference(posterior: Posterior, data: Data) -> GaussianProcessRegressor:
    """Scikit-learn's, with the hyperparameters and the signal of ours."""
    scales = np.exp(HYPERPARAMETERS[:-1])[data.owners]
    kernel = posterior.variance * (Matern(scales, nu=1.5) + WhiteKernel(1e-2 + 1e-8))
    return GaussianProcessRegressor(kernel, optimizer=None, alpha=0).fit(
        data.features, data.values - posterior.mean
    )


def test_predictions_are_those_of_scikit_learn() -> None:
    data = some_data()
    posterior = Posterior(data, HYPERPARAMETERS)
    at = np.random.default_rng(1).random((20, 4))
    mean, deviation = posterior.predict(at)
    expected, noisy = reference(posterior, data).predict(at, return_std=True)
    np.testing.assert_allclose(mean - posterior.mean, expected, atol=1e-9)
    noise = posterior.variance * (1e-2 + 1e-8)
    np.testing.assert_allclose(deviation**2, noisy**2 - noise, atol=1e-9)


def test_what_is_left_out_is_predicted_by_the_others() -> None:
    data = some_data()
    posterior = Posterior(data, HYPERPARAMETERS)
    means, deviations = posterior.left_out()
    for point in range(0, 30, 7):
        kept = np.arange(30) != point
        others = Data(data.features[kept], data.owners, data.values[kept])
        mean, deviation = reference(posterior, others).predict(
            data.features[[point]], return_std=True
        )
        assert means[point] - posterior.mean == pytest.approx(mean[0])
        assert deviations[point] == pytest.approx(deviation[0])


def test_likelihood_is_that_of_scikit_learn_at_its_best_mean_and_variance() -> None:
    """Ours leaves out the constant n / 2 (log 2 pi + 1)."""
    data = some_data()
    posterior = Posterior(data, HYPERPARAMETERS)
    expected = -reference(posterior, data).log_marginal_likelihood_value_
    value, _ = MarginalLikelihood(data, FLAT)(HYPERPARAMETERS)
    assert value + 15 * (np.log(2 * np.pi) + 1) == pytest.approx(expected, abs=1e-6)
    kernel = ConstantKernel(1.01 * posterior.variance) * (
        Matern(np.exp(HYPERPARAMETERS[:-1])[data.owners], nu=1.5) + WhiteKernel(1e-2 + 1e-8)
    )
    other = GaussianProcessRegressor(kernel, optimizer=None, alpha=0)
    other.fit(data.features, data.values - posterior.mean)
    assert -other.log_marginal_likelihood_value_ > expected


def test_gradient_of_the_likelihood() -> None:
    likelihood = MarginalLikelihood(some_data(), USUAL)
    _, gradient = likelihood(HYPERPARAMETERS)
    expected = differences(lambda point: likelihood(point)[0], HYPERPARAMETERS)
    np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("believed", [0, 3])
@pytest.mark.parametrize("name", ["ei", "poi", "ucb"])
def test_gradient_of_the_utility(name: str, believed: int) -> None:
    utility = find_utility(name, kappa=2, xi=0.1)
    posterior = Posterior(some_data(), HYPERPARAMETERS)
    rng = np.random.default_rng(2)
    if believed:
        posterior.believe(rng.random((believed, 4)))
    at = rng.random((6, 4))
    values, gradients = posterior.worth_slopes(at, utility)
    np.testing.assert_allclose(values, posterior.worth(at, utility), rtol=1e-9)
    for point, gradient in zip(at, gradients, strict=True):
        expected = differences(lambda x: posterior.worth(x[None], utility)[0], point)
        np.testing.assert_allclose(gradient, expected, rtol=1e-3, atol=1e-4)


def test_what_is_believed_is_expected_and_surer() -> None:
    data = some_data()
    one, other = Posterior(data, HYPERPARAMETERS), Posterior(data, HYPERPARAMETERS)
    rng = np.random.default_rng(3)
    pending, at = rng.random((4, 4)), rng.random((10, 4))
    one.believe(pending)
    mean, deviation = one.predict(at)
    plain_mean, plain_deviation = other.predict(at)
    # To believe one's own expectation changes no expectation but what is known of its surroundings.
    np.testing.assert_allclose(mean, plain_mean, atol=1e-6)
    assert (deviation < plain_deviation).all()
    assert (one.worth(pending, log_improvement) < other.worth(pending, log_improvement)).all()


def test_fit_finds_the_column_that_matters() -> None:
    data = some_data(60)
    found = fit(data, USUAL, [USUAL.means(3)], 30)
    likelihood = MarginalLikelihood(data, USUAL)
    assert likelihood(found)[0] < likelihood(USUAL.means(3))[0]
    assert found[0] < found[1] < found[2]  # the waves, the parabola, what has no part in it
    assert np.exp(found[-1]) < 0.1


def test_values_that_do_not_differ_and_points_that_lie_together() -> None:
    features = np.full((8, 2), 0.5)
    data = Data(features, np.array([0, 1]), np.zeros(8))
    posterior = Posterior(data, fit(data, USUAL, [USUAL.means(2)], 20))
    at = np.random.default_rng(4).random((5, 2))
    assert np.isfinite(posterior.worth(at, log_improvement)).all()
    assert np.isfinite(posterior.worth_slopes(features, log_improvement)[1]).all()


def test_no_columns() -> None:
    data = Data(np.empty((3, 0)), np.empty(0, dtype=np.intp), np.array([-1.0, 0.0, 1.0]))
    posterior = Posterior(data, fit(data, USUAL, [USUAL.means(0)], 20))
    mean, _ = posterior.predict(np.empty((2, 0)))
    assert mean == pytest.approx([0, 0], abs=1e-9)


@pytest.mark.parametrize("size", [0, 1, 2, 40, 41, 83, 250])
def test_inverts_triangular_matrices(size: int) -> None:
    rng = np.random.default_rng(size)
    lower = np.tril(rng.normal(size=(size, size)), -1) / max(size, 1) + np.eye(size)
    found = lower_inverse(lower)
    np.testing.assert_allclose(found, np.linalg.inv(lower), atol=1e-12)
    assert (np.triu(found, 1) == 0).all()
