"""Where in a statement a value of some name stands: what it assigns, and what else it names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import libcst as cst

from nni_annotate.grammar import AnnotationError
from nni_annotate.syntax import first_line, one_line, scalar, shape

_BODIES = frozenset({"body", "orelse", "finalbody", "handlers", "cases"})
# Fields that hold what is bound or named, not what is evaluated.
_BINDING = {
    cst.AssignTarget: ("target",),
    cst.AnnAssign: ("target",),
    cst.AugAssign: ("target",),
    cst.For: ("target",),
    cst.CompFor: ("target",),
    cst.NamedExpr: ("target",),
    cst.AsName: ("name",),
    cst.Del: ("target",),
    cst.Arg: ("keyword",),
    cst.Attribute: ("attr",),
    cst.Param: ("name",),
    cst.FunctionDef: ("name",),
    cst.ClassDef: ("name",),
    cst.TypeAlias: ("name",),
    cst.TypeVar: ("name",),
    cst.TypeVarTuple: ("name",),
    cst.ParamSpec: ("name",),
    cst.NameItem: ("name",),
    cst.ImportAlias: ("name",),
    cst.ImportFrom: ("module",),
}

_SEQUENCES = (cst.Tuple, cst.List, cst.Element, cst.StarredElement)
_TARGETS = (cst.Name, cst.Attribute, cst.Subscript, *_SEQUENCES)


@dataclass(frozen=True)
class Place:
    """A value in the code, what it is in words, and the source of what it is given to.

    `binder` is the assignment or the parameter, where the value is given to a plain name.
    """

    value: cst.BaseExpression | None
    what: str
    name: str
    binder: cst.CSTNode | None = None


def find_place(statement: cst.CSTNode, name: cst.BaseExpression | None) -> Place:
    """The one value that a statement gives to this name; without a name, to its only target.

    Raises AnnotationError where there is none or more than one.
    """
    targets = _targets(statement)
    if name is None:
        return _only_target(statement, targets)
    for target in targets:
        if shape(target) == shape(name):
            return _with_value(statement, _assigned(statement, target))
    found = list(_named(statement, name))
    shown = first_line(statement)
    if not found:
        raise AnnotationError(
            "NNI202",
            f"nothing in the next statement gives {one_line(name)} a value: no assignment, keyword "
            "argument, dict entry, parameter default or add_argument option of that name; "
            f"found: {shown}",
        )
    if len(found) > 1:
        counts = Counter(place.what for place in found)
        places = " and ".join(
            f"the {what}" if count == 1 else f"the {what} {count} times"
            for what, count in counts.items()
        )
        raise AnnotationError(
            "NNI203",
            f"the next statement gives {one_line(name)} more than one value ({places}), so "
            f"split it; found: {shown}",
        )
    return _with_value(statement, found[0])


def evaluated(node: cst.CSTNode) -> Iterator[tuple[cst.CSTNode, tuple[cst.CSTNode, ...]]]:
    """The expressions that a small statement, or a compound one's header, evaluates.

    Each with the nodes around it, the outermost first.
    """
    yield from _evaluated(node, (), is_bound=False)


def statement_value(statement: cst.CSTNode) -> cst.BaseExpression | None:
    """What an assignment assigns."""
    return statement.value if isinstance(statement, (cst.Assign, cst.AnnAssign)) else None


def _assigned(statement: cst.CSTNode, target: cst.BaseExpression) -> Place:
    binder = statement if isinstance(target, cst.Name) else None
    return Place(statement_value(statement), "", one_line(target), binder)


def _targets(statement: cst.CSTNode) -> list[cst.BaseExpression]:
    if isinstance(statement, cst.Assign):
        return [target.target for target in statement.targets]
    return [statement.target] if isinstance(statement, cst.AnnAssign) else []


def _only_target(statement: cst.CSTNode, targets: Sequence[cst.BaseExpression]) -> Place:
    if len(targets) == 1:
        return _with_value(statement, _assigned(statement, targets[0]))
    found = first_line(statement)
    if targets:
        raise AnnotationError("NNI203", f"say which target is meant with name=, found: {found}")
    raise AnnotationError(
        "NNI202",
        "the next statement is to be an assignment, or name= is to say which of its values is "
        f"meant; found: {found}",
    )


def _with_value(statement: cst.CSTNode, place: Place) -> Place:
    if place.value is None:
        whose = f"the {place.what} " if place.what else ""
        raise AnnotationError(
            "NNI202",
            f"{whose}{place.name} has no value to replace; give it one: {first_line(statement)}",
        )
    return place


def _named(statement: cst.CSTNode, name: cst.BaseExpression) -> Iterator[Place]:
    text = one_line(name)
    if isinstance(name, cst.Subscript):
        yield from _entries_of_target(statement, name, text)
    if isinstance(name, cst.Name):
        for node, around in evaluated(statement):
            for place in _at(node, name.value):
                if any(isinstance(outer, cst.FormattedString) for outer in around):
                    message = f"{text} stands inside an f-string; assign it to a variable first"
                    raise AnnotationError("NNI205", message)
                yield place


def _at(node: cst.CSTNode, name: str) -> Iterator[Place]:
    """The values that one node gives to a plain name."""
    match node:
        case cst.Call() if (option := _option_default(node, name)) is not None:
            yield option
        case cst.Arg(keyword=cst.Name(value=keyword)) if keyword == name:
            yield Place(node.value, "keyword argument", name)
        case cst.DictElement() if scalar(node.key) == (name,):
            yield Place(node.value, "dict's entry", name)
        case cst.Param(name=cst.Name(value=parameter)) if parameter == name:
            yield Place(node.default, "parameter", name, node)


def _option_default(call: cst.Call, name: str) -> Place | None:
    """The `default=` of `add_argument("--name", ...)`, known by its dest or one of its flags."""
    function = call.func.attr if isinstance(call.func, cst.Attribute) else call.func
    if not isinstance(function, cst.Name) or function.value != "add_argument":
        return None
    keywords = {arg.keyword.value: arg.value for arg in call.args if arg.keyword is not None}
    if "dest" in keywords:
        names = [scalar(keywords["dest"])]
    else:
        flags = [scalar(arg.value) for arg in call.args if arg.keyword is None and not arg.star]
        names = [
            (flag[0].lstrip("-").replace("-", "_"),)
            for flag in flags
            if flag is not None and isinstance(flag[0], str)
        ]
    if (name,) not in names:
        return None
    return Place(keywords.get("default"), "default of the option", name)


def _entries_of_target(statement: cst.CSTNode, name: cst.Subscript, text: str) -> Iterator[Place]:
    """`cfg['a']['b']` in `cfg = {"a": {"b": ...}}`."""
    keys: list[object] = []
    owner: cst.BaseExpression = name
    while isinstance(owner, cst.Subscript):
        if len(owner.slice) != 1 or not isinstance(owner.slice[0].slice, cst.Index):
            return
        keys.insert(0, shape(owner.slice[0].slice.value))
        owner = owner.value
        value = statement_value(statement)
        if value is not None and any(shape(t) == shape(owner) for t in _targets(statement)):
            yield from (Place(node, "dict's entry", text) for node in _path(value, keys))


def _path(value: cst.BaseExpression, keys: Sequence[object]) -> Iterator[cst.BaseExpression]:
    if not keys:
        yield value
    elif isinstance(value, cst.Dict):
        for element in value.elements:
            if isinstance(element, cst.DictElement) and shape(element.key) == keys[0]:
                yield from _path(element.value, keys[1:])


def _evaluated(
    node: cst.CSTNode, around: tuple[cst.CSTNode, ...], *, is_bound: bool
) -> Iterator[tuple[cst.CSTNode, tuple[cst.CSTNode, ...]]]:
    if not (is_bound and isinstance(node, _TARGETS)):
        yield node, around
    hidden = _ids(node, _BODIES) if isinstance(node, cst.BaseCompoundStatement) else set()
    bound = _ids(node, _BINDING.get(type(node), ()))
    inside = is_bound and isinstance(node, _SEQUENCES)
    for child in node.children:
        if id(child) not in hidden:
            yield from _evaluated(child, (*around, node), is_bound=id(child) in bound or inside)


def _ids(node: cst.CSTNode, fields: Sequence[str] | frozenset[str]) -> set[int]:
    """The children of a node in these fields, by id."""
    found: set[int] = set()
    for field in fields:
        value = getattr(node, field, None)
        found.update(map(id, value if isinstance(value, (list, tuple)) else [value]))
    return found
