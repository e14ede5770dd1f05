"""The 24 noiseless functions of the BBOB suite, shifted so that the least value is 0.

Hansen, Finck, Ros, Auger 2009, Real-Parameter Black-Box Optimization Benchmarking 2009: Noiseless
Functions Definitions, INRIA RR-6829. f1 to f24 are its numbers, and the names of vectors and
matrices are its own: z is what the function of textbooks sees of x, R and Q are rotations.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import bbob_conditioned as conditioned
import bbob_multimodal as multimodal
from bbob_instances import Floats, Instance
from bbob_transforms import Function, Solved


@dataclass(frozen=True, eq=False)
class Bbob:
    """A function on [-5, 5]^d, which may be called outside of it too."""

    function: int
    dimensions: int
    instance: int
    x_opt: Floats
    value: Function
    f_opt: float = 0.0


def bbob(function: int, dimensions: int, instance: int) -> Bbob:
    """The function of that number, 1 to 24, in 2 dimensions or more."""
    seed = SEEDS.get(function, function) + 10_000 * instance
    x_opt, value = FUNCTIONS[function](Instance(seed, dimensions))
    return Bbob(function, dimensions, instance, x_opt, value)


FUNCTIONS: dict[int, Callable[[Instance], Solved]] = {
    1: conditioned.sphere,
    2: conditioned.separable_ellipsoid,
    3: conditioned.separable_rastrigin,
    4: conditioned.bueche_rastrigin,
    5: conditioned.linear_slope,
    6: conditioned.attractive_sector,
    7: conditioned.step_ellipsoid,
    8: conditioned.rosenbrock,
    9: conditioned.rotated_rosenbrock,
    10: conditioned.ellipsoid,
    11: conditioned.discus,
    12: conditioned.bent_cigar,
    13: conditioned.sharp_ridge,
    14: conditioned.different_powers,
    15: multimodal.rastrigin,
    16: multimodal.weierstrass,
    17: lambda instance: multimodal.schaffers(instance, 10),
    18: lambda instance: multimodal.schaffers(instance, 1000),
    19: multimodal.griewank_rosenbrock,
    20: multimodal.schwefel,
    21: lambda instance: multimodal.gallagher(instance, 101, 1000, 5),
    22: lambda instance: multimodal.gallagher(instance, 21, 1000**2, 4.9),
    23: multimodal.katsuura,
    24: multimodal.lunacek,
}
SEEDS = {4: 3, 18: 17}  # these two share the instances of their sisters
