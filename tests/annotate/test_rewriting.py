"""Values written into sources, and annotations taken out of them: laws for any program."""

from __future__ import annotations

import ast
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nni_annotate.compile import Kind, compile_module, write_module
from pieces import Program
from programs import programs
from traces import execute
from undoing import without_notes


def kind(program: Program) -> Kind:
    """What the compiler is told of a program."""
    return Kind("m", "m.py", has_calls=program.has_calls)


@given(programs(), st.data())
@settings(max_examples=60)
def test_applied_values_are_the_code_s_own(program: Program, data: st.DataObject) -> None:
    """The program does what it does with the values by hand; nothing else differs by a byte."""
    chosen = {
        key: data.draw(st.integers(0, len(values) - 1))
        for key, values in program.parameters.items()
        if data.draw(st.integers(0, 4))
    }
    values = {key: program.parameters[key][index] for key, index in chosen.items()}
    applied = write_module(program.content, kind(program), values)
    before, after = execute(program.written(chosen)), execute(applied)
    assert (after.seen, after.names, after.doc) == (before.seen, before.names, before.doc)
    text = applied.removeprefix(program.bom).decode(program.encoding)
    assert program.holes().fullmatch(text)
    assert write_module(applied, kind(program), values) == applied
    one, other = (compile_module(c, kind(program)) for c in (program.content, applied))
    assert [(p.key, p.domain) for p in other.parameters] == [
        (p.key, p.domain) for p in one.parameters
    ]


@given(programs(has_layers=False))
@settings(max_examples=50)
def test_a_stripped_program_is_the_program(program: Program) -> None:
    """It does what it did, and its tree is its own without annotations."""
    stripped = write_module(program.content, kind(program), {}, strip=True)
    assert not re.search(rb"@nni\.", stripped)
    expected = without_notes(ast.parse(program.content))
    assert ast.dump(ast.parse(stripped)) == ast.dump(expected)


CALLS = "'@nni.function_choice(f(1), -f(2), await f(3), name=k)'\n"


@pytest.mark.parametrize(
    ("note", "statement", "value", "expected"),
    [
        (CALLS, "y = f(1) ** 2\n", "-f(2)", "y = (-f(2)) ** 2\n"),
        (CALLS, "y = f(1)[0]\n", "-f(2)", "y = (-f(2))[0]\n"),
        (CALLS, "y = [f(1),-(f(2))]\n", "f(1)", "y = [f(1),f(1)]\n"),
        ("'@nni.variable(nni.choice(1, -2.5, a), name=y)'\n", "y=1\n", -2.5, "y=-2.5\n"),
        ("'@nni.variable(nni.choice(1, (a, b)), name=y)'\n", "y = 1\n", "(a, b)", "y = (a, b)\n"),
        ("'@nni.variable(nni.choice(1, 'is'), name=y)'\n".replace("'is'", '"is"'),
         "def f(y=(1)): return 1\n", "is", 'def f(y="is"): return 1\n'),
    ],
)  # fmt: skip
def test_a_value_stays_one_operand(note: str, statement: str, value: object, expected: str) -> None:
    """Whatever stands around it."""
    source = f"async def main():\n    {note}    {statement}"
    key = compile_module(source.encode(), Kind("m", "m.py")).parameters[0].key
    applied = write_module(source.encode(), Kind("m", "m.py"), {key: value}).decode()
    assert applied == f"async def main():\n    {note}    {expected}"
    ast.parse(applied)


def test_a_value_of_several_lines_leaves_them_where_keys_tell_lines() -> None:
    """`mutable_block_LINE` is the same parameter after values were written above it."""
    note = b"'@nni.variable(nni.choice(1, 2), name=y)'\ny = (2 -\n  1)\n"
    layers = b"'@nni.mutable_layers({layer_choice: [f(), g()], layer_output: z})'\n"
    for rest, expected in ((b"", b"y = 2\n"), (layers, b"y = (2\n)\n" + layers)):
        kind, source = Kind("m", "m.py"), note + rest
        applied = write_module(source, kind, {"m/y/choice": 2})
        assert applied == source.split(b"\n")[0] + b"\n" + expected
        keys = [parameter.key for parameter in compile_module(source, kind).parameters]
        assert [one.key for one in compile_module(applied, kind).parameters] == keys
