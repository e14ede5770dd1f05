"""Source text -> compiled source text and its parameters; pure, no file is met here."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import libcst as cst

from nni_annotate.deep import TOO_DEEP, usual_recursion, with_deep_stack
from nni_annotate.diagnostics import CompileError, Diagnostic, Where
from nni_annotate.domains import MutableLayer, Value, domain_to_json, identity
from nni_annotate.imports import Names, names_after
from nni_annotate.lints import Unread, unreachable_reports, unread_values
from nni_annotate.module import Module, Parameter
from nni_annotate.notebook import NotebookError, read_notebook
from nni_annotate.parse import parse
from nni_annotate.rules.rule import SourceFile
from nni_annotate.scripts import script_errors
from nni_annotate.shapes import shape
from nni_annotate.source import SourceText, newlines, read_source
from nni_annotate.sources import mentions_nni
from nni_annotate.space import Parameters
from nni_annotate.strays import reads_annotated

_Result = TypeVar("_Result")
_MAIN_GUARDS = [
    shape(cst.parse_expression(test))
    for test in ('__name__ == "__main__"', '"__main__" == __name__')
]


@dataclass(frozen=True)
class Kind:
    """What to know of a file beside its text.

    `module` is its dotted name, `path` what diagnostics call it; `has_calls` says that calls of
    nni's functions in it are to be looked for, `as_script` that a notebook is to become one.
    """

    module: str
    path: str
    is_notebook: bool = False
    has_calls: bool = False
    as_script: bool = False


@dataclass(frozen=True)
class CompiledModule:
    """The compiled source of one file, its parameters in the order of the source, and warnings.

    `places` are all places of the parameters, several of one that is shared; `is_annotated` is
    False where nothing was found, `first` the place of the first annotation. `unread` are values
    that only other files may read.
    """

    code: bytes
    parameters: tuple[Parameter, ...]
    places: tuple[Parameter, ...]
    has_main_guard: bool
    warnings: tuple[Diagnostic, ...]
    is_annotated: bool
    first: Where | None
    unread: tuple[Unread, ...]


@dataclass(frozen=True)
class _File:
    """The modules of a file, one or a notebook's cells, and how their texts become a file again."""

    modules: tuple[Module, ...]
    join: Callable[[Sequence[str]], bytes]
    problems: tuple[Diagnostic, ...] = ()


def compile_module(content: bytes, kind: Kind) -> CompiledModule:
    """Compiles one file. Raises CompileError with every problem of the file."""
    return _carefully(lambda: _compiled(_read(content, kind), kind), content, kind.path)


def write_module(content: bytes, kind: Kind, values: Parameters, *, strip: bool = False) -> bytes:
    """The source with these values in its annotated statements, or stripped of annotations too.

    Raises CompileError.
    """

    def work() -> bytes:
        file = _read(content, kind)
        _raise(_diagnostics(file, kind.path))
        keep_lines = not strip and any(
            place.is_named_by_line for module in file.modules for place in module.parameters
        )
        return file.join(
            [module.written(values, strip=strip, keep_lines=keep_lines) for module in file.modules]
        )

    return _carefully(work, content, kind.path)


def _read(content: bytes, kind: Kind) -> _File:
    """Parses a file and finds what is in it. Raises CompileError, RecursionError, SyntaxError."""
    if kind.is_notebook:
        return _read_notebook(content, kind)
    source = read_source(content)
    file = SourceFile(kind.module, source.encoding)
    module = parse(source, source.text, file, kind.path, has_calls=kind.has_calls)
    return _File((module,), lambda texts: source.to_bytes(texts[0]))


def _read_notebook(content: bytes, kind: Kind) -> _File:
    notebook = read_notebook(content)
    modules: list[Module] = []
    problems: list[Diagnostic] = []
    line = 0
    imported: Names = {}
    for cell in notebook.cells:
        file = SourceFile(kind.module, first_line=line)
        line += newlines(cell.source) + 1
        source = SourceText(cell.source)
        calls = kind.has_calls
        if not mentions_nni(cell.source.encode(errors="replace")) and not imported:
            continue
        try:
            modules.append(
                parse(
                    source,
                    cell.python,
                    file,
                    kind.path,
                    cell=cell.number,
                    has_calls=calls,
                    imported=imported,
                )
            )
        except CompileError as error:
            if error.is_about_annotations or reads_annotated(cell.source):
                problems += error.diagnostics  # else it is not this tool's matter
        if calls:
            imported = names_after(cell.python, imported)

    def join(texts: Sequence[str]) -> bytes:
        sources = {module.cell: text for module, text in zip(modules, texts, strict=True)}
        if not kind.as_script:
            return notebook.with_sources(sources)
        _raise(list(script_errors(notebook, sources, kind.path)))
        return notebook.to_script(sources)

    return _File(tuple(modules), join, tuple(problems))


def _diagnostics(file: _File, path: str) -> list[Diagnostic]:
    found = [found for module in file.modules for found in module.diagnostics(path)]
    return [*file.problems, *found]


