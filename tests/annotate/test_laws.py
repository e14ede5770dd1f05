"""The laws of the compiled code, on programs that hypothesis writes.

A program is a tree of blocks. Every small statement either logs what it sees or is annotated; a
program run with `log` bound to a list leaves a trace of everything it evaluated.
"""

from __future__ import annotations

import ast
import io
import json
import os
import tempfile
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import dataclass
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

import nni_trial
from nni_annotate.compile import CompiledModule, Kind, compile_module
from nni_annotate.domains import Choice, identity

# An option's source, and the value it has; `seen` logs that it was evaluated.
OPTIONS = [
    ("1", 1),
    ("2.5", 2.5),
    ("-3", -3),
    ("True", True),
    ("None", None),
    ("'text'", "text"),
    ('"1"', "1"),
    ("seen('a')", "a"),
    ("seen('b')", "b"),
    ("(1, 2)", (1, 2)),
    ("[seen('c')]", ["c"]),
    ("(lambda: 5)()", 5),
    ("'x' if seen(1) else 'y'", "x"),
]
ORIGINALS = [("0", 0), ("seen('original')", "original"), ("1", 1), ("(7\n)", 7), ("1, 2", (1, 2))]
TARGETS = ["x", "x: int", "box.x", "store['k']", "x = y"]
NAMES = {
    "x": "x",
    "x: int": "x",
    "box.x": "box.x",
    "store['k']": 'store["k"]',
    "x = y": "y",
}
QUOTES = ['"""', "'''"]
HEADERS = [
    "if True:",
    "while True:",
    "for _ in [0]:",
    "with box:",
    "try:",
    "def f{n}():",
    "class C{n}:",
    "async def f{n}():",
    "match 0:",
]


@dataclass(frozen=True)
class Spot:
    """One annotated assignment: its parameter, and its options' source with their values."""

    key: str
    options: tuple[tuple[str, Any], ...]


@dataclass
class Program:
    """A program's lines as they are written, with the numbers of the annotated ones."""

    lines: list[str]
    annotated: set[int]
    spots: list[Spot]

    @property
    def source(self) -> str:
        """The program's text."""
        return "\n".join(self.lines) + "\n"

    def add(self, indent: str, text: str, is_annotated: bool = False) -> None:
        """Appends a statement, which may take several lines."""
        first, *rest = text.split("\n")
        for line in (indent + first, *rest):
            self.lines.append(line)
            if is_annotated:
                self.annotated.add(len(self.lines))


@st.composite
def programs(draw: st.DrawFn) -> Program:
    """Programs of nested blocks with annotations in all of them."""
    program = Program([], set(), [])
    if draw(st.booleans()):
        program.add("", '"""The docstring."""')
    if draw(st.booleans()):
        program.add("", "from __future__ import annotations")
    _block(draw, program, "", depth=0)
    program.add("", "log.append(('end', x, y, box.x, store.get('k')))")
    return program


def _block(draw: st.DrawFn, program: Program, indent: str, depth: int) -> None:
    for _ in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(["log", "variable", "report", "choice", "comment", "block"]))
        if kind == "variable":
            _variable(draw, program, indent)
        elif kind == "report":
            text = draw(
                st.sampled_from(["len(log)", "seen(9)", "{'default': seen(8)}", "undefined"])
            )
            call = draw(st.sampled_from(["intermediate", "final"]))
            program.add(indent, f'"""@nni.report_{call}_result({text})"""', is_annotated=True)
        elif kind == "choice":
            _function_choice(draw, program, indent)
        elif kind == "comment":
            program.add(indent, draw(st.sampled_from(["# a comment  ", "", "pass  ;  pass"])))
        elif kind == "block" and depth < 3:
            _compound(draw, program, indent, depth)
        else:
            program.add(indent, f"log.append( {len(program.lines)} )")
    program.add(indent, "pass")


