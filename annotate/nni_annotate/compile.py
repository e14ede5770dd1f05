"""Source text -> compiled source text and its parameters; pure, no file is met here."""

from __future__ import annotations

import ast
import warnings
from dataclasses import dataclass

import libcst as cst

from nni_annotate.deep import with_deep_stack
from nni_annotate.diagnostics import CompileError, Diagnostic
from nni_annotate.grammar import MARK
from nni_annotate.rules.rule import SourceFile
from nni_annotate.syntax import shape
from nni_annotate.transformer import Parameter, Transformer

_MAIN_GUARDS = [
    shape(cst.parse_expression(test))
    for test in ('__name__ == "__main__"', '"__main__" == __name__')
]
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class CompiledModule:
    """The compiled source of one file, its parameters in the order of the source, and warnings."""

    code: bytes
    parameters: tuple[Parameter, ...]
    has_main_guard: bool
    warnings: tuple[Diagnostic, ...]


def compile_module(source: bytes, module: str, path: str) -> CompiledModule:
    """Compiles one file; `module` is its dotted name, `path` what diagnostics call it.

    Raises CompileError with every problem of the file.
    """
    try:
        return with_deep_stack(lambda: _compile(source, module, path))
    except cst.ParserSyntaxError as error:
        raise CompileError([_syntax_error(error, source, path)]) from None
    except (UnicodeDecodeError, SyntaxError) as error:
        raise CompileError([_undecodable(error, source, path)]) from None
    except RecursionError:
        message = "an expression or a statement is nested too deeply to be compiled; split it"
        raise CompileError([Diagnostic(path, 0, 0, message)]) from None


def _compile(source: bytes, module: str, path: str) -> CompiledModule:
    bom = _BOM if source.startswith(_BOM) else b""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python's own, of escapes in the user's strings
        return _compile_tree(cst.parse_module(source[len(bom) :]), source, bom, module, path)


def _compile_tree(
    tree: cst.Module, source: bytes, bom: bytes, module: str, path: str
) -> CompiledModule:
    compiler = Transformer(tree, SourceFile(module, tree.encoding))
    compiled = cst.ensure_type(tree.visit(compiler), cst.Module)
    compiler.warn_of_unread(MARK, source)
    diagnostics = compiler.diagnostics(path)
    if any(diagnostic.is_error for diagnostic in diagnostics):
        raise CompileError(diagnostics)
    content = bom + compiled.bytes
    invalid = _invalid(source, content, path)
    if invalid is not None:
        raise CompileError([invalid])
    return CompiledModule(
        content,
        compiler.parameters(),
        any(_is_main_guard(line) for line in tree.body),
        tuple(diagnostics),
    )


def _is_main_guard(line: cst.CSTNode) -> bool:
    return isinstance(line, cst.If) and shape(line.test) in _MAIN_GUARDS


def _invalid(source: bytes, content: bytes, path: str) -> Diagnostic | None:
    """What Python says of the compiled code, if it takes the source and not this."""
    try:
        compile(source, path, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None  # newer than the Python that runs here, or too deep for it
    try:
        compile(content, path, "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None) or 0
        text = source.decode("utf-8", "replace").split("\n")[line - 1] if line else ""
        message = f"with its annotation compiled, this is no valid Python: {error.args[0]}"
        column = len(text) - len(text.lstrip()) + 1 if line else 0
        return Diagnostic(path, line, column, message, len(text.strip()), text)
    except (RecursionError, MemoryError):
        return Diagnostic(path, 0, 0, "a choice has too many options that are no literals")
    return None


def _undecodable(error: Exception, source: bytes, path: str) -> Diagnostic:
    """Where a file is not in the encoding that it says, or that Python takes it for."""
    line = source[: error.start].count(b"\n") + 1 if isinstance(error, UnicodeDecodeError) else 0
    return Diagnostic(path, line, min(line, 1), f"this file can't be decoded: {error}")


def _syntax_error(error: cst.ParserSyntaxError, source: bytes, path: str) -> Diagnostic:
    """Where and why the file is no Python, in CPython's words where it agrees."""
    line, column, why = error.raw_line, error.raw_column + 1, ""
    try:
        ast.parse(source)
    except SyntaxError as found:
        line, column = found.lineno or line, found.offset or column
        why = f": {found.msg}"
    except (ValueError, RecursionError, MemoryError):
        pass
    lines = source.decode("utf-8", "replace").lstrip("\ufeff").split("\n")
    text = lines[line - 1].rstrip("\r") if line <= len(lines) else ""
    message = f"this file is no valid Python, so its annotations can't be compiled{why}"
    return Diagnostic(path, line, max(column, 1), message, 1, text)
