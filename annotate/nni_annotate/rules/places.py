"""Where in a statement a value of some name stands: what it assigns, and what else it names."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import libcst as cst

from nni_annotate.grammar import AnnotationError, NameArgument
from nni_annotate.shapes import shape
from nni_annotate.syntax import code, first_line, one_line, scalar

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

    `binder` is the assignment or the parameter, where the value is given to a plain name; `around`
    are the nodes around the value, the outermost first; `is_converted` where the program makes
    another value of the one that is written there.
    """

    value: cst.BaseExpression | None
    what: str
    name: str
    binder: cst.CSTNode | None = None
    around: tuple[cst.CSTNode, ...] = ()
    is_converted: bool = False


def find_place(statement: cst.CSTNode, given: NameArgument | None) -> Place:
    """The one value that a statement gives to this name; without a name, to its only target.

    Raises AnnotationError where there is none or more than one.
    """
    targets = _targets(statement)
    if given is None:
        return _only_target(statement, targets)
    name = given.expression
    for target in targets:
        if shape(target) == shape(name):
            return _with_value(statement, _assigned(statement, target))
    named = list(_named(statement, name))
    found = [place for place in named if place.value is not None] or named
    shown = first_line(statement)
    if not found:
        raise AnnotationError("NNI202", _not_found(statement, name), given.place)
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
            given.place,
        )
    return _with_value(statement, found[0])


def _not_found(statement: cst.CSTNode, name: cst.BaseExpression) -> str:
    """Why a statement has no value of this name, and which name may be meant."""
    text, shown = one_line(name), first_line(statement)
    places = {place.name: place for place in _values(statement)}
    near = difflib.get_close_matches(text, places, n=1)
    last = re.sub(r"\W+", "", text.rpartition(".")[2].rpartition("[")[2])  # lr of self.lr, d['lr']
    alike = [one for one in places if re.sub(r"\W+", "", re.split(r"[.\[]", one)[-1]) == last]
    around = [t for t in _targets(statement) if any(shape(n) == shape(name) for n in _parts(t))]
    if around:
        hint = f"; did you mean name={one_line(around[0])}?"
    elif near or alike:
        hint = f"; did you mean name={(near or alike)[0]}?"
    elif isinstance(statement, cst.AugAssign) and shape(statement.target) == shape(name):
        hint = "; it is no plain assignment, so annotate where the name is first set"
    elif any(shape(node) == shape(name) for node in _bound(statement)):
        hint = f"; it binds {text} in another way, so assign the value to a name before"
    else:
        hint = ""
    return (
        f"the next statement has no value of {text} to replace: no assignment, keyword argument, "
        f"dict entry, parameter default or add_argument option of that name{hint}; found: {shown}"
    )


def _parts(target: cst.BaseExpression) -> Iterator[cst.CSTNode]:
    """The elements of a tuple that is assigned to, at any depth."""
    if isinstance(target, (cst.Tuple, cst.List)):
        for element in target.elements:
            yield element.value
            yield from _parts(element.value)


def _values(statement: cst.CSTNode) -> Iterator[Place]:
    """All values of a statement that a name could mean."""
    for target in _targets(statement):
        yield _assigned(statement, target)
    for node, around in evaluated(statement):
        yield from _at(node, None, around)


def _bound(statement: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """The names that a statement binds, in whatever way."""
    seen = {id(node) for node, _ in evaluated(statement)}
    hidden = _ids(statement, _BODIES) if isinstance(statement, cst.BaseCompoundStatement) else set()
    stack: list[cst.CSTNode] = [statement]
    while stack:
        node = stack.pop()
        if isinstance(node, _TARGETS) and id(node) not in seen:
            yield node
        stack += [child for child in node.children if id(child) not in hidden]


def refuse_generators(
    around: Sequence[cst.CSTNode], others: Sequence[cst.CSTNode], own: cst.CSTNode
) -> None:
    """Refuses what would make an asynchronous generator of a plain one. Raises AnnotationError."""
    path = (*around, own)
    for position, outer in enumerate(around):
        if not isinstance(outer, cst.GeneratorExp) or _awaits(outer):
            continue
        # What the first `for` goes over is evaluated before there is a generator.
        if outer.for_in in path and outer.for_in.iter in path[position:]:
            continue
        for other in others:
            if _awaits(other):
                message = (
                    f"{code(other)} would make this generator an asynchronous one; await it "
                    "before, and annotate that"
                )
                raise AnnotationError("NNI109", message, other)


def _awaits(node: cst.CSTNode) -> bool:
    return isinstance(node, (cst.Await, cst.Asynchronous)) or any(map(_awaits, node.children))


def evaluated(node: cst.CSTNode) -> Iterator[tuple[cst.CSTNode, tuple[cst.CSTNode, ...]]]:
    """The expressions that a small statement, or a compound one's header, evaluates.

    Each with the nodes around it, the outermost first; those of type hints are among them.
    """
    yield from _evaluated(node, (), is_bound=False)


def statement_value(statement: cst.CSTNode) -> cst.BaseExpression | None:
    """What an assignment assigns."""
    return statement.value if isinstance(statement, (cst.Assign, cst.AnnAssign)) else None


def _assigned(statement: cst.CSTNode, target: cst.BaseExpression) -> Place:
    is_only = len(_targets(statement)) == 1  # else another target may be what is read
    binder = statement if isinstance(target, cst.Name) and is_only else None
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
            yield from _at(node, name.value, around)


def _at(
    node: cst.CSTNode, name: str | None, around: tuple[cst.CSTNode, ...] = ()
) -> Iterator[Place]:
    """The values that one node gives to a plain name, None for any."""
    match node:
        case cst.Call():
            for option in _option_defaults(node):
                if name in (None, option):
                    keywords = _keywords(node)
                    default, what = keywords.get("default"), "default of the option"
                    is_text = isinstance(default, (cst.SimpleString, cst.ConcatenatedString))
                    is_converted = is_text and "type" in keywords
                    yield Place(default, what, option, None, around, is_converted)
        case cst.Arg(keyword=cst.Name(value=keyword)) if name in (None, keyword):
            yield Place(node.value, "keyword argument", keyword, None, around)
        case cst.DictElement() if (key := scalar(node.key)) is not None and name in (None, key[0]):
            if isinstance(key[0], str):
                yield Place(node.value, "dict's entry", key[0], None, around)
        case cst.Param(name=cst.Name(value=parameter)) if name in (None, parameter):
            yield Place(node.default, "parameter", parameter, node, around)


def _keywords(call: cst.Call) -> dict[str, cst.BaseExpression]:
    """The keyword arguments of a call."""
    return {arg.keyword.value: arg.value for arg in call.args if arg.keyword is not None}


def _option_defaults(call: cst.Call) -> Iterator[str]:
    """The names of the option that `add_argument("--name", ...)` adds: its dest or its flags."""
    function = call.func.attr if isinstance(call.func, cst.Attribute) else call.func
    if not isinstance(function, cst.Name) or function.value != "add_argument":
        return
    keywords = _keywords(call)
    if "dest" in keywords:
        names = [scalar(keywords["dest"])]
    else:
        names = [scalar(arg.value) for arg in call.args if arg.keyword is None and not arg.star]
    for name in dict.fromkeys(names):
        if name is not None and isinstance(name[0], str):
            yield name[0] if "dest" in keywords else name[0].lstrip("-").replace("-", "_")


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
