"""Trees of annotated sources and of compiled files, with every annotation taken back."""

from __future__ import annotations

import ast

from nni_annotate.trial_api import TRIAL_API

BODIES = ("body", "orelse", "finalbody", "handlers", "cases")
_API = ast.unparse(ast.parse(TRIAL_API))


def undone(tree: ast.Module) -> ast.Module:
    """The tree of a source, or of what it was compiled to, as if nothing had been annotated."""
    return without_notes(_Undo().visit(tree))


def without_notes(tree: ast.Module) -> ast.Module:
    """The tree without annotations, and without the reports that some have become."""
    for node in ast.walk(tree):
        for name in BODIES:
            body = getattr(node, name, None)
            if isinstance(body, list) and body and isinstance(body[0], ast.stmt):
                body[:] = [line for line in body if not _is_note(line)] or [ast.Pass()]
    return tree


def docstrings(tree: ast.Module) -> list[str | None]:
    """The docstrings of a module and of all that is in it."""
    kinds = (ast.Module, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    found = [node for node in ast.walk(tree) if isinstance(node, kinds)]
    return [ast.get_docstring(node, clean=False) for node in found]


class _Undo(ast.NodeTransformer):
    def visit_Call(self, node: ast.Call) -> ast.AST:
        """A value with its original."""
        self.generic_visit(node)
        return node.args[1] if _function(node) in ("parameter", "original") else node

    def visit_IfExp(self, node: ast.IfExp) -> ast.AST:
        """A choice between values, the original the last one."""
        while isinstance(node, ast.IfExp) and _function(node.test) in ("chose", "is_tuned"):
            node = node.orelse  # type: ignore[assignment]
        return self.generic_visit(node) if isinstance(node, ast.IfExp) else self.visit(node)


def _function(node: ast.expr) -> str | None:
    """Which function of the trial API an expression calls."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return None
    return node.func.attr if ast.unparse(node.func.value) == _API else None


def _is_note(line: ast.stmt) -> bool:
    match line:
        case ast.Expr(ast.Constant(str(text))):
            return text.lstrip().startswith("@nni.")
        case ast.Expr(ast.BoolOp(ast.And(), [test, _])):
            return _function(test) == "in_experiment"
        case ast.Expr(call):
            return _function(call) == "get_next_parameter"
    return False
