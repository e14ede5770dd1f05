"""`@nni.variable(nni.TYPE(...), name=TARGET)`: a value in the next statement is the tuner's."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import libcst as cst

from nni_annotate.domains import Choice, Domain, Uniform, Value, identity
from nni_annotate.errors import SpaceError
from nni_annotate.grammar import Annotation, AnnotationError, NameArgument, take_name
from nni_annotate.rules.places import find_place, refuse_generators
from nni_annotate.rules.rule import Found, SourceFile, Spot, chose, no_keyword, option_text, pick
from nni_annotate.rules.strings import inside_strings, shows_code, strings_around
from nni_annotate.rules.types import Option, Type, read_type
from nni_annotate.shapes import shape
from nni_annotate.syntax import constant, literal, one_line, operand, parenthesised
from nni_annotate.trial_api import TRIAL_API

_DECADES = 1000  # how far apart the ends of a uniform range may be


@dataclass(frozen=True)
class Variable:
    """What the value of one name may be."""

    file: SourceFile
    name: NameArgument | None
    type: Type
    call: cst.BaseExpression

    @property
    def domain(self) -> Domain:
        """What the tuner chooses from."""
        return self.type.domain

    @property
    def suffix(self) -> str:
        """The name of the type."""
        return self.domain.type

    def doubts(self) -> Sequence[AnnotationError]:
        """A single option, a list as such, and a uniform range that a logarithm would suit."""
        return list(doubts_of(self.type, self.call))

    def find(self, statement: cst.CSTNode) -> Found:
        """The one value of that name."""
        place = find_place(statement, self.name)
        assert place.value is not None
        options = [option.expression for option in self.type.options]
        refuse_generators(place.around, options, place.value)
        if shows_code(place.around):
            message = f"{place.name} stands inside a string that shows it; assign it before"
            raise AnnotationError("NNI205", message)
        spot = inside_strings(self._spot(place.value), strings_around(place.around))
        spot.compiled(self.file.literal(self.file.key(place.name, self.suffix)), "")
        default = None if place.is_converted else own_value(self.type, place.value)
        outside = self._outside(place.value) if not place.is_converted else ""
        return Found(place.name, [spot], default, place.binder, outside)

    def _outside(self, value: cst.BaseExpression) -> str:
        """Why the tuner can never choose what stands in the code, where that is certain."""
        found = literal(value)
        if found is None or own_value(self.type, value, is_inside=True) is not None:
            return ""
        if any(other is None or _is_same(other[0], found[0]) for other in self.type.literals()):
            return ""  # an option may be just this when it is evaluated
        if any(doubt.code == "NNI504" for doubt in self.doubts()):
            return ""  # whose elements are what is meant
        return f"{one_line(value)} is none of {one_line(self.call)}"

    def _spot(self, value: cst.BaseExpression) -> Spot:
        return Spot(
            value,
            lambda key, source: compiled_value(self.type, self.file, key, value, source),
            lambda chosen, source: written_value(self.type, chosen, value, source),
        )


def read_variable(annotation: Annotation, file: SourceFile) -> Variable:
    """The annotation's type and name. Raises AnnotationError."""
    arguments, name = take_name(annotation)
    for argument in arguments:
        no_keyword(argument, "variable", ("name",))
    match arguments:
        case ():
            message = "variable takes nni.TYPE(...) and name=, found no type"
            raise AnnotationError("NNI104", message, annotation.call)
        case (_, second, *_):
            text = one_line(second.value)
            hint = f"write name={text}" if name is None else "take it out"
            message = f"variable takes one nni.TYPE(...) and name=; {text} is one too many, {hint}"
            raise AnnotationError("NNI104", message, second.value)
    if name is not None:
        _refuse_no_target(name)
    call = next(iter(arguments)).value
    return Variable(file, name, read_type(call), call)


def _refuse_no_target(name: NameArgument) -> None:
    """Refuses a name to which nothing can be assigned. Raises AnnotationError."""
    expression, hint = name.expression, ""
    text = one_line(expression)
    if isinstance(expression, (cst.Name, cst.Attribute, cst.Subscript, cst.Tuple, cst.List)):
        if text not in ("None", "True", "False", "()", "[]"):
            return
    elif isinstance(expression, cst.FormattedString):
        words = text[len(expression.start) : -len(expression.end)].strip("{} ")
        hint = f"; did you mean name={words}?" if words.replace(".", "_").isidentifier() else ""
    else:
        words = re.sub(r"\W+", "_", text).strip("_")
        hint = f"; did you mean {words}?" if words.isidentifier() else ""
    raise AnnotationError("NNI110", f"nothing can be assigned to {text}{hint}", name.place)


