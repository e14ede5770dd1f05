"""Domains and search spaces: what they take, what they refuse, and their JSON."""

from __future__ import annotations

import doctest
import json
import math
from collections.abc import Callable
from dataclasses import astuple
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nni_annotate import space as space_module
from nni_annotate import values as values_module
from nni_annotate.domains import (
    TYPES,
    Branch,
    Choice,
    Domain,
    Layer,
    MutableLayer,
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
    for module in (space_module, values_module):
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
    domain: Domain, value: object, expected: object
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
def test_refuses_values_outside(domain: Domain, value: object) -> None:
    """And says which key they were for."""
    with pytest.raises(SpaceError, match=r"^k: expected"):
        SearchSpace({"k": domain}).canonical({"k": value})
    assert not SearchSpace({"k": domain}).contains({"k": value})


def _choice(*options: object) -> dict[str, object]:
    return {"_type": "choice", "_value": list(options)}


def _layer(layers: object) -> dict[str, object]:
    return {"_type": "mutable_layer", "_value": {"m": layers}}


def _layer_of(choice: object, inputs: object, size: object) -> dict[str, object]:
    keys = ("layer_choice", "optional_inputs", "optional_input_size")
    return _layer(dict(zip(keys, (choice, inputs, size), strict=True)))


_RANDINT: dict[str, object] = {"_type": "randint", "_value": [1, 9]}
_CONV = {
    "_name": "conv",
    "filters": _RANDINT,
    "inner": _choice({"_name": "deep", "x": _RANDINT}, 5),
}
NESTED = _choice("plain", _CONV, {"_name": "empty"}, [1, 2], 1, 1.0, None, "empty")
LAYERS = {
    "_type": "mutable_layer",
    "_value": {
        "mutable_layer_0": {
            "layer_choice": ["add_one()", "add_two()"],
            "optional_inputs": ["images", "x"],
            "optional_input_size": 1,
        },
        "mutable_layer_1": {
            "layer_choice": ["one()"],
            "optional_inputs": ["a", "b", "c"],
            "optional_input_size": [0, 2],
        },
        "mutable_layer_2": {
            "layer_choice": ["one()"],
            "optional_inputs": [],
            "optional_input_size": 0,
        },
    },
}


def _endless_list() -> object:
    endless: list[object] = []
    endless.append(endless)
    return endless


def _deep_list(depth: int) -> object:
    deep: object = []
    for _ in range(depth):
        deep = [deep]
    return deep


def _deep_choice(depth: int) -> dict[str, object]:
    deep: dict[str, object] = _RANDINT
    for _ in range(depth):
        deep = _choice({"_name": "b", "x": deep}, 3)
    return deep


@pytest.mark.parametrize(
    "entry", [NESTED, LAYERS, _choice({"_name": "net", "cell": LAYERS}, None), _deep_choice(64)]
)
def test_nested_json_round_trip(entry: dict[str, object]) -> None:
    """The same JSON to the letter, through text too."""
    space = SearchSpace.from_json({"k": entry})
    assert json.dumps(space.to_json()) == json.dumps({"k": entry})
    assert SearchSpace.from_json(json.loads(space.to_text())) == space


def test_what_nested_json_stands_for() -> None:
    """The constructors that a compiler uses."""
    inner = Choice((Branch("deep", (("x", RandInt(1, 9)),)), 5))
    conv = Branch("conv", (("filters", RandInt(1, 9)), ("inner", inner)))
    assert domain_from_json(NESTED) == Choice(
        ("plain", conv, Branch("empty", ()), [1, 2], 1, 1.0, None, "empty")
    )
    assert domain_from_json(LAYERS) == MutableLayer(
        (
            Layer("mutable_layer_0", ("add_one()", "add_two()"), ("images", "x"), 1),
            Layer("mutable_layer_1", ("one()",), ("a", "b", "c"), (0, 2)),
            Layer("mutable_layer_2", ("one()",), (), 0),
        )
    )


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (_choice({"_name": 3}), "expected a string as _name, found 3"),
        (_choice({"_name": None, "x": 3}), "expected a string as _name, found null"),
        (
            _choice({"_name": "a"}, {"_name": "a", "x": _RANDINT}),
            'choice has the option "a" twice',
        ),
        (_choice({1, 2}), "choice needs JSON values as options, found {1, 2}"),
        (_choice(_endless_list()), "choice needs JSON values as options, found [[...]]"),
        (_choice(_deep_list(100_000)), "choice needs JSON values as options, found list"),
        (
            _choice({"_name": "conv", "filters": 3}),
            'conv/filters: expected {"_type": ..., "_value": [...]}, found 3',
        ),
        (
            _choice({"_name": "a", "x": _choice(5, {"_name": "b", "y": _choice()})}),
            "a/x/b/y: choice needs at least one option, found none",
        ),
        (
            _choice({"_name": "a", "x": _layer_of(["f()"], ["x"], 2)}),
            "a/x/m: optional_input_size needs to be from 0 to 1, the number of optional_inputs; "
            "found 2",
        ),
        (_deep_choice(65), "more than 64 branches inside each other are not supported"),
        (_deep_choice(100_000), "nested too deeply"),
        (
            {"_type": "mutable_layers", "_value": {}},
            "expected a _type out of choice, randint, uniform, quniform, loguniform, qloguniform, "
            'normal, qnormal, lognormal, qlognormal, mutable_layer; found "mutable_layers"; '
            "did you mean mutable_layer?",
        ),
        (
            {"_type": "mutable_layer", "_value": [1]},
            "expected an object of layers as _value, found [1]",
        ),
        (
            {"_type": "mutable_layer", "_value": _deep_list(100_000)},
            "expected an object of layers as _value, found list",
        ),
        (
            {"_type": "mutable_layer", "_value": {}},
            "mutable_layer needs at least one layer, found none",
        ),
        (
            _layer(3),
            "m: expected an object of layer_choice, optional_inputs, optional_input_size; found 3",
        ),
        (_layer({"layer_choice": ["f()"]}), "m/optional_inputs: expected a value, found none"),
        (
            _layer({"layer_choices": ["f()"]}),
            "m/layer_choices: no such key; "
            "expected layer_choice, optional_inputs, optional_input_size",
        ),
        (_layer_of([], [], 0), "m: layer_choice needs at least one layer, found none"),
        (_layer_of(["f()", "f()"], [], 0), 'm: layer_choice has "f()" twice'),
        (_layer_of("f()", [], 0), 'm: layer_choice needs a list of strings, found "f()"'),
        (_layer_of([[]], [], 0), "m: layer_choice needs a list of strings, found [[]]"),
        (_layer_of(["f()"], None, 0), "m: optional_inputs needs a list of strings, found null"),
        (_layer_of(["f()"], ["x", "x"], 0), 'm: optional_inputs has "x" twice'),
        (
            _layer_of(["f()"], ["x"], 1.0),
            "m: optional_input_size needs an int or a list of two, the least and the most; "
            "found 1.0",
        ),
        (
            _layer_of(["f()"], ["x"], [0, True]),
            "m: optional_input_size needs an int or a list of two, the least and the most; "
            "found [0, true]",
        ),
        (
            _layer_of(["f()"], ["x"], [0, 1, 1]),
            "m: optional_input_size needs an int or a list of two, the least and the most; "
            "found [0, 1, 1]",
        ),
        (
            _layer_of(["f()"], ["x"], [1, 0]),
            "m: optional_input_size needs low <= high, found 1 and 0",
        ),
        (
            _layer_of(["f()"], ["x"], -1),
            "m: optional_input_size needs to be from 0 to 1, the number of optional_inputs; "
            "found -1",
        ),
        (
            _layer_of(["f()"], [f"x{index}" for index in range(13)], [0, 13]),
            "m: optional_input_size allows too many subsets: "
            "more than 4096 ways to choose [0, 13] of 13",
        ),
        (
            _layer_of(["f()"], [f"x{index}" for index in range(10_000)], 5000),
            "m: optional_input_size allows too many subsets: "
            "more than 4096 ways to choose 5000 of 10000",
        ),
    ],
)
def test_refuses_what_is_no_nested_domain(entry: object, message: str) -> None:
    """The key and the place inside it come first; no nonsense gives a traceback."""
    with pytest.raises(SpaceError) as raised:
        SearchSpace.from_json({"k": entry})
    assert str(raised.value) == f"k: {message}"


