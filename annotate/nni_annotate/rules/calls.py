"""`nni.choice(2, 3, name="k")` and its like called in code: parameters too, as in NNI.

Only calls that reach the module nni by an import count; other objects of that name are left alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import libcst as cst
from libcst.metadata import MetadataWrapper, QualifiedNameSource, ScopeProvider
from libcst.metadata.scope_provider import ImportAssignment, Scope

from nni_annotate.domains import Choice, Domain
from nni_annotate.errors import SpaceError
from nni_annotate.grammar import AnnotationError, spread
from nni_annotate.rules.rule import Found, SourceFile, Spot, chose, option_text, pick
from nni_annotate.rules.strings import inside_strings, shows_code, strings_around
from nni_annotate.rules.types import NAMES, Option, Type, choice, read_arguments, refuse_types
from nni_annotate.rules.variable import compiled_value, doubts_of
from nni_annotate.syntax import code, operand, scalar

_KNOWN_NAMES = (*NAMES, "function_choice")
# Annotations that look like functions: a call of them would fail when it comes to it.
_NO_FUNCTIONS = ("variable", "mutable_layers", "mutable_layer", "training_update")
_KNOWN = frozenset({f"nni.{name}" for name in (*_KNOWN_NAMES, *_NO_FUNCTIONS)})
_WHOLE = (cst.Assign, cst.AnnAssign, cst.Return, cst.DictElement, cst.Param, cst.Expr)


@dataclass(frozen=True)
class CodeCall:
    """A call in code that is a parameter."""

    type: Type
    suffix: str
    call: cst.Call

    @property
    def domain(self) -> Domain:
        """What the tuner chooses from."""
        return self.type.domain

    def doubts(self) -> Sequence[AnnotationError]:
        """What may not be what was meant."""
        return list(doubts_of(self.type, self.call))

    def find(self, statement: cst.CSTNode) -> Found:
        """No statement is looked for: the call is its own place."""
        raise AssertionError(f"a call has no statement {statement!r}")


def calls_of(
    tree: cst.Module, file: SourceFile, imported: Mapping[str, str]
) -> tuple[list[tuple[cst.Call, CodeCall, Found]], list[AnnotationError]]:
    """The calls of a module that are parameters, and what is wrong with others.

    `imported` are names that stand for nni's though the module itself doesn't say so. Every error
    has the node that it is about.
    """
    bindings = _Bindings()
    tree.visit(bindings)
    scopes = MetadataWrapper(tree, unsafe_skip_copy=True).resolve(ScopeProvider)
    finder = _CallFinder(scopes, bindings, imported)
    tree.visit(finder)
    good: list[tuple[cst.Call, CodeCall, Found]] = []
    bad: list[AnnotationError] = []
    for call, name, around in finder.calls:
        try:
            edit, found = _read(call, name, around, file)
        except AnnotationError as error:
            bad.append(AnnotationError(error.code, str(error), error.node or call))
        else:
            good.append((call, edit, found))
    return good, bad


class _Bindings(cst.CSTVisitor):
    """Finds names that are bound to None, as where an import failed, and `from nni import *`."""

    def __init__(self) -> None:
        super().__init__()
        self.empty: set[int] = set()
        self.has_star = False

    def visit_Assign(self, node: cst.Assign) -> None:  # noqa: N802
        """Notes targets that are given None."""
        if isinstance(node.value, cst.Name) and node.value.value == "None":
            self.empty.update(id(target.target) for target in node.targets)

    def visit_ImportFrom(self, node: cst.ImportFrom) -> None:  # noqa: N802
        """Notes the import of all names."""
        is_nni = isinstance(node.module, cst.Name) and node.module.value == "nni"
        self.has_star |= is_nni and not node.relative and isinstance(node.names, cst.ImportStar)


class _CallFinder(cst.CSTVisitor):
    """Finds the calls, with the nodes around each; those that are an option of one are its own."""

    def __init__(self, scopes: object, bindings: _Bindings, imported: Mapping[str, str]) -> None:
        super().__init__()
        self._imported = imported
        self.calls: list[tuple[cst.Call, str, tuple[cst.CSTNode, ...]]] = []
        self._bindings = bindings
        self._scopes = scopes
        self._around: list[cst.CSTNode] = []

    def on_visit(self, node: cst.CSTNode) -> bool:
        if isinstance(node, cst.Call) and (name := self._name(node)) is not None:
            self.calls.append((node, name, tuple(self._around)))
            return False
        self._around.append(node)
        return True

    def on_leave(self, original_node: cst.CSTNode) -> None:
        if self._around and self._around[-1] is original_node:
            self._around.pop()

    def _name(self, call: cst.Call) -> str | None:
        """Which of NNI's functions is called, if it is one."""
        scope = self._scopes.get(call.func)  # type: ignore[attr-defined]
        if not isinstance(scope, Scope) or not isinstance(call.func, (cst.Name, cst.Attribute)):
            return None
        first = call.func.value if isinstance(call.func, cst.Attribute) else call.func
        if not isinstance(first, cst.Name):
            return None
        bound = scope[first.value]
        if not bound and self._bindings.has_star:
            return first.value if f"nni.{first.value}" in _KNOWN else None
        if not bound and first.value in self._imported:
            name = ".".join((self._imported[first.value], *code(call.func).split(".")[1:]))
            return name[len("nni.") :] if name in _KNOWN else None
        if any(
            not isinstance(binding, ImportAssignment)
            and id(getattr(binding, "node", None)) not in self._bindings.empty
            for binding in bound
        ):
            return None
        found = {
            name.name
            for name in scope.get_qualified_names_for(call.func)
            if name.source is QualifiedNameSource.IMPORT
        }
        return found.pop()[len("nni.") :] if len(found) == 1 and found <= _KNOWN else None


