"""A file of results -> what a tuner is told, every row of it checked."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nni_annotate.cli import count
from nni_annotate.domains import show
from nni_annotate.errors import SpaceError
from nni_annotate.space import Parameters, SearchSpace, by_key, in_order
from nni_runner.errors import RunnerError
from nni_runner.trial import Status, metric

MOST_ROWS = 10_000
LARGEST = 1 << 24  # bytes of a file
_SHOWN = 10  # errors of one file


@dataclass(frozen=True)
class Read:
    """What a file holds: entries of `Tuner.import_data`; how many rows were left out, and why."""

    results: list[dict[str, Any]]
    left_out: Mapping[str, int]


class _RowError(Exception):
    """What is wrong in a row."""


class _LeftOut(Exception):  # noqa: N818 - it is no error
    """Why a row is none that a tuner learns from."""


def read_results(path: Path, space: SearchSpace) -> Read:
    """NNI's list of objects, each with a `parameter` and a `value`, or what export writes.

    Raises RunnerError with what is wrong in which rows.
    """
    rows = _rows(path)
    results: list[dict[str, Any]] = []
    left_out: Counter[str] = Counter()
    problems: list[str] = []
    for at, row in enumerate(rows):
        try:
            results.append(_result(row, space))
        except _LeftOut as reason:
            left_out[str(reason)] += 1
        except (_RowError, SpaceError) as error:
            problems.append(f"{path}: [{at}]: {error}")
    if problems:
        hidden = len(problems) - _SHOWN
        more = [f"and {count(hidden, 'more row')}"] if hidden > 0 else []
        total = f"nothing was imported: {len(problems)} of {count(len(rows), 'row')} are wrong"
        raise RunnerError("\n".join([total, *problems[:_SHOWN], *more]))
    return Read(results, left_out)


def _rows(path: Path) -> list[Any]:
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except (OSError, ValueError) as error:
        raise RunnerError(f"{path}: can't be read: {getattr(error, 'strerror', error)}") from None
    if len(content) > LARGEST:
        raise RunnerError(f"{path}: expected at most {LARGEST >> 20} MiB; it is larger")
    try:
        rows = json.loads(content.decode("utf-8-sig"), object_pairs_hook=_without_twins)
    except (ValueError, RecursionError) as error:
        hint = "; of CSV take export --type json" if path.suffix.lower() == ".csv" else ""
        raise RunnerError(f"{path}: is no JSON: {error}{hint}") from None
    if not isinstance(rows, list):
        expected = 'a list of objects such as {"parameter": {"x": 0.5}, "value": 0.03}'
        raise RunnerError(f"{path}: expected {expected}, found {show(rows)}")
    if len(rows) > MOST_ROWS:
        raise RunnerError(f"{path}: expected {MOST_ROWS} rows at most, found {len(rows)}")
    return rows


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data = dict(pairs)
    if len(data) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice} is given twice in one object")
    return data


def _result(row: Any, space: SearchSpace) -> dict[str, Any]:
    """Raises _RowError, SpaceError, _LeftOut."""
    if not isinstance(row, dict):
        raise _RowError(f"expected an object with a parameter and a value, found {show(row)}")
    for name in ("parameter", "value"):
        if name not in row:
            raise _RowError(f"expected a {name}, found {', '.join(row) or 'nothing'}")
    if row.get("status", Status.SUCCEEDED.value) != Status.SUCCEEDED.value:
        raise _LeftOut("has not succeeded")
    try:
        parameters = _parameters(row["parameter"], space)
    except (_RowError, SpaceError):
        if row.get("is_baseline") is True:
            raise _LeftOut("a baseline outside the search space") from None
        raise
    return {"parameter": parameters, "value": _value(row["value"])}


def _parameters(found: Any, space: SearchSpace) -> Parameters:
    if not isinstance(found, dict):
        raise _RowError(f"parameter: expected an object, found {show(found)}")
    given = space.canonical(by_key(found, space))
    missing = [key for key in space if key not in given]
    if missing:
        raise _RowError(f"parameter: expected {', '.join(missing)} too")
    return in_order(given, space)


def _value(found: Any) -> float:
    """A number, an object with one as default, or either as a JSON text, as NNI exports it."""
    value = found
    if isinstance(found, str):
        try:
            value = json.loads(found)
        except (ValueError, RecursionError):
            value = None
    number = metric(value)
    if number is None:
        expected = "a finite number, or an object with one as default"
        raise _RowError(f"value: expected {expected}; found {show(found)}")
    return number
