"""Domains and search spaces: what they take, what they refuse, and their JSON."""

from __future__ import annotations

import doctest
import json
import math
from dataclasses import astuple
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nni_annotate import domains as domains_module
from nni_annotate import space as space_module
from nni_annotate.domains import (
    TYPES,
    Choice,
    QNormal,
    QUniform,
    RandInt,
    Uniform,
    domain_from_json,
    domain_to_json,
    identity,
    quantised,
)
from nni_annotate.errors import SpaceError
from nni_annotate.space import SearchSpace, short_names

FINITE = st.floats(-1e6, 1e6)
POSITIVE = st.floats(1e-6, 1e6)
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), FINITE, st.text(max_size=8))


def _bounds(numbers: st.SearchStrategy[float]) -> st.SearchStrategy[list[float]]:
    return st.lists(numbers, min_size=2, max_size=2).map(sorted)


ARGUMENTS: dict[str, st.SearchStrategy[list[Any]]] = {
    "choice": st.lists(SCALARS, min_size=1, max_size=6, unique_by=identity),
    "randint": st.tuples(st.integers(), st.integers(1, 100)).map(lambda p: [p[0], p[0] + p[1]]),
    "uniform": _bounds(FINITE),
    "loguniform": _bounds(POSITIVE),
    "quniform": st.tuples(_bounds(FINITE), POSITIVE).map(lambda p: [*p[0], p[1]]),
    "qloguniform": st.tuples(_bounds(POSITIVE), POSITIVE).map(lambda p: [*p[0], p[1]]),
    "normal": st.tuples(FINITE, POSITIVE).map(list),
    "lognormal": st.tuples(st.floats(-5, 5), st.floats(0.1, 2)).map(list),
    "qnormal": st.tuples(FINITE, POSITIVE, POSITIVE).map(list),
    "qlognormal": st.tuples(st.floats(-5, 5), st.floats(0.1, 2), POSITIVE).map(list),
}


def test_every_type_is_tried() -> None:
    """A type added to the table needs a strategy here."""
    assert ARGUMENTS.keys() == TYPES.keys()


def test_the_examples_in_the_docstrings() -> None:
    """What the module shows is what it does."""
    for module in (domains_module, space_module):
        assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize("name", TYPES)
@given(data=st.data())
def test_json_round_trip(name: str, data: st.DataObject) -> None:
    """A domain read from JSON and written again is the same JSON, through text too."""
    entry = {"_type": name, "_value": data.draw(ARGUMENTS[name])}
    domain = domain_from_json(json.loads(json.dumps(entry)))
    assert identity(domain_to_json(domain)) == identity(entry)
    assert SearchSpace.from_json(json.loads(SearchSpace({"k": domain}).to_text()))["k"] == domain


@given(ARGUMENTS["quniform"], st.floats(0, 1))
def test_quantised_follows_the_formula(arguments: list[float], share: float) -> None:
    """clip(round(x / q) * q, low, high)."""
    low, high, q = arguments
    domain = QUniform(low, high, q)
    x = low + share * (high - low)
    value = quantised(domain, x)
    assert value == min(max(round(x / q) * q, low), high)
    assert domain.canonical(value) == value


@pytest.mark.parametrize("arguments", [(0, 1, 5e-324), (-1e308, 1e308, 1e-5)])
def test_a_q_finer_than_floats_rounds_nothing(arguments: tuple[float, float, float]) -> None:
    """And doesn't overflow."""
    domain = QUniform(*arguments)
    assert quantised(domain, 0.75 * arguments[1]) == 0.75 * arguments[1]
    assert domain.canonical(arguments[1]) == arguments[1]


