"""The laws of the compiled code, on programs that hypothesis writes (see `programs`)."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import warnings
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nni_trial
from conftest import clean_environment
from nni_annotate.compile import CompiledModule, Kind, compile_module
from nni_annotate.domains import Choice, identity
from nni_annotate.trial_api import is_compiled
from pieces import Program
from programs import programs
from traces import execute, experiment, reports
from undoing import docstrings, undone

NOTE = '"""@nni.variable(nni.choice(1, 2), name=x)"""\nx = 1\n'
COMPILED = NOTE.replace("= 1\n", '= __import__("nni_trial").parameter("m/x/choice", 1)\n')


def compiled(program: Program) -> CompiledModule:
    """The compiled program."""
    return compile_module(program.content, Kind("m", "m.py", has_calls=program.has_calls))


@given(programs())
@settings(max_examples=120)
def test_identity_lines_and_bytes(program: Program) -> None:
    """Laws 1, 3, 4, 5, 6: without an experiment nothing differs; outside of holes not a byte."""
    code = compiled(program).code
    before, after = execute(program.meaning(None)), execute(code)
    assert after.seen == before.seen
    assert (after.names, after.doc, after.printed) == (before.names, before.doc, before.printed)
    if program.meaning(None) == program.content:
        assert after.lines == before.lines  # of a traceback
    lines = re.split(r"\r\n|\r|\n", code.removeprefix(program.bom).decode(program.encoding))
    patterns = program.patterns()
    assert len(lines) == len(patterns)
    for pattern, line in zip(patterns, lines, strict=True):
        assert re.fullmatch(pattern, line)
    assert docstrings(ast.parse(code)) == docstrings(ast.parse(program.content))
    assert compiled(program).code == code


@given(programs(), st.data())
@settings(max_examples=200)
def test_effect(program: Program, data: st.DataObject) -> None:
    """Laws 2 and 5: the program with these values by hand; only what was chosen is evaluated."""
    module = compiled(program)
    assert {parameter.key for parameter in module.parameters} == set(program.parameters)
    chosen = {
        key: data.draw(st.integers(0, len(values) - 1))
        for key, values in program.parameters.items()
        if data.draw(st.integers(0, 9))  # a tuner may leave some to the script
    }
    parameters = {key: program.parameters[key][index] for key, index in chosen.items()}
    for parameter in module.parameters:
        if parameter.key in parameters:
            value = parameters[parameter.key]
            assert identity(parameter.domain.canonical(value)) == identity(value)
    with experiment(parameters) as results:
        after, reported = execute(module.code), reports(results)
    with experiment(parameters) as results:
        before, expected = execute(program.meaning(chosen)), reports(results)
    assert after.seen == before.seen
    assert (after.names, after.doc, after.printed) == (before.names, before.doc, before.printed)
    assert reported == expected


@given(programs())
@settings(max_examples=30)
def test_every_option_can_be_chosen(program: Program) -> None:
    """Law 2, for each value of each parameter on its own."""
    code = compiled(program).code
    for key, values in program.parameters.items():
        for index, value in enumerate(values):
            with experiment({key: value}):
                assert execute(code).seen == execute(program.meaning({key: index})).seen


@given(programs())
@settings(max_examples=30)
def test_compiled_code_is_known(program: Program) -> None:
    """Law 7: what was compiled is told from what wasn't."""
    code = compiled(program).code
    assert is_compiled(code) == (code != program.content)
    assert not is_compiled(program.content)


