"""What NNI's users take from `nni.utils` in their trials, tuners and assessors."""

from __future__ import annotations

from enum import Enum

from nni import ClassArgsValidator

TYPE_CHECKING = False  # as typing's own, which takes longer to import than all of this
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, TypeVar

    T = TypeVar("T")

__all__ = [
    "ClassArgsValidator",
    "OptimizeMode",
    "extract_scalar_history",
    "extract_scalar_reward",
    "merge_parameter",
]


class OptimizeMode(Enum):
    """Which results are better."""

    Minimize = "minimize"
    Maximize = "maximize"


def extract_scalar_reward(value: Any, scalar_key: str = "default") -> float:
    """The number of a result: itself, or that under the key of a dict. Raises RuntimeError."""
    reward = value.get(scalar_key) if isinstance(value, dict) else value
    if isinstance(reward, bool) or not isinstance(reward, int | float):
        raise RuntimeError(
            f"expected a number, or a dict with a number as {scalar_key!r}; found {value!r}"
        )
    return reward


def extract_scalar_history(trial_history: list[Any], scalar_key: str = "default") -> list[float]:
    """The numbers of intermediate results."""
    return [extract_scalar_reward(value, scalar_key) for value in trial_history]


def merge_parameter(base_params: T, override_params: Mapping[str, Any] | None) -> T:
    """The base, a dict or a namespace such as argparse's, changed in place: values by their names.

    An int becomes a float where the base has one. Raises ValueError for a name that the base lacks,
    TypeError for a value of another type than the base has.
    """
    values = base_params if isinstance(base_params, dict) else vars(base_params)
    for name, value in (override_params or {}).items():
        if name not in values:
            known = ", ".join(values) or "none"
            raise ValueError(f"{name}: no such name in the base parameters; known are {known}")
        values[name] = _like(name, value, values[name])
    return base_params


def _like(name: str, value: Any, before: Any) -> Any:
    if before is None or value is None or type(value) is type(before):
        return value
    if type(before) is float and type(value) is int:
        return float(value)
    raise TypeError(
        f"{name}: expected {type(before).__name__} as in the base parameters, found "
        f"{type(value).__name__} {value!r}"
    )