def test_quantised_gives_ints_where_all_arguments_are() -> None:
    """The type of the value follows the types of the arguments."""
    assert type(quantised(QUniform(0, 10, 2), 3.2)) is int
    assert type(quantised(QUniform(0, 10.0, 2), 3.2)) is float
    assert type(QNormal(0, 1, 1).canonical(2.0)) is int


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (3, 'expected {"_type": ..., "_value": [...]}, found 3'),
        ({"_type": "unifrom", "_value": [0, 1]}, 'found "unifrom"'),
        ({"_type": "uniform", "_value": 3}, "expected a list as _value of uniform, found 3"),
        ({"_type": "uniform", "_value": [1]}, "uniform takes 2 arguments (low, high), found 1"),
        ({"_type": "uniform", "_value": ["a", 1]}, 'needs a number for low, found "a"'),
        ({"_type": "uniform", "_value": [0, math.nan]}, "needs a finite number for high"),
        ({"_type": "uniform", "_value": [0, 10**400]}, "needs a finite number for high"),
        ({"_type": "uniform", "_value": [2, 1]}, "uniform needs low <= high, found 2 and 1"),
        ({"_type": "loguniform", "_value": [0, 1]}, "loguniform needs low > 0, found 0"),
        ({"_type": "randint", "_value": [0.5, 2]}, "randint needs an int for lower, found 0.5"),
        ({"_type": "choice", "_value": []}, "choice needs at least one option, found none"),
        ({"_type": "choice", "_value": [1, 1]}, "choice has the option 1 twice"),
        ({"_type": "choice", "_value": [{"_name": "a"}]}, "nested choices are not supported yet"),
    ],
)
def test_refuses_what_is_no_domain(entry: object, message: str) -> None:
    """The key comes first, then what is wrong."""
    with pytest.raises(SpaceError) as raised:
        SearchSpace.from_json({"lr": entry})
    assert str(raised.value).startswith("lr: ")
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("domain", "value", "expected"),
    [
        (Uniform(0, 1), 1, 1.0),
        (RandInt(0, 5), 3.0, 3),
        (Choice((1, 1.0, True, "1")), True, True),
        (Choice((1, 1.0, True, "1")), "1", "1"),
        (Choice((-1, 2)), "(-1)", -1),
        (Choice(("5 * 6", "x")), "(5 * 6)", "5 * 6"),
    ],
)
def test_canonical_gives_the_domain_s_own_type(
    domain: domains_module.Domain, value: object, expected: object
) -> None:
    """Values from a file are taken as the domain means them."""
    found = domain.canonical(value)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("domain", "value"),
    [
        (Uniform(0, 1), 2),
        (Uniform(0, 1), True),
        (Uniform(0, 1), "0.5"),
        (Uniform(0, 1), math.nan),
        (RandInt(0, 5), 5),
        (RandInt(0, 5), 2.5),
        (QUniform(0, 1, 0.25), 0.3),
        (Choice((1, 2)), 1.0),
        (Choice((1, 2)), "(1"),
    ],
)
def test_refuses_values_outside(domain: domains_module.Domain, value: object) -> None:
    """And says which key they were for."""
    with pytest.raises(SpaceError, match=r"^k: expected"):
        SearchSpace({"k": domain}).canonical({"k": value})
    assert not SearchSpace({"k": domain}).contains({"k": value})


def test_unknown_keys_are_refused_and_missing_ones_seen() -> None:
    """`canonical` takes a part of the keys, `contains` wants all."""
    space = SearchSpace({"a": Uniform(0, 1), "b": Uniform(0, 1)})
    assert space.canonical({"a": 0}) == {"a": 0.0}
    assert not space.contains({"a": 0})
    with pytest.raises(SpaceError, match=r"^c: no such parameter"):
        space.canonical({"c": 0})


def test_short_names_are_never_ambiguous() -> None:
    """A name that two keys share stays a key."""
    keys = ["a/lr/uniform", "b/lr/uniform", "a/k/choice", "k", "a/x/y/z/choice"]
    names = short_names(SearchSpace({key: Uniform(0, 1) for key in keys}))
    assert names == {
        "a/lr/uniform": "a/lr/uniform",
        "b/lr/uniform": "b/lr/uniform",
        "a/k/choice": "a/k/choice",
        "k": "k",
        "a/x/y/z/choice": "x/y/z",
    }


def test_astuple_is_the_json_order() -> None:
    """The fields of a domain stand in the order of NNI's _value."""
    assert astuple(QUniform(1, 2, 3)) == (1, 2, 3)
