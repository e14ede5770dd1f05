"""The one transformer over a module's tree: finds the annotations and rewrites in place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import libcst as cst

from nni_annotate.diagnostics import Diagnostic
from nni_annotate.domains import Domain, Value, domain_to_json, identity
from nni_annotate.grammar import (
    MARK,
    Annotation,
    AnnotationError,
    AnnotationSyntaxError,
    AnnotationText,
    annotation_text,
    read_annotation,
    reads_like_a_call,
    refuse,
)
from nni_annotate.problems import Problem, placed, positions
from nni_annotate.rules import RULES
from nni_annotate.rules.rule import (
    CallRule,
    Edit,
    EditRule,
    Rewrite,
    SourceFile,
    UnsupportedRule,
    option_text,
)
from nni_annotate.syntax import code, one_line
from nni_annotate.trial_api import TRIAL_API
from nni_annotate.visitors import Rewriter, StringFinder, Unindented

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


_SPACE = cst.SimpleWhitespace(" ")


class Transformer(cst.CSTTransformer):
    """Rewrites the annotated statements of a module; walks statements, never expressions."""

    def __init__(self, tree: cst.Module, file: SourceFile) -> None:
        super().__init__()
        self._tree = tree
        self._file = file
        self._problems: list[Problem] = []
        self._places: list[_Place] = []
        self._pending: list[_Pending] = []
        self._docstring_blocks: set[int] = {id(tree)}
        self._before_future = _before_future_imports(tree)
        self._seen = 0

    def parameters(self) -> tuple[Parameter, ...]:
        """The parameters in the order of the source, one entry for every key."""
        places = positions(self._tree) if self._places else {}
        starts = [places[place.statement.value].start for place in self._places]
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
        return placed(self._problems, self._tree, path) if self._problems else []

    def warn_of_unread(self, mark: str, source: bytes) -> None:
        """Warns of what reads like an annotation and stands where it has no effect."""
        if source.count(mark.encode("ascii")) == self._seen:
            return
        finder = StringFinder()
        self._tree.visit(finder)
        self._problems.extend(finder.problems)

    def on_visit(self, node: cst.CSTNode) -> bool:
        """Goes into statements only, and notes where Python would read a docstring."""
        if isinstance(node, (cst.FunctionDef, cst.ClassDef)):
            self._docstring_blocks.add(id(node.body))
        return isinstance(node, _STATEMENT_PARTS)

    def on_leave(self, original_node: Any, updated_node: Any) -> Any:
        """Rewrites a suite once everything inside it is rewritten."""
        docstring = id(original_node) in self._docstring_blocks
        if isinstance(updated_node, cst.SimpleStatementSuite):
            body: object = self._small_statements(updated_node.body, docstring)
        elif isinstance(updated_node, (cst.Module, cst.IndentedBlock)):
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
            self._problems.append(Problem(statement.value, str(error), span))
            return [statement]

    def _annotation(
        self, statement: cst.Expr, annotation: Annotation, docstring: bool
    ) -> list[cst.BaseSmallStatement]:
        why = "can't stand in an annotation; assign it to a variable first"
        refuse(annotation.call, (cst.Yield, cst.NamedExpr), why)
        match RULES[annotation.kind]:
            case UnsupportedRule(reason):
                raise AnnotationError(reason, annotation.call.func)
            case EditRule(read):
                edit = read(annotation, self._file)
                if edit.doubt is not None and edit.doubt.node is not None:
                    span = annotation.span(edit.doubt.node)
                    doubt = Problem(statement.value, str(edit.doubt), span, is_error=False)
                    self._problems.append(doubt)
                self._pending.append(_Pending(statement, annotation, edit))
                return [statement]
            case CallRule(read):
                self._drop_pending("the next statement is an annotation, not one to edit")
                if id(statement) in self._before_future:
                    return [self._kept_before_future(statement, annotation)]
                call = self._call(annotation, *read(annotation))
        if docstring:  # the string stays what __doc__ is
            kept = statement.with_changes(semicolon=cst.Semicolon(cst.SimpleWhitespace(""), _SPACE))
            return [kept, statement.with_changes(value=self._one_line(call))]
        return [statement.with_changes(value=call)]

    def _kept_before_future(self, statement: cst.Expr, annotation: Annotation) -> cst.Expr:
        """Nothing but a docstring may stand before `from __future__`."""
        if annotation.kind != "get_next_parameter":  # which does nothing anyway
            raise AnnotationError("a report can't stand before from __future__ imports")
        return statement

    def _read(self, statement: cst.Expr, docstring: bool) -> Annotation | None:
        """The annotation that the statement is; None where it is none, or a broken one."""
        text: AnnotationText | None = None
        try:
            text = annotation_text(statement.value)
            if text is None:
                return None
            self._seen += text.source.count(MARK)
            if docstring and not reads_like_a_call(text.value):
                message = "this docstring begins like an annotation; it is left alone"
                self._problems.append(Problem(statement.value, message, is_error=False))
                return None
            return read_annotation(text, RULES, self._file.encoding)
        except AnnotationSyntaxError as error:
            assert text is not None
            offset = text.source_offset(error.offset)
            self._problems.append(Problem(statement.value, str(error), (offset, offset + 1)))
        except AnnotationError as error:
            span = None
            if text is None:
                self._seen += code(statement.value).count(MARK)
            elif error.node is not None:  # the call's function, which the text begins with
                begin = text.source_offset(0)
                span = (begin, begin + len(code(error.node)))
            self._problems.append(Problem(statement.value, str(error), span))
        return None

    def _call(self, annotation: Annotation, name: str, argument: cst.Arg | None) -> Any:
        """The call that stands for the annotation, over as many lines as the string took."""
        newlines = annotation.text.source.count("\n")
        if argument is None:
            return self._parse(f"{TRIAL_API}.{name}({self._lines_of(newlines)})")
        bare = annotation.call.with_changes(
            lpar=(), rpar=(), func=cst.Name("f"), whitespace_after_func=cst.SimpleWhitespace("")
        )
        inside = code(bare)[2:-1]
        before = annotation.text.source[: annotation.text.source_offset(0)].count("\n")
        after = newlines - before - inside.count("\n")
        if after < 0 or annotation.call.args[0].star:
            inside, before, after = option_text(argument.value), 0, newlines
        text = f"{self._lines_of(before)}{inside}{self._lines_of(after)}".replace("\r\n", "\n")
        guard = f"{TRIAL_API}.in_experiment() and {TRIAL_API}.{name}"
        call = self._parse(f"{guard}({text})".replace("\n", self._tree.default_newline))
        return call.visit(Unindented())

    def _one_line(self, call: cst.BaseExpression) -> cst.BaseExpression:
        return self._parse(one_line(call))

    def _lines_of(self, count: int) -> str:
        return self._tree.default_newline * max(count, 0)

    def _parse(self, text: str) -> cst.BaseExpression:
        return cst.parse_expression(text, self._tree.config_for_parsing)

    def _drop_pending(self, message: str) -> None:
        for pending in self._pending:
            self._problems.append(Problem(pending.statement.value, message))
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
                self._problems.append(Problem(item.statement.value, str(error)))
                continue
            self._places.append(_Place(item.statement, key, item.edit.domain, found.default))
            for node, rewrite in found.rewrites.items():
                rewrites.setdefault(node, []).append((kind, rewrite))
        return statement.visit(Rewriter(rewrites, self._tree.config_for_parsing))

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
                    Problem(place.statement.value, message, other=known.statement.value)
                )


def _before_future_imports(tree: cst.Module) -> set[int]:
    """The small statements, by id, that stand before the last `from __future__ import`."""
    statements = [
        statement
        for line in tree.body
        if isinstance(line, cst.SimpleStatementLine)
        for statement in line.body
    ]
    last = max((i for i, node in enumerate(statements) if _is_future_import(node)), default=0)
    return {id(statement) for statement in statements[:last]}


def _is_future_import(node: cst.BaseSmallStatement) -> bool:
    return (
        isinstance(node, cst.ImportFrom)
        and isinstance(node.module, cst.Name)
        and node.module.value == "__future__"
    )


def _differ(one: tuple[Value] | None, other: tuple[Value] | None) -> bool:
    if one is None or other is None:
        return one is not other
    return identity(one[0]) != identity(other[0])
