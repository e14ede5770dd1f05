"""BBOB's f1 to f14 (see `bbob`): separable functions, then ever worse conditioned ones."""

from __future__ import annotations

import math

import numpy as np

from bbob_instances import OTHER, Floats, Instance
from bbob_transforms import (
    Solved,
    asymmetric,
    ladder,
    linear,
    oscillate,
    penalty,
    rastrigin_of,
    rosenbrock_terms,
)

# Separable functions.


def sphere(instance: Instance) -> Solved:
    """f1."""
    x_opt = instance.shift()

    def value(x: Floats) -> float:
        z = x - x_opt
        return float(z @ z)

    return x_opt, value


def separable_ellipsoid(instance: Instance) -> Solved:
    """f2."""
    x_opt, weights = instance.shift(), ladder(instance.dimensions, 1e6)
    return x_opt, lambda x: float(weights @ oscillate(x - x_opt) ** 2)


def separable_rastrigin(instance: Instance) -> Solved:
    """f3."""
    x_opt, scale = instance.shift(), ladder(instance.dimensions, math.sqrt(10))
    return x_opt, lambda x: rastrigin_of(scale * asymmetric(oscillate(x - x_opt), 0.2))


def bueche_rastrigin(instance: Instance) -> Solved:
    """f4."""
    x_opt, scale = instance.shift(), ladder(instance.dimensions, math.sqrt(10))
    x_opt[::2] = np.abs(x_opt[::2])
    odd = np.arange(instance.dimensions) % 2 == 0  # counted from 1

    def value(x: Floats) -> float:
        z = oscillate(x - x_opt)
        return rastrigin_of(np.where(odd & (z > 0), 10, 1) * scale * z) + 100 * penalty(x)

    return x_opt, value


def linear_slope(instance: Instance) -> Solved:
    """f5: its optimum is a corner."""
    x_opt = 5 * np.sign(instance.shift())
    slope = np.sign(x_opt) * ladder(instance.dimensions, 10)

    def value(x: Floats) -> float:
        z = np.where(x_opt * x < 25, x, x_opt)
        return float((5 * np.abs(slope) - slope * z).sum())

    return x_opt, value


# Functions with low or moderate conditioning.


def attractive_sector(instance: Instance) -> Solved:
    """f6."""
    x_opt, turn = instance.shift(), linear(instance, 10)

    def value(x: Floats) -> float:
        z = turn @ (x - x_opt)
        z = np.where(z * x_opt > 0, 100, 1) * z
        return float(oscillate(z @ z) ** 0.9)

    return x_opt, value


def step_ellipsoid(instance: Instance) -> Solved:
    """f7: plateaus."""
    x_opt, q, r = instance.shift(), instance.rotation(OTHER), instance.rotation()
    turn = ladder(instance.dimensions, math.sqrt(10))[:, None] * r
    weights = ladder(instance.dimensions, 100)

    def value(x: Floats) -> float:
        stretched = turn @ (x - x_opt)
        fine = np.floor(0.5 + 10 * stretched) / 10
        z = q @ np.where(np.abs(stretched) > 0.5, np.floor(0.5 + stretched), fine)
        return 0.1 * max(abs(float(stretched[0])) / 1e4, float(weights @ z**2)) + penalty(x)

    return x_opt, value


def rosenbrock(instance: Instance) -> Solved:
    """f8."""
    x_opt, scale = 0.75 * instance.shift(), max(1, math.sqrt(instance.dimensions) / 8)
    return x_opt, lambda x: float(rosenbrock_terms(scale * (x - x_opt) + 1).sum())


def rotated_rosenbrock(instance: Instance) -> Solved:
    """f9."""
    turn = max(1, math.sqrt(instance.dimensions) / 8) * instance.rotation()
    x_opt = np.linalg.solve(turn, np.full(instance.dimensions, 0.5))
    return x_opt, lambda x: float(rosenbrock_terms(turn @ x + 0.5).sum())


# Functions with high conditioning and one valley.


def ellipsoid(instance: Instance) -> Solved:
    """f10."""
    x_opt, r = instance.shift(), instance.rotation(OTHER)
    weights = ladder(instance.dimensions, 1e6)
    return x_opt, lambda x: float(weights @ oscillate(r @ (x - x_opt)) ** 2)


def discus(instance: Instance) -> Solved:
    """f11."""
    x_opt, r = instance.shift(), instance.rotation(OTHER)

    def value(x: Floats) -> float:
        squares = oscillate(r @ (x - x_opt)) ** 2
        return float(1e6 * squares[0] + squares[1:].sum())

    return x_opt, value


def bent_cigar(instance: Instance) -> Solved:
    """f12."""
    x_opt, r = instance.shift(OTHER), instance.rotation(OTHER)

    def value(x: Floats) -> float:
        z = r @ asymmetric(r @ (x - x_opt), 0.5)
        return float(z[0] ** 2 + 1e6 * (z[1:] @ z[1:]))

    return x_opt, value


def sharp_ridge(instance: Instance) -> Solved:
    """f13."""
    x_opt, turn = instance.shift(), linear(instance, 10)

    def value(x: Floats) -> float:
        z = turn @ (x - x_opt)
        return float(z[0] ** 2 + 100 * math.sqrt(z[1:] @ z[1:]))

    return x_opt, value


def different_powers(instance: Instance) -> Solved:
    """f14."""
    x_opt, r = instance.shift(), instance.rotation(OTHER)
    powers = 2 + 4 * np.linspace(0, 1, instance.dimensions)
    return x_opt, lambda x: math.sqrt((np.abs(r @ (x - x_opt)) ** powers).sum())