def _compound(draw: st.DrawFn, program: Program, indent: str, depth: int) -> None:
    number = len(program.lines)
    header = draw(st.sampled_from(HEADERS)).format(n=number)
    step = draw(st.sampled_from(["    ", " ", "\t"]))
    inner = indent + step
    program.add(indent, header)
    if header.startswith("match"):
        program.add(inner, "case 0:")
        inner += step
    is_function = "def " in header
    if is_function:
        program.add(inner, "global x, y")
    elif header.startswith("class"):
        program.add(inner, "x = y = 0")
    _block(draw, program, inner, depth + 1)
    if header.startswith("while"):
        program.add(inner, "break")
    if header.startswith("try"):
        program.add(indent, "finally:")
        _block(draw, program, inner, depth + 1)
    if header.startswith("async"):
        program.add(indent, f"drive(f{number}())")
    elif is_function:
        program.add(indent, f"log.append(f{number}.__doc__); f{number}()")
    elif header.startswith("class"):
        program.add(indent, f"log.append(sorted(k for k in vars(C{number}) if k[:2] != '__'))")


def _variable(draw: st.DrawFn, program: Program, indent: str) -> None:
    chosen = draw(st.lists(st.sampled_from(OPTIONS), min_size=1, max_size=4, unique_by=str))
    original, _ = draw(st.sampled_from(ORIGINALS))
    target = draw(st.sampled_from(TARGETS))
    if target == "x: int" and ("def" in "".join(program.lines) or indent):
        target = "x"  # a global can't be annotated inside a function
    name = NAMES[target]
    quote = draw(st.sampled_from(QUOTES))
    options = ", ".join(text for text, _ in chosen)
    number = len(program.spots)
    layout = draw(
        st.sampled_from(
            [
                "{0}@nni.variable(nni.choice({1}), name={2}){0}",
                "{0}\n  @nni.variable(\n nni.choice({1}), # why\n name={2})\n{0}",
            ]
        )
    )
    text = layout.format(quote, options, name)
    program.add(indent, text, is_annotated=True)
    program.add(indent, f"{target} = {original}", is_annotated=True)
    spelled = target.split(" = ")[-1].split(":")[0]
    program.add(indent, f"log.append(('spot', {number}, {spelled}))")
    program.spots.append(Spot(f"m/{spelled}/choice", tuple(chosen)))


def _function_choice(draw: st.DrawFn, program: Program, indent: str) -> None:
    calls = draw(st.permutations(["seen(10)", "seen(20)", "seen(30)"]))[:2]
    original = draw(st.sampled_from(calls))
    name = f"c{len(program.lines)}"
    program.add(
        indent, f'"""@nni.function_choice({", ".join(calls)}, name={name})"""', is_annotated=True
    )
    statement = draw(
        st.sampled_from(["log.append([{0}, {0}])", "y = {0}", "log.append( [i for i in ({0},)] )"])
    )
    program.add(indent, statement.format(original.replace("(", "( ")), is_annotated=True)


class _Box:
    """An object with an attribute, that can stand in a with statement."""

    x: Any = 0

    def __enter__(self) -> _Box:
        return self

    def __exit__(self, *_: object) -> None:
        return None


def execute(source: bytes | str) -> list[Any]:
    """Runs a program and returns its trace: everything it logged, printed and left behind."""
    log: list[Any] = []

    def seen(value: Any) -> Any:
        log.append(("seen", value))
        return value

    def drive(coroutine: Coroutine[Any, Any, Any]) -> None:
        with suppress(StopIteration):
            coroutine.send(None)  # nothing in these programs waits

    names = {"log": log, "seen": seen, "box": _Box(), "store": {}, "drive": drive}
    scope: dict[str, Any] = {**names, "x": 0, "y": 0, "__name__": "__main__", "__doc__": None}
    printed = io.StringIO()
    with redirect_stdout(printed):
        try:
            exec(compile(source, "m.py", "exec"), scope)
        except Exception as error:  # noqa: BLE001 - what a program raises is part of its trace
            log.append(("raised", type(error), str(error)))
    left = sorted(name for name in scope if name not in ("__builtins__",))
    return [*log, printed.getvalue(), left, scope["__doc__"]]


@contextmanager
def experiment(parameters: dict[str, Any]) -> Iterator[str]:
    """Makes this process a trial with these parameters; gives the file of its results."""
    with tempfile.TemporaryDirectory() as folder:
        given_file, results = f"{folder}/given.json", f"{folder}/results.jsonl"
        with open(given_file, "w") as file:  # noqa: PTH123
            json.dump(parameters, file)
        os.environ[nni_trial.PARAMETERS_FILE] = given_file
        os.environ[nni_trial.RESULTS_FILE] = results
        nni_trial._trial.__init__()  # type: ignore[misc]
        try:
            yield results
        finally:
            del os.environ[nni_trial.PARAMETERS_FILE]
            del os.environ[nni_trial.RESULTS_FILE]
            nni_trial._trial.__init__()  # type: ignore[misc]


