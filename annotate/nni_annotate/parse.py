"""A text parsed: its module, or where and why it is no Python."""

from __future__ import annotations

import ast
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import replace

import libcst as cst

from nni_annotate.comments import Masked, mask_comments
from nni_annotate.deep import TOO_DEEP, line_too_deep
from nni_annotate.diagnostics import CompileError, Diagnostic, place_of
from nni_annotate.layout import spaced, unjoined
from nni_annotate.module import Module
from nni_annotate.rules.rule import SourceFile
from nni_annotate.skim import skimmed
from nni_annotate.source import SourceText
from nni_annotate.strays import bare_annotations
from nni_annotate.syntax import module_of

_NO_PYTHON = "this file is no valid Python, so its annotations can't be compiled"
_NOTHING: Mapping[str, str] = {}


def parse(
    source: SourceText,
    python: str,
    file: SourceFile,
    path: str,
    *,
    cell: int = 0,
    has_calls: bool = False,
    imported: Mapping[str, str] = _NOTHING,
) -> Module:
    """Parses `python`, the source as plain Python, and finds what is in it.

    `imported` are names that stand for nni's by the imports of earlier cells.
    Raises CompileError, RecursionError.
    """
    text = source if source.text == python else SourceText(python)
    if (null := python.find("\0")) >= 0:  # libcst takes it in strings and comments
        where = place_of(source, null, null + 1, cell)
        message = f"{_NO_PYTHON}: source code can't contain null bytes"
        raise CompileError([where.diagnostic(path, "NNI401", message, is_error=True)])
    masked = mask_comments(text)
    try:
        short = skimmed(text, masked.text, has_calls=has_calls, imported=imported)
        tree, parsed = _tree(short, masked.text)
    except cst.ParserSyntaxError as error:
        masked = mask_comments(text, leave=_misplaced(text, masked))
        try:
            tree, parsed = _tree(masked.text, masked.text)
        except cst.ParserSyntaxError:
            raise CompileError([_syntax_error(error, text, path, cell)]) from None
    except RecursionError:
        line = line_too_deep(text.text)
        if not line:
            raise
        # Without its text: such a line is too long to show.
        found = Diagnostic(path, cell, line, 1, "NNI403", TOO_DEEP)
        raise CompileError([found]) from None
    masked = replace(masked, text=parsed)
    return Module(source, python, tree, masked, file, cell, imported if has_calls else None)


def _tree(skimmed: str, text: str) -> tuple[cst.Module, str]:
    """The tree of what matters of the text, else of all of it, with what was parsed."""
    for candidate in dict.fromkeys((skimmed, text)):
        with contextlib.suppress(cst.ParserSyntaxError):
            return module_of(unjoined(candidate)), candidate
    return module_of(spaced(unjoined(text))), text


def _syntax_error(
    error: cst.ParserSyntaxError, source: SourceText, path: str, cell: int
) -> Diagnostic:
    """Where and why the text is no Python, in CPython's words where it agrees."""
    for match in bare_annotations(source.text):
        message = (
            "this file is no valid Python: an annotation is a string or a comment, so quote it, as "
            f'in """{match[1]}(...)"""'
        )
        where = place_of(source, *match.span(1), cell)
        return where.diagnostic(path, "NNI401", message, is_error=True)
    line, column, why = error.raw_line, error.raw_column + 1, ""
    is_python = False
    try:
        ast.parse(source.text)
    except SyntaxError as found:
        line, column = found.lineno or line, found.offset or column
        why = f": {found.msg}"
    except (ValueError, RecursionError, MemoryError):
        pass
    else:
        is_python = True
    lines = source.text.split("\n")
    text = lines[line - 1].rstrip("\r") if line <= len(lines) else ""
    message = f"{_NO_PYTHON}{why}"
    if is_python:
        message = "libcst, which reads annotated files, can't read this layout, though Python can"
    return Diagnostic(path, cell, line, max(column, 1), "NNI401", message, 1, text)


def _misplaced(source: SourceText, masked: Masked) -> set[int]:
    """Where the comments begin in whose places a string would be no valid Python."""
    text = source.text
    read = ast.parse if _is_python(text, ast.parse) else module_of  # newer than this Python
    return {
        token.start
        for token in masked.tokens
        if token.is_first and not _is_python(f"{text[: token.start]}''{text[token.end :]}", read)
    }


def _is_python(text: str, read: Callable[[str], object]) -> bool:
    try:
        read(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError, cst.ParserSyntaxError):
        return False
    return True
