"""`nni.TYPE(...)`: what a value may be, as an annotation or a call in code spells it out."""

from __future__ import annotations

import difflib
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

import libcst as cst

from nni_annotate.domains import (
    TYPES,
    Branch,
    Choice,
    Domain,
    RandInt,
    Value,
    identity,
    make_domain,
)
from nni_annotate.errors import SpaceError
from nni_annotate.grammar import AnnotationError, did_you_mean, refuse, spread
from nni_annotate.rules.rule import no_keyword, option_text
from nni_annotate.shapes import shape
from nni_annotate.syntax import NotAConstant, literal, number, one_line, scalar

_OPTIONAL = frozenset({("randint", "lower")})
NUMERIC = tuple(name for name in TYPES if name not in ("choice", "mutable_layer"))
NAMES = ("choice", *NUMERIC)
_CLOSE = 0.81  # nearer than nni.normalize, which may be a user's own function


@dataclass(frozen=True)
class Option:
    """One option of a choice: an expression, or a type of its own.

    `label` is what names it in the search space, a JSON scalar for a literal.
    """

    expression: cst.BaseExpression
    label: Value
    nested: Type | None = None

    @property
    def is_literal(self) -> bool:
        """Whether the label is the value."""
        value = scalar(self.expression)
        return value is not None and identity(value[0]) == identity(self.label)


@dataclass(frozen=True)
class Type:
    """A domain as the code spells it; `options` are a choice's, () for other types."""

    domain: Domain
    options: tuple[Option, ...] = ()

    @property
    def is_nested(self) -> bool:
        """Whether an option is a type of its own, so that values are objects with a `_name`."""
        return any(option.nested is not None for option in self.options)

    def literals(self) -> Iterator[tuple[object] | None]:
        """The values of all options, at any depth, each in a tuple; None for code."""
        for option in self.options:
            if option.nested is not None:
                yield from option.nested.literals()
            else:
                yield literal(option.expression)

    @property
    def is_plain(self) -> bool:
        """Whether the tuner's value is the value itself."""
        return not self.is_nested and all(option.is_literal for option in self.options)


def type_name(node: cst.BaseExpression) -> str | None:
    """The NAME of `nni.NAME(...)`; None for everything else."""
    if not isinstance(node, cst.Call) or not isinstance(node.func, cst.Attribute):
        return None
    owner = node.func.value
    is_nni = isinstance(owner, cst.Name) and owner.value == "nni"
    return node.func.attr.value if is_nni else None


def read_type(node: cst.BaseExpression) -> Type:
    """The type that `nni.TYPE(...)` spells out. Raises AnnotationError."""
    name = type_name(node)
    if name is None or not isinstance(node, cst.Call):
        text, hint = one_line(node), ""
        if isinstance(node, cst.Call) and (word := _last_word(node.func)) in NAMES:
            hint = f"; did you mean nni.{word}(...)?"
        raise AnnotationError(
            "NNI105",
            f"expected nni.TYPE(...), TYPE one of {', '.join(NAMES)}; found {text}{hint}",
            node,
        )
    if name not in NAMES:
        message = f"nni.{name} is no type{did_you_mean(name, list(NAMES), 'nni.')}"
        raise AnnotationError("NNI105", message, node.func)
    return read_arguments(name, node, spread(node))


def read_arguments(name: str, call: cst.Call, arguments: tuple[cst.Arg, ...]) -> Type:
    """The type of that name with these arguments of a call. Raises AnnotationError."""
    if name != Choice.type:
        return Type(_numeric(name, call, arguments))
    for argument in arguments:
        no_keyword(argument, "choice")
    refuse_repeated("choice", [argument.value for argument in arguments])
    return choice([_option(argument.value) for argument in arguments], call)


def choice(options: list[Option], call: cst.BaseExpression) -> Type:
    """A choice between these options. Raises AnnotationError."""
    is_nested = any(option.nested is not None for option in options)
    values = tuple(_branch(option) if is_nested else option.label for option in options)
    try:
        return Type(Choice(values), tuple(options))
    except SpaceError as error:
        if error.argument is None:
            raise AnnotationError("NNI108", str(error), call) from None
        option, message = options[error.argument], str(error)
        twins = [other for other in options if other.label == option.label]
        if {twin.is_literal for twin in twins} == {True, False}:
            message = (
                f"{one_line(option.expression)} and another option, one a string and one code, "
                "have the same name in the search space; assign the code to a variable of another "
                "name"
            )
        raise AnnotationError("NNI108", message, option.expression) from None


