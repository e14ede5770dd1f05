"""What the definitions of the BBOB functions share: section 0.2 of their report (see `bbob`)."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from bbob_instances import OTHER, Floats, Instance

Function = Callable[[Floats], float]
Solved = tuple[Floats, Function]  # the optimum and the function, which is 0 there


def ladder(dimensions: int, top: float) -> Floats:
    """top^((i - 1) / (d - 1)) for i from 1 to d; of sqrt(alpha) the diagonal of Lambda^alpha."""
    found: Floats = np.power(top, np.linspace(0, 1, dimensions))
    return found


def oscillate(x: Floats) -> Floats:
    """T_osz: bumps on a line, the same around 0 at every scale."""
    magnitude = np.abs(x)
    log = np.log(np.where(magnitude > 0, magnitude, 1))
    first, second = np.where(x > 0, 10, 5.5), np.where(x > 0, 7.9, 3.1)
    bumps = np.sin(first * log) + np.sin(second * log)
    found: Floats = np.sign(x) * np.exp(log + 0.049 * bumps)
    return found


def asymmetric(x: Floats, beta: float) -> Floats:
    """T_asy^beta: what is above 0 grows faster."""
    positive = np.maximum(x, 0)
    power = 1 + beta * np.linspace(0, 1, len(x)) * np.sqrt(positive)
    return np.where(x > 0, positive**power, x)


def penalty(x: Floats) -> float:
    """f_pen: how far outside of [-5, 5]^d, squared."""
    outside = np.maximum(np.abs(x) - 5, 0)
    return float(outside @ outside)


def linear(instance: Instance, condition: float) -> Floats:
    """Q Lambda^condition R."""
    scale = ladder(instance.dimensions, math.sqrt(condition))
    turned: Floats = (instance.rotation(OTHER) * scale) @ instance.rotation()
    return turned


def rastrigin_of(z: Floats) -> float:
    """Rastrigin's function of z."""
    return float(10 * (len(z) - np.cos(2 * np.pi * z).sum()) + z @ z)


def rosenbrock_terms(z: Floats) -> Floats:
    """Rosenbrock's function of z is the sum of these."""
    return 100 * (z[:-1] ** 2 - z[1:]) ** 2 + (z[:-1] - 1) ** 2
