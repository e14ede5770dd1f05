"""The one walk over a module's tree: annotations, and the statements that they are about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import libcst as cst

from nni_annotate.annotation_text import (
    MARK,
    AnnotationText,
    comment_text,
    is_comment_annotation,
    is_prose,
)
from nni_annotate.deep import TOO_DEEP
from nni_annotate.found import CROWDED, Called, Edited, Layered, Problem
from nni_annotate.grammar import (
    Annotation,
    AnnotationError,
    AnnotationSyntaxError,
    annotation_text,
    read_annotation,
    refuse,
)
from nni_annotate.rules import RULES
from nni_annotate.rules.rule import (
    CallRule,
    Edit,
    EditRule,
    Found,
    IdleRule,
    LayersRule,
    SourceFile,
    option_text,
)
from nni_annotate.suites import blocks, docstring_of, future_imports, is_simple
from nni_annotate.syntax import code


@dataclass(frozen=True)
class _Pending:
    """An annotation that waits for the statement after it."""

    node: cst.CSTNode
    annotation: Annotation
    edit: Edit


@dataclass
class Finder:
    """What a module holds; `comments` are those behind the string literals that mask them.

    In a notebook's cell `await` may stand outside of functions.
    """

    tree: cst.Module
    file: SourceFile
    comments: Mapping[str, str]
    is_cell: bool = False
    edited: list[Edited] = field(default_factory=list)
    called: list[Called] = field(default_factory=list)
    layered: list[Layered] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    literals: list[cst.CSTNode] = field(default_factory=list)  # every annotation, good or bad
    # ids of those that stand for all that are taken out of a block that would be left empty
    only: set[int] = field(default_factory=set)
    seen: int = 0  # how often MARK occurs in the literals

    def __post_init__(self) -> None:
        self._before_future, imported = future_imports(self.tree)
        self.file = replace(self.file, keeps_hints="annotations" in imported)
        self._before_docstring: set[int] = set()
        self._taken: dict[tuple[int, str], _Pending] = {}
        self._pending: list[_Pending] = []
        self._may_await = self.is_cell
        self._suite(self.tree.body, is_scope=True, is_module=True)

    def _suite(self, body: Sequence[Any], *, is_scope: bool, is_module: bool = False) -> None:
        first, others = len(self.literals), False
        docstring, before = docstring_of(body, self.comments) if is_scope else (None, ())
        self._before_docstring.update(before)
        for line in body:
            if is_simple(line):
                others |= self._line(line, docstring)
            else:
                others = True
                self._statement(line)
                self._compound(line)
        self._drop_pending("no statement follows this annotation in its block; move it before one")
        if not others and not is_module and len(self.literals) > first:
            self._alone(self.literals[first:])

    def _alone(self, literals: Sequence[cst.CSTNode]) -> None:
        """Annotations are all that a block holds: comments would leave it empty to Python."""
        stay = {id(item.node) for item in self.layered}
        self.only.update([id(node) for node in literals if id(node) not in stay][:1])
        if all(isinstance(n, cst.SimpleString) and n.value in self.comments for n in literals):
            message = (
                "Python wants a statement in this block, and a comment is none; write the "
                "annotation as a string"
            )
            self.problems.append(Problem(literals[0], "NNI208", message))

    def _compound(self, statement: cst.CSTNode) -> None:
        """The blocks of a compound statement, each on its own."""
        is_scope = isinstance(statement, (cst.FunctionDef, cst.ClassDef))
        before = self._may_await
        if is_scope:
            self._may_await = getattr(statement, "asynchronous", None) is not None
        for body in blocks(statement):
            one_line = isinstance(body, cst.SimpleStatementSuite)
            self._suite([body] if one_line else body.body, is_scope=is_scope)
        self._may_await = before

    def _line(
        self, line: cst.SimpleStatementLine | cst.SimpleStatementSuite, docstring: cst.Expr | None
    ) -> bool:
        """The small statements of one line; whether there is one that is no annotation.

        `docstring` is the string that Python takes for the docstring of the block.
        """
        statements = []
        trailing = self._trailing(line)
        for statement in line.body:
            if self._is_annotation(statement, docstring):
                continue
            statements.append(statement)
            self._statement(statement, trailing if len(line.body) == 1 else None)
        if trailing is not None and not statements:
            self._refuse_comment(trailing.node)
        elif trailing is not None and len(line.body) > 1:
            self._one_of(statements, trailing)
        return bool(statements)

    def _statement(self, statement: cst.CSTNode, trailing: _Pending | None = None) -> None:
        """Gives the waiting annotations their statement."""
        pending, self._pending = self._pending, []
        for item in (*pending, *([trailing] if trailing is not None else [])):
            try:
                self._take_edit(item, item.edit.find(statement))
            except AnnotationError as error:
                self._misfit(item, error, statement, is_trailing=item is trailing)

    def _take_edit(self, item: _Pending, found: Found) -> None:
        """Raises AnnotationError where another annotation has the same place."""
        for spot in found.spots:
            first = self._taken.setdefault((id(spot.node), item.annotation.kind), item)
            if first is not item and isinstance(spot.node, cst.BaseString):
                raise AnnotationError("NNI205", CROWDED)
            if first is not item:
                text = " ".join(first.annotation.text.value.split())
                shown = text if len(text) <= 60 else text[:57] + "..."
                message = f"this place gets a value from another annotation already: {shown}"
                raise AnnotationError("NNI206", message)
        self.edited.append(Edited(item.node, item.edit, found))
        if found.outside:
            message = f"the script's own value lies outside the search space: {found.outside}"
            self.problems.append(Problem(item.node, "NNI505", message, is_error=False))

    def _misfit(
        self, item: _Pending, error: AnnotationError, statement: cst.CSTNode, *, is_trailing: bool
    ) -> None:
        message = str(error)
        if is_trailing:
            message = message.replace("the next statement", "this statement")
        self._refused(item.node, item.annotation, error, message, statement)

    def _one_of(self, statements: Sequence[cst.CSTNode], trailing: _Pending) -> None:
        """A comment at the end of several statements is about the one that it fits."""
        fitting: list[Found] = []
        misfits: list[AnnotationError] = []
        for statement in statements:
            try:
                fitting.append(trailing.edit.find(statement))
            except AnnotationError as error:
                misfits.append(error)
        try:
            if len(fitting) > 1:
                message = "several statements of this line fit; give each a line of its own"
                raise AnnotationError("NNI203", message)
            if not fitting:
                raise misfits[-1]
            self._take_edit(trailing, fitting[0])
        except AnnotationError as error:
            self._misfit(trailing, error, statements[-1], is_trailing=True)

    def _trailing(
        self, line: cst.SimpleStatementLine | cst.SimpleStatementSuite
    ) -> _Pending | None:
        """The annotation in the comment at the end of a line."""
        comment = line.trailing_whitespace.comment
        if comment is None or not is_comment_annotation(comment.value):
            return None
        annotation = self._read(comment, comment_text(comment.value))
        if annotation is None:
            return None
        rule = RULES[annotation.kind]
        if not isinstance(rule, EditRule):
            self._refuse_comment(comment)
            return None
        try:
            self._refuse_misplaced(annotation)
            edit = rule.read(annotation, self.file)
        except AnnotationError as error:
            self._refused(comment, annotation, error)
            return None
        self._doubt(comment, annotation, edit)
        return _Pending(comment, annotation, edit)

    def _refuse_misplaced(self, annotation: Annotation) -> None:
        """Refuses what would mean something else where the annotation stands, or nothing at all.

        Raises AnnotationError.
        """
        why = "can't stand in an annotation; assign it to a variable first"
        refuse(annotation.call, (cst.Yield, cst.NamedExpr), why)
        if not self._may_await:
            refuse(annotation.call, (cst.Await,), "can stand only inside an async def")

    def _refuse_comment(self, comment: cst.CSTNode) -> None:
        message = (
            "at the end of a line an annotation can only be about the value that is assigned "
            "there; write this one on a line of its own"
        )
        self.problems.append(Problem(comment, "NNI208", message))

    def _is_annotation(self, statement: cst.BaseSmallStatement, docstring: cst.Expr | None) -> bool:
        """Whether the statement is an annotation; if so, it is taken in."""
        if not isinstance(statement, cst.Expr):
            return False
        node = statement.value
        try:
            text = self._text(node)
        except AnnotationError as error:
            self.literals.append(node)
            self.seen += code(node).count(MARK)
            self.problems.append(Problem(node, error.code, str(error)))
            return True
        if text is None:
            return False
        if statement is docstring and is_prose(text.value):
            self.seen += text.source.count(MARK)
            message = "this docstring begins like an annotation; it is left alone"
            self.problems.append(Problem(node, "NNI503", message, is_error=False))
            return False
        annotation = self._read(node, text)
        if annotation is not None:
            try:
                self._take(statement, annotation, docstring)
            except AnnotationError as error:
                self._refused(node, annotation, error)
        return True

    def _text(self, node: cst.BaseExpression) -> AnnotationText | None:
        if isinstance(node, cst.SimpleString) and node.value in self.comments:
            return comment_text(self.comments[node.value])
        if not isinstance(node, (cst.SimpleString, cst.ConcatenatedString, cst.FormattedString)):
            return None
        return annotation_text(node)

    def _read(self, node: cst.CSTNode, text: AnnotationText) -> Annotation | None:
        """The annotation that a text spells out; None for a broken one."""
        self.literals.append(node)
        self.seen += text.source.count(MARK)
        try:
            return read_annotation(text, RULES, self.file.encoding)
        except AnnotationSyntaxError as error:
            begin = text.source_offset(error.offset)
            end = text.source_offset(error.offset + error.width - 1) + 1
            self.problems.append(Problem(node, error.code, str(error), (begin, end)))
        except AnnotationError as error:
            self.problems.append(Problem(node, error.code, str(error)))
        except RecursionError:
            self.problems.append(Problem(node, "NNI403", TOO_DEEP))
        return None

    def _take(
        self, statement: cst.Expr, annotation: Annotation, docstring: cst.Expr | None
    ) -> None:
        self._refuse_misplaced(annotation)
        is_docstring = statement is docstring
        node = statement.value
        rule = RULES[annotation.kind]
        if isinstance(rule, EditRule):
            edit = rule.read(annotation, self.file)
            self._doubt(node, annotation, edit)
            self._pending.append(_Pending(node, annotation, edit))
            return
        self._drop_pending(
            f"the next statement is an annotation, {annotation.kind}, not one to edit; "
            "move this one to just before its statement"
        )
        match rule:
            case IdleRule(check):
                check(annotation)
            case CallRule(read):
                function, argument = read(annotation)
                if argument is not None and (is_docstring or annotation.text.is_squeezed):
                    option_text(argument.value)  # that it is to be written on one line, and can
                if self._may_become_code(statement, annotation):
                    self.called.append(Called(node, annotation, function, argument, is_docstring))
            case LayersRule(read_layers):
                layers = read_layers(annotation, self.file)
                if self._may_become_code(statement, annotation):
                    self.layered.append(Layered(node, annotation, layers, is_docstring))

    def _may_become_code(self, statement: cst.Expr, annotation: Annotation) -> bool:
        """Only comments may stand before a docstring, only that before `from __future__`."""
        does_nothing = annotation.kind == "get_next_parameter"
        if id(statement) in self._before_docstring:
            if not does_nothing:
                message = f"{annotation.kind} can't stand before a docstring; move it below"
                raise AnnotationError("NNI208", message)
            return False
        if id(statement) in self._before_future:
            if not does_nothing:
                message = f"{annotation.kind} can't stand before from __future__ imports"
                raise AnnotationError("NNI207", message)
            return False
        return True

    def _doubt(self, node: cst.CSTNode, annotation: Annotation, edit: Edit) -> None:
        for doubt in edit.doubts():
            assert doubt.node is not None
            span = annotation.span(doubt.node)
            problem = Problem(node, doubt.code, str(doubt), span, is_error=False)
            self.problems.append(problem)

    def _refused(
        self,
        node: cst.CSTNode,
        annotation: Annotation,
        error: AnnotationError,
        message: str | None = None,
        statement: cst.CSTNode | None = None,
    ) -> None:
        span = annotation.span(error.node) if error.node is not None else None
        problem = Problem(node, error.code, message or str(error), span, statement=statement)
        self.problems.append(problem)

    def _drop_pending(self, message: str) -> None:
        for pending in self._pending:
            self.problems.append(Problem(pending.node, "NNI201", message))
        self._pending.clear()
