"""Problems out of real models: what fits of scikit-learn's cost, tabulated by tabulate.py.

Between the levels that were tried the loss is interpolated along every numeric axis, in the
logarithm where the domain is logarithmic. Such an interpolation is least at a level, and every
level lies in its domain, so the least loss in a table is the least there is.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping

from grids import GRIDS, LISTED, Grid
from levels import Axis
from nni_annotate.domains import Choice, LogUniform, QLogUniform, Value, identity
from nni_annotate.space import Parameters
from problem import Problem
from tables import Table, read_tables

Place = Callable[[Value], tuple[int, float]]  # the level at or below, and how far on to the next


class Surface:
    """The interpolated loss of one table."""

    def __init__(self, axes: tuple[Axis, ...], table: Table) -> None:
        assert table.shape == tuple(len(axis.levels) for axis in axes)
        self.best = float(table.min())
        self._losses: list[float] = table.ravel().tolist()  # numpy is slow at single numbers
        strides = (math.prod(table.shape[i + 1 :]) for i in range(len(axes)))
        self._axes = [
            (axis.key, _place(axis), stride) for axis, stride in zip(axes, strides, strict=True)
        ]

    def __call__(self, values: Mapping[str, Value]) -> float:
        """The loss at these values; there may be others among them, which are not looked at."""
        lowest, corners, fractions = 0, [0], []
        for key, place, stride in self._axes:
            level, fraction = place(values[key])
            lowest += level * stride
            if fraction > 0:
                corners += [corner + stride for corner in corners]
                fractions.append(fraction)
        losses = [self._losses[lowest + corner] for corner in corners]
        for fraction in reversed(fractions):
            half = len(losses) // 2
            pairs = zip(losses[:half], losses[half:], strict=True)
            losses = [low + fraction * (high - low) for low, high in pairs]
        return max(losses[0], self.best)  # the last bit may be rounded to below it


def _place(axis: Axis) -> Place:
    """Where a value lies among the levels of an axis."""
    if isinstance(axis.domain, Choice):
        options = {identity(level): place for place, level in enumerate(axis.levels)}
        return lambda value: (options[identity(value)], 0.0)
    scale = math.log if isinstance(axis.domain, (LogUniform, QLogUniform)) else float
    levels = [scale(level) for level in axis.levels]

    def place(value: Value) -> tuple[int, float]:
        at = scale(value)
        last = len(levels) - 1
        below = min(max(bisect_right(levels, at) - 1, 0), last)
        if below == last:
            return below, 0.0
        fraction = (at - levels[below]) / (levels[below + 1] - levels[below])
        return below, max(fraction, 0.0)

    return place


def problem(grid: Grid, tables: Mapping[str, Table]) -> Problem:
    """The problem of a grid, whose tables are given by the name of the branch."""
    surfaces = {branch: Surface(axes, tables[branch]) for branch, axes in grid.tables().items()}

    def value(parameters: Parameters) -> float:
        if not grid.choice:
            return surfaces[""](parameters)
        branch = parameters[grid.choice]
        return surfaces[branch["_name"]]({**parameters, **branch})

    return Problem(
        name=grid.name,
        family=grid.family,
        space=grid.space(),
        value=value,
        best=min(surface.best for surface in surfaces.values()),
        held_out=grid.held_out,
    )


TABLES = read_tables()
SURFACES: list[Problem] = [problem(grid, TABLES[grid.file_name]) for grid in [*GRIDS, *LISTED]]
