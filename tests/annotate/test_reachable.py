"""Statements that can never run: what is found, and that nothing that runs is called so."""

from __future__ import annotations

import ast
import asyncio
import doctest
import json
import sys
import unittest
from contextlib import nullcontext, suppress
from pathlib import Path
from types import CodeType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nni_annotate import reachable
from nni_annotate.reachable import unreachable

pytestmark = pytest.mark.filterwarnings("ignore::SyntaxWarning")  # of jumps out of `finally`

# Each line that ends in `# dead` holds a statement that never runs; all others may run.
CASES = {
    "jumps": """
def f(x):
    for y in x:
        if y:
            continue
            a()  # dead
        elif y > 1:
            break
            a()  # dead
        a()
    if x:
        raise ValueError
        a()  # dead
    return 1
    a()  # dead
    b()  # dead
a()
""",
    "nested in dead code": """
raise ValueError
def f(x):  # dead
    return 1  # dead
class C:  # dead
    def g(self):  # dead
        while x:  # dead
            a()  # dead
        else:
            a()  # dead
try:  # dead
    a()  # dead
except E:
    a()  # dead
else:
    a()  # dead
finally:
    with x:  # dead
        a()  # dead
match x:  # dead
    case 1:
        a()  # dead
""",
    "if": """
def f(x):
    if x:
        return 1
    else:
        return 2
    a()  # dead
def g(x):
    if x:
        return 1
    elif x > 1:
        return 2
    a()
def h(x):
    if x:
        return 1
    elif x > 1:
        raise ValueError
    else:
        a()
    a()
""",
    "constant conditions": """
if False:
    a()  # dead
elif 0:
    a()  # dead
else:
    a()
if True:
    a()
else:
    a()  # dead
if not False:
    a()
else:
    a()
if TYPE_CHECKING:
    a()
if __debug__:
    a()
else:
    a()
while False:
    a()  # dead
else:
    a()
assert False
a()
if None:
    a()  # dead
if True:
    raise ValueError
a()  # dead
""",
    "endless loops": """
def f():
    while True:
        a()
    else:
        a()  # dead
    a()  # dead
def g():
    while 1:
        for x in y:
            break
        while x:
            break
    a()  # dead
def h():
    while True:
        if a():
            break
    a()
def i():
    while True:
        for x in y:
            a()
        else:
            break
    a()
def j():
    while True:
        try:
            with x:
                match x:
                    case 1:
                        break
        finally:
            a()
    a()
def k():
    while True:
        def inner():
            return 1
        return inner
    a()  # dead
def l():
    while True:
        return 1
        break  # dead
    a()  # dead
""",
    "loops with an end": """
def f(x):
    for y in x:
        return y
    a()
def g(x):
    while x:
        return x
    a()
def h(x):
    for y in x:
        a()
    else:
        return y
    a()  # dead
def i(x):
    for y in x:
        if y:
            break
    else:
        return y
    a()
async def j(x):
    async for y in x:
        return y
        a()  # dead
    else:
        return 1
    a()  # dead
""",
    "match": """
def f(x):
    match x:
        case 1:
            return 1
        case _:
            return 2
    a()  # dead
def g(x):
    match x:
        case 1:
            return 1
        case other if other:
            return 2
    a()
def h(x):
    match x:
        case 1:
            return 1
        case 2:
            return 2
    a()
def i(x):
    match x:
        case 1:
            a()
        case other:
            return 2
    a()
def j(x):
    match x:
        case [1] | (2 | other):
            return 2
    a()  # dead
def k(x):
    match x:
        case [other] as whole:
            return 2
    a()
def l(x):
    match x:
        case other as whole:
            return 2
    a()  # dead
""",
    "end of the process": """
import sys, os
def f():
    sys.exit(1)
    a()  # dead
def g():
    exit()
    a()  # dead
def h():
    quit()
    a()  # dead
def i():
    os._exit(0)
    a()  # dead
def j():
    os.abort()
    a()  # dead
def k():
    x.exit()
    sys.exit
    x = sys.exit()
    a()
def l():
    try:
        sys.exit(1)
    except SystemExit:
        a()
    a()
""",
    "from sys import exit": """
from sys import exit
exit()
a()  # dead
""",
    "exit of a name's own": """
def exit():
    a()
exit()
quit()
a()  # dead
""",
    "a method named quit": """
class C:
    def quit(self):
        a()
quit()
a()
""",
    "an imported exit": """
from game import exit
import game as quit
exit()
quit()
a()
""",
    "star import": """
from game import *
exit()
quit()
sys.exit()
a()  # dead
""",
    "a replaced sys.exit": """
sys.exit = print
sys.exit()
os.abort()
a()  # dead
""",
    "another sys": """
def f(sys):
    sys.exit()
    a()
for os in x:
    os.abort()
    a()
with x as exit:
    exit()
    a()
""",
    "with": """
def f(x):
    with open(x) as file:
        return file.read()
    a()  # dead
def g(x):
    with suppress(KeyError):
        return x["a"]
    a()
def h(x):
    with x:
        y = 1
        return y
    a()
def i(x):
    with x:
        "text"
        y = 1
        pass
        return None
    a()  # dead
def j(x):
    with suppress(OSError), open(x) as file:
        return 1
    a()
def k(x):
    with open(x) as file, suppress(OSError):
        return file.read()
    a()
def l(x):
    with open(x) as file, y:
        return
    a()  # dead
def m(x):
    with tf.Graph().as_default(), tf.device("gpu:0"), tf.Session() as session:
        return x
    a()  # dead
def n(x):
    with pytest.raises(ValueError):
        raise ValueError
    a()
def o(x):
    with suppress(ValueError):
        while True:
            a()
    a()
def p(x):
    for y in x:
        with y:
            break
        a()  # dead
    a()
async def q(x):
    async with x:
        return 1
    a()  # dead
async def r(x):
    async with x:
        return await a()
    a()
""",
    "with a class of one's own": """
from contextlib import suppress as no_grad
class Session:
    pass
def f(x):
    with Session():
        return x
    a()
def h(x):
    with no_grad(ValueError):
        return a()
    a()
def g(x):
    with tf.Session():
        return x
    a()  # dead
""",
    "try": """
def f():
    try:
        return a()
    except E:
        return 1
    else:
        a()  # dead
    a()  # dead
def g():
    try:
        raise E
    except E:
        a()
    a()
def h():
    try:
        a()
    except E:
        raise
    else:
        return 1
    a()  # dead
def i():
    try:
        a()
    except E:
        return 1
    except F:
        raise
    a()
def j():
    try:
        return 1
    finally:
        a()
    a()  # dead
def k():
    try:
        a()
    except E:
        a()
    finally:
        return 1
        a()  # dead
    a()  # dead
def l():
    while True:
        try:
            a()
        except E:
            break
    a()
def m():
    while True:
        try:
            break
        finally:
            return 1
    a()  # dead
""",
    "a jump out of finally on a condition": """
while True:
    try:
        a()
    finally:
        if x:
            break
a()
""",
    "generator": """
def f():
    return
    yield  # dead
""",
    "class body": """
class C:
    raise ValueError
    a()  # dead
a()  # dead
""",
}
if sys.version_info >= (3, 11):
    CASES["groups of exceptions"] = """
def f():
    try:
        return 1
    except* E:
        raise
    a()  # dead
def g():
    try:
        return 1
    except* E:
        raise F
    except* F:
        a()
    a()
"""
if sys.version_info >= (3, 12):
    CASES["type parameters"] = """
def f[T](x: T) -> T:
    type A = T
    return x
    type B = T  # dead
"""


