"""What a plain word of YAML is: a number, a truth value, nothing, or text.

By the core schema of YAML 1.2 (10.3.2): `1e-5` is a number; `on`, `yes`, `1:30` and `2020-01-01`
are text.
"""

from __future__ import annotations

import re

from nni_runner.config.nodes import Plain

_WORDS: dict[str, Plain] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}
_INT = re.compile(r"[-+]?[0-9]+")
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
LONGEST_NUMBER = 400  # digits; a float ends at some 309


def resolve(text: str) -> Plain:
    """The value of a plain word.

    >>> resolve("1e-5"), resolve("010"), resolve("0x1F"), resolve("on"), resolve("1:30")
    (1e-05, 10, 31, 'on', '1:30')

    Raises ValueError for a number that is too long.
    """
    if text in _WORDS:
        return _WORDS[text]
    if not text[0].isascii() or text[0] not in "+-.0123456789":
        return text
    is_number = _INT.fullmatch(text) or _BASED.fullmatch(text) or _FLOAT.fullmatch(text)
    if not is_number:
        return text
    if len(text) > LONGEST_NUMBER:
        raise ValueError("a number of so many digits")
    if _INT.fullmatch(text):
        return int(text)
    return int(text, 0) if _BASED.fullmatch(text) else float(text)
