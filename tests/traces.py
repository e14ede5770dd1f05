"""What a program does when it runs: everything that it evaluates, prints, raises and leaves."""

from __future__ import annotations

import ast
import builtins
import io
import json
import os
import re
import tempfile
import traceback
import types
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from typing import Any

import nni_trial

_ADDRESS = re.compile(r"0x[0-9a-f]+")


@dataclass(frozen=True)
class Trace:
    """What was seen in order, the lines of a traceback, and the names and the docstring left."""

    seen: list[Any]
    lines: list[int]
    printed: str
    names: list[str]
    doc: object


def execute(content: bytes | str | ast.Module) -> Trace:
    """Runs a program that knows the names of `_Helpers`."""
    helpers = _Helpers()
    known = {name: getattr(helpers, name) for name in dir(helpers) if name[0] != "_"}
    scope: dict[str, Any] = {
        "__name__": "__main__",
        "__doc__": None,
        "__builtins__": {**vars(builtins), **known},
    }
    printed, lines = io.StringIO(), []
    with redirect_stdout(printed), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what hypothesis writes, such as `assert [1]`
        try:
            exec(compile(content, "m.py", "exec", dont_inherit=True), scope)
        except Exception as error:  # noqa: BLE001 - what a program raises is part of its trace
            helpers.log.append(("raised", type(error).__name__, _ADDRESS.sub("0x", str(error))))
            frames = traceback.extract_tb(error.__traceback__)
            lines = [frame.lineno or 0 for frame in frames if frame.filename == "m.py"]
    names = sorted(name for name in scope if name != "__builtins__")
    return Trace(helpers.log, lines, printed.getvalue(), names, scope["__doc__"])


@contextmanager
def experiment(parameters: dict[str, Any], *, reports: bool = True) -> Iterator[str]:
    """Makes this process a trial with these parameters; gives the file of its results, if any."""
    with tempfile.TemporaryDirectory() as folder:
        given, results = f"{folder}/given.json", f"{folder}/results.jsonl"
        with open(given, "w") as file:  # noqa: PTH123
            json.dump({"given": parameters}, file)
        os.environ[nni_trial.PARAMETERS_FILE] = given
        if reports:
            os.environ[nni_trial.RESULTS_FILE] = results
        nni_trial._trial.__init__()  # type: ignore[misc]
        try:
            yield results
        finally:
            del os.environ[nni_trial.PARAMETERS_FILE]
            os.environ.pop(nni_trial.RESULTS_FILE, None)
            nni_trial._trial.__init__()  # type: ignore[misc]


def reports(results: str) -> list[tuple[str, Any]]:
    """The reports in a file of results: their kinds and values."""
    if not os.path.exists(results):  # noqa: PTH110
        return []
    with open(results) as file:  # noqa: PTH123
        records = [json.loads(line) for line in file]
    return [(r["kind"], r["value"]) for r in records if r["kind"] in ("intermediate", "final")]


class _Box:
    """An object with attributes and methods that log what they are given."""

    def __init__(self, helpers: _Helpers) -> None:
        self.a: Any = 0
        self.n = 0
        self._helpers = helpers

    def do(self, value: Any) -> _Box:
        """Logs a value, and may be chained."""
        self._helpers.seen(value)
        return self

    def __repr__(self) -> str:
        return "box"


class _Context:
    def __init__(self, helpers: _Helpers) -> None:
        self._helpers = helpers

    def __enter__(self) -> object:
        self._helpers.seen("enter")
        return self

    def __exit__(self, *_: object) -> None:
        self._helpers.seen("exit")

    async def __aenter__(self) -> object:
        return self.__enter__()

    async def __aexit__(self, *_: object) -> None:
        self.__exit__()

    def __repr__(self) -> str:
        return "context"


class _Base:
    """A class to inherit from that takes any keyword."""

    def __init_subclass__(cls, **keywords: Any) -> None:
        cls.keywords = keywords  # type: ignore[attr-defined]

    def name(self) -> str:
        """What super() finds."""
        return "base"