@pytest.mark.parametrize("source", CASES.values(), ids=CASES)
def test_cases(source: str) -> None:
    """The lines that never run are those that say so, and each once."""
    lines = source.split("\n")
    expected = [n for n, line in enumerate(lines, 1) if line.endswith("# dead")]
    assert sorted(line for line, _ in unreachable(ast.parse(source))) == expected


def test_places() -> None:
    """A statement is known by its line and column."""
    tree = ast.parse("def f():\n    return; a(); b()\n    @c\n    def d(): e()")
    assert unreachable(tree) == {(2, 12), (2, 17), (4, 4), (4, 13)}


def test_documented_example() -> None:
    """What the docstring shows holds."""
    assert doctest.testmod(reachable) == (0, 1)


@pytest.mark.parametrize("package", [json, asyncio, unittest], ids=lambda p: p.__name__)
def test_standard_library(package: Any) -> None:
    """Code that people wrote holds next to nothing that can't run."""
    for path in Path(package.__file__).parent.glob("*.py"):
        tree = ast.parse(path.read_bytes())
        assert len(unreachable(tree)) <= 3, path


SIMPLE = ["a()", "a()", "pass", "return", "return a()", "raise E", "sys.exit()", "x = 1"]
IN_LOOPS = ["break", "continue"]
SUITES = {
    "if": ["if a():"],
    "if else": ["if a():", "else:"],
    "constant": ["if True:", "elif False:", "else:"],
    "never": ["if 0:"],
    "for": ["for _ in (1, 2):"],
    "for else": ["for _ in ():", "else:"],
    "while": ["while a():", "else:"],
    "endless": ["while True:"],
    "endless else": ["while 1:", "else:"],
    "with": ["with nullcontext():"],
    "suppress": ["with suppress(Exception):"],
    "open": ["with open(__file__):"],
    "both": ["with suppress(Exception), nullcontext(a()):"],
    "try": ["try:", "except ValueError:"],
    "try else": ["try:", "except Exception:", "else:", "finally:"],
    "finally": ["try:", "finally:"],
    "match": ["match a():", "    case True:"],
    "match all": ["match a():", "    case True:", "    case _:"],
    "class": ["class C:"],
    "def": ["def f():"],
}


