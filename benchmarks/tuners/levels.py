"""The axes of a table: hyperparameters, their domains and the levels that were tried."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nni_annotate.domains import (
    Choice,
    LogUniform,
    Plain,
    QLogUniform,
    QUniform,
    RandInt,
    Uniform,
    Value,
)


@dataclass(frozen=True)
class Axis:
    """A hyperparameter: its domain, and the levels out of it that were tried, in order.

    On a path one fit gives the losses of all levels, as boosting does for its number of trees.
    """

    key: str
    domain: Plain
    levels: tuple[Value, ...]
    path: bool = False


def floats(key: str, low: float, high: float, count: int) -> Axis:
    """A uniform axis of so many equally distant levels."""
    return Axis(key, Uniform(low, high), tuple(np.linspace(low, high, count).tolist()))


def logs(key: str, low: float, high: float, count: int) -> Axis:
    """A loguniform axis of so many levels, each the same factor above the last."""
    return Axis(key, LogUniform(low, high), tuple(np.geomspace(low, high, count).tolist()))


def steps(key: str, q: float, *levels: float) -> Axis:
    """A quniform axis: multiples of q."""
    return Axis(key, QUniform(levels[0], levels[-1], q), levels)


def ints(key: str, *levels: int, path: bool = False) -> Axis:
    """A randint axis, from the first level to the last."""
    return Axis(key, RandInt(levels[0], levels[-1] + 1), levels, path)


def log_ints(key: str, *levels: int, path: bool = False) -> Axis:
    """A qloguniform axis of ints, from the first level to the last."""
    return Axis(key, QLogUniform(levels[0], levels[-1], 1), levels, path)


def options(key: str, *levels: Value) -> Axis:
    """A choice."""
    return Axis(key, Choice(levels), levels)