def doubts_of(type_: Type, call: cst.BaseExpression) -> Iterator[AnnotationError]:
    """What in a type may not be what was meant; nested types are looked into."""
    domain = type_.domain
    if isinstance(domain, Choice) and len(type_.options) == 1:
        only = type_.options[0].expression
        if isinstance(only, (cst.List, cst.Tuple)) and only.elements:
            text = one_line(only)
            message = f"the only option is {text}; did you mean its elements? write choice(*{text})"
            yield AnnotationError("NNI504", message, only)
        elif type_.options[0].nested is None:
            yield AnnotationError("NNI507", "there is one option only, so nothing to choose", call)
    if isinstance(domain, Uniform) and 0 < domain.low * (_DECADES * 1.000001) < domain.high:
        message = (
            "uniform over more than three orders of magnitude hardly ever draws a small value; "
            "did you mean loguniform?"
        )
        yield AnnotationError("NNI506", message, call)
    for option in type_.options:
        if option.nested is not None:
            yield from doubts_of(option.nested, option.expression)


def compiled_value(
    type_: Type, file: SourceFile, key: str, value: cst.BaseExpression, source: str
) -> str:
    """The code that gives the tuner's value, and without one that of `source`, as it stands."""
    kept = parenthesised(value, source)
    if not type_.is_plain:
        original = _option_like(type_, value)
        options = [option for option in type_.options if option is not original]
        return pick(list(_picks(type_, options, file, (key,))), kept)
    if constant(value) is not None:
        return f"{TRIAL_API}.parameter({key}, {source})"
    tuned = f"{TRIAL_API}.parameter({key}) if {TRIAL_API}.is_tuned({key})"
    return f"{tuned} else {TRIAL_API}.original({key}, {kept})"


def written_value(type_: Type, chosen: Value, value: cst.BaseExpression, source: str) -> str:
    """The source code of a value in the space; `source` itself where that says the same."""
    known = constant(value)
    if known is not None and identity(known[0]) == identity(chosen):
        labels = () if type_.is_plain else [identity(option.label) for option in type_.options]
        if identity(chosen) not in labels:  # else the string is an option's code
            return source
    text = _text_of(type_, chosen)
    return source if shape(cst.parse_expression(text)) == shape(value) else text


def _text_of(type_: Type, chosen: Value) -> str:
    for option in type_.options:
        if not type_.is_nested:
            if identity(option.label) == identity(chosen):
                return option_text(option.expression)
        elif chosen["_name"] == (label := option_text(option.expression)):
            return _text_of(option.nested, chosen[label]) if option.nested is not None else label
    return repr(chosen)


def own_value(
    type_: Type, value: cst.BaseExpression, *, is_inside: bool = False
) -> tuple[Value] | None:
    """The JSON value of what stands in the code, in a tuple; None where only running it tells.

    With `is_inside` None where it is certainly or maybe none of the type's.
    """
    known = constant(value)
    if not type_.is_nested:
        option = _option_like(type_, value) if type_.options else None
        if option is not None:
            return (option.label,)
        if is_inside:
            return known if known is not None and _holds(type_, known[0]) else None
        labels = [identity(option.label) for option in type_.options if not option.is_literal]
        # No string is an option's code.
        return None if known is None or identity(known[0]) in labels else known
    for option in type_.options:
        label = option_text(option.expression)
        if option.nested is None:
            if _is_like(option, value):
                return ({"_name": label},)
        elif (inner := own_value(option.nested, value, is_inside=True)) is not None:
            return ({"_name": label, label: inner[0]},)
    return None


def _is_same(one: object, other: object) -> bool:
    return type(one) is type(other) and repr(one) == repr(other)


def _holds(type_: Type, value: Value) -> bool:
    """Whether a value is one of a type's that is not nested, and no option's code."""
    if type_.options:
        return any(o.is_literal and identity(o.label) == identity(value) for o in type_.options)
    try:
        type_.domain.canonical(value)
    except SpaceError:
        return False
    return True


def _option_like(type_: Type, value: cst.BaseExpression) -> Option | None:
    """The option that is the script's own value."""
    return next((option for option in type_.options if _is_like(option, value)), None)


def _is_like(option: Option, value: cst.BaseExpression) -> bool:
    """Whether an option equals an expression as syntax, or is the same constant."""
    if option.nested is not None:
        return False
    if shape(option.expression) == shape(value):
        return True
    one, other = constant(option.expression), constant(value)
    return one is not None and other is not None and identity(one[0]) == identity(other[0])


def _picks(
    type_: Type, options: Sequence[Option], file: SourceFile, path: tuple[str, ...]
) -> Iterator[tuple[str, str]]:
    """The code of every option, and of the condition under which it was chosen."""
    for option in options:
        name = option_text(option.expression) if type_.is_nested else option.label
        label = file.literal(name) if isinstance(name, str) else repr(name)
        inner = option.nested
        if inner is None:
            text = operand(option.expression)
            if option.is_literal and "\\" in text:  # an escape that is none warns a second time
                text = file.literal(option.label)
            yield text, chose(*path, label)
        elif inner.is_plain:
            yield f"{TRIAL_API}.nested({', '.join((*path, label))})", chose(*path, label)
        else:
            yield from _picks(inner, inner.options, file, (*path, label))
