"""The logarithm of the expected improvement against scipy and finite differences."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import erfcx, log_ndtr

from nni_tuners.improvement import log_improvement, log_probability, mills_ratio

SCORES = st.floats(-1e4, 30)


def exact_log_h(score: float) -> float:
    """log(phi(u) + u Phi(u)); for u < 0 phi(u) (1 - |u| R(|u|)) with scipy's R, or its series."""
    log_density = -(score**2) / 2 - math.log(2 * math.pi) / 2
    if score >= 0:
        return math.log(math.exp(log_density) + score * math.exp(log_ndtr(score)))
    size = -score
    if size < 1e3:
        rest = 1 - size * math.sqrt(math.pi / 2) * float(erfcx(size / math.sqrt(2)))
    else:
        rest = (1 - 3 / size**2) / size**2
    return log_density + math.log(rest)


@given(SCORES)
def test_logarithm(score: float) -> None:
    value = log_improvement(np.array([-score]), np.ones(1), 0.0)[0][0]
    # The approximation of R is good to 1.2e-7, of which 1 - u R(u) leaves u^2 times as much.
    assert value == pytest.approx(exact_log_h(score), rel=2e-6, abs=3e-5)


@given(SCORES, st.floats(1e-3, 1e3), st.floats(-10, 10))
def test_it_scales_with_the_deviation(score: float, deviation: float, best: float) -> None:
    mean = np.array([best - score * deviation])
    value = log_improvement(mean, np.array([deviation]), best)[0][0]
    exact = exact_log_h((best - float(mean[0])) / deviation)
    assert value == pytest.approx(exact + math.log(deviation), rel=2e-6, abs=3e-5)


@given(st.floats(-50, 8), st.floats(0.1, 10))
def test_slopes(score: float, deviation: float) -> None:
    mean, step = -score * deviation, 1e-4 * deviation

    def value(mean: float, deviation: float) -> float:
        return deviation and math.log(deviation) + exact_log_h(-mean / deviation)

    _, by_mean, by_deviation = log_improvement(np.array([mean]), np.array([deviation]), 0.0)
    expected = (value(mean + step, deviation) - value(mean - step, deviation)) / (2 * step)
    assert by_mean[0] == pytest.approx(expected, rel=2e-3, abs=1e-4)
    expected = (value(mean, deviation + step) - value(mean, deviation - step)) / (2 * step)
    assert by_deviation[0] == pytest.approx(expected, rel=2e-3, abs=1e-4)


@given(SCORES, st.floats(0.1, 10))
def test_probability(score: float, deviation: float) -> None:
    mean = np.array([-score * deviation])
    value, by_mean, by_deviation = log_probability(mean, np.array([deviation]), 0.0)
    u = -float(mean[0]) / deviation
    assert value[0] == pytest.approx(float(log_ndtr(u)), rel=1e-6, abs=1e-6)
    slope = math.exp(-(u**2) / 2 - math.log(2 * math.pi) / 2 - float(log_ndtr(u)))
    assert by_mean[0] == pytest.approx(-slope / deviation, rel=1e-3, abs=1e-9)
    assert by_deviation[0] == pytest.approx(-u * slope / deviation, rel=1e-3, abs=1e-9)


def test_ever_larger_where_more_is_expected() -> None:
    mean = np.linspace(60, -20, 5000)
    assert (np.diff(log_improvement(mean, np.ones(5000), 0.0)[0]) > 0).all()


@given(st.floats(0, 1e6))
def test_mills_ratio(number: float) -> None:
    expected = math.sqrt(math.pi / 2) * float(erfcx(number / math.sqrt(2)))
    assert mills_ratio(np.array([number]))[0] == pytest.approx(expected, rel=1.3e-7)
