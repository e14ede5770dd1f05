"""`nni.choice(...)` and its like without a compiler: the middle of the domain, the first option."""

from __future__ import annotations

import ast
from typing import Any

import pytest

import nni
from conftest import ROOT
from nni_annotate.domains import make_domain

CALLS: list[tuple[str, list[Any], Any]] = [
    ("randint", [3, 6], 4),
    ("uniform", [0, 10], 5.0),
    ("quniform", [0, 10, 3], 6),
    ("quniform", [0, 1, 0.3], 0.6),
    ("loguniform", [1, 100], 10.0),
    ("qloguniform", [1, 100, 4], 8),
    ("normal", [3, 1], 3.0),
    ("qnormal", [3, 1, 2], 4),
    ("lognormal", [0, 1], 1.0),
    ("qlognormal", [0, 1, 0.25], 1.0),
    ("choice", ["a", 2], "a"),
]


@pytest.mark.parametrize(("name", "arguments", "expected"), CALLS, ids=lambda value: str(value))
def test_gives_a_value_of_the_domain(name: str, arguments: list[Any], expected: Any) -> None:
    """By position and with a name; always the same."""
    value = getattr(nni, name)(*arguments, name="k")
    assert value == getattr(nni, name)(*arguments)
    assert (type(value), value) == (type(expected), pytest.approx(expected))
    assert make_domain(name, arguments).canonical(value) == value


def test_extreme_ranges_stay_inside() -> None:
    """No overflow, and no float beyond the bounds."""
    assert nni.uniform(-1e308, 1e308) == 0
    assert 1e-300 <= nni.loguniform(1e-300, 1e300) <= 1e300
    assert nni.loguniform(3, 3) == pytest.approx(3)
    assert nni.randint(1) == 0


def test_only_the_first_function_is_called() -> None:
    """As the tuner would call one; a dict holds them by name, as NNI's compiled code did."""
    called: list[str] = []
    options = [lambda: called.append("first"), lambda: called.append("second")]
    nni.function_choice(*options, name="f")
    nni.function_choice(dict(zip("ab", options, strict=True)))
    assert called == ["first", "first"]
    assert nni.choice({2: "two", 3: "three"}) == "two"


def test_every_function_is_exported() -> None:
    """`from nni import *` gives all of them."""
    source = ast.parse((ROOT / "runtime/nni/smartparam.py").read_text(encoding="utf-8"))
    names = {node.name for node in source.body if isinstance(node, ast.FunctionDef)}
    assert {name for name in names if not name.startswith("_")} <= set(nni.__all__)
