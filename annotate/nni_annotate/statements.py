"""The code that stands for an annotation which is a statement of its own: its call, its layers.

It takes as many lines as the annotation's string took, so that no line after it moves.
"""

from __future__ import annotations

import libcst as cst

from nni_annotate.found import Called, Layered
from nni_annotate.rules.rule import option_text
from nni_annotate.source import newlines
from nni_annotate.syntax import code
from nni_annotate.trial_api import TRIAL_API


def call_statement(called: Called, newline: str, source: str) -> str:
    """The call that stands for an annotation with that source."""
    total = newlines(source)
    if called.argument is None:
        function = f"{TRIAL_API}.{called.function}"
        inside, before, after = "", 0, total
    else:
        function = f"{TRIAL_API}.in_experiment() and {TRIAL_API}.{called.function}"
        annotation = called.annotation
        bare = annotation.call.with_changes(
            lpar=(), rpar=(), func=cst.Name("f"),
            whitespace_after_func=cst.SimpleWhitespace(""),
        )  # fmt: skip
        inside = code(bare)[2:-1]
        before = newlines(source[: annotation.text.source_offset(0)])
        after = total - before - newlines(inside)
        if called.is_docstring or after < 0 or annotation.call.args[0].star:
            inside, before, after = option_text(called.argument.value), 0, total
    if called.is_docstring:  # the string stays what __doc__ is
        return f"{source}; {function}({inside})"
    text = f"{newline * before}{inside.replace(chr(10), newline)}{newline * after}"
    return f"{function}({text})"


def layers_statements(
    layered: Layered, key: str, around: tuple[str, str], newline: str, source: str
) -> str:
    """The statements that stand for an annotation with that source.

    key: that of its parameter, as a string literal
    around: what stands before it and after it in its lines
    """
    statements = layered.layers.statements(key)
    if layered.is_docstring:
        return "; ".join((source, *statements))
    total, (before, after) = newlines(source), around
    if before.strip() or after.strip():  # the last one ends in a bracket, that may be wide
        joined = "; ".join(statements)
        return f"{joined[:-1]}{newline * total}{joined[-1]}"
    rows = [*statements[:total], "; ".join(statements[total:])]
    rows = [row for row in rows if row]
    return f"{newline}{before}".join(rows) + newline * (total + 1 - len(rows))
