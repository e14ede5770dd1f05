"""Which statements of a module can never run, as far as plain syntax tells.

Where syntax leaves a doubt a statement can run: conditions other than constants go either way, any
statement may raise, and a context manager swallows what is raised in it unless it is known not to.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property

Exits = frozenset[str]  # how control may leave a statement, other than return, raise and continue
_NOWHERE: Exits = frozenset()
_NEXT: Exits = frozenset({"next"})
_BREAK: Exits = frozenset({"break"})

_EXITS = frozenset({"exit", "quit", "sys.exit", "os._exit", "os.abort"})
_EXIT_NAMES = frozenset({"exit", "quit", "sys", "os"})
# What these make lets every exception through; contextlib.suppress and others need not.
_TRANSPARENT = frozenset(
    {
        "GradientTape",
        "NamedTemporaryFile",
        "Pool",
        "ProcessPoolExecutor",
        "Session",
        "TemporaryDirectory",
        "ThreadPoolExecutor",
        "as_default",
        "autocast",
        "catch_warnings",
        "device",
        "enable_grad",
        "inference_mode",
        "name_scope",
        "no_grad",
        "open",
        "set_grad_enabled",
        "variable_scope",
    }
)

_Function = ast.FunctionDef | ast.AsyncFunctionDef
_For = ast.For | ast.AsyncFor
_With = ast.With | ast.AsyncWith
if sys.version_info >= (3, 11):
    _Try = ast.Try | ast.TryStar
else:
    _Try = ast.Try


def unreachable(tree: ast.Module) -> set[tuple[int, int]]:
    """The (lineno, col_offset) of every statement that can never run.

    A function counts as called where its definition can run.

    >>> unreachable(ast.parse("while True:\\n    pass\\nprint()"))
    {(3, 0)}
    """
    walk = _Walk(tree)
    walk.suite(tree.body)
    return walk.dead


class _Walk:
    """Follows control through suites; `dead` is where it does not come."""

    def __init__(self, tree: ast.Module) -> None:
        self.dead: set[tuple[int, int]] = set()
        self._tree = tree

    def suite(self, body: Sequence[ast.stmt]) -> Exits:
        """How control leaves these statements."""
        exits = _NOWHERE
        for position, statement in enumerate(body):
            found = self._statement(statement)
            exits |= found - _NEXT
            if "next" not in found:
                self._bury(body[position + 1 :])
                return exits
        return exits | _NEXT

    def _statement(self, statement: ast.stmt) -> Exits:
        match statement:
            case ast.Return() | ast.Raise() | ast.Continue():
                return _NOWHERE
            case ast.Break():
                return _BREAK
            case ast.Expr(value=ast.Call(func=function)):
                return _NOWHERE if self._ends_process(function) else _NEXT
            case ast.If(test=test):
                return self._if(statement, _truth(test))
            case ast.While(test=test):
                return self._loop(statement, _truth(test))
            case ast.Match():
                return self._match(statement)
            case ast.ClassDef():
                return self.suite(statement.body)
        if isinstance(statement, _Function):
            self.suite(statement.body)
        elif isinstance(statement, _For):
            return self._loop(statement, None)
        elif isinstance(statement, _With):
            return self._with(statement)
        elif isinstance(statement, _Try):
            return self._try(statement)
        return _NEXT

    def _if(self, statement: ast.If, truth: bool | None) -> Exits:
        if truth is None:
            return self.suite(statement.body) | self.suite(statement.orelse)
        self._bury(statement.orelse if truth else statement.body)
        return self.suite(statement.body if truth else statement.orelse)

    def _loop(self, loop: ast.While | _For, truth: bool | None) -> Exits:
        if truth is False:
            self._bury(loop.body)
            return self.suite(loop.orelse)
        after_break = _NEXT if "break" in self.suite(loop.body) else _NOWHERE
        if truth is True:
            self._bury(loop.orelse)
            return after_break
        return after_break | self.suite(loop.orelse)

    def _match(self, statement: ast.Match) -> Exits:
        last = statement.cases[-1]
        takes_all = last.guard is None and _is_irrefutable(last.pattern)
        exits = _NOWHERE if takes_all else _NEXT
        return exits.union(*(self.suite(case.body) for case in statement.cases))

    def _with(self, statement: _With) -> Exits:
        exits = self.suite(statement.body)
        *outer, last = (self._lets_through(item.context_expr) for item in statement.items)
        if all(outer) and (last or _leaves_quietly(statement.body)):
            return exits
        return exits | _NEXT

    def _try(self, statement: _Try) -> Exits:
        exits = self.suite(statement.body)
        if "next" in exits:
            exits = exits - _NEXT | self.suite(statement.orelse)
        else:
            self._bury(statement.orelse)
        exits = exits.union(*(self.suite(handler.body) for handler in statement.handlers))
        finally_exits = self.suite(statement.finalbody)
        # Leaving `finally` by a jump forgets how control came there.
        return finally_exits - _NEXT | exits if "next" in finally_exits else finally_exits

    def _bury(self, statements: Iterable[ast.stmt]) -> None:
        for statement in _all_statements(statements):
            self.dead.add((statement.lineno, statement.col_offset))

    def _ends_process(self, function: ast.expr) -> bool:
        name = _dotted(function)
        return name in _EXITS and not {name, name.partition(".")[0]} & self._own

    def _lets_through(self, manager: ast.expr) -> bool:
        name = _dotted(manager.func) if isinstance(manager, ast.Call) else ""
        return name.rpartition(".")[2] in _TRANSPARENT and name not in self._own

    @cached_property
    def _own(self) -> frozenset[str]:
        """Names that the module gives a meaning of its own."""
        return frozenset(
            name for statement in _all_statements(self._tree.body) for name in _bound(statement)
        )


def _truth(test: ast.expr) -> bool | None:
    return bool(test.value) if isinstance(test, ast.Constant) else None


def _is_irrefutable(pattern: ast.pattern) -> bool:
    match pattern:
        case ast.MatchAs(pattern=inner):
            return inner is None or _is_irrefutable(inner)
        case ast.MatchOr(patterns=patterns):
            return _is_irrefutable(patterns[-1])
    return False


def _leaves_quietly(body: Sequence[ast.stmt]) -> bool:
    """Whether control comes to a jump before anything can raise."""
    for statement in body:
        match statement:
            case ast.Break() | ast.Continue() | ast.Return(value=None | ast.Constant()):
                return True
            case ast.Pass() | ast.Expr(value=ast.Constant()):
                continue
            case ast.Assign(targets=[ast.Name()], value=ast.Constant()):
                continue
        return False
    return False


def _dotted(function: ast.expr) -> str:
    """`a` or `a.b`; `.b` for the attribute of anything else."""
    match function:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=ast.Name(id=name), attr=attribute):
            return f"{name}.{attribute}"
        case ast.Attribute(attr=attribute):
            return f".{attribute}"
    return ""


def _all_statements(statements: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """These statements and all that they hold, however deep."""
    stack = list(statements)
    while stack:
        statement = stack.pop()
        yield statement
        for field in ("body", "orelse", "finalbody"):
            stack += getattr(statement, field, ())
        for field in ("handlers", "cases"):
            for part in getattr(statement, field, ()):
                stack += part.body


def _bound(statement: ast.stmt) -> Iterator[str]:
    match statement:
        case ast.FunctionDef(name=name, args=args) | ast.AsyncFunctionDef(name=name, args=args):
            yield name
            for argument in (*args.posonlyargs, *args.args, *args.kwonlyargs):
                yield argument.arg
        case ast.ClassDef(name=name):
            yield name
        case ast.Import(names=aliases):
            for alias in aliases:
                if alias.asname not in (None, alias.name):
                    yield str(alias.asname)
        case ast.ImportFrom(module=module, names=aliases):
            for alias in aliases:
                yield from _imported(str(module), alias)
        case ast.Assign(targets=targets):
            yield from _targets(targets)
        case ast.AnnAssign(target=target) | ast.AugAssign(target=target):
            yield from _targets([target])
        case ast.For(target=target) | ast.AsyncFor(target=target):
            yield from _targets([target])
        case ast.With(items=items) | ast.AsyncWith(items=items):
            yield from _targets([item.optional_vars for item in items if item.optional_vars])


def _imported(module: str, alias: ast.alias) -> Iterable[str]:
    """Whatever else is imported by its usual name is taken for what usually has that name."""
    name = alias.asname or alias.name
    if name == "*":
        return ("exit", "quit")
    if name in _EXIT_NAMES and (module, alias.name) != ("sys", name):
        return (name,)
    return () if alias.asname is None else (name,)


def _targets(targets: Iterable[ast.expr]) -> Iterator[str]:
    for target in targets:
        for node in ast.walk(target):
            if isinstance(node, (ast.Name, ast.Attribute)):
                yield _dotted(node)
