"""The BBOB functions: their optima, and figures that COCO's own implementation gives."""

from __future__ import annotations

import numpy as np
import pytest

from bbob import FUNCTIONS, bbob

# f(4 cos(1), ..., 4 cos(d)) - f_opt, computed with COCO's Python module cocoex 2.8.2.
CASES = [(2, 1), (5, 3), (20, 2)]  # dimensions, instance
COCO = {
    1: (3.89987375, 68.7750266, 238.108576),
    2: (4422645.37, 17882162.4, 14709272.7),
    3: (217.287563, 1143.47689, 2660.32323),
    4: (183.233832, 326.334218, 8522.62294),
    5: (69.4846642, 120.547755, 366.962314),
    6: (66465.322, 530152.631, 1076572.29),
    7: (2.5001934, 2160.89357, 3143.37182),
    8: (11323.9055, 108372.151, 936723.26),
    9: (1759.67207, 1960.87019, 374807.924),
    10: (484681.315, 5694201.93, 29806310.8),
    11: (6231976.54, 32346260.1, 8866747.18),
    12: (1988121980.0, 411795328.0, 5590935610.0),
    13: (328.16255, 2427.10933, 2585.42504),
    14: (3.3009429, 3.48647049, 136.956237),
    15: (139.445883, 116.19188, 2261.22721),
    16: (87.9380732, 59.1987866, 85.5124093),
    17: (15.7363446, 28.7993264, 101.333861),
    18: (276.250502, 98.0602929, 274.40126),
    19: (12.0160145, 28.7727363, 33.0081092),
    20: (45709.1495, 69448.9193, 234378.28),
    21: (27.8582198, 17.9467137, 84.88103),
    22: (1.27833335, 26.0661135, 84.1984251),
    23: (74.6593307, 14.7837269, 15.2882511),
    24: (23.5261758, 125.159007, 526.611694),
}


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("dimensions", [2, 5, 20])
def test_the_least_value_is_0_at_the_optimum(function: int, dimensions: int) -> None:
    for instance in (1, 2, 3):
        problem = bbob(function, dimensions, instance)
        assert np.all(np.abs(problem.x_opt) <= 5)
        assert abs(problem.value(problem.x_opt)) < 1e-12
        around = np.random.default_rng(0).normal(problem.x_opt, 0.01, (50, dimensions))
        assert min(problem.value(x) for x in around) >= 0


@pytest.mark.parametrize("function", FUNCTIONS)
def test_values_are_those_of_coco(function: int) -> None:
    for (dimensions, instance), expected in zip(CASES, COCO[function], strict=True):
        x = 4 * np.cos(np.arange(1, dimensions + 1))
        assert bbob(function, dimensions, instance).value(x) == pytest.approx(expected, rel=2e-8)


def test_instances_differ_and_are_the_same_each_time() -> None:
    first, again, other = (bbob(10, 4, instance) for instance in (1, 1, 2))
    x = np.ones(4)
    assert first.value(x) == again.value(x) != other.value(x)
