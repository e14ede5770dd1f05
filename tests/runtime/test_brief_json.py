"""JSON without the json package: the same values and texts, the same complaints."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nni_trial.brief_json import dumps, loads

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@contextmanager
def without_json() -> Iterator[None]:
    """As in a process that has not imported it; what is imported meanwhile is forgotten."""
    kept = {name: sys.modules.pop(name) for name in list(sys.modules) if name.startswith("json")}
    try:
        yield
    finally:
        for name in [name for name in sys.modules if name.startswith("json")]:
            del sys.modules[name]
        sys.modules.update(kept)


@given(VALUES)
def test_says_what_json_says(value: Any) -> None:
    text = json.dumps(value)
    with without_json():
        found, again = dumps(value, str), loads(text + "\n")
        assert "json" not in sys.modules
    assert found == text
    assert repr(again) == repr(json.loads(text))
    assert (dumps(value, str), repr(loads(text))) == (text, repr(json.loads(text)))


def test_what_json_does_not_know_is_told_by_the_default() -> None:
    with without_json():
        assert dumps({"x": [Fraction(1, 2)], 3: ()}, str) == '{"x": ["1/2"], "3": []}'


@pytest.mark.parametrize("text", ["", "{", '{"a": 1} x', "[1,]", '"\n"', "nan", " [1]", "[1] \n"])
def test_complains_as_json_does(text: str) -> None:
    """Of white space around a value neither does."""

    def outcome(load: Any) -> Any:
        try:
            return load(text)
        except ValueError as error:
            return type(error).__name__, str(error)

    with without_json():
        found = outcome(loads)
    assert found == outcome(json.loads)


def test_what_the_default_raises_comes_out() -> None:
    def refuse(value: Any) -> Any:
        raise TypeError(f"no {value}")

    with without_json(), pytest.raises(TypeError, match="no 1/2"):
        dumps([Fraction(1, 2)], refuse)
