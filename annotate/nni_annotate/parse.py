"""A text parsed: its module, or where and why it is no Python."""

from __future__ import annotations

import ast
import warnings

import libcst as cst

from nni_annotate.comments import Masked, mask_comments
from nni_annotate.diagnostics import CompileError, Diagnostic
from nni_annotate.module import Module
from nni_annotate.rules.rule import SourceFile
from nni_annotate.source import SourceText


def parse(
    source: SourceText,
    python: str,
    file: SourceFile,
    path: str,
    *,
    cell: int = 0,
    has_calls: bool = False,
) -> Module:
    """Parses `python`, the source as plain Python, and finds what is in it.

    Raises CompileError, RecursionError.
    """
    text = source if source.text == python else SourceText(python)
    masked = mask_comments(text)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python's own, of escapes in the user's strings
        try:
            tree = cst.parse_module(masked.text)
        except cst.ParserSyntaxError as error:
            raise CompileError([_syntax_error(error, text, masked, path, cell)]) from None
        return Module(source, python, tree, masked, file, cell, has_calls=has_calls)


def _syntax_error(
    error: cst.ParserSyntaxError, source: SourceText, masked: Masked, path: str, cell: int
) -> Diagnostic:
    """Where and why the text is no Python, in CPython's words where it agrees."""
    line, column, why = error.raw_line, error.raw_column + 1, ""
    try:
        ast.parse(source.text)
    except SyntaxError as found:
        line, column = found.lineno or line, found.offset or column
        why = f": {found.msg}"
    except (ValueError, RecursionError, MemoryError):
        pass
    else:
        if masked.comments:
            return _misplaced_comment(source, masked, path, cell)
    lines = source.text.split("\n")
    text = lines[line - 1].rstrip("\r") if line <= len(lines) else ""
    message = f"this file is no valid Python, so its annotations can't be compiled{why}"
    return Diagnostic(path, cell, line, max(column, 1), "NNI401", message, 1, text)


def _misplaced_comment(source: SourceText, masked: Masked, path: str, cell: int) -> Diagnostic:
    """The first comment in whose place a string would be no valid Python."""
    text = source.text
    alone = [token for token in masked.tokens if token.is_first]
    for token in alone:
        try:
            ast.parse(f"{text[: token.start]}''{text[token.end :]}")
        except SyntaxError:
            break
    else:
        token = alone[0]
    line, column = source.place(token.start)
    message = "no statement can stand here; indent the annotation as the block that it is part of"
    width = token.end - token.start
    return Diagnostic(path, cell, line, column, "NNI208", message, width, source.line(line))