def test_4096_subsets_are_allowed() -> None:
    """As many as there are of twelve inputs."""
    layer = Layer("m", ("f()",), tuple(f"x{index}" for index in range(12)), (0, 12))
    assert len(set(layer.subsets())) == 4096


@pytest.mark.parametrize(
    ("make", "message", "argument"),
    [
        (lambda: Choice(("x", Branch("a", ()), Branch("a", ()))), 'the option "a" twice', 2),
        (lambda: Choice((1, {"_name": "a"})), "with a _name has to be a Branch", 1),
        (lambda: Branch("a", (("x", Choice((1,))),) * 2), 'a has the parameter "x" twice', None),
        (lambda: Branch("a", (("_name", Choice((1,))),)), "a has a parameter called _name", None),
        (lambda: MutableLayer((Layer("m", ("f",), (), 0),) * 2), 'has the layer "m" twice', None),
        (lambda: Layer("m", (), (), 0), "layer_choice needs at least one layer", 1),
        (lambda: Layer("m", ("f()",), ("x", "x"), 1), 'optional_inputs has "x" twice', 2),
        (lambda: Layer("m", ("f()",), ("x",), 2), "needs to be from 0 to 1", 3),
    ],
)
def test_constructors_name_the_argument_at_fault(
    make: Callable[[], object], message: str, argument: int | None
) -> None:
    """So that a compiler can point at it."""
    with pytest.raises(SpaceError) as raised:
        make()
    assert message in str(raised.value)
    assert raised.value.argument == argument


