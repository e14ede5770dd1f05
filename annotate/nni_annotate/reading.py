"""Which values of a module nobody reads: names of assignments and parameters, by scope.

Where there is a doubt a value is read: a name may be reached as text, through a frame or through
the module's own dictionary.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from nni_annotate.trial_api import TRIAL_API

Nodes = list[ast.AST]
_TRIAL_API = ast.dump(ast.parse(TRIAL_API, mode="eval").body)
# What can read all names of the scope it stands in; vars and dir of an object are not meant.
_READ_SCOPE = frozenset({"locals", "vars", "dir", "eval", "exec"})
_OF_AN_OBJECT = frozenset({"vars", "dir"})
# What can read all names of the module.
_READ_MODULE = frozenset({"globals", "__main__", "__dict__", "__globals__", "f_globals"})
# What can read the names of any function.
_READ_FRAMES = frozenset({"builtins", "f_locals", "f_back", "_getframe", "currentframe"})
# pandas, numexpr and Cython look up in their caller's scope what a text names.
_READ_TEXT = frozenset({"query", "eval", "evaluate", "inline"})
_READ_DEFAULTS = frozenset(
    {"__defaults__", "__kwdefaults__", "signature", "getfullargspec", "getargspec", "getcallargs"}
)
_NOT_MEANT = re.compile(r"_$|__")
_WATCHED = _READ_MODULE | _READ_FRAMES | _READ_DEFAULTS


@dataclass(frozen=True)
class Unread:
    """A name that is never read in the module, and the line that binds it.

    What is `at_module_level` may still be read by other modules.
    """

    name: str
    line: int
    at_module_level: bool


def unread(tree: ast.Module, names: Iterable[tuple[str, int]]) -> list[Unread]:
    """Those of the names that the module certainly never reads, in the order of their lines.

    `names` are plain names with the line where their assignment or the parameter itself begins.
    Calls of the trial API in the tree read the names in their arguments, their keys aside.

    >>> unread(ast.parse("lr = 0.1\\nn = 3\\nprint(n)"), [("lr", 1), ("n", 2)])
    [Unread(name='lr', line=1, at_module_level=True)]
    """
    # What is called _ is not meant to be read, and Python or tools read what begins with __.
    places = frozenset(place for place in names if not _NOT_MEANT.match(place[0]))
    if not places:
        return []
    return sorted(_Walk(places).unread(tree), key=lambda found: (found.line, found.name))


@dataclass(eq=False)
class _Scope:
    """What one function, class, comprehension or the module does with the names asked for."""

    node: ast.AST
    parent: _Scope | None = None
    own: set[str] = field(default_factory=set)
    foreign: set[str] = field(default_factory=set)  # declared global or nonlocal
    reads: set[str] = field(default_factory=set)
    words: set[str] = field(default_factory=set)  # that stand in strings
    reads_all: bool = False
    reads_text: bool = False

    def tell_parent(self) -> None:
        """Adds to the enclosing scope what this one reads of it; a class body hides no name."""
        if self.parent is None:
            return
        hidden = set() if isinstance(self.node, ast.ClassDef) else self.own - self.foreign
        self.parent.reads |= self.reads - hidden
        self.parent.words |= self.words
        self.parent.reads_all |= self.reads_all
        self.parent.reads_text |= self.reads_text

    def may_read(self, name: str) -> bool:
        """Whether it or a scope in it may read its own name, all of those having told it."""
        return self.reads_all or name in self.reads or (self.reads_text and name in self.words)


class _Walk:
    """One walk over a module, scope by scope; no recursion."""

    def __init__(self, places: frozenset[tuple[str, int]]) -> None:
        self._places = places
        self._names = frozenset(name for name, _ in places)
        self._word = re.compile(rf"\b(?:{'|'.join(map(re.escape, sorted(self._names)))})\b")
        self._bindings: dict[tuple[str, int], set[_Scope]] = {}
        self._parameters: set[tuple[str, int]] = set()
        self._spared: set[tuple[str, int]] = set()
        self._pending: list[tuple[_Scope, Nodes]] = []
        self._module_reads: set[str] = set()
        self._mentions: set[str] = set()  # of names that have a meaning here, in any scope

    def unread(self, tree: ast.Module) -> Iterator[Unread]:
        """The names of the places that nothing in the tree reads."""
        self._pending.append((_Scope(tree), [*tree.body]))
        for scope, nodes in self._pending:  # which grows meanwhile, inner scopes after outer ones
            self._read(scope, nodes)
        scopes = [scope for scope, _ in self._pending]
        for scope in reversed(scopes):
            self._module_reads |= scope.reads
            scope.tell_parent()
        module = scopes[0]
        self._module_reads |= module.words
        if self._mentions & _READ_FRAMES:
            return
        for (name, line), found in self._bindings.items():
            if len(found) == 1 and self._is_unread(name, line, *found):
                yield Unread(name, line, module in found)

    def _is_unread(self, name: str, line: int, scope: _Scope) -> bool:
        if isinstance(scope.node, ast.ClassDef) or (name, line) in self._spared:
            return False
        if isinstance(scope.node, ast.Module):
            is_open = scope.reads_all or self._mentions & _READ_MODULE
            return not is_open and name not in self._module_reads
        if (name, line) in self._parameters and self._mentions & _READ_DEFAULTS:
            return False
        return not scope.may_read(name)

    def _read(self, scope: _Scope, stack: Nodes) -> None:
        while stack:
            node = stack.pop()
            if isinstance(node, ast.Name):
                self._name(scope, node)
            elif isinstance(node, ast.Constant):
                self._constant(scope, node)
            else:
                handler = _HANDLERS.get(type(node))
                stack += handler(self, scope, node) if handler else ast.iter_child_nodes(node)

    def _name(self, scope: _Scope, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Store):
            if node.id in self._names:
                scope.own.add(node.id)
            return
        if node.id in self._names:
            scope.reads.add(node.id)
        if node.id in _READ_SCOPE:
            scope.reads_all = True
        self._mention(node.id)

    def _constant(self, scope: _Scope, node: ast.Constant) -> None:
        text = node.value.decode("latin-1") if isinstance(node.value, bytes) else node.value
        if isinstance(text, str):
            scope.words.update(self._word.findall(text))

    def expression(self, _: _Scope, node: ast.Expr) -> Nodes:
        """Docstrings and annotations mention names and read none."""
        return [] if isinstance(node.value, ast.Constant) else [node.value]

    def attribute(self, _: _Scope, node: ast.Attribute) -> Nodes:
        """An attribute may be the module's, or open a scope to all who ask."""
        if node.attr in self._names:
            self._module_reads.add(node.attr)
        if node.attr == "modules" and isinstance(node.value, ast.Name) and node.value.id == "sys":
            self._mention("__main__")
        self._mention(node.attr)
        return [node.value]

    def call(self, scope: _Scope, node: ast.Call) -> Nodes:
        """A key of the trial API spells the name that it is for, which reads nothing."""
        match node:
            case ast.Call(func=ast.Attribute(value=module)) if _is_trial_api(module):
                return [*node.args[_begins_with_text(node.args) :], *node.keywords]
            case ast.Call(func=ast.Name(id=name), args=[argument]):
                is_an_object = not isinstance(argument, ast.Starred)
                if is_an_object and name in _OF_AN_OBJECT and name not in self._names:
                    return [argument]
        if (node.args or node.keywords) and _last_name(node.func) in _READ_TEXT:
            scope.reads_text = True
        return [*ast.iter_child_nodes(node)]

    def augmented(self, scope: _Scope, node: ast.AugAssign) -> Nodes:
        """`x += 1` reads x."""
        if isinstance(node.target, ast.Name) and node.target.id in self._names:
            scope.reads.add(node.target.id)
        return [node.target, node.value]

    def assignment(self, scope: _Scope, node: ast.Assign | ast.AnnAssign) -> Nodes:
        """Notes which scope binds a name that is asked for."""
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        for part in (part for target in targets for part in ast.walk(target)):
            if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
                self._bind(scope, part.id, node.lineno)
        return [*ast.iter_child_nodes(node)]

    def _mention(self, name: str) -> None:
        if name in _WATCHED:
            self._mentions.add(name)

    def _bind(self, scope: _Scope, name: str, line: int) -> None:
        if (name, line) in self._places:
            self._bindings.setdefault((name, line), set()).add(scope)

    def walrus(self, _: _Scope, node: ast.NamedExpr) -> Nodes:
        """What it binds may be another scope's than the comprehension's around it."""
        return [node.value]

    def declaration(self, scope: _Scope, node: ast.Global | ast.Nonlocal) -> Nodes:
        """Two scopes share the name, and both count as reading it."""
        found = self._names.intersection(node.names)
        scope.foreign |= found
        scope.reads |= found
        return []

    def imports(self, _: _Scope, node: ast.Import | ast.ImportFrom) -> Nodes:
        """What is imported may get another name, so its own one counts here."""
        for alias in node.names:
            self._mention(alias.name)
            if isinstance(node, ast.ImportFrom):
                self._mention(node.module or "")
                if (node.module, alias.name) == ("sys", "modules"):
                    self._mention("__main__")
        return []

    def function(self, scope: _Scope, node: ast.FunctionDef | ast.AsyncFunctionDef) -> Nodes:
        """Its body is a scope; decorators, defaults and annotations are outside of it."""
        inner = self._open(scope, node, [*node.body])
        self._bind_parameters(inner, node.args, bool(node.decorator_list) or _is_stub(node.body))
        # Sacred makes the configuration of an experiment of all locals of such a function.
        inner.reads_all = any("config" in _last_name(item) for item in node.decorator_list)
        return _before_body(node)

    def function_expression(self, scope: _Scope, node: ast.Lambda) -> Nodes:
        """A lambda is a function whose body is an expression."""
        self._bind_parameters(self._open(scope, node, [node.body]), node.args, False)
        return [node.args]

    def _bind_parameters(self, scope: _Scope, arguments: ast.arguments, spare: bool) -> None:
        assert scope.parent is not None
        spare |= isinstance(scope.parent.node, ast.ClassDef)
        parameters = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        for parameter in (*parameters, arguments.vararg, arguments.kwarg):
            if parameter is None or parameter.arg not in self._names:
                continue
            scope.own.add(parameter.arg)
            place = (parameter.arg, parameter.lineno)
            self._bind(scope, *place)
            self._parameters.add(place)
            if spare:
                self._spared.add(place)

    def class_definition(self, scope: _Scope, node: ast.ClassDef) -> Nodes:
        """Its body is a scope, what stands before the body is not in it."""
        self._open(scope, node, [*node.body])
        return _before_body(node)

    def comprehension(
        self, scope: _Scope, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
    ) -> Nodes:
        """A scope, but for what the first `for` goes over."""
        first, *others = node.generators
        results = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        self._open(scope, node, [*results, first.target, *first.ifs, *others])
        return [first.iter]

    def _open(self, parent: _Scope, node: ast.AST, nodes: Nodes) -> _Scope:
        scope = _Scope(node, parent)
        self._pending.append((scope, nodes))
        return scope


