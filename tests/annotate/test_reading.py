"""Values that nobody reads: what is found, and that what may be read is never called unread."""

from __future__ import annotations

import argparse
import ast
import asyncio
import doctest
import json
import sys
import unittest
from collections.abc import Iterator
from pathlib import Path
from symtable import Function, SymbolTable, symtable

import pytest

from nni_annotate import reading
from nni_annotate.reading import Unread, unread

# The value of lr is asked for on each line with a mark: `# unread`, `# unread by the module` for a
# name of the module, `# read` for what may be read.
FUNCTIONS = {
    "local": """
def f():
    lr = 0.1  # unread
    g(0.1)
""",
    "read": """
def f():
    lr = 0.1  # read
    g(lr)
""",
    "read before, in a loop": """
def f():
    for n in range(3):
        if n:
            g(lr)
        lr = 0.1  # read
""",
    "one of many": """
def f():
    lr = 0.1  # unread
    n = lr2 = 3
    print(n, lr2)
    (lr, n), [*lr] = g()  # unread
    n = lr = 3  # unread
    lr: float = 3  # unread
    for lr in g(): pass
    with g() as lr: pass
    self.lr = store["lr"] = 3
    self.lr(lr=2)
""",
    "another function's": """
def f():
    lr = 0.1  # unread
def g():
    lr = 0.1  # read
    return lr
lr = 0.1  # read
def h(lr):  # read
    return lr
def i():
    lr = 0.1  # unread
    print("lr", "{lr}")
    "lr"
    '''@nni.variable(nni.uniform(0, 1), name=lr)'''
    def inner(lr):
        return lr
    def inner(*lr):
        return lr
    def inner(**lr):
        lambda: lr
        return lr
    def inner():
        lr = 1
        return lr
    return lambda lr: [lr for lr in inner()]
""",
    "nested function": """
def f():
    lr = 0.1  # read
    def g():
        def h():
            return lr
def i():
    lr = 0.1  # read
    return lambda: lr
def j():
    lr = 0.1  # read
    return [lr for _ in x]
def k():
    lr = 0.1  # read
    return {1: 2 for _ in x if lr}
def l():
    lr = 0.1  # read
    return {n for lr in range(lr)}
def m():
    lr = 0.1  # read
    return [(lr := 2) + lr for _ in x]
def n():
    lr = 0.1  # read
    class C:
        lr = lr
def o():
    lr = 0.1  # read
    class C:
        lr = 2
        def f(self):
            return lr
def p():
    lr = 0.1  # read
    def g(lr=lr): pass
def q():
    lr = 0.1  # read
    @g(lr)
    def h(): pass
def r():
    lr = 0.1  # read
    def h(x: lr) -> int: pass
def s():
    lr = 0.1  # read
    class C(B, metaclass=lr): pass
""",
    "all ways to read": """
def f():
    lr = 0.1  # read
    lr += 1
def g():
    lr = 0.1  # read
    del lr
def h():
    lr = 0.1  # read
    return f"{lr}"
def i():
    lr = 0.1  # read
    return f"{lr=}"
def j():
    lr = 0.1  # read
    return f"{2:{lr}}"
def k():
    lr = 0.1  # read
    x[lr] = 2
def l():
    lr = 0.1  # read
    lr.x = 2
def m():
    lr = 0.1  # read
    match x:
        case lr.x: pass
def n():
    lr = 0.1  # read
    {**lr}
def o():
    lr = 0.1  # read
    yield lr
async def p():
    lr = 0.1  # read
    await lr
async def q():
    lr = 0.1  # unread
    await lr2
def r():
    lr = 0.1  # read
    lr: float = lr
""",
    "scopes that share": """
def f():
    global lr
    lr = 0.1  # read
def g():
    lr = 0.1  # read
    def h():
        nonlocal lr
        lr = 0.1  # read
def i():
    lr = 0.1  # unread
    def j():
        lr = 0.1  # read
        def k():
            global lr
""",
    "all names at once": """
def f():
    lr = 0.1  # read
    return locals()
def g():
    lr = 0.1  # read
    def h():
        return vars()
def i():
    lr = 0.1  # read
    return [eval(n) for n in x]
def j():
    lr = 0.1  # read
    map(exec, x)
def k():
    lr = 0.1  # read
    return dir(*x)
def l():
    lr = 0.1  # unread
    globals(), model.eval(), vars(args), dir(args), vars(args)
""",
    "names in texts": """
def f(frame):
    lr = 0.1  # read
    return frame.query("x > @lr")
def g(frame):
    lr = 0.1  # read
    text = f"x > {2} + lr"
    return numexpr.evaluate(text)
def h(frame):
    lr = 0.1  # unread
    print("lr")
    return model.eval()
def i(frame):
    lr = 0.1  # unread
    return frame.query("x > @lr_2 + 2lr")
def j(frame):
    lr = 0.1  # read
    return evaluate("lr > 2")
def k(frame):
    lr = 0.1  # read
    return lambda: frame.query("x > @lr")
""",
    "sacred": """
@experiment.config
def f():
    lr = 0.1  # read
@torch.no_grad()
def f():
    lr = 0.1  # unread
""",
    "frames": """
import inspect
def f():
    lr = 0.1  # read
def g():
    inspect.currentframe()
""",
    "frames of a caller": """
from sys import _getframe as frame
def f():
    lr = 0.1  # read
""",
    "builtins": """
import builtins
def f():
    lr = 0.1  # read
    builtins.locals()
""",
    "two scopes on a line": """
def f(lr=1): return lambda lr: 2  # read
def f(lr=1): lr = 2  # unread
def f(lr=1): lr: int  # unread
class C: lr = 1  # read
""",
    "a name of what is looked for": """
def f():
    lr = 0.1  # unread
    vars = dir = 3
""",
}
PARAMETERS = {
    "unread": """
def f(lr=0.1):  # unread
    return 2
def g(
    x,
    lr=0.1,  # unread
):
    return x
async def h(*, lr=0.1):  # unread
    await g()
def i(lr=0.1, /):  # unread
    def lr(lr=2): return lr
    def j(*, lr): return lr
f = lambda lr=0.1: 2  # unread
def k(lr=0.1):  # unread
    lr = 2
    raise ValueError
""",
    "read": """
def f(lr=0.1):  # read
    return lr
def g(lr=0.1):  # read
    return locals()
def h(lr=0.1):  # read
    return lambda: lr
f = lambda lr=0.1: lr  # read
f = lambda lr=0.1: lambda: lr  # read
""",
    "stubs": """
def f(lr=0.1): ...  # read
def g(lr=0.1):  # read
    pass
def h(lr=0.1):  # read
    "What it does."
    raise NotImplementedError
def i(lr=0.1):  # read
    raise NotImplementedError("later")
def j(lr=0.1):  # unread
    raise ValueError("later")
""",
    "others say what they get": """
@decorated
def f(lr=0.1):  # read
    return 2
class C:
    def f(self, lr=0.1):  # read
        def g(lr=0.1):  # unread
            return 2
    if x:
        def g(self, lr=0.1):  # read
            return 2
    h = lambda self, lr=0.1: 2  # read
    def i(self):
        lr = 0.1  # unread
""",
    "defaults": """
def f(lr=0.1):  # read
    return 2
def g():
    lr = 0.1  # unread
print(f.__defaults__)
""",
    "signatures": """
from inspect import signature as shape
def f(lr=0.1):  # read
    return 2
""",
}
MODULES = {
    "unread": """
lr = 0.1  # unread by the module
if x:
    n = lr = 0.1  # unread by the module
def f(x):
    g(lr=2)
    return vars(x)
""",
    "in the class": """
class C:
    lr = 0.1  # read
""",
    "its annotation": """
'''@nni.variable(nni.uniform(0, 1), name=lr)'''
lr = __import__("nni_trial").parameter("train/lr/uniform", 0.1)  # unread by the module
n = __import__("nni_trial").chose("train/lr/choice", 1)
""",
    "an option": """
lr = 0.1  # read
n = 2 * lr if __import__("nni_trial").chose("train/n/choice", "2 * lr") else 3
""",
    "a value of a tuner's": """
lr = 0.1  # read
n = getattr(x, __import__("nni_trial").parameter("train/n/choice", "lr"))
""",
    "a report": """
lr = 0.1  # read
__import__("nni_trial").in_experiment() and __import__("nni_trial").report_final_result(lr)
""",
    "another import": """
lr = 0.1  # read
__import__("trial").parameter("train/lr/uniform", 0.1)
""",
    "docstrings": """
'''lr is how fast it learns.'''
lr = 0.1  # unread by the module
def f():
    '''Uses lr.'''
"lr"
""",
}
# What follows `lr = 0.1` and may read it.
MODULE_READS = """
print(lr)
def f(lr): return lr
def f(): global lr
lr += 1
del lr
__all__ = ["lr"]
__all__ += ("lr",)
getattr(x, "lr")
"{lr}".format(**x)
f"{x} lr"
x = b"lr"
"%(lr)s" % x
x = "the rate lr of x"
def f(): return "lr"
x.lr
x.lr = 2
globals()
x = globals
locals()
eval(x)
def f(): exec(x)
vars()
dir()
class C: x = [locals() for _ in x]
sys.modules[__name__]
from sys import modules
import __main__
from __main__ import x
f.__globals__
x.__dict__
import builtins
""".strip().split("\n")
NO_READS = """
lr2 = xlr = 3
print("lr2", "_lr", "LR")
sys.exit(vars(x))
f(lr=2)
lr: float
def lr(): pass
import lr
x.modules()
""".strip().split("\n")
CASES = FUNCTIONS | PARAMETERS | MODULES


