"""The file of the losses: a table for every grid and branch, an axis for every hyperparameter."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

FILE = Path(__file__).with_name("surfaces.npz")

Table = npt.NDArray[np.float32]
Tables = dict[str, dict[str, Table]]  # by the names of grid and branch; a grid may have one, ""


def read_tables() -> Tables:
    """The tables in the file; none where there is no file."""
    tables: Tables = {}
    if FILE.exists():
        with np.load(FILE) as stored:
            for key, table in stored.items():
                grid, branch = key.split("/")
                tables.setdefault(grid, {})[branch] = table
    return tables


def write_tables(tables: Mapping[str, Mapping[str, Table]]) -> None:
    """The file anew, with these tables in their order."""
    arrays: dict[str, Any] = {  # Any, since a type checker takes them for allow_pickle
        f"{grid}/{branch}": table
        for grid, branches in tables.items()
        for branch, table in branches.items()
    }
    np.savez_compressed(FILE, **arrays)
