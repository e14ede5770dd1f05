"""The random shifts and rotations of the BBOB suite: the instances that its results are about.

They come from a generator of the suite's own, given by its definition, so that an instance here is
the instance of that number elsewhere. Hansen, Finck, Ros, Auger 2009, Real-Parameter Black-Box
Optimization Benchmarking 2009: Noiseless Functions Definitions, INRIA RR-6829. "The definition"
below is that report.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MODULUS = 2**31 - 1
OTHER = 1_000_000  # between the seeds of the two rotations of an instance


@dataclass(frozen=True)
class Instance:
    """Where an instance's optimum lies and how it is turned, in that many dimensions."""

    seed: int
    dimensions: int

    def shift(self, offset: int = 0) -> Floats:
        """A point of [-4, 4]^d on a grid, without zeros."""
        drawn = uniforms(self.dimensions, self.seed + offset)
        point = 8 * np.floor(1e4 * drawn) / 1e4 - 4
        return np.where(point == 0, -1e-5, point)

    def signs(self) -> Floats:
        """-1 or 1 for each dimension."""
        return np.where(uniforms(self.dimensions, self.seed) < 0.5, -1.0, 1.0)

    def rotation(self, offset: int = 0) -> Floats:
        """An orthogonal matrix: normal columns, made orthogonal one after the other."""
        size = self.dimensions
        columns = normals(size * size, self.seed + offset).reshape(size, size)
        for i in range(size):
            for j in range(i):
                columns[i] -= (columns[i] @ columns[j]) * columns[j]
            columns[i] /= np.sqrt(columns[i] @ columns[i])
        return columns.T.copy()


def uniforms(count: int, seed: int) -> Floats:
    """Numbers in (0, 1): a congruential generator, shuffled through a table of 32."""
    state = max(abs(seed), 1)
    table = [0] * 32
    for slot in reversed(range(40)):
        state = 16807 * state % MODULUS
        if slot < 32:
            table[slot] = state
    drawn = table[0]
    found = np.empty(count)
    for position in range(count):
        state = 16807 * state % MODULUS
        slot = drawn // 67108865
        drawn, table[slot] = table[slot], state
        found[position] = drawn / MODULUS
    return np.where(found == 0, 1e-99, found)


def normals(count: int, seed: int) -> Floats:
    """Normally distributed numbers, after Box and Muller."""
    drawn = uniforms(2 * count, seed)
    found = np.sqrt(-2 * np.log(drawn[:count])) * np.cos(2 * np.pi * drawn[count:])
    return np.where(found == 0, 1e-99, found)