@pytest.mark.parametrize(
    ("entry", "value", "expected"),
    [
        (NESTED, "plain", "plain"),
        (NESTED, "empty", "empty"),
        (NESTED, {"_name": "empty"}, {"_name": "empty"}),
        (NESTED, 1.0, 1.0),
        (NESTED, "(1)", 1),
        (
            NESTED,
            {"inner": 5, "filters": 3.0, "_name": "conv"},
            {"_name": "conv", "filters": 3, "inner": 5},
        ),
        (
            NESTED,
            {"_name": "conv", "inner": {"x": 1, "_name": "deep"}, "filters": 3},
            {"_name": "conv", "filters": 3, "inner": {"_name": "deep", "x": 1}},
        ),
        (
            LAYERS,
            {
                "mutable_layer_2": {"chosen_inputs": [], "chosen_layer": "one()"},
                "mutable_layer_1": {"chosen_inputs": ["c", "a"], "chosen_layer": "one()"},
                "mutable_layer_0": {"chosen_inputs": ["x"], "chosen_layer": "add_two()"},
            },
            {
                "mutable_layer_0": {"chosen_layer": "add_two()", "chosen_inputs": ["x"]},
                "mutable_layer_1": {"chosen_layer": "one()", "chosen_inputs": ["a", "c"]},
                "mutable_layer_2": {"chosen_layer": "one()", "chosen_inputs": []},
            },
        ),
    ],
)
def test_canonical_of_nested_values(entry: object, value: object, expected: object) -> None:
    """In the types and in the order of the domain."""
    found = domain_from_json(entry).canonical(value)
    assert json.dumps(found) == json.dumps(expected)


def _layer_value(layer: object, inputs: object) -> dict[str, object]:
    return {"m": {"chosen_layer": layer, "chosen_inputs": inputs}}


