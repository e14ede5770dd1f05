"""Checks of the arguments that tuners and assessors are made with."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from inspect import Parameter
from typing import Any

from nni_annotate.domains import show
from nni_tuners.errors import TunerError


def check_names(arguments: Collection[str], known: Mapping[str, Any]) -> None:
    """Raises TunerError for one that isn't known, or is missing: known without a default."""
    for argument in arguments:
        if argument not in known:
            expected = f"one of {', '.join(known)}" if known else "none"
            message = f"{argument}: no such argument; expected {expected}"
            if close := get_close_matches(argument, known, n=1):
                message += f"; did you mean {close[0]}?"
            raise TunerError(message)
    for name, default in known.items():
        if default is Parameter.empty and name not in arguments:
            raise TunerError(f"{name}: expected a value, found none")


def check_count(name: str, number: int, least: int = 1) -> None:
    """Raises TunerError unless it is an int from the least one on."""
    if not isinstance(number, int) or isinstance(number, bool) or number < least:
        raise TunerError(f"{name}: expected an int from {least} on, found {show(number)}")


def check_flag(name: str, flag: bool) -> None:
    """Raises TunerError unless it is true or false."""
    if not isinstance(flag, bool):
        raise TunerError(f"{name}: expected true or false, found {show(flag)}")


def check_number(name: str, number: float, most: float = math.inf) -> None:
    """Raises TunerError unless it is a finite number from 0 to the largest one."""
    is_number = isinstance(number, int | float) and not isinstance(number, bool)
    if not is_number or not 0 <= number <= most or math.isinf(number):
        upper = "on" if math.isinf(most) else f"to {most:g}"
        raise TunerError(f"{name}: expected a number from 0 {upper}, found {show(number)}")


def check_share(name: str, number: float) -> None:
    """Raises TunerError unless it lies between 0 and 1, both excluded."""
    if not isinstance(number, int | float) or not 0 < number < 1:
        raise TunerError(f"{name}: expected a number between 0 and 1, found {show(number)}")
