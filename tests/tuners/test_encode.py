"""Domains as numbers: against closed forms, counted frequencies, and themselves."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nni_annotate.domains import (
    Choice,
    LogNormal,
    LogUniform,
    Normal,
    Plain,
    QLogNormal,
    QLogUniform,
    QNormal,
    Quantised,
    QUniform,
    RandInt,
    Uniform,
    Value,
)
from nni_annotate.space import SearchSpace
from nni_tuners.encode import Code
from nni_tuners.quantiles import count_values, numbers_of, quantile_of, value_at

MIDDLES = [(step + 0.5) / 7000 for step in range(7000)]

quantiles = st.floats(0, 1)
anywhere = st.floats(-1e9, 1e9)
positive = st.floats(1e-6, 1e6)
pairs = st.tuples(anywhere, anywhere).map(sorted)
positive_pairs = st.tuples(positive, positive).map(sorted)
continuous = st.one_of(
    pairs.map(lambda pair: Uniform(*pair)),
    positive_pairs.map(lambda pair: LogUniform(*pair)),
    st.builds(Normal, anywhere, positive),
    st.builds(LogNormal, st.floats(-20, 20), st.floats(0.01, 5)),
)
few_values = st.one_of(
    st.builds(lambda low, span: RandInt(low, low + span), st.integers(), st.integers(1, 300)),
    st.builds(
        lambda low, steps, q: QUniform(low, low + steps * q, q),
        st.floats(-100, 100),
        st.floats(0, 50),
        st.floats(0.01, 10),
    ),
    st.builds(
        lambda low, span, q: QUniform(low, low + span, q),
        st.integers(-100, 100),
        st.integers(0, 100),
        st.integers(1, 7),
    ),
    st.builds(
        lambda low, ratio, q: QLogUniform(low, low * ratio, q),
        st.floats(0.01, 1),
        st.floats(1, 100),
        st.floats(0.1, 10),
    ),
)
endless = st.one_of(
    st.builds(QNormal, st.floats(-100, 100), st.floats(0.01, 10), st.floats(0.1, 10)),
    st.builds(QNormal, st.integers(-9, 9), st.integers(1, 9), st.integers(1, 9)),
    st.builds(QLogNormal, st.floats(-2, 2), st.floats(0.01, 2), st.floats(0.1, 10)),
)
options = st.lists(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-9, 9) | st.text(max_size=3),
    min_size=1,
    max_size=9,
    unique_by=lambda option: json.dumps(option),
)
domains: st.SearchStrategy[Plain] = st.one_of(
    continuous, few_values, endless, options.map(lambda found: Choice(tuple(found)))
)


@given(domains, quantiles)
def test_a_value_is_in_its_domain_and_in_its_type(domain: Plain, quantile: float) -> None:
    value = value_at(domain, quantile)
    canonical = domain.canonical(value)
    assert canonical == value
    assert type(canonical) is type(value)
    assert json.loads(json.dumps(value)) == value


@given(continuous, quantiles, quantiles)
def test_values_ascend_with_their_quantiles(domain: Plain, one: float, other: float) -> None:
    low, high = value_at(domain, min(one, other)), value_at(domain, max(one, other))
    assert low <= high or low == pytest.approx(high, rel=1e-12)  # exp and log round


@given(continuous, st.floats(1e-9, 1 - 1e-9))
def test_a_value_of_a_continuous_domain_leads_back_to_itself(
    domain: Plain, quantile: float
) -> None:
    value = value_at(domain, quantile)
    again = value_at(domain, quantile_of(domain, value))
    span = abs(value_at(domain, 0.75) - value_at(domain, 0.25))
    assert again == pytest.approx(value, rel=1e-9, abs=1e-9 * span)


@given(st.one_of(few_values, endless), quantiles)
def test_a_value_of_its_own_probability_leads_back_to_its_one_number(
    domain: Plain, quantile: float
) -> None:
    value = value_at(domain, quantile)
    number = quantile_of(domain, value)
    assert 0 <= number <= 1
    below, above = max(quantile - 1e-9, 0), min(quantile + 1e-9, 1)
    # Where one value ends and the next begins, rounding decides.
    if value_at(domain, below) == value_at(domain, above):
        # The tables that many rows are moved by say the same as one value at a time.
        snapped = Code(SearchSpace({"key": domain})).snap(np.array([[quantile]]))
        assert snapped[0, 0] in (pytest.approx(number, abs=1e-12), quantile)
        assert value_at(domain, float(snapped[0, 0])) == value


@given(few_values)
def test_the_numbers_of_a_domain_are_those_of_each_of_its_values(domain: Plain) -> None:
    numbers = numbers_of(domain)
    values = [value_at(domain, number) for number in numbers]
    assert len(values) == count_values(domain)
    assert [quantile_of(domain, value) for value in values] == numbers
    for value in values:
        assert domain.canonical(value) == value


@pytest.mark.parametrize("quantile", [0, 1e-300, 2**-53, 0.25, 0.5, 1 - 2**-53, 1])
@pytest.mark.parametrize(
    "domain",
    [
        Uniform(-1e308, 1e308),
        Uniform(0, 5e-324),
        Uniform(3, 3),
        Uniform(2**60 + 1, 2**62 - 1),
        LogUniform(1e-300, 1e300),
        LogUniform(5e-324, 1.7976931348623157e308),
        LogUniform(0.1, math.nextafter(0.1, 1)),
        RandInt(-(2**62), 2**62),
        RandInt(0, 10**300),
        QUniform(0, 2**62 - 1, 1),
        QUniform(-1e308, 1e308, 1e300),
        QUniform(0.7, 1.4, 0.1),
        QLogUniform(1e-9, 1e300, 10),
        Normal(0, 1e308),
        Normal(1e308, 1e308),
        Normal(0, 5e-324),
        LogNormal(0, 1e6),
        LogNormal(-1e6, 1),
        QNormal(0, 10**308, 10**307),
        QNormal(0, 1e300, 0.1),
        QLogNormal(0, 1000, 0.1),
        QLogNormal(0, 1e6, 1),
    ],
)
def test_extreme_ranges_neither_overflow_nor_leave_the_domain(
    domain: Plain, quantile: float
) -> None:
    value = value_at(domain, quantile)
    assert domain.canonical(value) == value
    assert 0 <= quantile_of(domain, value) <= 1


@pytest.mark.parametrize(
    ("domain", "quantile", "value"),
    [
        (Uniform(-2, 6), 0.75, 4.0),
        (LogUniform(1e-4, 1), 0.5, 1e-2),
        (LogUniform(1, 1000), 1 / 3, 10.0),
        (Normal(3, 2), 0.5, 3.0),
        (Normal(3, 2), 0.8413447460685429, 5.0),
        (Normal(3, 2), 0.022750131948179195, -1.0),
        (LogNormal(1, 2), 0.5, math.e),
        (LogNormal(1, 2), 0.15865525393145707, math.exp(-1)),
    ],
)
def test_quantiles_of_closed_form(domain: Plain, quantile: float, value: float) -> None:
    assert value_at(domain, quantile) == pytest.approx(value, rel=1e-12)
    assert quantile_of(domain, value) == pytest.approx(quantile, rel=1e-9)


def test_the_lower_tail_of_a_normal_keeps_its_digits() -> None:
    # Mills' ratio: the share below -8 sigma is 6.220960574271786e-16.
    assert quantile_of(Normal(0, 1), -8.0) == pytest.approx(6.220960574271786e-16, rel=1e-12)


def test_the_values_of_a_randint_have_the_same_probability() -> None:
    found = Counter(value_at(RandInt(-3, 4), middle) for middle in MIDDLES)
    assert found == dict.fromkeys(range(-3, 4), 1000)


def test_the_ends_of_a_quniform_have_half_a_step() -> None:
    found = Counter(value_at(QUniform(0, 7, 1), middle) for middle in MIDDLES)
    assert found == {0: 500, **dict.fromkeys(range(1, 7), 1000), 7: 500}


@pytest.mark.parametrize(
    ("domain", "draw"),
    [
        (QUniform(0, 10, 3), lambda u: 10 * u),
        (QUniform(1, 11, 3), lambda u: 1 + 10 * u),
        (QUniform(-0.95, 0.95, 0.1), lambda u: -0.95 + 1.9 * u),
        (QLogUniform(0.5, 40, 2), lambda u: 0.5 * 80**u),
        (QNormal(1, 2, 0.5), NormalDist(1, 2).inv_cdf),
        (QLogNormal(1, 0.5, 1), lambda u: math.exp(NormalDist(1, 0.5).inv_cdf(u))),
    ],
)
def test_quantised_frequencies_are_those_of_the_formula(
    domain: Quantised, draw: Callable[[float], float]
) -> None:
    low, high = getattr(domain, "low", -math.inf), getattr(domain, "high", math.inf)
    drawn = (min(max(round(draw(u) / domain.q) * domain.q, low), high) for u in MIDDLES)
    expected = Counter(round(value, 9) for value in drawn)
    found = Counter(round(value_at(domain, u), 9) for u in MIDDLES)
    assert found == expected


def test_a_row_has_quantiles_and_for_a_choice_the_index() -> None:
    space = SearchSpace({"x": Uniform(0, 4), "c": Choice(("a", 1, 1.0)), "i": RandInt(0, 4)})
    code = Code(space)
    parameters = {"x": 1.0, "c": 1.0, "i": 3}
    row = code.encode(parameters)
    assert row.tolist() == [0.25, 2, 0.875]
    assert code.decode(row) == parameters
    assert type(code.decode(row)["c"]) is float


def test_options_that_are_numbers_are_ordered() -> None:
    code = Code(SearchSpace({"c": Choice((500, 0.5, 50))}))
    rows = [code.encode({"c": option})[0] for option in (0.5, 50, 500)]
    assert rows == pytest.approx([1 / 6, 1 / 2, 5 / 6])
    found = [code.decode(np.array([number]))["c"] for number in (0, 0.4, 0.9, 1)]
    assert list(map(repr, found)) == ["0.5", "50", "500", "500"]
    assert (code.options[0], code.domains) == (0, [RandInt(0, 3)])


@given(st.lists(st.one_of(st.integers(), anywhere), min_size=3, unique=True), st.floats(0, 1))
def test_equal_parts_of_the_prior_go_to_ordered_options(options: list[float], at: float) -> None:
    code = Code(SearchSpace({"c": Choice(tuple(options))}))
    [found] = code.decode(np.array([at])).values()
    assert type(found) is type(sorted(options)[min(int(at * len(options)), len(options) - 1)])
    rank = sorted(options).index(found)
    assert abs(code.encode({"c": found})[0] - at) <= 0.5 / len(options) + 1e-12
    assert code.canonical(np.array([at])).tolist() == [pytest.approx((rank + 0.5) / len(options))]


@pytest.mark.parametrize(
    "options", [(1, 2), (1, 1.0, 2), (1, 2, True), (1, 2, None), (1, 2, "3"), ([1], [2], [3])]
)
def test_other_options_have_no_order(options: tuple[Value, ...]) -> None:
    code = Code(SearchSpace({"c": Choice(options)}))
    assert code.options[0] == len(options)
    assert [code.encode({"c": option})[0] for option in options] == list(range(len(options)))


def test_rows_at_quantiles_are_those_of_the_values_there() -> None:
    space = SearchSpace(
        {"x": Uniform(0, 4), "c": Choice(("a", "b", "c")), "i": RandInt(0, 4), "one": Choice((7,))}
    )
    rows = Code(space).rows_at(np.array([[0.1, 0.0, 0.3, 0.5], [0.9, 1.0, 1.0, 1.0]]))
    assert rows.tolist() == [[0.1, 0, 0.375, 0], [0.9, 2, 0.875, 0]]
