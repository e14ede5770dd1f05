"""Source text -> compiled source text and its parameters; pure, no file is met here."""

from __future__ import annotations

import ast
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import libcst as cst
from libcst.metadata import MetadataWrapper, WhitespaceInclusivePositionProvider

from nni_annotate.diagnostics import CompileError, Diagnostic
from nni_annotate.grammar import (
    MARK,
    Annotation,
    AnnotationError,
    AnnotationSyntaxError,
    AnnotationText,
    annotation_text,
    read_annotation,
    reads_like_a_call,
)
from nni_annotate.rules import RULES
from nni_annotate.rules.rule import (
    TRIAL_API,
    CallRule,
    Edit,
    EditRule,
    Rewrite,
    SourceFile,
    UnsupportedRule,
)
from nni_annotate.space import Domain, Value, domain_to_json, identity
from nni_annotate.syntax import code, one_line, shape

_MAIN_GUARDS = [
    shape(cst.parse_expression(test))
    for test in ('__name__ == "__main__"', '"__main__" == __name__')
]
_BOM = b"\xef\xbb\xbf"
_STACK_BYTES = 1 << 30  # reserved, not used: only pages that are touched cost memory
_RECURSION_LIMIT = 200_000
_STATEMENT_PARTS = (
    cst.Module,
    cst.IndentedBlock,
    cst.SimpleStatementSuite,
    cst.BaseCompoundStatement,
    cst.Else,
    cst.Finally,
    cst.ExceptHandler,
    cst.ExceptStarHandler,
    cst.MatchCase,
)


@dataclass(frozen=True)
class Parameter:
    """One entry of the search space, and where it comes from.

    `default` is a 1-tuple of the value that the script itself holds, None where only running it
    can tell; `line` is that of the annotation.
    """

    key: str
    domain: Domain
    default: tuple[Value] | None
    line: int


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
    if TRIAL_API.encode() in source:
        message = "this file is compiled already; compile the source that it was made from"
        raise CompileError([Diagnostic(path, 0, 0, message)])
    try:
        return _with_deep_stack(lambda: _compile(source, module, path))
    except cst.ParserSyntaxError as error:
        raise CompileError([_syntax_error(error, source, path)]) from None
    except (UnicodeDecodeError, LookupError) as error:
        raise CompileError([Diagnostic(path, 0, 0, f"can't be decoded: {error}")]) from None
    except RecursionError:
        message = "an expression or a statement is nested too deeply to be compiled; split it"
        raise CompileError([Diagnostic(path, 0, 0, message)]) from None


def _compile(source: bytes, module: str, path: str) -> CompiledModule:
    bom = _BOM if source.startswith(_BOM) else b""
    tree = cst.parse_module(source[len(bom) :])
    compiler = _Compiler(tree, SourceFile(module, tree.encoding))
    compiled = cst.ensure_type(tree.visit(compiler), cst.Module)
    compiler.warn_of_unread(MARK, source)
    diagnostics = compiler.diagnostics(path)
    if any(diagnostic.is_error for diagnostic in diagnostics):
        raise CompileError(diagnostics)
    return CompiledModule(
        bom + compiled.bytes,
        compiler.parameters(),
        any(_is_main_guard(line) for line in tree.body),
        tuple(diagnostics),
    )


def _with_deep_stack(work: Callable[[], CompiledModule]) -> CompiledModule:
    """Does the work where recursion may go deep: libcst recurses where CPython's parser doesn't.

    A chain of 300 calls is too much for it on an ordinary stack, and some thousand terms end the
    process.
    """
    outcome: list[CompiledModule | Exception] = []

    def run() -> None:
        try:
            outcome.append(work())
        except Exception as error:  # noqa: BLE001 - raised again in the caller's thread
            outcome.append(error)

    limit, size = sys.getrecursionlimit(), threading.stack_size(_STACK_BYTES)
    try:
        sys.setrecursionlimit(max(limit, _RECURSION_LIMIT))
        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        thread.join()
    finally:
        sys.setrecursionlimit(limit)
        threading.stack_size(size)
    (result,) = outcome
    if isinstance(result, Exception):
        raise result
    return result


@dataclass(frozen=True)
class _Problem:
    """A diagnostic before anybody looked up where its nodes stand.

    `span` is the part of the node's own source that is meant; `other` is the node whose line
    completes the message.
    """

    node: cst.CSTNode
    message: str
    span: tuple[int, int] | None = None
    other: cst.CSTNode | None = None
    is_error: bool = True