@st.composite
def programs(draw: st.DrawFn) -> str:
    """A function of nested suites that ends, if nothing else ends it, by what `a` raises."""
    lines = ["def main():"]
    _suite(draw, lines, 1, in_loop=False, in_function=True)
    return "\n".join(lines) + "\n"


def _suite(
    draw: st.DrawFn, lines: list[str], depth: int, *, in_loop: bool, in_function: bool
) -> None:
    indent = "    " * depth
    for _ in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(["simple", *SUITES] if depth < 4 else ["simple"]))
        if kind == "simple":
            small = draw(st.sampled_from([*SIMPLE, *IN_LOOPS] if in_loop else SIMPLE))
            lines.append(indent + ("a()" if "return" in small and not in_function else small))
            continue
        for header in SUITES[kind]:
            lines.append(indent + header)
            if header.startswith("match"):
                continue
            inner = depth + 2 if "case" in header else depth + 1
            if header.startswith("while"):
                lines.append("    " * inner + "a()")  # so that no loop is without an end
            is_scope = kind in ("class", "def")
            loops = header.startswith(("while", "for")) or (in_loop and not is_scope)
            function = kind == "def" or (in_function and not is_scope)
            _suite(draw, lines, inner, in_loop=loops, in_function=function)
        if kind == "def":
            lines.append(indent + "f()")


class Over(BaseException):
    """The end of a program that went on for long enough."""


class Raised(Exception):  # noqa: N818 - it is no error
    """What programs raise."""


def executed(source: str, answers: list[int]) -> set[int]:
    """The lines that run when `a` answers so: 0 and 1 are returned, 2 and 3 raise."""
    lines: set[int] = set()
    calls = 0

    def a() -> bool:
        nonlocal calls
        calls += 1
        if calls > 30:
            raise Over
        answer = answers[calls % len(answers)]
        if answer >= 2:
            raise (ValueError, Raised)[answer - 2]
        return bool(answer)

    scope: dict[str, Any] = {"a": a, "ran": lines.add, "E": Raised, "sys": sys}
    scope |= {"suppress": suppress, "nullcontext": nullcontext, "__file__": __file__}
    exec(traced(source), scope)
    with suppress(Over, SystemExit, ValueError, Raised):
        scope["main"]()
    return lines


def traced(source: str) -> CodeType:
    """The program, each statement of which first says its line.

    sys.settrace would not do: Python 3.11 calls the end of `finally` by its last statement's line.
    """
    tree = ast.parse(source)
    for node in [*ast.walk(tree)]:
        for field in ("body", "orelse", "finalbody"):
            suite = getattr(node, field, [])
            says = [ast.parse(f"ran({statement.lineno})").body for statement in suite]
            suite[:] = [
                each for pair in zip(says, suite, strict=True) for each in (*pair[0], pair[1])
            ]
    return compile(tree, "<program>", "exec")


@given(programs(), st.lists(st.integers(0, 3), min_size=1, max_size=8))
@settings(max_examples=150)
def test_what_runs_is_reachable(source: str, answers: list[int]) -> None:
    """No line that ran is called unreachable."""
    dead = {line for line, _ in unreachable(ast.parse(source))}
    ran = executed(source, answers)
    assert ran
    assert not dead & ran
