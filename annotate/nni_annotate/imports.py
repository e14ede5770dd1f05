"""Which names stand for nni and its functions, as far as import statements tell."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping

from nni_annotate.domains import TYPES

BODIES = ("body", "handlers", "cases", "orelse", "finalbody")
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
Names = dict[str, str]  # what each name stands for: `{"n": "nni", "choice": "nni.choice"}`


def imports_of(tree: ast.Module) -> Names:
    """All that a module imports from nni, in any of its scopes."""
    return {name: what for node in statements(tree.body) for name, what in _from_nni(node)}


def names_after(text: str, before: Mapping[str, str]) -> Names:
    """The names that stand for nni's once a text has run that found those of `before`."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return dict(before)
    names = dict(before)
    for node in statements(tree.body, into_scopes=False):
        found = dict(_from_nni(node))
        for name in _bound(node):
            names.pop(name, None)
        if any(isinstance(part, ast.alias) and part.name == "*" for part in ast.walk(node)):
            names = {name: what for name, what in names.items() if what == "nni"}
        names.update(found)
    return names


def may_call(text: str, imported: Collection[str]) -> bool:
    """Whether a text calls nni's functions, by the names that it imports.

    `imported` are such names that the text itself doesn't import.
    """
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return True
    known = {*imports_of(tree), *imported}
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(name) | ast.Attribute(ast.Name(name))) if name in known:
                return True
    return False


def statements(body: list[ast.stmt], *, into_scopes: bool = True) -> Iterator[ast.stmt]:
    """All statements of a suite and those inside them, in the order of the text."""
    stack: list[ast.AST] = list(reversed(body))
    while stack:
        node = stack.pop()
        if isinstance(node, ast.stmt):
            yield node
        if into_scopes or not isinstance(node, _SCOPES):
            inner = [part for name in BODIES for part in _list(getattr(node, name, None))]
            stack += reversed(inner)


def _list(value: object) -> list[ast.AST]:
    return value if isinstance(value, list) else []


def _bound(node: ast.stmt) -> Iterator[str]:
    """The names that a statement itself binds to something, not those inside it."""
    match node:
        case ast.Assign(value=ast.Constant(value=None)):  # as where an import failed
            return
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            yield node.name
            return
    stack: list[ast.AST] = [node]
    while stack:
        part = stack.pop()
        if isinstance(part, ast.Name) and isinstance(part.ctx, (ast.Store, ast.Del)):
            yield part.id
        elif isinstance(part, ast.alias):
            yield part.asname or part.name.partition(".")[0]
        stack += [child for child in ast.iter_child_nodes(part) if not isinstance(child, ast.stmt)]


def _from_nni(node: ast.stmt) -> Iterator[tuple[str, str]]:
    """The names that a statement imports from nni, with what each stands for."""
    match node:
        case ast.Import(names):
            yield from ((name.asname or "nni", "nni") for name in names if name.name == "nni")
        case ast.ImportFrom(module="nni", names=names, level=0):
            for name in names:
                all_of_them = (*TYPES, "function_choice") if name.name == "*" else (name.name,)
                yield from ((name.asname or one, f"nni.{one}") for one in all_of_them)
