"""The tabulated surfaces: their file, their least values, and the fits that they stand for."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import pytest

from grids import GRIDS, LISTED, Grid
from known import draws
from levels import Axis, floats, log_ints, options
from nni_annotate.space import Parameters
from problem import Problem
from surfaces import SURFACES, TABLES, Surface
from tables import FILE

MEGABYTE = 1 << 20
PAIRS = [
    pytest.param(grid, problem, id=grid.name)
    for grid, problem in zip([*GRIDS, *LISTED], SURFACES, strict=True)
]


def parameters_at(
    grid: Grid, branch: str, axes: tuple[Axis, ...], index: tuple[int, ...]
) -> Parameters:
    """The parameters of a cell of a table."""
    values = {axis.key: axis.levels[place] for axis, place in zip(axes, index, strict=True)}
    shared = {axis.key: values.pop(axis.key) for axis in grid.axes}
    return {**shared, grid.choice: {"_name": branch, **values}} if grid.choice else shared


def some_cells(grid: Grid) -> Iterator[tuple[Parameters, float]]:
    """Of every table the least cell, the two at its ends, and some others."""
    rng = np.random.default_rng(0)
    for branch, axes in grid.tables().items():
        table = TABLES[grid.file_name][branch]
        for flat in [int(table.argmin()), 0, table.size - 1, *rng.integers(table.size, size=20)]:
            index = np.unravel_index(flat, table.shape)
            place = tuple(int(i) for i in index)
            yield parameters_at(grid, branch, axes, place), float(table[place])


def test_the_file_is_small() -> None:
    assert FILE.stat().st_size < MEGABYTE


def test_the_file_has_the_tables_of_the_grids_and_no_others() -> None:
    expected = {
        grid.name: {
            name: tuple(len(a.levels) for a in axes) for name, axes in grid.tables().items()
        }
        for grid in GRIDS
    }
    found = {
        name: {branch: table.shape for branch, table in tables.items()}
        for name, tables in TABLES.items()
    }
    assert found == expected


def test_every_loss_is_a_number_above_0() -> None:
    tables = itertools.chain.from_iterable(tables.values() for tables in TABLES.values())
    assert all(np.isfinite(table).all() and (table > 0).all() for table in tables)


def test_half_of_the_problems_are_held_out_and_share_neither_data_nor_name() -> None:
    held_out = [grid for grid in GRIDS if grid.held_out]
    others = [grid for grid in GRIDS if not grid.held_out]
    assert len(held_out) == len(others)
    assert not {grid.data for grid in held_out} & {grid.data for grid in others}
    assert len({grid.name for grid in GRIDS}) == len(GRIDS)


@pytest.mark.parametrize(("grid", "problem"), PAIRS)
def test_a_level_has_the_loss_of_the_table(grid: Grid, problem: Problem) -> None:
    for parameters, loss in some_cells(grid):
        assert problem.space.contains(parameters)
        assert problem.value(parameters) == pytest.approx(loss, rel=1e-12)


@pytest.mark.parametrize(("grid", "problem"), PAIRS)
def test_best_is_attained_and_never_undercut(grid: Grid, problem: Problem) -> None:
    assert min(problem.value(parameters) for parameters, _ in some_cells(grid)) == problem.best
    drawn = [problem.value(parameters) for parameters in draws(problem.space, 500)]
    assert min(drawn) >= problem.best - 1e-12
    assert max(drawn) > min(drawn)


def test_between_levels_a_surface_is_linear_in_every_axis_or_its_logarithm() -> None:
    axes = (options("a", "x", True), log_ints("b", 1, 4, 16), floats("c", 0, 1, 2))
    table = np.arange(12, dtype=np.float32).reshape(2, 3, 2)
    surface = Surface(axes, table)
    assert surface({"a": "x", "b": 1, "c": 0.0}) == 0
    assert surface({"a": True, "b": 16, "c": 1.0}) == 11
    assert surface({"a": "x", "b": 2, "c": 0.0}) == pytest.approx(1)  # half way from 1 to 4
    assert surface({"a": True, "b": 8, "c": 0.25}) == pytest.approx(6 + 3 + 0.25)
    assert surface({"a": True, "b": 8, "c": 0.25, "other": 1}) == pytest.approx(9.25)


def test_choices_are_told_apart_by_type() -> None:
    surface = Surface((options("a", 1, True, 1.5),), np.array([3, 4, 5], dtype=np.float32))
    assert [surface({"a": value}) for value in (1, True, 1.5)] == [3, 4, 5]


@pytest.mark.parametrize("name", ["svr-friedman1", "ridge-friedman2", "elastic-diabetes"])
def test_a_fit_gives_the_loss_of_the_table(name: str) -> None:
    tabulate = pytest.importorskip("tabulate", reason="needs scikit-learn")
    grid = next(grid for grid in GRIDS if grid.name == name)
    assert list(tabulate.differences(grid, TABLES[name], 3)) == []
    shifted = {branch: table + np.float32(0.01) for branch, table in TABLES[name].items()}
    cells = sum(min(3, table.size) for table in shifted.values())
    assert len(list(tabulate.differences(grid, shifted, 3))) == cells


@pytest.mark.parametrize(
    ("loss", "worst"), [("error", 1), ("log_loss", 3 * np.log(2)), ("rmse", 3)]
)
def test_a_fit_that_failed_has_the_worst_loss(loss: str, worst: float) -> None:
    samples = pytest.importorskip("samples", reason="needs scikit-learn")
    y = np.array([0.0, 1.0])
    split = samples.Split(np.zeros((2, 1)), y, np.zeros((2, 1)), y)
    failed = np.full((2, 2) if loss == "log_loss" else 2, np.nan)
    assert split.loss(loss, failed) == pytest.approx(worst)
    right = np.eye(2) if loss == "log_loss" else y
    assert split.loss(loss, right) == 0
