"""`@nni.variable(nni.TYPE(...), name=TARGET)`: the next assignment takes the tuner's value."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import libcst as cst

from nni_annotate.domains import TYPES, Choice, Domain, RandInt, Value, make_domain
from nni_annotate.errors import SpaceError
from nni_annotate.grammar import (
    Annotation,
    AnnotationError,
    did_you_mean,
    spread,
    take_name,
)
from nni_annotate.rules.rule import (
    Found,
    Rewrite,
    SourceFile,
    chose,
    no_keyword,
    option_text,
    pick,
)
from nni_annotate.syntax import (
    NotAConstant,
    constant,
    first_line,
    number,
    one_line,
    operand,
    parenthesised,
    scalar,
    shape,
)
from nni_annotate.trial_api import TRIAL_API


@dataclass(frozen=True)
class Variable:
    """What one target may be. `options` are the expressions of a choice, () for other types."""

    file: SourceFile
    name: cst.BaseExpression | None
    domain: Domain
    options: tuple[cst.BaseExpression, ...]

    @property
    def doubt(self) -> AnnotationError | None:
        """A single option that is a list was hardly meant as one."""
        if len(self.options) != 1 or not isinstance(self.options[0], (cst.List, cst.Tuple)):
            return None
        text = one_line(self.options[0])
        message = f"the only option is {text}; did you mean its elements? write choice(*{text})"
        return AnnotationError(message, self.options[0])

    def key(self, statement: cst.CSTNode) -> str:
        """The key in the search space."""
        return f"{self.file.module}/{one_line(self._target(statement))}/{self.domain.type}"

    def find(self, statement: cst.CSTNode) -> Found:
        """The value of the assignment to the target."""
        self._target(statement)
        if not isinstance(statement, (cst.Assign, cst.AnnAssign)) or statement.value is None:
            raise AnnotationError(f"found no value to replace: {first_line(statement)}")
        value = statement.value
        key = self.file.literal(self.key(statement))
        rewrite, default = self._rewrite(key, value)
        return Found({value: rewrite}, default)

    def _target(self, statement: cst.CSTNode) -> cst.BaseExpression:
        targets = _targets(statement)
        if self.name is None:
            if len(targets) == 1:
                return targets[0]
            found = first_line(statement)
            if targets:
                raise AnnotationError(f"say which target is meant with name=, found: {found}")
            raise AnnotationError(f"the next statement is to be an assignment, found: {found}")
        for target in targets:
            if shape(target) == shape(self.name):
                return target
        raise AnnotationError(
            f"the next statement is to assign to {one_line(self.name)} (keyword arguments, dict "
            f"entries and defaults are not supported yet), found: {first_line(statement)}"
        )

    def _rewrite(self, key: str, value: cst.BaseExpression) -> tuple[Rewrite, tuple[Value] | None]:
        if all(scalar(option) is not None for option in self.options):
            known = constant(value)
            return (_in_literals(key, value, known), known)
        shapes = [shape(option) for option in self.options]
        original = shapes.index(shape(value)) if shape(value) in shapes else None
        picks = [
            (operand(option), chose(key, self._label(index)))
            for index, option in enumerate(self.options)
            if index != original
        ]
        assert isinstance(self.domain, Choice)
        default: tuple[Value] | None
        if original is not None:
            default = (self.domain.options[original],)
        else:
            default = constant(value)
            if default is not None and default[0] in self.domain.options:
                default = None  # a string that spells an option's code is not that option
        return lambda source: pick(picks, parenthesised(value, source)), default

    def _label(self, index: int) -> str:
        """The code of the value by which the tuner names an option."""
        assert isinstance(self.domain, Choice)
        option = self.options[index]
        if scalar(option) is not None:
            return one_line(option)
        return self.file.literal(str(self.domain.options[index]))


def read_variable(annotation: Annotation, file: SourceFile) -> Variable:
    """The annotation's domain and name. Raises AnnotationError."""
    arguments, name = take_name(annotation)
    for argument in arguments:
        no_keyword(argument, "variable", ("name",))
    if len(arguments) != 1:
        raise AnnotationError(
            f"variable takes one nni.TYPE(...) and name=, found {len(arguments)} arguments "
            "before name=",
            arguments[1].value if len(arguments) > 1 else annotation.call,
        )
    places = (cst.Name, cst.Attribute, cst.Subscript, cst.Tuple, cst.List)
    if name is not None and not isinstance(name, places):
        raise AnnotationError(f"nothing can be assigned to {one_line(name)}", name)
    call = arguments[0].value
    type_name = _type_name(call)
    if type_name is None or not isinstance(call, cst.Call):
        raise AnnotationError(
            f"expected nni.TYPE(...), TYPE one of {', '.join(TYPES)}; found {one_line(call)}", call
        )
    if type_name not in TYPES:
        raise AnnotationError(
            f"nni.{type_name} is no type{did_you_mean(type_name, list(TYPES), 'nni.')}", call.func
        )
    if type_name == Choice.type:
        domain, options = _choice(call)
        return Variable(file, name, domain, options)
    return Variable(file, name, _numeric(type_name, call), ())


