"""`@nni.function_choice(CALL, CALL, ..., name=NAME)`: one of several calls, in place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import libcst as cst

from nni_annotate.domains import Choice, Value, identity
from nni_annotate.errors import SpaceError
from nni_annotate.grammar import Annotation, AnnotationError, take_name
from nni_annotate.rules.places import evaluated
from nni_annotate.rules.rule import Found, SourceFile, Spot, chose, no_keyword, option_text, pick
from nni_annotate.rules.types import refuse_types
from nni_annotate.syntax import first_line, one_line, operand, shape

_ATOMS = (cst.Call, cst.Name, cst.Attribute, cst.Subscript, cst.BaseNumber, cst.BaseString)


@dataclass(frozen=True)
class FunctionChoice:
    """The calls to choose from, by the source text that names each in the search space."""

    file: SourceFile
    name: str
    calls: tuple[cst.BaseExpression, ...]
    domain: Choice
    call: cst.BaseExpression

    @property
    def suffix(self) -> str:
        """NNI's word in the key, though the type is choice."""
        return "function_choice"

    def doubts(self) -> Sequence[AnnotationError]:
        """A single call leaves nothing to choose."""
        if len(self.calls) > 1:
            return []
        message = "there is one call only, so nothing to choose"
        return [AnnotationError("NNI507", message, self.call)]

    def find(self, statement: cst.CSTNode) -> Found:
        """Every expression of the statement (its header, if compound) that is one of the calls."""
        shapes = [shape(call) for call in self.calls]
        kinds = tuple(type(call) for call in self.calls)
        spots: list[Spot] = []
        found: set[int] = set()
        for node, around in evaluated(statement):
            if not isinstance(node, kinds) or shape(node) not in shapes:
                continue
            if any(isinstance(outer, cst.ConcatenatedString) for outer in around):
                continue  # a part of a string is no expression
            if any(isinstance(outer, cst.FormattedString) for outer in around):
                raise AnnotationError(
                    "NNI205",
                    f"{one_line(node)} stands inside an f-string; assign it to a variable first",
                )
            index = shapes.index(shape(node))
            found.add(index)
            spots.append(self._spot(node, index))
        if not found:
            raise AnnotationError(
                "NNI204",
                f"none of the calls occurs in the next statement: {first_line(statement)}",
            )
        default = (self.domain.options[found.pop()],) if len(found) == 1 else None
        return Found(self.name, spots, default)

    def _spot(self, node: cst.CSTNode, original: int) -> Spot:
        def compiled(key: str, source: str) -> str:
            others = [
                (operand(call), chose(key, self.file.literal(label)))
                for index, (call, label) in enumerate(
                    zip(self.calls, self.domain.options, strict=True)
                )
                if index != original
            ]
            return f"({pick(others, source)})" if others else source

        def written(value: Value, source: str) -> str:
            index = [identity(option) for option in self.domain.options].index(identity(value))
            if index == original:
                return source
            call, text = self.calls[index], option_text(self.calls[index])
            return text if isinstance(call, _ATOMS) else f"({text})"

        return Spot(node, compiled, written)


def read_function_choice(annotation: Annotation, file: SourceFile) -> FunctionChoice:
    """The annotation's calls and name. Raises AnnotationError."""
    arguments, name = take_name(annotation)
    for argument in arguments:
        no_keyword(argument, "function_choice", ("name",))
        refuse_types(argument.value)
    if name is None:
        message = "function_choice needs a name=, the function it chooses"
        raise AnnotationError("NNI104", message, annotation.call)
    if not isinstance(name, (cst.Name, cst.Attribute)):
        message = f"name= is to be a function's name, found {one_line(name)}"
        raise AnnotationError("NNI110", message, name)
    calls = tuple(argument.value for argument in arguments)
    try:
        domain = Choice(tuple(option_text(call) for call in calls))
    except SpaceError as error:
        place = calls[error.argument] if error.argument is not None else annotation.call
        message = str(error).replace("choice", "function_choice", 1)
        raise AnnotationError("NNI108", message, place) from None
    return FunctionChoice(file, one_line(name), calls, domain, annotation.call)
