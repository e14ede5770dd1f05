"""The domains of numbers: their arguments, and which values they hold."""

from __future__ import annotations

import math
import sys
from dataclasses import astuple, dataclass, fields
from typing import ClassVar, Union

from nni_annotate.errors import SpaceError
from nni_annotate.values import Value, show


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _as_float(value: Value, expected: str) -> float:
    if not _is_number(value):
        raise SpaceError(f"expected {expected}, found {show(value)}")
    return _finite(value, expected)


def _finite(value: float, expected: str) -> float:
    try:
        number = float(value)
    except OverflowError:
        message = f"expected {expected}, found a number that no float can hold"
        raise SpaceError(message) from None
    if not math.isfinite(number):
        message = f"expected {expected}, found {show(number)}; JSON has finite numbers only"
        raise SpaceError(message)
    return number


def round_to(value: float, q: float) -> float:
    """`value` rounded to the nearest multiple of q, as NNI does it: round(value / q) * q."""
    quotient = value / q
    return round(quotient) * q if math.isfinite(quotient) else value  # floats are sparser than q


@dataclass(frozen=True)
class _Numeric:
    """What the numeric domains share: their arguments are finite numbers, some above 0."""

    type: ClassVar[str]
    above_zero: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        for position, field in enumerate(fields(self)):
            self._check_number(position, field.name)
        for position, field in enumerate(fields(self)):
            value = getattr(self, field.name)
            if field.name in self.above_zero and value <= 0:
                raise SpaceError(
                    f"{self.type} needs {field.name} > 0, found {show(value)}", position
                )

    def _check_number(self, position: int, name: str) -> None:
        value = getattr(self, name)
        if not _is_number(value):
            raise SpaceError(
                f"{self.type} needs a number for {name}, found {show(value)}", position
            )
        try:
            _finite(value, "")
        except SpaceError:
            message = f"{self.type} needs a finite number for {name}, found {show(value)}"
            raise SpaceError(message, position) from None


@dataclass(frozen=True)
class _Interval(_Numeric):
    """Between two bounds."""

    low: float
    high: float

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.low > self.high:
            found = f"{show(self.low)} and {show(self.high)}"
            raise SpaceError(f"{self.type} needs low <= high, found {found}", 1)

    def canonical(self, value: Value) -> float:
        """`value` as a float within the bounds."""
        return _within(value, self.low, self.high)


@dataclass(frozen=True)
class _Bell(_Numeric):
    """Around a mean, without bounds; `mu` and `sigma` may be those of the logarithm."""

    above_zero: ClassVar[tuple[str, ...]] = ("sigma",)
    mu: float
    sigma: float


@dataclass(frozen=True)
class RandInt(_Numeric):
    """An int, `lower` included, `upper` excluded."""

    type: ClassVar[str] = "randint"
    lower: int
    upper: int

    def __post_init__(self) -> None:
        super().__post_init__()
        for position, field in enumerate(fields(self)):
            value = getattr(self, field.name)
            if not isinstance(value, int):
                message = f"randint needs an int for {field.name}, found {show(value)}"
                raise SpaceError(message, position)
        if self.lower >= self.upper:
            found = f"{self.lower} and {self.upper}"
            message = f"randint needs lower < upper (upper is excluded), found {found}"
            raise SpaceError(message, 1)

    def canonical(self, value: Value) -> int:
        """`value` as an int within the bounds."""
        expected = f"an int from {self.lower} to {self.upper - 1}"
        number = _as_float(value, expected)
        whole = value if isinstance(value, int) else int(number)
        if whole != value or not self.lower <= whole < self.upper:
            raise SpaceError(f"expected {expected}, found {show(value)}")
        return whole


@dataclass(frozen=True)
class Uniform(_Interval):
    """A float between `low` and `high`, every one as likely."""

    type: ClassVar[str] = "uniform"


@dataclass(frozen=True)
class LogUniform(_Interval):
    """exp(uniform(log low, log high)): a float, every order of magnitude as likely."""

    type: ClassVar[str] = "loguniform"
    above_zero: ClassVar[tuple[str, ...]] = ("low", "high")