def _read(
    call: cst.Call, name: str, around: tuple[cst.CSTNode, ...], file: SourceFile
) -> tuple[CodeCall, Found]:
    if name not in _KNOWN_NAMES:
        what = "what NNI compiles mutable_layers to" if name == "mutable_layer" else "no function"
        kind = "mutable_layers" if name == "mutable_layer" else name
        message = f'nni.{name} is {what}; annotate instead, in a string: """@nni.{kind}(...)"""'
        raise AnnotationError("NNI102", message, call.func)
    arguments, label = _take_name(call)
    if shows_code(around):
        message = "this call stands inside a string that shows it; assign it to a variable first"
        raise AnnotationError("NNI205", message, call)
    is_function = name == "function_choice"
    type_ = _functions(call, arguments) if is_function else _values(name, call, arguments)
    # What needs no look at the tuner's value is told by the text: it is the first option.
    is_told = is_function or (not type_.is_nested and not type_.is_plain)
    default = (type_.options[0].label,) if is_told else None
    is_whole = isinstance(around[-1], _WHOLE) or (
        isinstance(around[-1], cst.Arg) and not around[-1].star
    )

    def compiled(key: str, source: str) -> str:
        if is_function:
            options = [(f"{_callable(o)}()", _chose(key, o, file)) for o in type_.options]
            text = pick(options, source)
        else:
            text = compiled_value(type_, file, key, call, source)
        return text if is_whole and not call.lpar else f"({text})"

    spot = inside_strings(Spot(call, compiled, lambda _, source: source), strings_around(around))
    spot.compiled(file.literal(file.key(label, name)), "")  # whether it can be
    return CodeCall(type_, name, call), Found(label, [spot], default)


def _take_name(call: cst.Call) -> tuple[tuple[cst.Arg, ...], str | None]:
    others: list[cst.Arg] = []
    label: str | None = None
    for argument in spread(call):
        if argument.keyword is None or argument.keyword.value != "name":
            others.append(argument)
            continue
        value = scalar(argument.value)
        if value is None or not isinstance(value[0], str) or not value[0].strip():
            message = "name= is to be a string literal: it is part of the search space's key"
            raise AnnotationError("NNI110", message, argument.value)
        label = value[0]
    return tuple(others), label


def _values(name: str, call: cst.Call, arguments: tuple[cst.Arg, ...]) -> Type:
    labelled = _labelled(arguments) if name == Choice.type else None
    if labelled is None:
        return read_arguments(name, call, arguments)
    return choice(labelled, call)


def _functions(call: cst.Call, arguments: tuple[cst.Arg, ...]) -> Type:
    options = _labelled(arguments)
    if options is None:
        for argument in arguments:
            if argument.keyword is not None:
                message = f"function_choice takes no argument called {argument.keyword.value}"
                raise AnnotationError("NNI104", message, argument.keyword)
            refuse_types(argument.value)
        options = [Option(argument.value, option_text(argument.value)) for argument in arguments]
    try:
        domain = Choice(tuple(option.label for option in options))
    except SpaceError as error:
        place = call if error.argument is None else options[error.argument].expression
        message = str(error).replace("choice", "function_choice", 1)
        raise AnnotationError("NNI108", message, place) from None
    return replace(Type(domain), options=tuple(options))


def _labelled(arguments: tuple[cst.Arg, ...]) -> list[Option] | None:
    """The options of a lone dict display, by its keys: the form that NNI compiled to."""
    only = arguments[0].value if len(arguments) == 1 and arguments[0].keyword is None else None
    if not isinstance(only, cst.Dict) or not only.elements:
        return None
    options = []
    for element in only.elements:
        key = element.key if isinstance(element, cst.DictElement) else element.value
        label = scalar(key) if isinstance(element, cst.DictElement) else None
        if label is None:
            message = "the keys of a lone dict name the options, so they have to be literals"
            raise AnnotationError("NNI108", message, key)
        refuse_types(element.value)
        options.append(Option(element.value, label[0]))
    return options


def _callable(option: Option) -> str:
    text = operand(option.expression)
    plain = (cst.Name, cst.Attribute, cst.Call, cst.Lambda)  # operand() puts brackets on the last
    return text if isinstance(option.expression, plain) else f"({text})"


def _chose(key: str, option: Option, file: SourceFile) -> str:
    label = option.label
    return chose(key, file.literal(label) if isinstance(label, str) else repr(label))
