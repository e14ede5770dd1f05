"""JSON by the part of the standard library's that is written in C, where that can be had alone.

`import json` also imports regular expressions, which take two thirds of the time that Python itself
takes to start, in every trial that needs neither.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # as typing's own, which takes longer to import than all of this
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class _Context:
    """What `json.JSONDecoder` tells the scanner by default."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = float  # of NaN, Infinity and -Infinity


def loads(text: str) -> Any:
    """As `json.loads`."""
    if "json" not in sys.modules:
        context: Any = _Context
        try:
            from _json import make_scanner

            value, end = make_scanner(context)(text, 0)
            if not text[end:].strip(" \t\n\r"):
                return value
        except Exception:  # noqa: BLE001 - json itself will say what is wrong
            pass
    import json

    return json.loads(text)


def dumps(value: Any, default: Callable[[Any], Any]) -> str:
    """As `json.dumps`."""
    if "json" not in sys.modules:
        try:
            from _json import encode_basestring_ascii, make_encoder

            encode = make_encoder(
                {}, default, encode_basestring_ascii, None, ": ", ", ", False, False, True
            )
        except (ImportError, TypeError):
            pass  # another Python's
        else:
            return "".join(encode(value, 0))
    import json

    return json.dumps(value, default=default)