@dataclass(frozen=True)
class QUniform(_Interval):
    """clip(round(uniform(low, high) / q) * q, low, high); an int where all three are ints."""

    type: ClassVar[str] = "quniform"
    above_zero: ClassVar[tuple[str, ...]] = ("q",)
    q: float

    def canonical(self, value: Value) -> float:
        """`value` within the bounds, in the domain's own type."""
        return _typed(self, _within(value, self.low, self.high), value)


@dataclass(frozen=True)
class QLogUniform(_Interval):
    """clip(round(loguniform(low, high) / q) * q, low, high); an int where all three are ints."""

    type: ClassVar[str] = "qloguniform"
    above_zero: ClassVar[tuple[str, ...]] = ("low", "high", "q")
    q: float

    def canonical(self, value: Value) -> float:
        """`value` within the bounds, in the domain's own type."""
        return _typed(self, _within(value, self.low, self.high), value)


@dataclass(frozen=True)
class Normal(_Bell):
    """A normally distributed float."""

    type: ClassVar[str] = "normal"

    def canonical(self, value: Value) -> float:
        """`value` as a float."""
        return _as_float(value, "a number")


@dataclass(frozen=True)
class LogNormal(_Bell):
    """exp(normal(mu, sigma)): mu and sigma are those of the logarithm."""

    type: ClassVar[str] = "lognormal"

    def canonical(self, value: Value) -> float:
        """`value` as a float; never negative (an extreme draw may underflow to 0)."""
        return _within(value, 0, sys.float_info.max)


@dataclass(frozen=True)
class QNormal(_Bell):
    """round(normal(mu, sigma) / q) * q; an int where all three are ints."""

    type: ClassVar[str] = "qnormal"
    above_zero: ClassVar[tuple[str, ...]] = ("sigma", "q")
    q: float

    def canonical(self, value: Value) -> float:
        """`value` in the domain's own type."""
        return _typed(self, _as_float(value, "a number"), value)


@dataclass(frozen=True)
class QLogNormal(_Bell):
    """round(lognormal(mu, sigma) / q) * q; an int where all three are ints."""

    type: ClassVar[str] = "qlognormal"
    above_zero: ClassVar[tuple[str, ...]] = ("sigma", "q")
    q: float

    def canonical(self, value: Value) -> float:
        """`value` in the domain's own type; never negative."""
        return _typed(self, _within(value, 0, sys.float_info.max), value)


# typing.Union, since `X | Y` on classes is no valid isinstance argument for all that 3.10 reads.
Quantised = Union[QUniform, QLogUniform, QNormal, QLogNormal]  # noqa: UP007
Numeric = Union[RandInt, Uniform, LogUniform, Normal, LogNormal, Quantised]  # noqa: UP007


def gives_ints(domain: Quantised) -> bool:
    """Whether a quantised domain's values are ints: all its arguments are."""
    return all(isinstance(argument, int) for argument in astuple(domain))


def quantised(domain: Quantised, value: float) -> float:
    """`value` rounded to the domain's multiples of q, clipped to its bounds, in its type."""
    snapped = round_to(value, domain.q)
    if isinstance(domain, (QUniform, QLogUniform)):
        snapped = min(max(snapped, domain.low), domain.high)
    return int(snapped) if gives_ints(domain) else float(snapped)


def _within(value: Value, low: float, high: float) -> float:
    expected = f"a number from {show(low)} to {show(high)}"
    number = _as_float(value, expected)
    if not low <= number <= high:
        raise SpaceError(f"expected {expected}, found {show(value)}")
    return number


def _typed(domain: Quantised, number: float, value: Value) -> float:
    nearest = quantised(domain, number)
    if abs(nearest - number) > 1e-9 * max(abs(number), domain.q):
        raise SpaceError(f"expected a multiple of {show(domain.q)}, found {show(value)}")
    return nearest if gives_ints(domain) else number