@dataclass(frozen=True)
class _Pending:
    """An annotation that waits for the statement after it."""

    statement: cst.Expr
    annotation: Annotation
    edit: Edit


@dataclass(frozen=True)
class _Place:
    """A parameter as found at one annotation."""

    statement: cst.Expr
    key: str
    domain: Domain
    default: tuple[Value] | None


class _Compiler(cst.CSTTransformer):
    """Rewrites the annotated statements of a module; walks statements, never expressions."""

    def __init__(self, tree: cst.Module, file: SourceFile) -> None:
        super().__init__()
        self._tree = tree
        self._file = file
        self._problems: list[_Problem] = []
        self._places: list[_Place] = []
        self._pending: list[_Pending] = []
        self._docstring_blocks: set[int] = {id(tree)}
        self._seen = 0

    def parameters(self) -> tuple[Parameter, ...]:
        """The parameters in the order of the source, one entry for every key."""
        positions = self._positions() if self._places else {}
        starts = [positions[place.statement.value].start for place in self._places]
        order = sorted(range(len(starts)), key=lambda i: (starts[i].line, starts[i].column))
        merged: dict[str, Parameter] = {}
        for place, start in ((self._places[i], starts[i]) for i in order):
            known = merged.setdefault(
                place.key, Parameter(place.key, place.domain, place.default, start.line)
            )
            if _differ(known.default, place.default):
                merged[place.key] = replace(known, default=None)
        return tuple(merged.values())

    def diagnostics(self, path: str) -> list[Diagnostic]:
        """Every problem found, with its place in the file."""
        self._check_shared_keys()
        if not self._problems:
            return []
        positions = self._positions()
        lines = self._tree.code.split("\n")
        found = []
        for problem in self._problems:
            start = positions[problem.node].start
            line, column, width = start.line, start.column, 1
            source = code(problem.node)
            begin, end = problem.span or (0, len(source))
            before = source[:begin]
            if "\n" in before:
                line += before.count("\n")
                column = len(before) - before.rindex("\n") - 1
            else:
                column += begin
            width = max(len(source[begin:end].split("\n")[0]), 1)
            message = problem.message
            if problem.other is not None:
                message = message.format(line=positions[problem.other].start.line)
            text = lines[line - 1].rstrip("\r") if line <= len(lines) else ""
            found.append(Diagnostic(path, line, column + 1, message, width, text, problem.is_error))
        return sorted(found)

    def warn_of_unread(self, mark: str, source: bytes) -> None:
        """Warns of what reads like an annotation and stands where it has no effect."""
        if source.count(mark.encode("ascii")) == self._seen:
            return
        finder = _StringFinder()
        self._tree.visit(finder)
        self._problems.extend(finder.problems)

    def on_visit(self, node: cst.CSTNode) -> bool:
        """Goes into statements only, and notes where Python would read a docstring."""
        if isinstance(node, (cst.FunctionDef, cst.ClassDef)):
            self._docstring_blocks.add(id(node.body))
        return isinstance(node, _STATEMENT_PARTS)

    def on_leave(self, original_node: Any, updated_node: Any) -> Any:
        """Rewrites a suite once everything inside it is rewritten."""
        if isinstance(updated_node, cst.SimpleStatementSuite):
            body: object = self._small_statements(updated_node.body, docstring=False)
        elif isinstance(updated_node, (cst.Module, cst.IndentedBlock)):
            docstring = id(original_node) in self._docstring_blocks
            body = self._suite(updated_node.body, docstring)
        else:
            return updated_node
        self._drop_pending("no statement follows this annotation in its block")
        return updated_node.with_changes(body=body)

    def _suite(self, body: Sequence[cst.BaseStatement], docstring: bool) -> list[cst.BaseStatement]:
        statements: list[cst.BaseStatement] = []
        for line in body:
            if isinstance(line, cst.SimpleStatementLine):
                small = self._small_statements(line.body, docstring)
                changed = any(new is not old for new, old in zip(small, line.body, strict=False))
                grown = len(small) != len(line.body)
                statements.append(line.with_changes(body=small) if changed or grown else line)
            else:
                statements.append(self._edited(line))
            docstring = False
        return statements

    def _small_statements(
        self, body: Sequence[cst.BaseSmallStatement], docstring: bool
    ) -> list[cst.BaseSmallStatement]:
        statements: list[cst.BaseSmallStatement] = []
        for statement in body:
            statements.extend(self._small_statement(statement, docstring))
            docstring = False
        return statements

    def _small_statement(
        self, statement: cst.BaseSmallStatement, docstring: bool
    ) -> list[cst.BaseSmallStatement]:
        if not isinstance(statement, cst.Expr):
            return [self._edited(statement)]
        annotation = self._read(statement, docstring)
        if annotation is None:
            return [self._edited(statement)]
        try:
            return self._annotation(statement, annotation, docstring)
        except AnnotationError as error:
            span = annotation.span(error.node) if error.node is not None else None
            self._problems.append(_Problem(statement.value, str(error), span))
            return [statement]

    def _annotation(
        self, statement: cst.Expr, annotation: Annotation, docstring: bool
    ) -> list[cst.BaseSmallStatement]:
        rule = RULES[annotation.kind]
        match rule:
            case UnsupportedRule(reason):
                raise AnnotationError(reason, annotation.call.func)
            case EditRule(read):
                edit = read(annotation, self._file)
                self._pending.append(_Pending(statement, annotation, edit))
                return [statement]
            case CallRule(read):
                self._drop_pending("the next statement is an annotation, not one to edit")
                call = self._call(annotation, *read(annotation))
        if docstring:  # the string stays what __doc__ is
            kept = statement.with_changes(semicolon=cst.Semicolon(cst.SimpleWhitespace(""), _SPACE))
            return [kept, statement.with_changes(value=self._one_line(call))]
        return [statement.with_changes(value=call)]

    def _read(self, statement: cst.Expr, docstring: bool) -> Annotation | None:
        """The annotation that the statement is; None where it is none, or a broken one."""
        text: AnnotationText | None = None
        try:
            text = annotation_text(statement.value)
            if text is None:
                return None
            self._seen += text.source.count(MARK)
            return read_annotation(text, RULES)
        except AnnotationSyntaxError as error:
            assert text is not None
            offset = text.source_offset(error.offset)
            prose = docstring and not reads_like_a_call(text.value)
            problem = _Problem(statement.value, str(error), (offset, offset + 1))
            if prose:
                message = "this docstring begins like an annotation; it is left alone"
                problem = _Problem(statement.value, message, is_error=False)
            self._problems.append(problem)
        except AnnotationError as error:
            span = None
            if text is None:
                self._seen += code(statement.value).count(MARK)
            elif error.node is not None:
                begin = text.source_offset(0)
                span = (begin, begin + len(code(error.node)))
            self._problems.append(_Problem(statement.value, str(error), span))
        return None

    def _call(self, annotation: Annotation, name: str, argument: cst.Arg | None) -> Any:
        """The call that stands for the annotation, over as many lines as the string took."""
        newlines = annotation.text.source.count("\n")
        if argument is None:
            return self._parse(f"{TRIAL_API}.{name}({self._lines_of(newlines)})")
        bare = annotation.call.with_changes(lpar=(), rpar=())
        inside = code(bare).split("(", 1)[1].rpartition(")")[0]
        before = annotation.text.source[: annotation.text.source_offset(0)].count("\n")
        after = newlines - before - inside.count("\n")
        if after < 0 or annotation.call.args[0].star:
            inside, before, after = code(argument.value), 0, newlines
            if "\n" in inside and inside.count("\n") != newlines:
                inside = one_line(argument.value)
            after -= inside.count("\n")
        text = f"{self._lines_of(before)}{inside}{self._lines_of(after)}".replace("\r\n", "\n")
        guard = f"{TRIAL_API}.in_experiment() and {TRIAL_API}.{name}"
        call = self._parse(f"{guard}({text})".replace("\n", self._tree.default_newline))
        return call.visit(_Unindented())

    def _one_line(self, call: cst.BaseExpression) -> cst.BaseExpression:
        return self._parse(one_line(call))

    def _lines_of(self, count: int) -> str:
        return self._tree.default_newline * max(count, 0)

    def _parse(self, text: str) -> cst.BaseExpression:
        return cst.parse_expression(text, self._tree.config_for_parsing)

    def _drop_pending(self, message: str) -> None:
        for pending in self._pending:
            self._problems.append(_Problem(pending.statement.value, message))
        self._pending.clear()

    def _edited(self, statement: Any) -> Any:
        """The statement after what its annotations make of it."""
        pending, self._pending = self._pending, []
        if not pending:
            return statement
        rewrites: dict[cst.CSTNode, list[tuple[str, Rewrite]]] = {}
        for item in pending:
            kind = item.annotation.kind
            try:
                key = item.edit.key(statement)
                found = item.edit.find(statement)
                if any(
                    kind == other for node in found.rewrites for other, _ in rewrites.get(node, ())
                ):
                    raise AnnotationError("another annotation gives this place a value already")
            except AnnotationError as error:
                self._problems.append(_Problem(item.statement.value, str(error)))
                continue
            self._places.append(_Place(item.statement, key, item.edit.domain, found.default))
            for node, rewrite in found.rewrites.items():
                rewrites.setdefault(node, []).append((kind, rewrite))
        return statement.visit(_Rewriter(rewrites, self._tree.config_for_parsing))

    def _check_shared_keys(self) -> None:
        first: dict[str, _Place] = {}
        for place in self._places:
            known = first.setdefault(place.key, place)
            if identity(domain_to_json(known.domain)) != identity(domain_to_json(place.domain)):
                message = (
                    f"{place.key} has other arguments than at line {{line}}; "
                    "give both the same, or one another name"
                )
                self._problems.append(
                    _Problem(place.statement.value, message, other=known.statement.value)
                )

    def _positions(self) -> Any:
        wrapper = MetadataWrapper(self._tree, unsafe_skip_copy=True)
        return wrapper.resolve(WhitespaceInclusivePositionProvider)


