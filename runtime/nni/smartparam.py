"""`nni.choice(...)` and its like, called in code that no compiler has seen.

What `nni-annotate` compiles asks the tuner; these answer where there is none: with the middle of
the domain, or the first option, so that a run without an experiment is the same each time. (NNI
drew at random.) Arguments are not checked here; the compiler does that.
"""

from __future__ import annotations

TYPE_CHECKING = False  # as typing's own, which takes longer to import than all of this
if TYPE_CHECKING:
    from typing import Any


def choice(*options: Any, name: str | None = None) -> Any:  # noqa: ARG001
    """The first option; of a dict as the only one, the first of its values."""
    return _first(options)


def function_choice(*functions: Any, name: str | None = None) -> Any:  # noqa: ARG001
    """What the first function returns."""
    return _first(functions)()


def randint(lower: int, upper: int | None = None, name: str | None = None) -> int:  # noqa: ARG001
    """The middle int; one argument is the upper bound."""
    if upper is None:
        lower, upper = 0, lower
    return (lower + upper - 1) // 2


def uniform(low: float, high: float, name: str | None = None) -> float:  # noqa: ARG001
    """The middle."""
    return low * 0.5 + high * 0.5


def quniform(low: float, high: float, q: float, name: str | None = None) -> float:  # noqa: ARG001
    """The multiple of q that is nearest to the middle."""
    return _bounded(uniform(low, high), low, high, q)


def loguniform(low: float, high: float, name: str | None = None) -> float:  # noqa: ARG001
    """The geometric middle."""
    middle: float = float(low) ** 0.5 * float(high) ** 0.5
    return min(max(middle, low), high)


def qloguniform(low: float, high: float, q: float, name: str | None = None) -> float:  # noqa: ARG001
    """The multiple of q that is nearest to the geometric middle."""
    return _bounded(loguniform(low, high), low, high, q)


def normal(mu: float, sigma: float, name: str | None = None) -> float:  # noqa: ARG001
    """The mean."""
    return float(mu)


def qnormal(mu: float, sigma: float, q: float, name: str | None = None) -> float:
    """The multiple of q that is nearest to the mean."""
    return _typed(round(normal(mu, sigma, name) / q) * q, mu, sigma, q)


def lognormal(mu: float, sigma: float, name: str | None = None) -> float:  # noqa: ARG001
    """exp(mu), the median."""
    import math

    return math.exp(mu)


def qlognormal(mu: float, sigma: float, q: float, name: str | None = None) -> float:
    """The multiple of q that is nearest to the median."""
    return _typed(round(lognormal(mu, sigma, name) / q) * q, mu, sigma, q)


def _first(options: tuple[Any, ...]) -> Any:
    if len(options) == 1 and isinstance(options[0], dict) and options[0]:
        return next(iter(options[0].values()))  # the form that NNI compiled to
    return options[0]


def _bounded(value: float, low: float, high: float, q: float) -> float:
    return _typed(min(max(round(value / q) * q, low), high), low, high, q)


def _typed(value: float, *arguments: float) -> float:
    return int(value) if all(isinstance(argument, int) for argument in arguments) else float(value)
