"""Points that fill a cube evenly: what tuners begin with.

McKay, Beckman, Conover, A Comparison of Three Methods for Selecting Values of Input Variables,
Technometrics 21, 1979: the Latin hypercube.
Halton, On the efficiency of certain quasi-random sequences of points in evaluating
multi-dimensional integrals, Numerische Mathematik 2, 1960.
Owen, A randomized Halton algorithm in R, arXiv 1706.02808, 2017: a random permutation for each
digit. It breaks the ties between the columns of large bases, along which the first points of the
plain sequence lie in lines.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from nni_tuners.encode import Floats

Ints: TypeAlias = npt.NDArray[np.int64]

_BITS = 53  # of a float's fraction: digits beyond them can't be told apart
_LARGEST = math.nextafter(1, 0)


def latin_hypercube(rng: np.random.Generator, count: int, columns: int) -> Floats:
    """`count` points of [0, 1]^columns; in every column one in each of `count` equal cells."""
    cells = np.tile(np.arange(count)[:, None], (1, columns))
    points: Floats = (rng.permuted(cells, axis=0) + rng.random((count, columns))) / count
    return points


def halton(rng: np.random.Generator, count: int, columns: int) -> Floats:
    """The first `count` points of a randomised Halton sequence in [0, 1)^columns."""
    return Halton(rng, columns).points(0, count)


class Halton:
    """A randomised Halton sequence without end; each of its points is uniform in [0, 1)^columns.

    In a column of base b, b^k points that follow each other from a multiple of b^k on have one in
    each of b^k equal cells. The bases are the primes.
    """

    def __init__(self, rng: np.random.Generator, columns: int) -> None:
        self._permutations = []  # a column: of shape (digits, base)
        for base in itertools.islice(primes(), columns):
            digits = math.ceil(_BITS / math.log2(base))
            self._permutations.append(rng.permuted(np.tile(np.arange(base), (digits, 1)), axis=1))

    def points(self, first: int, count: int) -> Floats:
        """The points from number `first` on, shape (count, columns)."""
        found = np.empty((count, len(self._permutations)))
        for column, permutations in enumerate(self._permutations):
            found[:, column] = _radical_inverse(np.arange(first, first + count), permutations)
        return found


def primes() -> Iterator[int]:
    """2, 3, 5, 7 and so on.

    >>> list(itertools.islice(primes(), 5))
    [2, 3, 5, 7, 11]
    """
    known: list[int] = []
    for number in itertools.count(2):
        if all(number % prime for prime in known):
            known.append(number)
            yield number


def _radical_inverse(numbers: Ints, permutations: Ints) -> Floats:
    """The permuted digits of each number, mirrored at the point: the last one weighs most."""
    base = permutations.shape[1]
    found, weight = np.zeros(len(numbers)), 1.0
    for permutation in permutations:
        weight /= base
        found += weight * permutation[numbers % base]
        numbers = numbers // base
    return np.minimum(found, _LARGEST)