class _Rewriter(cst.CSTTransformer):
    """Puts the rewritten code in the place of the nodes it is for."""

    def __init__(self, rewrites: dict[cst.CSTNode, list[tuple[str, Rewrite]]], config: Any) -> None:
        super().__init__()
        self._rewrites = rewrites
        self._config = config

    def on_leave(self, original_node: Any, updated_node: Any) -> Any:
        """The innermost rewrite first: a variable's value may hold a function's call."""
        rewrites = sorted(self._rewrites.get(original_node, ()), key=lambda pair: pair[0])
        for _, rewrite in rewrites:
            updated_node = cst.parse_expression(rewrite(code(updated_node)), self._config)
        return updated_node


class _Unindented(cst.CSTTransformer):
    """Keeps lines as they are: an annotation's text carries its indentation in itself."""

    def leave_ParenthesizedWhitespace(  # noqa: N802
        self,
        original_node: cst.ParenthesizedWhitespace,  # noqa: ARG002
        updated_node: cst.ParenthesizedWhitespace,
    ) -> cst.ParenthesizedWhitespace:
        """Takes away the block's indentation."""
        return updated_node.with_changes(indent=False)

    def leave_EmptyLine(  # noqa: N802
        self,
        original_node: cst.EmptyLine,  # noqa: ARG002
        updated_node: cst.EmptyLine,
    ) -> cst.EmptyLine:
        """Takes away the block's indentation."""
        return updated_node.with_changes(indent=False)


