"""Calls of the trial API in code: those that ask for parameters, and those that are misspelt."""

from __future__ import annotations

import ast
import difflib
import re
from collections.abc import Iterable, Iterator

from nni_annotate.diagnostics import Diagnostic, Where, place_of
from nni_annotate.domains import TYPES
from nni_annotate.imports import Names, imports_of, names_after
from nni_annotate.texts import PythonText

# What the module nni offers; it is not to be imported here.
API = (
    *TYPES,
    "function_choice",
    "get_current_parameter",
    "get_experiment_id",
    "get_next_parameter",
    "get_next_parameters",
    "get_parameters",
    "get_sequence_id",
    "get_trial_id",
    "report_final_result",
    "report_intermediate_result",
)
_ASKS = frozenset({"nni.get_next_parameter", "nni.get_next_parameters", "nni.get_parameters"})
_ASKING = re.compile("get_")
_CALLING = re.compile(r"\.\s*\w+\s*\(")
_CLOSE = 0.81  # nearer than a function of NNI's that is offered nowhere here


def asks_for_parameters(texts: Iterable[PythonText], path: str) -> Iterator[Diagnostic]:
    """Calls that ask for parameters, as the file imports nni; each message is what is called."""
    for where, asked, _ in _calls(texts, _ASKING):
        if asked in _ASKS:
            yield where.diagnostic(path, "NNI406", asked, is_error=True)


def misspelt_calls(texts: Iterable[PythonText], path: str) -> Iterator[Diagnostic]:
    """Warnings of calls of the module nni that are nearly one of its functions."""
    for where, called, shown in _calls(texts, _CALLING):
        owner, _, name = called.rpartition(".")
        near = difflib.get_close_matches(name, API, n=1, cutoff=_CLOSE)
        if owner == "nni" and "." in shown and near and name not in API:
            module = shown.partition(".")[0]
            message = f"{shown} is no function of nni's; did you mean {module}.{near[0]}?"
            yield where.diagnostic(path, "NNI502", message, is_error=False)


def _calls(
    texts: Iterable[PythonText], likely: re.Pattern[str]
) -> Iterator[tuple[Where, str, str]]:
    """Calls of what the file imports from nni, in texts that hold what is likely there.

    Each with its place, what is called, `nni.choice`, and how that is written.
    """
    names: Names = {}
    for text in texts:
        if likely.search(text.python) and (names or "import" in text.python):
            yield from _calls_in(text, names)
        if text.cell:
            names = names_after(text.python, names)


def _calls_in(text: PythonText, names: Names) -> Iterator[tuple[Where, str, str]]:
    try:
        tree = ast.parse(text.python)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    known = {**names, **imports_of(tree)}
    if not known:
        return
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id=owner), attr=name)):
                called, shown = f"{known.get(owner)}.{name}", f"{owner}.{name}"
            case ast.Call(func=ast.Name(id=shown)):
                called = known.get(shown, "")
            case _:
                continue
        if not called.startswith("nni."):
            continue
        start = text.source.offset(node.lineno, node.col_offset)
        yield place_of(text.source, start, start + len(shown), text.cell), called, shown