@pytest.mark.parametrize("source", CASES.values(), ids=CASES)
def test_cases(source: str) -> None:
    """The values that are not read are those that say so."""
    lines = [*enumerate(source.split("\n"), 1)]
    asked = [("lr", number) for number, line in lines if "  # " in line]
    assert unread(ast.parse(source), asked) == [
        Unread("lr", number, at_module_level=line.endswith("by the module"))
        for number, line in lines
        if "  # unread" in line
    ]


@pytest.mark.parametrize("line", MODULE_READS)
def test_may_be_read_in_the_module(line: str) -> None:
    """One statement anywhere that may read the name is enough."""
    assert unread(ast.parse(f"lr = 0.1\n{line}"), [("lr", 1)]) == []


@pytest.mark.parametrize("line", NO_READS)
def test_is_not_read_in_the_module(line: str) -> None:
    """What only looks like the name reads nothing."""
    assert unread(ast.parse(f"lr = 0.1\n{line}"), [("lr", 1)]) == [Unread("lr", 1, True)]


def test_order_and_what_is_not_asked_for() -> None:
    """By line and name; lines that bind no such name, and names that are not meant to be read."""
    tree = ast.parse("b = 1; a = 2\n_ = __x = 3\nfor c in x: pass\ndef f(d): g()\ne: int\nx.h = 2")
    names = [("b", 1), ("a", 1), ("_", 2), ("__x", 2), ("c", 3), ("d", 4), ("a", 4), ("h", 6)]
    assert unread(tree, iter(names)) == [
        Unread("a", 1, True),
        Unread("b", 1, True),
        Unread("d", 4, False),
    ]
    assert unread(tree, []) == []