_HANDLERS: dict[type[ast.AST], Callable[..., Nodes]] = {
    ast.Expr: _Walk.expression,
    ast.Attribute: _Walk.attribute,
    ast.Call: _Walk.call,
    ast.Assign: _Walk.assignment,
    ast.AnnAssign: _Walk.assignment,
    ast.AugAssign: _Walk.augmented,
    ast.NamedExpr: _Walk.walrus,
    ast.Global: _Walk.declaration,
    ast.Nonlocal: _Walk.declaration,
    ast.Import: _Walk.imports,
    ast.ImportFrom: _Walk.imports,
    ast.FunctionDef: _Walk.function,
    ast.AsyncFunctionDef: _Walk.function,
    ast.Lambda: _Walk.function_expression,
    ast.ClassDef: _Walk.class_definition,
    ast.ListComp: _Walk.comprehension,
    ast.SetComp: _Walk.comprehension,
    ast.DictComp: _Walk.comprehension,
    ast.GeneratorExp: _Walk.comprehension,
}


def _before_body(node: ast.AST) -> Nodes:
    return [child for child in ast.iter_child_nodes(node) if not isinstance(child, ast.stmt)]


def _last_name(node: ast.expr) -> str:
    """`c` of `a.b.c` or of its call, if that is what the expression is."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Call(func=function):
            return _last_name(function)
    return ""


def _is_trial_api(node: ast.expr) -> bool:
    """Whether this is the expression by which compiled code reaches the trial API."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
        return False
    return node.func.id == "__import__" and ast.dump(node) == _TRIAL_API


def _begins_with_text(arguments: list[ast.expr]) -> bool:
    first = arguments[0] if arguments else None
    return isinstance(first, ast.Constant) and isinstance(first.value, str)


def _is_stub(body: list[ast.stmt]) -> bool:
    """Whether a function only says what others are to implement."""
    return all(_does_nothing(statement) for statement in body)


def _does_nothing(statement: ast.stmt) -> bool:
    match statement:
        case ast.Pass() | ast.Expr(value=ast.Constant()):
            return True
        case ast.Raise(exc=ast.Name(id=name) | ast.Call(func=ast.Name(id=name))):
            return name == "NotImplementedError"
    return False
