"""Code that asks for its parameters through the trial API, beside which no annotation may stand."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping

from nni_annotate.diagnostics import Diagnostic, place_of
from nni_annotate.imports import Names, imports_of, names_after
from nni_annotate.texts import PythonText

_ASKS = frozenset({"nni.get_next_parameter", "nni.get_next_parameters", "nni.get_parameters"})


def asks_for_parameters(texts: Iterable[PythonText], path: str) -> Iterator[Diagnostic]:
    """Calls that ask for parameters, as the file imports nni; each message is what is called."""
    names: Names = {}
    for text in texts:
        yield from _asks(text, path, names)
        if text.cell:
            names = names_after(text.python, names)


def _asks(text: PythonText, path: str, names: Mapping[str, str]) -> Iterator[Diagnostic]:
    if "get_" not in text.python:
        return
    try:
        tree = ast.parse(text.python)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    known = {**names, **imports_of(tree)}
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id=owner), attr=name)):
                asked, shown = f"{known.get(owner)}.{name}", f"{owner}.{name}"
            case ast.Call(func=ast.Name(id=shown)):
                asked = known.get(shown, "")
            case _:
                continue
        if asked in _ASKS:
            start = text.source.offset(node.lineno, node.col_offset)
            where = place_of(text.source, start, start + len(shown), text.cell)
            yield where.diagnostic(path, "NNI406", asked, is_error=True)