def _compiled(file: _File, kind: Kind) -> CompiledModule:
    path = kind.path
    diagnostics = _diagnostics(file, path)
    places = tuple(place for module in file.modules for place in module.parameters)
    parameters, problems = merged(places, path)
    _raise([*diagnostics, *problems])
    compiled = file.join([module.compiled() for module in file.modules])
    unread: list[Unread] = []
    for module in file.modules:
        tree = _check(module, path)
        if tree is not None:
            diagnostics += unreachable_reports(tree, module, path)
            found = unread_values(tree, module, path)
            # What one cell of a notebook binds is there for the next.
            unread += (v for v in found if not (module.cell and v.may_be_read_elsewhere))
    diagnostics += [value.diagnostic for value in unread if not value.may_be_read_elsewhere]
    return CompiledModule(
        compiled,
        parameters,
        places,
        any(_is_main_guard(line) for module in file.modules for line in module.tree.body),
        tuple(sorted(diagnostics)),
        any(module.is_annotated for module in file.modules),
        next((where for module in file.modules if (where := module.first_annotation())), None),
        tuple(value for value in unread if value.may_be_read_elsewhere),
    )


def merged(
    places: Iterable[Parameter], path: str
) -> tuple[tuple[Parameter, ...], list[Diagnostic]]:
    """One parameter for every key, in order, and what is wrong with those that share one.

    A shared parameter has a default where all its places agree on it.
    """
    known: dict[str, Parameter] = {}
    problems = []
    for place in places:
        first = known.setdefault(place.key, place)
        if first is place:
            continue
        if place.is_named_by_line:
            message = "two calls without a name stand on one line; give one of them a name="
            if isinstance(place.domain, MutableLayer):
                message = "two mutable_layers end on one line; give each a line of its own"
            problems.append(place.where.diagnostic(path, "NNI302", message, is_error=True))
        elif _json(first) != _json(place):
            message = (
                f"{place.key} has other arguments than at {first.where}; give both the same, or "
                "one another name"
            )
            problems.append(place.where.diagnostic(path, "NNI301", message, is_error=True))
        elif _differ(first.default, place.default):
            known[place.key] = replace(first, default=None)
    return tuple(known.values()), problems


def _raise(diagnostics: Sequence[Diagnostic]) -> None:
    if any(diagnostic.is_error for diagnostic in diagnostics):
        raise CompileError(diagnostics)


def _carefully(work: Callable[[], _Result], content: bytes, path: str) -> _Result:
    """Does the work with room for deep recursion; what goes wrong becomes a CompileError."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python's own, of the user's code
            return with_deep_stack(work)
    except NotebookError as error:
        raise CompileError([Diagnostic(path, code="NNI408", message=str(error))]) from None
    except (UnicodeDecodeError, SyntaxError) as error:
        raise CompileError([_undecodable(error, content, path)]) from None
    except RecursionError:
        raise CompileError([Diagnostic(path, code="NNI403", message=TOO_DEEP)]) from None


def _is_main_guard(line: cst.CSTNode) -> bool:
    return isinstance(line, cst.If) and shape(line.test) in _MAIN_GUARDS


def _check(module: Module, path: str) -> ast.Module | None:
    """The compiled code's tree; None where this Python can't tell.

    Raises CompileError where Python takes the source and not the compiled code.
    """
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT if module.cell else 0
    try:
        code = module.compiled_python()
        tree = ast.parse(code, path)
        with usual_recursion():  # of the text: its tree would be too deep sooner
            compile(code, path, "exec", flags, dont_inherit=True)
        return tree
    except (SyntaxError, ValueError) as error:
        why, line = error.args[0], getattr(error, "lineno", None) or 0
    except (RecursionError, MemoryError):
        why, line = "", 0
    try:
        with usual_recursion():
            compile(module.python, path, "exec", flags, dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None  # newer than the Python that runs here, or too deep for it
    if not why:
        message = "an option is too long to be compiled, or a choice has too many; split it"
        where = module.too_long() or Where(0, 0, 1, "", module.cell)
        raise CompileError([where.diagnostic(path, "NNI403", message, is_error=True)])
    message = f"with its annotation compiled, this is no valid Python: {why}"
    text = module.source.line(line) if line else ""
    column = len(text) - len(text.lstrip()) + 1 if line else 0
    raise CompileError(
        [Diagnostic(path, module.cell, line, column, "NNI407", message, len(text.strip()), text)]
    )


def _json(parameter: Parameter) -> str:
    return identity(domain_to_json(parameter.domain))


def _differ(one: tuple[Value] | None, other: tuple[Value] | None) -> bool:
    if one is None or other is None:
        return one is not other
    return identity(one[0]) != identity(other[0])


def _undecodable(error: Exception, content: bytes, path: str) -> Diagnostic:
    """Where a file is not in the encoding that it says, or that Python takes it for."""
    line = content[: error.start].count(b"\n") + 1 if isinstance(error, UnicodeDecodeError) else 1
    message = f"this file can't be decoded: {error}"
    return Diagnostic(path, 0, line, 1, "NNI402", message)