@pytest.mark.parametrize(
    ("entry", "value", "message"),
    [
        (
            NESTED,
            {"_name": "z"},
            'expected one of "plain", {"_name": "conv", ...}, {"_name": "empty"}, [1, 2], 1, 1.0, '
            'null, "empty"; found {"_name": "z"}',
        ),
        (
            _choice(_CONV, 5),
            "conv",
            'expected one of {"_name": "conv", ...}, 5; found "conv"',
        ),
        (_choice(_CONV, 5), {1, 2}, 'expected one of {"_name": "conv", ...}, 5; found {1, 2}'),
        (
            _choice(5),
            _endless_list(),
            "expected one of 5; found [[...]]",
        ),
        (
            NESTED,
            {"_name": "conv", "filters": 9, "inner": 5},
            "conv/filters: expected an int from 1 to 8, found 9",
        ),
        (NESTED, {"_name": "conv", "filters": 3}, "conv/inner: expected a value, found none"),
        (
            NESTED,
            {"_name": "conv", "filters": 3, "inner": 5, "size": 1},
            "conv/size: no such key; expected _name, filters, inner",
        ),
        (
            NESTED,
            {"_name": "conv", "filters": 3, "inner": {"_name": "deep", "x": "1"}},
            'conv/inner/deep/x: expected an int from 1 to 8, found "1"',
        ),
        (NESTED, {"_name": "empty", "x": 1}, "empty/x: no such key; expected _name"),
        (_layer_of(["f()"], ["x"], 1), 3, "expected an object of m; found 3"),
        (_layer_of(["f()"], ["x"], 1), {}, "m: expected a value, found none"),
        (_layer_of(["f()"], ["x"], 1), {"n": 1}, "n: no such key; expected m"),
        (
            _layer_of(["f()"], ["x"], 1),
            {"m": []},
            "m: expected an object of chosen_layer, chosen_inputs; found []",
        ),
        (
            _layer_of(["f()", "g()"], ["x"], 1),
            _layer_value("h()", ["x"]),
            'm/chosen_layer: expected one of "f()", "g()"; found "h()"',
        ),
        (
            _layer_of(["f()"], ["x", "y"], 1),
            _layer_value("f()", "x"),
            'm/chosen_inputs: expected a list of 1 of "x", "y"; found "x"',
        ),
        (
            _layer_of(["f()"], ["x", "y"], [0, 1]),
            _layer_value("f()", ["x", "y"]),
            'm/chosen_inputs: expected a list of 0 to 1 of "x", "y"; found ["x", "y"]',
        ),
        (
            _layer_of(["f()"], ["x", "y"], 2),
            _layer_value("f()", ["x", "x"]),
            'm/chosen_inputs: expected a list of 2 of "x", "y"; found ["x", "x"]',
        ),
        (
            _layer_of(["f()"], ["x"], 1),
            _layer_value("f()", [["x"]]),
            'm/chosen_inputs: expected a list of 1 of "x"; found [["x"]]',
        ),
        (
            _layer_of(["f()"], [], 0),
            _layer_value("f()", ["x"]),
            'm/chosen_inputs: expected []; found ["x"]',
        ),
    ],
)
def test_refuses_nested_values_outside(entry: object, value: object, message: str) -> None:
    """The key and the place inside it come first."""
    space = SearchSpace.from_json({"k": entry})
    with pytest.raises(SpaceError) as raised:
        space.canonical({"k": value})
    assert str(raised.value) == f"k: {message}"
    assert not space.contains({"k": value})


JSON = st.recursive(
    SCALARS | st.sampled_from(["choice", "mutable_layer", "randint"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["_type", "_value", "_name", "layer_choice", "optional_inputs", "m"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.sampled_from([None, "choice", "mutable_layer"]), JSON)
def test_any_json_is_a_domain_or_refused(name: str | None, entry: object) -> None:
    """Never a traceback; and what is a domain is the same JSON again."""
    if name is not None:
        entry = {"_type": name, "_value": entry}
    try:
        domain = domain_from_json(entry)
    except SpaceError:
        return
    assert domain_from_json(json.loads(json.dumps(domain_to_json(domain)))) == domain


@given(st.sampled_from([NESTED, LAYERS]), JSON)
def test_any_value_is_canonical_or_refused(entry: object, value: object) -> None:
    """Never a traceback."""
    domain = domain_from_json(entry)
    try:
        canonical = domain.canonical(value)
    except SpaceError:
        return
    assert identity(domain.canonical(canonical)) == identity(canonical)


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