def test_same_bytes_whatever_the_hashes() -> None:
    """Law 6: the order of sets and dicts decides nothing."""
    source = (
        "'@nni.function_choice(f(1), g(2), h(3), name=k)'\nx = [f(1), g(2), f'{h(3)}']\n"
        "'@nni.variable(nni.choice(a, b, nni.choice(c, nni.uniform(0, 1))), name=y)'\ny = b\n"
        "'@nni.mutable_layers({layer_choice: [f()], layer_output: z})'\n"
    )
    script = (
        "import sys; from nni_annotate.compile import *\n"
        "done = compile_module(sys.argv[1].encode(), Kind('m', 'm.py'))\n"
        "sys.stdout.buffer.write(done.code + repr(done.parameters).encode())"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", script, source],
            env={**clean_environment(), "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1


# Statements of all Pythons from 3.8 to 3.14, newer ones than the Python that runs here too. Each
# mentions nni, or the compiler would not look at it at all.
STATEMENTS = [
    "type A = list[int]  # nni",
    "type A[T: int, *Ts, **P] = dict[T, int]  # nni",
    "def f[T](x: T) -> T: return x  # nni",
    "class C[T: (int, str) = int]: pass  # nni",
    "x = f'{f'{1 + 1}' + \"nni\"}'",
    "x = f\"{'\\n'.join(['nni'])}\"",
    "x = f'{\n1  # nni\n}'",
    "x = f'{ x !r : {x} }' + 'nni'",
    "x = t'{x} nni'",
    "try: pass\nexcept A, B: pass  # nni",
    "try: pass\nexcept* A: pass  # nni",
    "with (a as b, c as d): pass  # nni",
    "async def f():\n    async with a as b, c: return [x async for x in y if await z]  # nni",
    "x[*a] = 1, *b  # nni",
    "def f(*args: *Ts): pass  # nni",
    "match x:\n    case {'a': 1, **r} | [1, *_] if r: pass  # nni",
    "@a[0].b\ndef f(a, /, b=1, *, c=2): pass  # nni",
    "for x in *a, b: pass  # nni",
    "print((yield), [y := 1, y**2])  # nni",
    "match = case = _ = type = 'nni'",
    "global x, y; nonlocal_ = 'nni'",
]
# What libcst loses, repeats or doesn't read: see nni_annotate.layout.
LAYOUTS = [
    "\f'nni'\n",
    "if x:\n\f    'nni'\n    y\n",
    "if x:\n    if x:\n\f        'nni'\n    y\n",
    "if x:\n    y\n  \f\f  # c\n    'nni'\n",
    "\\\n'nni'\n",
    "if x:\n    'nni'\n\\\n'nni'\n",
    "if x:\n    \\\n'nni'\n    y\n",
    "def f(): return(lambda: 'nni')\n",
    "def f(): return(x if y else 'nni')\n",
    "x = not(x if y else 'nni')or(x if y else z)if(lambda: 1)else.5\n",
    'x = \'return(lambda: 1)\', """\n\\\n\f  nni""", (lambda: 1)if(lambda: 2)else 3\n',
    "if(x if y else z): 'nni'\n",
    "x = f'{ x !r : {y}}' 'nni'\n",
    "x = 1; 'nni';\n",
    "'nni'  # é ü\n'ü nni'\n",
]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("statement", [*(f"{line}\n" for line in STATEMENTS), *LAYOUTS])
def test_any_statement_may_stand_around(statement: str, newline: str) -> None:
    """Laws 3 and 4: what libcst reads or gets wrong stays where and what it is."""
    source = f"{NOTE}{statement}{NOTE}".replace("\n", newline)
    module = compile_module(source.encode(), Kind("m", "m.py"))
    assert module.code.decode() == f"{COMPILED}{statement}{COMPILED}".replace("\n", newline)


@pytest.mark.parametrize("statement", STATEMENTS)
def test_any_statement_may_be_annotated(statement: str) -> None:
    """A report before a statement leaves it as it is."""
    source = f"pass\n# @nni.report_final_result(1)\n{statement}\n"
    code = compile_module(source.encode(), Kind("m", "m.py")).code.decode()
    assert code.split("\n")[2:] == source.split("\n")[2:]
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return  # newer than the Python that runs here
    assert ast.dump(undone(ast.parse(code))) == ast.dump(tree)


@given(
    st.lists(
        st.one_of(
            st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=5)
        ),
        min_size=1,
        max_size=6,
        unique_by=identity,
    ),
    st.data(),
)
def test_literal_options_keep_value_and_type(options: list[Any], data: st.DataObject) -> None:
    """Any JSON scalar written as an option arrives as itself, through the search space's JSON."""
    finite = [option for option in options if option not in (float("inf"), float("-inf"))]
    if not finite:
        return
    text = ", ".join(repr(option) for option in finite)
    annotation = f"@nni.variable(nni.choice({text}), name=x)"
    source = f"{annotation!r}\nx = 0\nshow(x)\n"
    module = compile_module(source.encode("utf-8", "surrogatepass"), Kind("m", "m.py"))
    (parameter,) = module.parameters
    assert isinstance(parameter.domain, Choice)
    assert [identity(o) for o in parameter.domain.options] == [identity(o) for o in finite]
    index = data.draw(st.integers(0, len(finite) - 1))
    with experiment({parameter.key: parameter.domain.options[index]}):
        (shown,) = execute(module.code).seen
    assert shown == execute(f"show({finite[index]!r})").seen[0]


def test_reports_reach_the_results_file() -> None:
    """In an experiment a report is the call it stands for."""
    source = b'x = 3\n"""@nni.report_intermediate_result(x)"""\n"@nni.report_final_result(x * 2)"\n'
    module = compile_module(source, Kind("m", "m.py"))
    with experiment({}) as results:
        execute(module.code)
        assert reports(results) == [("intermediate", 3), ("final", 6)]


def test_the_script_s_own_value_is_noted_where_only_running_tells_it() -> None:
    """A baseline's `lr = args.lr` tells the runner what it was."""
    source = b'"""@nni.variable(nni.uniform(0, 1), name=x)"""\nx = float("0.25")\n'
    module = compile_module(source, Kind("m", "m.py"))
    assert module.parameters[0].default is None
    with experiment({}) as results:
        execute(module.code)
        with open(results) as file:  # noqa: PTH123
            (record,) = [json.loads(line) for line in file]
    assert (record["kind"], record["key"], record["value"]) == ("original", "m/x/uniform", 0.25)


def test_this_process_is_no_trial() -> None:
    """The properties above would mean nothing inside somebody else's experiment."""
    assert not nni_trial.in_experiment()
    assert nni_trial.PARAMETERS_FILE not in os.environ


def test_an_option_s_odd_escapes_warn_of_nothing() -> None:
    """Python warns of `'\\d'` in code; in an annotation it was the text of a raw string."""
    source = b"r'''@nni.variable(nni.choice('\\d', f), name=p)'''\np = 1\n"
    code = compile_module(source, Kind("m", "m.py")).code
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        compile(code, "m.py", "exec")
