"""`@nni.function_choice(CALL, CALL, ..., name=NAME)`: one of several calls, in place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import libcst as cst

from nni_annotate.domains import Choice
from nni_annotate.errors import SpaceError
from nni_annotate.grammar import Annotation, AnnotationError, take_name
from nni_annotate.rules.rule import (
    Found,
    Rewrite,
    SourceFile,
    chose,
    no_keyword,
    option_text,
    pick,
)
from nni_annotate.syntax import first_line, one_line, operand, shape

_BODIES = frozenset({"body", "orelse", "finalbody", "handlers", "cases"})


@dataclass(frozen=True)
class FunctionChoice:
    """The calls to choose from, by the source text that names each in the search space."""

    file: SourceFile
    name: str
    calls: tuple[cst.BaseExpression, ...]
    domain: Choice
    doubt: AnnotationError | None = None

    def key(self, statement: cst.CSTNode) -> str:  # noqa: ARG002 - the name is always given
        """The key in the search space."""
        return f"{self.file.module}/{self.name}/function_choice"

    def find(self, statement: cst.CSTNode) -> Found:
        """Every expression of the statement (its header, if compound) that is one of the calls."""
        key = self.file.literal(self.key(statement))
        shapes = [shape(call) for call in self.calls]
        rewrites: dict[cst.CSTNode, Rewrite] = {}
        found: set[int] = set()
        for node, in_fstring in _expressions(statement):
            if not isinstance(node, (cst.Call, cst.Await)) or shape(node) not in shapes:
                continue
            if in_fstring:
                raise AnnotationError(
                    f"{one_line(node)} stands inside an f-string; assign it to a variable first"
                )
            index = shapes.index(shape(node))
            found.add(index)
            rewrites[node] = self._rewrite(key, index)
        if not found:
            raise AnnotationError(
                f"none of the calls occurs in the next statement: {first_line(statement)}"
            )
        default = (self.domain.options[found.pop()],) if len(found) == 1 else None
        return Found(rewrites, default)

    def _rewrite(self, key: str, original: int) -> Rewrite:
        others = [
            (operand(call), chose(key, self.file.literal(label)))
            for index, (call, label) in enumerate(zip(self.calls, self.domain.options, strict=True))
            if index != original
        ]
        return lambda source: f"({pick(others, source)})" if others else source


def read_function_choice(annotation: Annotation, file: SourceFile) -> FunctionChoice:
    """The annotation's calls and name. Raises AnnotationError."""
    arguments, name = take_name(annotation)
    for argument in arguments:
        no_keyword(argument, "function_choice", ("name",))
        value = argument.value
        call = value.expression if isinstance(value, cst.Await) else value
        if not isinstance(call, cst.Call):
            raise AnnotationError(
                f"function_choice chooses between calls, found {one_line(value)}; "
                "to choose between values write @nni.variable(nni.choice(...), name=...)",
                value,
            )
    if name is None:
        message = "function_choice needs a name=, the function it chooses"
        raise AnnotationError(message, annotation.call)
    if not isinstance(name, (cst.Name, cst.Attribute)):
        raise AnnotationError(f"name= is to be a function's name, found {one_line(name)}", name)
    calls = tuple(argument.value for argument in arguments)
    try:
        domain = Choice(tuple(option_text(call) for call in calls))
    except SpaceError as error:
        place = calls[error.argument] if error.argument is not None else annotation.call
        raise AnnotationError(str(error).replace("choice", "function_choice", 1), place) from None
    return FunctionChoice(file, one_line(name), calls, domain)


def _expressions(node: cst.CSTNode, in_fstring: bool = False) -> Iterator[tuple[cst.CSTNode, bool]]:
    """The nodes of a small statement, or of a compound statement's header."""
    yield node, in_fstring
    bodies: set[int] = set()
    if isinstance(node, cst.BaseCompoundStatement):
        for field in _BODIES:
            value = getattr(node, field, None)
            bodies.update(map(id, value if isinstance(value, Sequence) else [value]))
    in_fstring = in_fstring or isinstance(node, cst.FormattedString)
    for child in node.children:
        if id(child) not in bodies:
            yield from _expressions(child, in_fstring)
