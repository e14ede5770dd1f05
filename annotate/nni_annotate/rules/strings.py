"""Code inside an f-string, where Python before 3.12 takes none of the quotes of the string."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import libcst as cst

from nni_annotate.grammar import AnnotationError
from nni_annotate.rules.rule import Spot

_SOURCE = "_source_"  # stands for the code that is there already
_QUOTES = ('"', "'", '"""', "'''")


def strings_around(around: Sequence[cst.CSTNode]) -> tuple[cst.FormattedString, ...]:
    """The f-strings around a place, which these nodes lead to."""
    return tuple(node for node in around if isinstance(node, cst.FormattedString))


def shows_code(around: Sequence[cst.CSTNode]) -> bool:
    """Whether the code itself shows where these nodes lead to: `f"{x = }"`, a template string."""
    return any(
        isinstance(node, cst.TemplatedString)
        or (isinstance(node, cst.FormattedStringExpression) and node.equal is not None)
        for node in around
    )


def inside_strings(spot: Spot, strings: Sequence[cst.FormattedString]) -> Spot:
    """The same place, whose code is fit to stand inside these strings.

    Compiling it raises AnnotationError where that can't be.
    """
    if not strings:
        return spot
    quotes = [string.end for string in strings]
    return Spot(
        spot.node,
        lambda key, source: fit(spot.compiled(key, _SOURCE), quotes).replace(_SOURCE, source),
        lambda value, source: (
            text if (text := spot.written(value, source)) == source else fit(text, quotes)
        ),
    )


def fit(text: str, quotes: Collection[str]) -> str:
    """The code with its strings in other quotes where they need them. Raises AnnotationError."""
    changed: Any = cst.parse_expression(text).visit(_Requote(quotes))
    source = cst.Module(body=()).code_for_node(changed)
    if not _fits(source, quotes):
        message = (
            "what the annotation puts into this f-string needs quotes or a backslash that can't "
            "stand there; assign the value to a variable first"
        )
        raise AnnotationError("NNI205", message)
    return source


def _fits(text: str, quotes: Collection[str]) -> bool:
    return not any(part in text for part in ("\\", "\n", "#", *quotes))


class _Requote(cst.CSTTransformer):
    """Writes every string in quotes that are free, where there are any."""

    def __init__(self, quotes: Collection[str]) -> None:
        super().__init__()
        self._taken = quotes

    def leave_SimpleString(  # noqa: N802
        self, original_node: cst.SimpleString, updated_node: cst.SimpleString
    ) -> cst.SimpleString:
        """Leaves those alone that fit, and those that no quotes would help."""
        if _fits(original_node.value, self._taken):
            return updated_node
        value = original_node.evaluated_value
        text = value.decode("latin-1") if isinstance(value, bytes) else value
        prefix = "b" if isinstance(value, bytes) else ""
        for quote in _QUOTES:
            literal = f"{prefix}{quote}{text}{quote}"
            is_whole = quote not in text and text[-1:] != quote[0] and text.isprintable()
            if is_whole and _fits(literal, self._taken):
                return updated_node.with_changes(value=literal)
        return updated_node
