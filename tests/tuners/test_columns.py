"""Nested search spaces laid out flat: laws that hold in any of them, and a layout spelled out."""

from __future__ import annotations

import json
from itertools import islice
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nni_annotate.domains import (
    Branch,
    Choice,
    Domain,
    Layer,
    MutableLayer,
    QUniform,
    RandInt,
    Uniform,
    identity,
)
from nni_annotate.space import SearchSpace
from nni_tuners.columns import Column, columns_of, combinations, count_combinations
from nni_tuners.encode import Code, Floats

NAMES = ("a", "b", "c", "d")
SCALARS = (None, True, 1, 1.0, "1", "a", [1, 2], {"er": 1})

names = st.sampled_from(NAMES)
layers = st.builds(
    lambda name, choices, inputs, ends: Layer(
        name, NAMES[:choices], NAMES[:inputs], (min(*ends, inputs), min(max(ends), inputs))
    ),
    names,
    st.integers(1, 3),
    st.integers(0, 3),
    st.tuples(st.integers(0, 3), st.integers(0, 3)),
)
finite = st.one_of(
    st.builds(lambda low, span: RandInt(low, low + span), st.integers(-3, 3), st.integers(1, 4)),
    st.just(QUniform(0, 2, 1)),
    st.lists(st.sampled_from(SCALARS), min_size=1, unique_by=identity).map(
        lambda found: Choice(tuple(found))
    ),
    st.lists(layers, min_size=1, max_size=2, unique_by=lambda layer: layer.name).map(
        lambda found: MutableLayer(tuple(found))
    ),
)


def entries(
    domains: st.SearchStrategy[Domain],
) -> st.SearchStrategy[tuple[tuple[str, Domain], ...]]:
    """A few domains by name; they are the parameters of a branch, or a space."""
    pairs = st.tuples(names, domains)
    return st.lists(pairs, max_size=3, unique_by=lambda pair: pair[0]).map(tuple)


def nested(domains: st.SearchStrategy[Domain]) -> st.SearchStrategy[Domain]:
    """Choices of branches, which may have one name with a scalar, and of scalars."""
    options = st.sampled_from(SCALARS) | st.builds(Branch, names, entries(domains))

    def told_apart(option: Any) -> str:
        return f"branch {option.name}" if isinstance(option, Branch) else identity(option)

    return st.lists(options, min_size=1, max_size=4, unique_by=told_apart).map(
        lambda found: Choice(tuple(found))
    )


def spaces(domains: st.SearchStrategy[Domain]) -> st.SearchStrategy[SearchSpace]:
    """Search spaces of such domains, some inside each other."""
    return entries(st.recursive(domains, nested, max_leaves=8)).map(
        lambda found: SearchSpace(dict(found))
    )


# Quantiles of Uniform(0, 1) are its values: no rounding stands between them.
any_space = spaces(st.just(Uniform(0, 1)) | finite)
seeds = st.integers(0, 2**32 - 1)


def draws(code: Code, seed: int, count: int = 20) -> Floats:
    """Rows as a tuner draws them, with any numbers in inactive columns."""
    return code.rows_at(np.random.default_rng(seed).random((count, len(code.columns))))


def reversed_keys(value: Any) -> Any:
    """The same JSON in another order."""
    if isinstance(value, dict):
        return {key: reversed_keys(value[key]) for key in reversed(value)}
    return value


@given(any_space)
def test_a_space_is_its_json(space: SearchSpace) -> None:
    again = SearchSpace.from_json(json.loads(space.to_text()))
    assert again == space
    assert again.to_text() == space.to_text()


@given(any_space, seeds)
def test_every_draw_is_in_its_space_and_in_its_order(space: SearchSpace, seed: int) -> None:
    code = Code(space)
    for row in draws(code, seed):
        parameters = code.decode(row)
        text = json.dumps(parameters)
        assert space.contains(parameters)
        assert list(parameters) == list(space)
        assert json.dumps(space.canonical(json.loads(text))) == text
        shuffled = {key: reversed_keys(value) for key, value in parameters.items()}
        assert json.dumps(space.canonical(shuffled)) == text


