"""`@nni.function_choice(CALL, CALL, ..., name=NAME)`: one of several calls, in place."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import libcst as cst

from nni_annotate.domains import Choice, Value, identity
from nni_annotate.errors import SpaceError
from nni_annotate.grammar import Annotation, AnnotationError, take_name
from nni_annotate.rules.places import evaluated, refuse_generators
from nni_annotate.rules.rule import Found, SourceFile, Spot, chose, no_keyword, option_text, pick
from nni_annotate.rules.strings import fit, inside_strings, shows_code, strings_around
from nni_annotate.rules.types import refuse_repeated, refuse_types
from nni_annotate.shapes import Shapes, shape
from nni_annotate.syntax import code, first_line, one_line, operand, parenthesised

Around = tuple[cst.CSTNode, ...]  # the nodes around one, the outermost first
_STRINGS = (cst.FormattedString, cst.TemplatedString, cst.ConcatenatedString)
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
        shapes_of = Shapes()
        shapes = [shapes_of.of(call) for call in self.calls]
        kinds = tuple(type(call) for call in self.calls)
        spots: list[Spot] = []
        strings: dict[cst.CSTNode, list[tuple[cst.BaseExpression, Around, int]]] = {}
        found: set[int] = set()
        matched: set[int] = set()
        for node, around in evaluated(statement):
            if not isinstance(node, kinds) or shapes_of.of(node) not in shapes:
                continue
            if self.file.keeps_hints and any(isinstance(o, cst.Annotation) for o in around):
                continue  # which the program may show as it is
            if any(id(outer) in matched for outer in around):
                continue  # a part of what is replaced as a whole
            if around and isinstance(around[-1], cst.ConcatenatedString):
                continue  # a part of a string is no expression
            matched.add(id(node))
            index = shapes.index(shapes_of.of(node))
            found.add(index)
            refuse_generators(around, self.calls, node)
            string = next((outer for outer in around if isinstance(outer, _STRINGS)), None)
            if string is None:
                spots.append(self._spot(node, index))
            else:
                strings.setdefault(string, []).append((node, around, index))
        for holder, places in strings.items():
            spots += self._spots_inside(holder, places)
        if not found:
            raise AnnotationError(
                "NNI204",
                "none of the calls occurs in the next statement; write one of them as it stands "
                f"there: {first_line(statement)}",
            )
        default = (self.domain.options[found.pop()],) if len(found) == 1 else None
        return Found(self.name, spots, default)

    def _spots_inside(
        self, string: cst.CSTNode, places: Sequence[tuple[cst.BaseExpression, Around, int]]
    ) -> list[Spot]:
        """The calls in a string, or the string where they can't be replaced in their places."""
        whole = partial(self._string_spot, string, {index for _, _, index in places})
        if any(shows_code(around) for _, around, _ in places):
            return [whole()]
        try:
            spots = [
                inside_strings(self._spot(node, index), strings_around(around))
                for node, around, index in places
            ]
            key = self.file.literal(self.file.key(self.name, self.suffix))
            for spot in spots:
                spot.compiled(key, "")  # whether it can be
        except AnnotationError as error:
            try:
                return [whole()]
            except AnnotationError:
                raise error from None
        return spots

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

    def _string_spot(self, string: cst.CSTNode, originals: set[int]) -> Spot:
        """A string that holds calls becomes one of several."""
        shapes = frozenset(map(shape, self.calls))
        texts = [
            _with_calls(string, shapes, call) if originals != {index} else ""
            for index, call in enumerate(self.calls)
        ]

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


def _with_calls(string: cst.CSTNode, shapes: frozenset[Hashable], call: cst.BaseExpression) -> str:
    """The code of a string with this call in the place of all those of the annotation.

    Raises AnnotationError where that is no Python.
    """
    text = fit(option_text(call), _ends(string))
    new = cst.parse_expression(text if isinstance(call, _ATOMS) else f"({text})")
    changed = string.visit(_Replacer(shapes, new))
    assert isinstance(changed, cst.BaseExpression)
    source = code(changed)
    if "\n" in source:
        message = "a string of several lines can't become one of several; assign the call before"
        raise AnnotationError("NNI205", message)
    return source


def _ends(node: cst.CSTNode) -> set[str]:
    """The quotes of all the f-strings in an expression."""
    own = {node.end} if isinstance(node, (cst.FormattedString, cst.TemplatedString)) else set()
    return own.union(*map(_ends, node.children))


class _Replacer(cst.CSTTransformer):
    """Puts an expression in the place of those that are equal to some others as syntax."""

    def __init__(self, shapes: frozenset[Hashable], new: cst.BaseExpression) -> None:
        super().__init__()
        self._shapes = shapes
        self._new = new

    def on_visit(self, node: cst.CSTNode) -> bool:
        """Goes into everything but what is replaced as a whole."""
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
    if not isinstance(name.expression, (cst.Name, cst.Attribute)):
        message = f"name= is to be a function's name, found {one_line(name.expression)}"
        raise AnnotationError("NNI110", message, name.place)
    calls = tuple(argument.value for argument in arguments)
    for call in calls:
        _refuse_others(call)
    refuse_repeated("function_choice", calls)
    try:
        domain = Choice(tuple(option_text(call) for call in calls))
    except SpaceError as error:
        place = calls[error.argument] if error.argument is not None else annotation.call
        message = str(error).replace("choice", "function_choice", 1)
        raise AnnotationError("NNI108", message, place) from None
    return FunctionChoice(file, one_line(name.expression), calls, domain, annotation.call)


def _refuse_others(option: cst.BaseExpression) -> None:
    """Refuses what is neither a call nor a part or an attribute of what one gives."""
    inner = option
    while True:
        match inner:
            case cst.Call():
                return
            case cst.Attribute(value=value) | cst.Subscript(value=value):
                inner = value
            case cst.Await(expression=value) | cst.UnaryOperation(expression=value):
                inner = value
            case _:
                break
    found = one_line(option)
    hint = "annotate a value with variable and nni.choice"
    if isinstance(option, (cst.List, cst.Tuple)) and option.elements:
        hint = f"to choose one of its elements write *{found}"
    message = f"function_choice chooses between calls, such as f(x), found {found}; {hint}"
    raise AnnotationError("NNI104", message, option)
