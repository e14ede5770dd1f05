"""BBOB's f15 to f24 (see `bbob`): functions of many valleys."""

from __future__ import annotations

import math

import numpy as np

from bbob_instances import OTHER, Floats, Instance, normals, uniforms
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

# Functions of many valleys.


def _stretched(instance: Instance, condition: float) -> tuple[Floats, Floats]:
    """R, and R Lambda^condition Q."""
    return instance.rotation(OTHER), linear(instance, condition)


def rastrigin(instance: Instance) -> Solved:
    """f15."""
    x_opt, (r, turn) = instance.shift(), _stretched(instance, 10)
    return x_opt, lambda x: rastrigin_of(turn @ asymmetric(oscillate(r @ (x - x_opt)), 0.2))


def weierstrass(instance: Instance) -> Solved:
    """f16."""
    x_opt, (r, turn) = instance.shift(), _stretched(instance, 1 / 100)
    halves, waves = 0.5 ** np.arange(12), 2 * np.pi * 3.0 ** np.arange(12)
    least = float(halves @ np.cos(waves * 0.5))

    def value(x: Floats) -> float:
        z = turn @ oscillate(r @ (x - x_opt))
        mean = float((np.cos(np.outer(z + 0.5, waves)) @ halves).mean())
        return 10 * (mean - least) ** 3 + 10 / len(x) * penalty(x)

    return x_opt, value


def schaffers(instance: Instance, condition: float) -> Solved:
    """f17 and f18."""
    x_opt, r = instance.shift(), instance.rotation(OTHER)
    turn = ladder(instance.dimensions, math.sqrt(condition))[:, None] * instance.rotation()

    def value(x: Floats) -> float:
        z = turn @ asymmetric(r @ (x - x_opt), 0.5)
        s = np.sqrt(z[:-1] ** 2 + z[1:] ** 2)
        mean = (np.sqrt(s) * (1 + np.sin(50 * s**0.2) ** 2)).mean()
        return float(mean**2) + 10 * penalty(x)

    return x_opt, value


def griewank_rosenbrock(instance: Instance) -> Solved:
    """f19."""
    turn = max(1, math.sqrt(instance.dimensions) / 8) * instance.rotation()
    x_opt = np.linalg.solve(turn, np.full(instance.dimensions, 0.5))

    def value(x: Floats) -> float:
        s = rosenbrock_terms(turn @ x + 0.5)
        return float(10 * (s / 4000 - np.cos(s)).mean() + 10)

    return x_opt, value


# Functions of many valleys that tell little of each other.


def schwefel(instance: Instance) -> Solved:
    """f20."""
    signs, twice = instance.signs(), 4.2096874637  # 2 |x_opt|
    scale = ladder(instance.dimensions, math.sqrt(10))

    def value(x: Floats) -> float:
        z = 2 * signs * x
        z[1:] += 0.25 * (z[:-1] - twice)  # the right side is z before any change
        z = 100 * (scale * (z - twice) + twice)
        waves = z @ np.sin(np.sqrt(np.abs(z)))
        return float(4.189828872724339 - waves / (100 * len(x)) + 100 * penalty(z / 100))

    return signs * twice / 2, value


def gallagher(instance: Instance, peaks: int, first: float, width: float) -> Solved:
    """f21 and f22: the highest of so many peaks counts; `first` is the condition of the best."""
    size, r = instance.dimensions, instance.rotation()
    centres = width * (2 * uniforms(size * peaks, instance.seed).reshape(peaks, size) - 1)
    centres[0] *= 0.8
    order = np.argsort(uniforms(peaks - 1, instance.seed))
    conditions = np.concatenate([[first], 1000 ** (2 * order / (peaks - 2))])
    orders = [np.argsort(uniforms(size, instance.seed + 1000 * i)) for i in range(peaks)]
    scales = np.sqrt(conditions)[:, None] ** (np.array(orders) / (size - 1) - 0.5)
    heights = np.concatenate([[10], 1.1 + 8 * np.linspace(0, 1, peaks - 1)])
    turned = centres @ r.T

    def value(x: Floats) -> float:
        distances = ((r @ x - turned) ** 2 * scales).sum(axis=1)
        height = (heights * np.exp(-distances / (2 * size))).max()
        return float(oscillate(10 - height) ** 2) + penalty(x)

    return centres[0].copy(), value


def katsuura(instance: Instance) -> Solved:
    """f23."""
    x_opt, turn = instance.shift(), linear(instance, 100)
    size, doubles = instance.dimensions, 2.0 ** np.arange(1, 33)
    numbers = np.arange(1, size + 1)

    def value(x: Floats) -> float:
        doubled = np.outer(turn @ (x - x_opt), doubles)
        saws = (np.abs(doubled - np.round(doubled)) / doubles).sum(axis=1)
        product = float(np.prod((1 + numbers * saws) ** (10 / size**1.2)))
        return 10 / size**2 * (product - 1) + penalty(x)

    return x_opt, value


def lunacek(instance: Instance) -> Solved:
    """f24: two funnels, the wrong one the wider."""
    size, turn = instance.dimensions, linear(instance, 100)
    signs = np.where(normals(size, instance.seed) < 0, -1.0, 1.0)
    right, depth = 2.5, 1 - 1 / (2 * math.sqrt(size + 20) - 8.2)
    wrong = -math.sqrt((right**2 - 1) / depth)

    def value(x: Floats) -> float:
        turned = 2 * signs * x
        funnels = ((turned - right) ** 2).sum(), size + depth * ((turned - wrong) ** 2).sum()
        waves = size - np.cos(2 * np.pi * (turn @ (turned - right))).sum()
        return float(min(funnels) + 10 * waves) + 1e4 * penalty(x)

    return signs * right / 2, value
