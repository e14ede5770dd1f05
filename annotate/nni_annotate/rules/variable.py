"""`@nni.variable(nni.TYPE(...), name=TARGET)`: a value in the next statement is the tuner's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import libcst as cst

from nni_annotate.domains import Choice, Domain, Uniform, Value, identity
from nni_annotate.grammar import Annotation, AnnotationError, take_name
from nni_annotate.rules.places import find_place
from nni_annotate.rules.rule import Found, SourceFile, Spot, chose, no_keyword, option_text, pick
from nni_annotate.rules.types import Option, Type, read_type
from nni_annotate.syntax import constant, one_line, operand, parenthesised, shape
from nni_annotate.trial_api import TRIAL_API

_DECADES = 1000  # how far apart the ends of a uniform range may be


@dataclass(frozen=True)
class Variable:
    """What the value of one name may be."""

    file: SourceFile
    name: cst.BaseExpression | None
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
        spots = [self._spot(place.value)]
        return Found(place.name, spots, self._default(place.value), place.binder)

    def _spot(self, value: cst.BaseExpression) -> Spot:
        return Spot(
            value,
            lambda key, source: compiled_value(self.type, self.file, key, value, source),
            lambda chosen, source: written_value(self.type, chosen, value, source),
        )

    def _default(self, value: cst.BaseExpression) -> tuple[Value] | None:
        if self.type.is_plain:
            return constant(value)
        option = _option_like(self.type, value)
        if option is not None:
            label = option_text(option.expression) if self.type.is_nested else option.label
            return ({"_name": label},) if self.type.is_nested else (label,)
        known = constant(value)
        if known is None or self.type.is_nested:
            return None
        labels = [identity(option.label) for option in self.type.options]
        return None if identity(known[0]) in labels else known  # no string is an option's code


def read_variable(annotation: Annotation, file: SourceFile) -> Variable:
    """The annotation's type and name. Raises AnnotationError."""
    arguments, name = take_name(annotation)
    for argument in arguments:
        no_keyword(argument, "variable", ("name",))
    if len(arguments) != 1:
        raise AnnotationError(
            "NNI104",
            f"variable takes one nni.TYPE(...) and name=, found {len(arguments)} arguments "
            "before name=",
            arguments[1].value if len(arguments) > 1 else annotation.call,
        )
    places = (cst.Name, cst.Attribute, cst.Subscript, cst.Tuple, cst.List)
    if name is not None and not isinstance(name, places):
        raise AnnotationError("NNI110", f"nothing can be assigned to {one_line(name)}", name)
    call = arguments[0].value
    return Variable(file, name, read_type(call), call)


def doubts_of(type_: Type, call: cst.BaseExpression) -> Iterator[AnnotationError]:
    """What in a type may not be what was meant; nested types are looked into."""
    domain = type_.domain
    if isinstance(domain, Choice) and len(type_.options) == 1:
        only = type_.options[0].expression
        if isinstance(only, (cst.List, cst.Tuple)):
            text = one_line(only)
            message = f"the only option is {text}; did you mean its elements? write choice(*{text})"
            yield AnnotationError("NNI504", message, only)
        else:
            yield AnnotationError("NNI507", "there is one option only, so nothing to choose", call)
    if isinstance(domain, Uniform) and 0 < domain.low < domain.high / _DECADES:
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


def _option_like(type_: Type, value: cst.BaseExpression) -> Option | None:
    """The option that equals the script's own value as syntax."""
    same = (option for option in type_.options if shape(option.expression) == shape(value))
    return next(same, None)


def _picks(
    type_: Type, options: Sequence[Option], file: SourceFile, path: tuple[str, ...]
) -> Iterator[tuple[str, str]]:
    """The code of every option, and of the condition under which it was chosen."""
    for option in options:
        name = option_text(option.expression) if type_.is_nested else option.label
        label = file.literal(name) if isinstance(name, str) else repr(name)
        inner = option.nested
        if inner is None:
            yield operand(option.expression), chose(*path, label)
        elif inner.is_plain:
            yield f"{TRIAL_API}.nested({', '.join((*path, label))})", chose(*path, label)
        else:
            yield from _picks(inner, inner.options, file, (*path, label))
