"""Fits every model of the grids at every level and writes what it cost: surfaces.npz.

    python benchmarks/tuners/tabulate.py [NAME ...]         (these grids anew, or all)
    python benchmarks/tuners/tabulate.py --check [NAME ...]  (a few cells anew, and compared)

A fit that fails or gives no finite loss has the worst loss that `Split.worst` says.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from collections.abc import Iterator

import numpy as np

from fits import FITS, Settings, attempted
from grids import GRIDS, Grid
from levels import Axis
from nni_annotate.domains import Value
from samples import DATASETS, Split
from tables import Table, read_tables, write_tables

TOLERANCE = 1e-4  # between two machines' arithmetic
CHECKED = 3  # cells of a table

Index = tuple[int | slice, ...]


def cells(axes: tuple[Axis, ...]) -> Iterator[tuple[Index, Settings]]:
    """What one fit each fills: its place in the table, and its settings."""
    for cell in itertools.product(*map(_tried, axes)):
        settings = {axis.key: level for axis, (_, level) in zip(axes, cell, strict=True)}
        yield tuple(place for place, _ in cell), settings


def _tried(axis: Axis) -> list[tuple[int | slice, Value]]:
    """The places and levels that a fit each is for; on a path it is for all of them at once."""
    return [(slice(None), axis.levels)] if axis.path else list(enumerate(axis.levels))


def losses(grid: Grid, branch: str, split: Split, settings: Settings) -> list[float]:
    """The losses of one fit, as many as there are levels on its path, else one."""
    chosen = {grid.choice: branch} if grid.choice else {}
    predicted = attempted(lambda: FITS[grid.name](split, {**settings, **chosen}))
    if predicted is None:
        predicted = [np.full_like(split.y_test, np.nan)]
    return [split.loss(grid.loss, prediction) for prediction in predicted]


def tabulate(grid: Grid) -> dict[str, Table]:
    """The grid's tables by the name of the branch."""
    split = DATASETS[grid.data]()
    tables = {}
    for branch, axes in grid.tables().items():
        table = np.full([len(axis.levels) for axis in axes], np.nan, dtype=np.float32)
        for index, settings in cells(axes):
            found = losses(grid, branch, split, settings)
            table[index] = found if any(axis.path for axis in axes) else found[0]
        tables[branch] = table
    return tables


def differences(grid: Grid, tables: dict[str, Table], count: int) -> Iterator[str]:
    """A line for each of so many cells of every table that a fit finds to be otherwise."""
    split = DATASETS[grid.data]()
    rng = np.random.default_rng(0)
    for branch, axes in grid.tables().items():
        every = list(cells(axes))
        for place in rng.choice(len(every), min(count, len(every)), replace=False):
            index, settings = every[place]
            found = losses(grid, branch, split, settings)
            if not np.allclose(tables[branch][index], found, rtol=TOLERANCE, atol=TOLERANCE):
                table = tables[branch][index]
                yield f"{grid.name}/{branch} {settings}: the table has {table}, a fit {found}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=_AS_IT_IS)
    parser.add_argument("names", nargs="*", metavar="NAME", help="of a grid; all if none is given")
    parser.add_argument("--check", action="store_true", help="compare a few cells with the file")
    arguments = parser.parse_args()
    tables = read_tables()
    wrong: list[str] = []
    for grid in GRIDS:
        if arguments.names and grid.name not in arguments.names:
            continue
        start = time.perf_counter()
        if arguments.check:
            wrong += differences(grid, tables[grid.name], CHECKED)
        else:
            tables[grid.name] = tabulate(grid)
            write_tables({grid.name: tables[grid.name] for grid in GRIDS if grid.name in tables})
        print(f"{grid.name}: {time.perf_counter() - start:.1f} s", flush=True)
    print(*wrong, sep="\n", end="\n" if wrong else "")
    return bool(wrong)


_AS_IT_IS = argparse.RawDescriptionHelpFormatter

if __name__ == "__main__":
    sys.exit(main())