def _type_name(node: cst.BaseExpression) -> str | None:
    if not isinstance(node, cst.Call) or not isinstance(node.func, cst.Attribute):
        return None
    owner = node.func.value
    is_nni = isinstance(owner, cst.Name) and owner.value == "nni"
    return node.func.attr.value if is_nni else None


def _targets(statement: cst.CSTNode) -> list[cst.BaseExpression]:
    if isinstance(statement, cst.Assign):
        return [target.target for target in statement.targets]
    if isinstance(statement, cst.AnnAssign) and statement.value is not None:
        return [statement.target]
    return []


def _in_literals(key: str, value: cst.BaseExpression, known: tuple[Value] | None) -> Rewrite:
    """The rewrite where the tuner's value is the value itself."""
    if known is not None:
        return lambda source: f"{TRIAL_API}.parameter({key}, {source})"

    def rewrite(source: str) -> str:
        kept = parenthesised(value, source)
        tuned = f"{TRIAL_API}.parameter({key}) if {TRIAL_API}.is_tuned({key})"
        return f"{tuned} else {TRIAL_API}.original({key}, {kept})"

    return rewrite


def _choice(call: cst.Call) -> tuple[Choice, tuple[cst.BaseExpression, ...]]:
    arguments = spread(call)
    for argument in arguments:
        no_keyword(argument, "choice")
        _refuse_nested(argument.value)
    options = tuple(argument.value for argument in arguments)
    labels = [
        value[0] if (value := scalar(option)) is not None else option_text(option)
        for option in options
    ]
    try:
        return Choice(tuple(labels)), options
    except SpaceError as error:
        place = call if error.argument is None else options[error.argument]
        raise AnnotationError(str(error), place) from None


def _refuse_nested(node: cst.CSTNode) -> None:
    if isinstance(node, cst.Call) and _type_name(node) in TYPES:
        raise AnnotationError("a choice with a nested type is not supported yet", node)
    for child in node.children:
        _refuse_nested(child)


def _numeric(type_name: str, call: cst.Call) -> Domain:
    names = [field.name for field in fields(TYPES[type_name])]
    given = _by_name(type_name, names, spread(call))
    if TYPES[type_name] is RandInt and set(given) == {"lower"} and given["lower"].keyword is None:
        given = {"upper": given["lower"]}
    missing = [name for name in names if name not in given and (type_name, name) not in _OPTIONAL]
    if missing:
        raise AnnotationError(
            f"{type_name} takes {', '.join(names)}; {' and '.join(missing)} "
            f"{'is' if len(missing) == 1 else 'are'} missing",
            call,
        )
    values: list[Any] = []
    for name in names:
        try:
            values.append(number(given[name].value) if name in given else 0)
        except NotAConstant as found:
            raise AnnotationError(
                f"{type_name} needs a number for {name}, literal or arithmetic on literals, "
                f"found {found}",
                given[name].value,
            ) from None
    try:
        return make_domain(type_name, values)
    except SpaceError as error:
        named = given.get(names[error.argument]) if error.argument is not None else None
        raise AnnotationError(str(error), call if named is None else named.value) from None


_OPTIONAL = frozenset({("randint", "lower")})


def _by_name(
    type_name: str, names: list[str], arguments: tuple[cst.Arg, ...]
) -> dict[str, cst.Arg]:
    given: dict[str, cst.Arg] = {}
    for position, argument in enumerate(arguments):
        if argument.keyword is not None:
            name = argument.keyword.value
            if name not in names:
                raise AnnotationError(
                    f"{type_name} takes no argument called {name}{did_you_mean(name, names)}",
                    argument.keyword,
                )
        elif position < len(names):
            name = names[position]
        else:
            raise AnnotationError(
                f"{type_name} takes {len(names)} arguments ({', '.join(names)}), "
                f"found {len(arguments)}",
                argument.value,
            )
        if name in given:
            raise AnnotationError(f"{type_name} is given {name} twice", argument.value)
        given[name] = argument
    return given
