"""Every place that a tuned value can stand in, on a problem that takes no time."""

from __future__ import annotations

import argparse
import math


def loss(units: int, lr: float, decay: float, activation: str) -> float:
    """Pretends to train: lower is better."""
    slope = {"relu": 0.1, "tanh": 0.2}[activation]
    return abs(math.log10(lr) + 2) + abs(units - 64) / 64 + slope + decay


# A default on the command line.
parser = argparse.ArgumentParser()
# @nni.variable(nni.loguniform(1e-4, 1), name=lr)
parser.add_argument("--lr", type=float, default=0.1)
options = parser.parse_args()

# An entry of a dict, and a keyword argument; two annotations before one statement.
"""@nni.variable(nni.choice(16, 32, 64, 128), name=units)"""
"""@nni.variable(nni.choice("relu", "tanh"), name=model["activation"])"""
model = {"units": 32, "activation": "tanh"}

# A choice between a value and a range of values, in a comment at the end of the line.
decay = 0  # @nni.variable(nni.choice(0, nni.uniform(0.1, 0.5)))

"""@nni.function_choice(math.sqrt(decay), math.exp(decay), name=shape)"""
result = loss(lr=options.lr, decay=math.sqrt(decay), **model)
print(f"loss {result:.3f}")
# @nni.report_final_result(result)
