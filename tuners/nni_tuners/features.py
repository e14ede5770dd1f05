"""Rows as points of a Euclidean space, whose distances say how much two trials differ.

A number is a coordinate of its own. A choice has one for each option, so that all its options are
equally far from each other: at distance 1, as far as a number's two ends. Columns of branches that
aren't chosen are at their neutral value.
"""

from __future__ import annotations

import math

import numpy as np

from nni_tuners.encode import Code, Floats

_CORNER = math.sqrt(0.5)  # two options differ in two coordinates


class Features:
    """Rows of one search space <-> points; `owners` has the column that each feature belongs to."""

    def __init__(self, code: Code) -> None:
        widths = np.maximum(code.options, 1)
        self.owners = np.repeat(np.arange(len(widths)), widths)
        self._firsts = np.cumsum(widths) - widths
        self._choices = np.flatnonzero(code.options > 0)
        self._numbers = np.flatnonzero(code.options == 0)

    def of(self, rows: Floats) -> Floats:
        """Points of shape (rows, features); rows have neutral values where they are inactive."""
        points = np.zeros((len(rows), len(self.owners)))
        points[:, self._firsts[self._numbers]] = rows[:, self._numbers]
        lines = np.arange(len(rows))
        for column in self._choices:
            points[lines, self._firsts[column] + rows[:, column].astype(int)] = _CORNER
        return points

    def slopes(self, gradients: Floats) -> Floats:
        """Gradients by features as gradients by columns, 0 for choices."""
        slopes = np.zeros((len(gradients), len(self._firsts)))
        slopes[:, self._numbers] = gradients[:, self._firsts[self._numbers]]
        return slopes
