"""Descents of functions whose minimum is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nni_tuners.encode import Floats
from nni_tuners.quasi_newton import minimum

WIDE = (np.full(3, -1e3), np.full(3, 1e3))


def rosenbrock(x: Floats) -> tuple[float, Floats]:
    a, b = 1 - x[:-1], x[1:] - x[:-1] ** 2
    gradient = np.zeros(len(x))
    gradient[:-1] = -2 * a - 400 * x[:-1] * b
    gradient[1:] += 200 * b
    return float((a**2 + 100 * b**2).sum()), gradient


@given(st.lists(st.floats(-5, 5), min_size=3, max_size=3), st.integers(0, 1000))
@example([0.0, 0.0, 2.2250738585e-313], 0)
def test_ellipsoids(start: list[float], seed: int) -> None:
    factor = np.random.default_rng(seed).normal(size=(3, 3))
    matrix = factor @ factor.T + 0.1 * np.eye(3)

    def ellipsoid(x: Floats) -> tuple[float, Floats]:
        return float(x @ matrix @ x) / 2, matrix @ x

    point, value = minimum(ellipsoid, np.array(start), *WIDE, 80)
    assert value == pytest.approx(0, abs=1e-3)
    assert ellipsoid(point)[0] == value


def test_rosenbrock() -> None:
    point, value = minimum(rosenbrock, np.array([-1.2, 1.0, 1.0]), *WIDE, 200)
    assert value == pytest.approx(0, abs=1e-5)
    assert point == pytest.approx([1, 1, 1], abs=0.01)


def test_stays_in_the_box() -> None:
    lower, upper = np.array([2.0, -1.0, -1.0]), np.array([3.0, 1.0, 1.0])
    point, _ = minimum(lambda x: (float(x @ x), 2 * x), np.array([9.0, 9.0, 0.5]), lower, upper, 50)
    assert point == pytest.approx([2, 0, 0], abs=0.01)


@given(st.lists(st.floats(-3, 3), min_size=3, max_size=3), st.integers(0, 10))
def test_never_ends_above_its_start(start: list[float], steps: int) -> None:
    at = np.array(start)
    point, value = minimum(rosenbrock, at, *WIDE, steps)
    assert value == rosenbrock(point)[0] <= rosenbrock(at)[0]


def test_a_function_that_is_infinite_elsewhere() -> None:
    def half(x: Floats) -> tuple[float, Floats]:
        return (float(x[0]), np.ones(1)) if x[0] > 1 else (np.inf, np.zeros(1))

    point, value = minimum(half, np.array([1.5]), np.array([-9.0]), np.array([9.0]), 20)
    assert 1 < point[0] <= 1.5
    assert value == point[0]