@given(any_space, seeds)
def test_equal_parameters_are_equal_rows(space: SearchSpace, seed: int) -> None:
    code = Code(space)
    rows = draws(code, seed)
    for row, active in zip(rows, ~np.isnan(code.without_inactive(rows)), strict=True):
        canonical = code.canonical(row)
        assert (canonical[active] == row[active]).all()
        assert (canonical[~active] == code.neutral[~active]).all()
        assert code.decode(canonical) == code.decode(row)
        other = np.where(active, row, draws(code, seed + 1, 1)[0])
        assert (code.canonical(other) == canonical).all()


@given(any_space, seeds)
def test_shares_are_how_often_columns_are_active(space: SearchSpace, seed: int) -> None:
    code = Code(space)
    active = ~np.isnan(code.without_inactive(draws(code, seed, 4000)))
    assert code.shares == pytest.approx(active.mean(axis=0), abs=0.05)  # six standard deviations


@given(any_space, seeds)
def test_other_rows_are_other_parameters(space: SearchSpace, seed: int) -> None:
    code = Code(space)
    rows = [code.canonical(row) for row in draws(code, seed)]
    texts = {tuple(row.tolist()): json.dumps(code.decode(row)) for row in rows}
    assert len(set(texts.values())) == len(texts)


@given(spaces(finite))
def test_combinations_are_as_many_as_counted_and_all_different(space: SearchSpace) -> None:
    columns = columns_of(space)
    count = count_combinations(columns)
    assert count is not None
    code = Code(space)
    sizes = [size for size in code.sizes if size is not None]
    found = list(islice(combinations(sizes, [column.condition for column in columns]), 500))
    assert len(found) == min(count, 500)
    for combination in found:
        blanks = [index is None for index in combination]
        row = np.where(blanks, np.nan, code.neutral)[None]
        chosen = [0 if index is None else index for index in combination]
        row[0, code.options > 0] = np.array(chosen)[code.options > 0]
        assert np.isnan(code.without_inactive(row)[0]).tolist() == blanks
    assert len(set(found)) == len(found)


@given(spaces(st.just(Uniform(0, 1)) | finite))
def test_the_count_is_none_where_a_column_has_no_end(space: SearchSpace) -> None:
    columns = columns_of(space)
    endless = any(isinstance(column.domain, Uniform) for column in columns)
    assert (count_combinations(columns) is None) is endless


def test_the_layout_of_a_space() -> None:
    conv = Branch("conv", (("filters", RandInt(1, 9)), ("rate", Uniform(0, 1))))
    choice = Choice(("plain", conv, Branch("empty", ())))
    layer = Layer("l0", ("f()", "g()"), ("x", "y"), (0, 1))
    code = Code(SearchSpace({"c": choice, "block": MutableLayer((layer,)), "last": RandInt(0, 2)}))
    assert code.columns == (
        Column(("c",), choice),
        Column(("filters",), RandInt(1, 9), (0, 1)),
        Column(("rate",), Uniform(0, 1), (0, 1)),
        Column(("block", "l0", "chosen_layer"), Choice(("f()", "g()"))),
        Column(("block", "l0", "chosen_inputs"), Choice(([], ["x"], ["y"]))),
        Column(("last",), RandInt(0, 2)),
    )
    block = {"l0": {"chosen_layer": "g()", "chosen_inputs": ["y"]}}
    for parameters, row in [
        (
            {"c": {"_name": "conv", "filters": 1, "rate": 0.25}, "block": block, "last": 0},
            [1, 0.0625, 0.25, 1, 2, 0.25],
        ),
        ({"c": "plain", "block": block, "last": 1}, [0, 0.5625, 0.5, 1, 2, 0.75]),
        ({"c": {"_name": "empty"}, "block": block, "last": 1}, [2, 0.5625, 0.5, 1, 2, 0.75]),
    ]:
        assert code.encode(parameters).tolist() == row
        assert json.dumps(code.decode(np.array(row))) == json.dumps(parameters)


def test_what_one_trial_does_to_its_parameters_does_not_reach_the_next() -> None:
    space = SearchSpace({"c": Choice((Branch("b", (("x", RandInt(0, 1)),)), {"plain": 1}))})
    code = Code(space)
    for option in (0.0, 1.0):
        row = np.array([option, 0.5])
        first = code.decode(row)
        first["c"]["more"] = 1
        assert space.contains(code.decode(row))
