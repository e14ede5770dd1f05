"""Calls of the trial API in code: those that ask for parameters, and those that are misspelt."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

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
_CLOSE = 0.81  # nearer than a function of NNI's that is offered nowhere here


@dataclass(frozen=True)
class ApiCall:
    """A call of what a file imports from nni: `n.choice(...)` calls `nni.choice`."""

    where: Where
    called: str
    written: str


def asks_for_parameters(calls: Iterable[ApiCall], path: str) -> Iterator[Diagnostic]:
    """Calls that ask for parameters; each message is what is called."""
    for call in calls:
        if call.called in _ASKS:
            yield call.where.diagnostic(path, "NNI406", call.called, is_error=True)


def misspelt_calls(calls: Iterable[ApiCall], path: str) -> Iterator[Diagnostic]:
    """Warnings of calls of the module nni that are nearly one of its functions."""
    for call in calls:
        owner, _, name = call.called.rpartition(".")
        if owner != "nni" or "." not in call.written or name in API:
            continue
        if near := difflib.get_close_matches(name, API, n=1, cutoff=_CLOSE):
            module = call.written.partition(".")[0]
            message = f"{call.written} is no function of nni's; did you mean {module}.{near[0]}?"
            yield call.where.diagnostic(path, "NNI502", message, is_error=False)


def api_calls(texts: Iterable[PythonText]) -> Iterator[ApiCall]:
    """The calls of nni's in a file; its cells know what those before them imported."""
    names: Names = {}
    for text in texts:
        yield from _calls_in(text, names)
        if text.cell:
            names = names_after(text.python, names)


def _calls_in(text: PythonText, names: Names) -> Iterator[ApiCall]:
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
                called, written = f"{known.get(owner)}.{name}", f"{owner}.{name}"
            case ast.Call(func=ast.Name(id=written)):
                called = known.get(written, "")
            case _:
                continue
        if called.startswith("nni."):
            start = text.source.offset(node.lineno, node.col_offset)
            where = place_of(text.source, start, start + len(written), text.cell)
            yield ApiCall(where, called, written)
