"""`@nni.function_choice(CALL, CALL, ..., name=NAME)`: one of several calls, in place."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import libcst as cst

from nni_annotate.domains import Choice, Value, identity
from nni_annotate.errors import SpaceError
from nni_annotate.grammar import Annotation, AnnotationError, take_name
from nni_annotate.rules.places import evaluated
from nni_annotate.rules.rule import Found, SourceFile, Spot, chose, no_keyword, option_text, pick
from nni_annotate.rules.types import refuse_types
from nni_annotate.syntax import code, first_line, one_line, operand, parenthesised, shape

_STRINGS = (cst.FormattedString, cst.ConcatenatedString)
# What needs no parentheses anywhere; one_line() gives a tuple and a generator their own.
_ATOMS = (
    cst.Call,
    cst.Name,
    cst.Attribute,
    cst.Subscript,
    cst.BaseNumber,
    cst.BaseString,
    cst.BaseList,
    cst.BaseDict,
    cst.BaseSet,
    cst.Tuple,
    cst.GeneratorExp,
)


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
        strings: dict[cst.BaseExpression, set[int]] = {}
        found: set[int] = set()
        matched: set[int] = set()
        for node, around in evaluated(statement):
            if not isinstance(node, kinds) or shape(node) not in shapes:
                continue
            if any(id(outer) in matched for outer in around):
                continue  # a part of what is replaced as a whole
            if around and isinstance(around[-1], cst.ConcatenatedString):
                continue  # a part of a string is no expression
            matched.add(id(node))
            index = shapes.index(shape(node))
            found.add(index)
            string = next((outer for outer in around if isinstance(outer, _STRINGS)), None)
            if string is None:
                spots.append(self._spot(node, index))
            else:
                strings.setdefault(string, set()).add(index)
        spots += [self._string_spot(string, indices) for string, indices in strings.items()]
        if not found:
            raise AnnotationError(
                "NNI204",
                f"none of the calls occurs in the next statement: {first_line(statement)}",
            )
        default = (self.domain.options[found.pop()],) if len(found) == 1 else None
        return Found(self.name, spots, default)

    def _spot(self, node: cst.BaseExpression, original: int) -> Spot:
        def compiled(key: str, source: str) -> str:
            others = [
                (operand(call), chose(key, self.file.literal(label)))
                for index, (call, label) in enumerate(
                    zip(self.calls, self.domain.options, strict=True)
                )
                if index != original
            ]
            return f"({pick(others, parenthesised(node, source))})" if others else source

        def written(value: Value, source: str) -> str:
            index = [identity(option) for option in self.domain.options].index(identity(value))
            if index == original:
                return source
            call, text = self.calls[index], option_text(self.calls[index])
            return text if isinstance(call, _ATOMS) else f"({text})"

        return Spot(node, compiled, written)

    def _string_spot(self, string: cst.BaseExpression, originals: set[int]) -> Spot:
        """A string that holds calls becomes one of several: it can't hold more quotes itself."""
        shapes = frozenset(map(shape, self.calls))
        texts = [_with_calls(string, shapes, call) for call in self.calls]

        def compiled(key: str, source: str) -> str:
            others = [
                (text, chose(key, self.file.literal(label)))
                for index, (text, label) in enumerate(zip(texts, self.domain.options, strict=True))
                if originals != {index}
            ]
            return f"({pick(others, source)})"

        def written(value: Value, source: str) -> str:
            index = [identity(option) for option in self.domain.options].index(identity(value))
            return source if originals == {index} else texts[index]

        return Spot(string, compiled, written)


def _with_calls(
    string: cst.BaseExpression, shapes: frozenset[Hashable], call: cst.BaseExpression
) -> str:
    """The code of a string with this call in the place of all those of the annotation.

    Raises AnnotationError where that is no Python.
    """
    text = option_text(call)
    new = cst.parse_expression(text if isinstance(call, _ATOMS) else f"({text})")
    replacer = _Replacer(shapes, new)
    changed = string.visit(replacer)
    assert isinstance(changed, cst.BaseExpression)
    source = code(changed)
    # What Python before 3.12 can't read, and what would change the number of lines.
    if "\n" in source or "\\" in text or any(quote in text for quote in replacer.quotes):
        message = f"{text} can't stand inside this f-string; assign its call to a variable first"
        raise AnnotationError("NNI205", message)
    return source


class _Replacer(cst.CSTTransformer):
    """Puts an expression in the place of those that are equal to some others as syntax."""

    def __init__(self, shapes: frozenset[Hashable], new: cst.BaseExpression) -> None:
        super().__init__()
        self.quotes: set[str] = set()
        self._shapes = shapes
        self._new = new

    def on_visit(self, node: cst.CSTNode) -> bool:
        """Goes into everything but what is replaced as a whole."""
        if isinstance(node, cst.FormattedString):
            self.quotes.add(node.end)
        return not self._is_equal(node)

    def on_leave(self, original_node: Any, updated_node: Any) -> Any:
        """Replaces what is equal."""
        return self._new if self._is_equal(original_node) else updated_node

    def _is_equal(self, node: cst.CSTNode) -> bool:
        return isinstance(node, cst.BaseExpression) and shape(node) in self._shapes


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