def compiled_or_none(program: Program) -> CompiledModule | None:
    """The compiled program; None where two spots share a key but not their options."""
    domains: dict[str, str] = {}
    for spot in program.spots:
        text = str([option for option, _ in spot.options])
        if domains.setdefault(spot.key, text) != text:
            return None
    return compile_module(program.source.encode(), Kind("m", "m.py"))


@given(programs())
@settings(max_examples=150)
def test_identity_lines_and_bytes(program: Program) -> None:
    """Laws 1, 3, 4 and 6: without an experiment nothing differs, outside annotations not a byte."""
    compiled = compiled_or_none(program)
    if compiled is None:
        return
    source = program.source
    assert execute(compiled.code) == execute(source)
    before, after = source.split("\n"), compiled.code.decode().split("\n")
    assert len(before) == len(after)
    for number, (old, new) in enumerate(zip(before, after, strict=True), 1):
        if number not in program.annotated:
            assert old == new
    assert statement_lines(source) == statement_lines(compiled.code)
    assert compile_module(source.encode(), Kind("m", "m.py")).code == compiled.code


def statement_lines(source: bytes | str) -> list[int]:
    """The lines on which statements begin, those of annotations left out."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.stmt) and not isinstance(node, ast.Expr)
    ]


@given(programs(), st.data())
@settings(max_examples=150)
def test_effect(program: Program, data: st.DataObject) -> None:
    """Law 2: a target has exactly the chosen value, and only the chosen option is evaluated."""
    compiled = compiled_or_none(program)
    if compiled is None:
        return
    parameters: dict[str, Any] = {}
    chosen: dict[str, int] = {}
    for parameter in compiled.parameters:
        assert isinstance(parameter.domain, Choice)
        index = data.draw(st.integers(0, len(parameter.domain.options) - 1))
        parameters[parameter.key] = parameter.domain.options[index]
        chosen[parameter.key] = index
    with experiment(parameters):
        trace = execute(compiled.code)
    for entry in trace:
        if isinstance(entry, tuple) and entry[0] == "spot":
            spot = program.spots[entry[1]]
            assert same(entry[2], spot.options[chosen[spot.key]][1])
    assert ("seen", "original") not in trace


def same(one: object, other: object) -> bool:
    """Equal and of one type, so that 1, 1.0 and True differ."""
    return type(one) is type(other) and one == other


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
    source = f"{annotation!r}\nx = 0\nlog.append(x)\n"
    compiled = compile_module(source.encode("utf-8", "surrogatepass"), Kind("m", "m.py"))
    (parameter,) = compiled.parameters
    assert isinstance(parameter.domain, Choice)
    assert [identity(o) for o in parameter.domain.options] == [identity(o) for o in finite]
    index = data.draw(st.integers(0, len(finite) - 1))
    with experiment({parameter.key: parameter.domain.options[index]}):
        assert same(execute(compiled.code)[0], finite[index])


def test_reports_reach_the_results_file() -> None:
    """In an experiment a report is the call it stands for."""
    source = b'x = 3\n"""@nni.report_intermediate_result(x)"""\n"@nni.report_final_result(x * 2)"\n'
    compiled = compile_module(source, Kind("m", "m.py"))
    with experiment({}) as results:
        execute(compiled.code)
        with open(results) as file:  # noqa: PTH123
            records = [json.loads(line) for line in file]
    assert [(r["kind"], r["value"]) for r in records] == [("intermediate", 3), ("final", 6)]


def test_the_script_s_own_value_is_noted_where_only_running_tells_it() -> None:
    """A baseline's `lr = args.lr` tells the runner what it was."""
    source = b'"""@nni.variable(nni.uniform(0, 1), name=x)"""\nx = float("0.25")\n'
    compiled = compile_module(source, Kind("m", "m.py"))
    assert compiled.parameters[0].default is None
    with experiment({}) as results:
        execute(compiled.code)
        with open(results) as file:  # noqa: PTH123
            (record,) = [json.loads(line) for line in file]
    assert (record["kind"], record["key"], record["value"]) == ("original", "m/x/uniform", 0.25)


def test_this_process_is_no_trial() -> None:
    """The properties above would mean nothing inside somebody else's experiment."""
    assert not nni_trial.in_experiment()
