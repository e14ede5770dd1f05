"""Warnings that need the whole file: reports that can't be reached, values that nobody reads."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from nni_annotate.diagnostics import Diagnostic
from nni_annotate.module import Module
from nni_annotate.reachable import unreachable
from nni_annotate.reading import unread


@dataclass(frozen=True)
class Unread:
    """A tuned value that its file never reads; others may, where it is the module's."""

    name: str
    diagnostic: Diagnostic
    may_be_read_elsewhere: bool


def unreachable_reports(tree: ast.Module, module: Module, path: str) -> Iterator[Diagnostic]:
    """Warnings of reports that never run; `tree` is the compiled code's."""
    reports = module.reports()
    if not reports:
        return
    for line in sorted({line for line, _ in unreachable(tree)} & reports.keys()):
        message = "no run reaches this report: the code around or before it never leads here"
        yield reports[line].diagnostic(path, "NNI509", message, is_error=False)


def unread_values(tree: ast.Module, module: Module, path: str) -> Iterator[Unread]:
    """Tuned values that are never read; `tree` is the compiled code's."""
    names = module.bound_names()
    for found in unread(tree, names):
        where = names[found.name, found.line]
        message = f"{found.name} is tuned, but nothing reads it"
        diagnostic = where.diagnostic(path, "NNI510", message, is_error=False)
        yield Unread(found.name, diagnostic, found.at_module_level)