class _Helpers:
    """The names that programs know: builtins, so that they leave a program's own names alone."""

    Base = _Base

    def __init__(self) -> None:
        self.log: list[Any] = []
        self.box = _Box(self)
        self.store: dict[str, Any] = {}
        self.parser = types.SimpleNamespace(add_argument=self.show)
        self._looped: set[int] = set()

    def seen(self, value: Any) -> Any:
        """Logs a value and returns it."""
        self.log.append(("seen", self._plain(value)))
        return value

    def show(self, *values: Any, **named: Any) -> Any:
        """Logs its arguments, and returns one of them."""
        self.log.append(("show", self._plain(values), self._plain(named)))
        return [*values, *named.values(), None][0]

    def report(self, kind: str, value: Any) -> None:
        """Reports as compiled code does."""
        getattr(nni_trial, f"report_{kind}_result")(value)

    def ten(self) -> Any:
        """A function that may be chosen."""
        return self.seen(10)

    def twenty(self) -> Any:
        """Another one."""
        return self.seen(20)

    def once(self, site: int, *values: Any, **named: Any) -> bool:
        """True every other time that a loop asks."""
        self.show(*values, **named)
        self._looped ^= {site}
        return site in self._looped

    def items(self, **named: Any) -> list[Any]:
        """Something to loop over."""
        return [self.show(**named)]

    def ctx(self, *values: Any, **named: Any) -> _Context:
        """A context manager, asynchronous too."""
        self.show(*values, **named)
        return _Context(self)

    def deco(self, *values: Any, **named: Any) -> Callable[[Any], Any]:
        """A decorator that changes nothing."""
        self.show(*values, **named)
        return lambda function: function

    async def wait(self, value: Any) -> Any:
        """An awaitable value."""
        return self.seen(value)

    async def stream(self, *values: Any, **named: Any) -> AsyncIterator[Any]:
        """Something to loop over asynchronously."""
        yield self.show(*values, **named)

    def conv(self, inputs: Any, size: int = 1) -> Any:
        """A layer."""
        return self.seen(["conv", size, inputs])

    def pool(self, inputs: Any, *sizes: int) -> Any:
        """Another one."""
        return self.seen(["pool", sizes, inputs])

    def call(self, function: Callable[[], Any]) -> None:
        """Calls a function to its end, whatever kind of function it is."""
        self.show(self._finished(function()))

    def methods(self, kind: Callable[[], Any]) -> None:
        """Calls the methods of a class that have numbers, and logs what it holds."""
        names = sorted(name for name in vars(kind) if name[0] != "_")
        self.show(names, vars(kind).get("__annotations__"), kind.__doc__)
        for name in names:
            if name[0] == "m" and name[1:].isdigit():
                self.call(getattr(kind(), name))

    def _finished(self, value: Any) -> Any:
        if not isinstance(value, types.CoroutineType):
            return value
        try:
            value.send(None)  # nothing in these programs waits
        except StopIteration as stop:
            return stop.value
        raise AssertionError("this coroutine waits")

    def _plain(self, value: Any) -> Any:
        """A value by its type and its text; functions by what they return."""
        if isinstance(value, str) and value.lstrip().startswith("@nni."):
            return "annotation"  # a docstring to Python
        if isinstance(value, (list, tuple)):
            return type(value).__name__, [self._plain(item) for item in value]
        if isinstance(value, dict):
            return "dict", [(key, self._plain(item)) for key, item in value.items()]
        if isinstance(value, types.GeneratorType):
            return "generator", [self._plain(item) for item in value]
        if isinstance(value, types.LambdaType) and value.__name__ == "<lambda>":
            return "lambda", self._plain(value()) if value.__code__.co_argcount == 0 else ""
        if isinstance(value, (types.FunctionType, types.MethodType, type)):
            return type(value).__name__, value.__name__
        return type(value).__name__, _ADDRESS.sub("0x", repr(value))
