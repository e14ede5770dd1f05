"""Equality as syntax, text on one line, and numbers that nobody executes."""

from __future__ import annotations

import ast
import doctest

import libcst as cst
import pytest

from nni_annotate import syntax
from nni_annotate.shapes import shape
from nni_annotate.syntax import NotAConstant, number, one_line, scalar

SAME = [
    ("a [ 'b' ]", 'a["b"]'),
    ("f( x ,y=1, * z )", "f(x, y = 1, *z,)"),
    ("(a + b)", "a+b"),
    ("'a' 'b'", "('ab')"),
    ("0x10", "16"),
    ("(1 , )", "(1,)"),
    ("f(\n  a, # why\n)", "f(a)"),
    ("lambda x : x", "lambda x:x"),
    ("f'{ x }'", 'f"{x}"'),
    ("f'a{{{x!r:>{ y }}' 'b'", """'a' f"{{{x!r:>{y}}b" """),
    ("rf'\\d{x}'", "f'\\\\d{x}'"),
    ("a[(1, 2)]", "a[1, 2]"),
    ("a[(1,)]", "a[1,]"),
    ("a[1:2:]", "a[ 1 : 2 ]"),
    ("a[1:2, (3)]", "a[1:2,3]"),
    ("\ufb01", "fi"),
    ("f(1 if x else(2))", "f((1)if(x)else 2)"),
]
OTHER = [
    ("(a + b) * c", "a + b * c"),
    ("a[1]", "a[1,]"),
    ("1", "1.0"),
    ("1", "True"),
    ("'a'", "b'a'"),
    ("f(a)", "f(a, a)"),
    ("f(a=1)", "f(b=1)"),
    ("f'{x}'", "f'{x!r}'"),
    ("not a in b", "a not in b"),
    ("f'{x}'", "f'{x:}{x}'"),
    ("f'{x=}'", "f'{x = }'"),
    ("f'{x}'", "'{x}'"),
    ("f'a{x}'", "f'{x}a'"),
    ("b'a' b'b'", "'ab'"),
    ("a[1:2]", "a[1:2,]"),
    ("a[(1, 2), 3]", "a[1, 2, 3]"),
    ("a[:1]", "a[1:]"),
]
ONE_LINE = [
    ("a [ 'b' ]", "a['b']"),
    ("f(\n  a, # why\n  b=2,\n)", "f(a, b=2)"),
    ("((a,b))", "(a, b)"),
    ("lambda x,y = 2:x", "lambda x, y=2: x"),
    ("x[1 , 2: 3]", "x[1, 2:3]"),
    ("x[1,]", "x[1,]"),
    ("not(x)", "not (x)"),
    ("f'{x = }'", "f'{x = }'"),
    ("[ i for i in(1,2)if i ]", "[i for i in (1, 2) if i]"),
    ("(x := 3)", "(x := 3)"),
    ("{ 'a':1 , ** b }", "{'a': 1, **b}"),
]


def parse(text: str) -> cst.BaseExpression:
    """The expression that a text spells out."""
    return cst.parse_expression(text)


@pytest.mark.parametrize(("one", "other"), [*SAME, *OTHER])
def test_python_agrees(one: str, other: str) -> None:
    """What the cases below call equal has one tree in CPython too."""
    trees = {ast.dump(ast.parse(text.strip(), mode="eval")) for text in (one, other)}
    assert len(trees) == (1 if (one, other) in SAME else 2)


@pytest.mark.parametrize(("one", "other"), SAME)
def test_equal_as_syntax(one: str, other: str) -> None:
    """Layout, quotes and superfluous parentheses make no difference."""
    assert shape(parse(one)) == shape(parse(other))


@pytest.mark.parametrize(("one", "other"), OTHER)
def test_not_equal_as_syntax(one: str, other: str) -> None:
    """Everything else does."""
    assert shape(parse(one)) != shape(parse(other))


@pytest.mark.parametrize(("text", "expected"), ONE_LINE)
def test_one_line(text: str, expected: str) -> None:
    """The text is normalised, means the same, and is normal already."""
    assert one_line(parse(text)) == expected
    assert shape(parse(expected)) == shape(parse(text))
    assert one_line(parse(expected)) == expected


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2**10", 1024),
        ("1/3", 1 / 3),
        ("-1e-3", -1e-3),
        ("+2 * (3 - 1) // 3 % 4", 1),
        ("2**-1", 0.5),
    ],
)
def test_arithmetic_on_literals(text: str, value: float) -> None:
    """Computed without executing anything."""
    assert number(parse(text)) == value
    assert type(number(parse(text))) is type(value)


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "True",
        "'1'",
        "10**10**10",
        "(10**4000)**2",
        "1/0",
        "(-8)**0.5",
        "1j",
        "int(3)",
        "9" * 5000,
    ],
)
def test_no_number(text: str) -> None:
    """Names, calls and what would take for ever are no numbers."""
    with pytest.raises(NotAConstant):
        number(parse(text))


@pytest.mark.parametrize(
    "text", ["x", "1j", "b'a'", "5 * 6", "1e999", "f'a'", "-True", "'\\ud800'"]
)
def test_no_json_scalar(text: str) -> None:
    """These stand in the search space by their text."""
    assert scalar(parse(text)) is None


def test_the_examples_in_the_docstrings() -> None:
    """What the module shows is what it does."""
    assert doctest.testmod(syntax).failed == 0
