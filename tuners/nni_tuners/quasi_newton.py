"""Minimising a smooth function inside a box, by its gradient.

Nocedal and Wright, Numerical Optimization, second edition, 2006, chapter 6: the BFGS method.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from nni_tuners.encode import Floats

Objective: TypeAlias = Callable[[Floats], tuple[float, Floats]]  # its value and its gradient

MAX_MOVE = 2.0  # of one coordinate in one step
MAX_FIRST_MOVE = 1.0
_BACKTRACKS = 8
_BACKTRACK = 0.4
_SUFFICIENT = 1e-4  # the constant of the Armijo condition, equation 3.4
_FLAT = 1e-3  # largest part of a gradient that counts as zero
_LITTLE = 1e-6  # a gain that isn't worth another step


def minimum(
    objective: Objective, start: Floats, lower: Floats, upper: Floats, steps: int
) -> tuple[Floats, float]:
    """Where a descent of at most that many steps gets to from `start`, and the value there.

    Never above the value at the start, which is moved into the box first.
    """
    point = np.clip(start, lower, upper)
    value, gradient = objective(point)
    inverse: Floats | None = None  # of the Hessian
    for _ in range(steps):
        move = -gradient if inverse is None else -(inverse @ gradient)
        if inverse is not None and move @ gradient >= 0:
            inverse, move = None, -gradient
        longest = np.abs(move).max(initial=0.0)
        limit = MAX_FIRST_MOVE if inverse is None else MAX_MOVE
        if longest == 0:
            break
        if longest > limit:
            move *= limit / longest
        found = _search(objective, point, move, value, float(move @ gradient), lower, upper)
        if found is None:
            break
        next_point, next_value, next_gradient = found
        inverse = _updated(inverse, next_point - point, next_gradient - gradient)
        gain = value - next_value
        point, value, gradient = found
        if np.abs(gradient).max() < _FLAT or gain < _LITTLE:
            break
    return point, value


def _search(
    objective: Objective,
    point: Floats,
    move: Floats,
    value: float,
    slope: float,
    lower: Floats,
    upper: Floats,
) -> tuple[Floats, float, Floats] | None:
    """The first of ever shorter moves that gains enough: algorithm 3.1."""
    length = 1.0
    for _ in range(_BACKTRACKS):
        found = np.clip(point + length * move, lower, upper)
        found_value, gradient = objective(found)
        if found_value <= value + _SUFFICIENT * length * slope:
            return found, found_value, gradient
        length *= _BACKTRACK
    return None


def _updated(inverse: Floats | None, move: Floats, change: Floats) -> Floats | None:
    """The inverse Hessian after a step: equations 6.17 and, for the first one, 6.20."""
    curvature = float(move @ change)
    if curvature <= 1e-10:
        return inverse
    if inverse is None:
        inverse = np.eye(len(move)) * (curvature / float(change @ change))
    image = inverse @ change
    outer = np.outer(image, move)
    scale = (1 + float(change @ image) / curvature) / curvature
    updated: Floats = inverse + scale * np.outer(move, move) - (outer + outer.T) / curvature
    return updated