def test_a_name_that_has_a_meaning() -> None:
    """A tuned name may hide what would read all names."""
    tree = ast.parse("def f(x):\n    vars = 1\n    return vars(x)")
    assert unread(tree, [("vars", 2)]) == []


@pytest.mark.skipif(sys.version_info < (3, 12), reason="needs type parameters")
def test_type_parameters() -> None:
    """Types have scopes of their own, in which nothing is hidden."""
    source = "def f():\n    lr = 1\n    n = 2\n    type A[T] = list[lr]\n    def g[T: lr](x): pass"
    assert unread(ast.parse(source), [("lr", 2), ("n", 3)]) == [Unread("n", 3, False)]


def test_deep_trees() -> None:
    """No recursion: what Python can parse can be read."""
    source = f"def f():\n    lr = {' + '.join(['1'] * 900)}\n    return x{'.y()' * 900}"
    assert unread(ast.parse(source), [("lr", 2)]) == [Unread("lr", 2, False)]


def test_documented_example() -> None:
    """What the docstring shows holds."""
    assert doctest.testmod(reading) == (0, 1)


MODULE_FILES = [
    Path(argparse.__file__),
    *(
        path
        for package in (json, asyncio, unittest)
        for path in sorted(Path(package.__path__[0]).glob("*.py"))
    ),
]


def test_standard_library() -> None:
    """Python's own table of symbols agrees that what is called unread is never referred to."""
    found = 0
    for path in MODULE_FILES:
        source = path.read_text("utf-8")
        tree = ast.parse(source)
        tables = list(nested(symtable(source, str(path), "exec")))
        for each in unread(tree, bound(tree)):
            found += 1
            assert is_unread(each, tree, tables), (path, each)
    assert found > 10


def bound(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """All names that assignments and parameters bind, each with its line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.arg):
            yield node.arg, node.lineno
        elif isinstance(node, ast.Assign):
            for name in (name for target in node.targets for name in ast.walk(target)):
                if isinstance(name, ast.Name):
                    yield name.id, node.lineno


def nested(table: SymbolTable) -> Iterator[SymbolTable]:
    """The table and all tables in it."""
    yield table
    for child in table.get_children():
        yield from nested(child)


def is_unread(found: Unread, tree: ast.Module, tables: list[SymbolTable]) -> bool:
    """Whether no table says that the name is referred to."""
    if found.at_module_level:
        return not any(refers(table, found.name, is_global=True) for table in tables)
    starts = {
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        and node.lineno <= found.line <= (node.end_lineno or 0)
    }
    owners = [
        table
        for table in tables
        if isinstance(table, Function)
        and table.get_lineno() in starts
        and found.name in table.get_locals()
    ]
    assert owners
    innermost = max(table.get_lineno() for table in owners)
    return any(
        not refers(table, found.name)
        and not any(refers(inner, found.name, is_free=True) for inner in nested(table))
        for table in owners
        if table.get_lineno() == innermost
    )


def refers(
    table: SymbolTable, name: str, *, is_global: bool = False, is_free: bool = False
) -> bool:
    """Whether the scope itself refers to the name, and as what."""
    if name not in table.get_identifiers():
        return False
    symbol = table.lookup(name)
    if is_global and table.get_type() != "module" and not symbol.is_global():
        return False
    return symbol.is_referenced() and (not is_free or symbol.is_free())