class _StringFinder(cst.CSTVisitor):
    """Finds strings that read like annotations where none can stand."""

    def __init__(self) -> None:
        super().__init__()
        self.problems: list[_Problem] = []

    def visit_Expr(self, node: cst.Expr) -> bool:  # noqa: N802
        """Passes over statements that are a string: those were read already."""
        return not isinstance(
            node.value, (cst.SimpleString, cst.ConcatenatedString, cst.FormattedString)
        )

    def visit_SimpleString(self, node: cst.SimpleString) -> None:  # noqa: N802
        """Notes a string that begins as an annotation does."""
        if reads_like_a_call(node.raw_value):
            message = "an annotation has an effect only as a statement of its own, not here"
            self.problems.append(_Problem(node, message, is_error=False))

    def visit_Comment(self, node: cst.Comment) -> None:  # noqa: N802
        """Notes an annotation written as a comment."""
        if reads_like_a_call(node.value.lstrip("# \t")):
            message = (
                "annotations in comments are not supported yet; "
                f'write a string statement, """{node.value.lstrip("# ")}"""'
            )
            self.problems.append(_Problem(node, message))


_SPACE = cst.SimpleWhitespace(" ")


def _differ(one: tuple[Value] | None, other: tuple[Value] | None) -> bool:
    if one is None or other is None:
        return one is not other
    return identity(one[0]) != identity(other[0])


def _is_main_guard(line: cst.CSTNode) -> bool:
    return isinstance(line, cst.If) and shape(line.test) in _MAIN_GUARDS


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