def _last_word(function: cst.BaseExpression) -> str:
    name = function.attr if isinstance(function, cst.Attribute) else function
    return name.value if isinstance(name, cst.Name) else ""


def refuse_repeated(kind: str, options: Sequence[cst.BaseExpression]) -> None:
    """Refuses an option that is there already, however it is spelt. Raises AnnotationError."""
    if (twice := repeated(options)) is not None:
        raise AnnotationError("NNI108", f"{kind} has the option {one_line(twice)} twice", twice)


def repeated(nodes: Sequence[cst.BaseExpression]) -> cst.BaseExpression | None:
    """The first expression that equals one before it as syntax."""
    seen: set[Hashable] = set()
    for node in nodes:
        if (found := shape(node)) in seen:
            return node
        seen.add(found)
    return None


def _option(node: cst.BaseExpression) -> Option:
    if type_name(node) in TYPES:
        return Option(node, option_text(node), read_type(node))
    refuse_types(node)
    value = scalar(node)
    return Option(node, value[0] if value is not None else option_text(node))


def _branch(option: Option) -> Branch:
    """An option of a nested choice: its text, and what there is to choose further."""
    name = option_text(option.expression)
    nested = option.nested
    return Branch(name, ((name, nested.domain),) if nested is not None else ())


def refuse_types(node: cst.CSTNode) -> None:
    """Refuses a type that is only a part of an expression, or is misspelt.

    Raises AnnotationError.
    """
    if isinstance(node, cst.Call) and (name := type_name(node)) is not None:
        if name in TYPES:
            refuse(node, (cst.Call,), "can be an option of its own, but no part of one")
        if difflib.get_close_matches(name, TYPES, n=1, cutoff=_CLOSE):
            message = f"nni.{name} is no type{did_you_mean(name, list(NAMES), 'nni.')}"
            raise AnnotationError("NNI105", message, node.func)
    for child in node.children:
        refuse_types(child)


def _numeric(name: str, call: cst.Call, arguments: tuple[cst.Arg, ...]) -> Domain:
    names = [field.name for field in fields(TYPES[name])]
    given = _by_name(name, names, arguments)
    if TYPES[name] is RandInt and set(given) == {"lower"} and given["lower"].keyword is None:
        given = {"upper": given["lower"]}
    missing = [part for part in names if part not in given and (name, part) not in _OPTIONAL]
    if missing:
        raise AnnotationError(
            "NNI106",
            f"{name} takes {', '.join(names)}; {' and '.join(missing)} "
            f"{'is' if len(missing) == 1 else 'are'} missing",
            call,
        )
    values: list[Any] = []
    for part in names:
        try:
            values.append(number(given[part].value) if part in given else 0)
        except NotAConstant as found:
            raise AnnotationError(
                "NNI106",
                f"{name} needs a number for {part}, literal or arithmetic on literals, "
                f"found {found}",
                given[part].value,
            ) from None
    try:
        return make_domain(name, values)
    except SpaceError as error:
        named = given.get(names[error.argument]) if error.argument is not None else None
        place = call if named is None else named.value
        raise AnnotationError("NNI107", str(error), place) from None


def _by_name(name: str, names: list[str], arguments: tuple[cst.Arg, ...]) -> dict[str, cst.Arg]:
    given: dict[str, cst.Arg] = {}
    for position, argument in enumerate(arguments):
        if argument.keyword is not None:
            part = argument.keyword.value
            if part not in names:
                raise AnnotationError(
                    "NNI106",
                    f"{name} takes no argument called {part}{did_you_mean(part, names)}",
                    argument.keyword,
                )
        elif position < len(names):
            part = names[position]
        else:
            raise AnnotationError(
                "NNI106",
                f"{name} takes {len(names)} arguments ({', '.join(names)}), found {len(arguments)}",
                argument.value,
            )
        if part in given:
            raise AnnotationError("NNI106", f"{name} is given {part} twice", argument.value)
        given[part] = argument
    return given
