"""Values of parameters: JSON values, what tells them apart, and how messages show them."""

from __future__ import annotations

import json
import sys
from typing import Any

Value = Any  # a JSON value: what a tuner hands to a trial for one parameter
NO_JSON = (TypeError, ValueError, RecursionError)  # from json.dumps: other types, cycles, depth


def identity(value: Value) -> str:
    """The text that tells options apart, by type and value.

    >>> identity(1), identity(1.0), identity(True), identity("1")
    ('1', '1.0', 'true', '"1"')
    """
    return json.dumps(value, sort_keys=True)


def show(value: object) -> str:
    """A value as a message shows it: its JSON where it has one, cut where it is long."""
    try:
        text = json.dumps(value, ensure_ascii=False)
    except NO_JSON:
        text = _python(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _python(value: object) -> str:
    try:
        return repr(value) if abs(sys.getsizeof(value)) < 4096 else type(value).__name__
    except (ValueError, RecursionError):  # an int of thousands of digits, a list without end
        return type(value).__name__
