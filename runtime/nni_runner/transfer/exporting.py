"""The trials of an experiment as other programs read them: NNI's JSON, and CSV."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping
from typing import Any

from nni_annotate.domains import Value
from nni_runner.experiment import Place
from nni_runner.history import History
from nni_runner.store import finite
from nni_runner.trial import Event, Reported, Started, Trial

_FIRST = ("number", "trialJobId", "status", "reward")
_LAST = ("is_baseline", "attempts", "seconds", "cause", "intermediate")


def rows(history: History, events: Iterable[Event] | None, place: Place) -> list[dict[str, Any]]:
    """An object a trial (docs/nnictl.md), every number in it finite.

    With their intermediate results where the events are given.
    """
    found = [_row(trial, place) for trial in history.trials.values()]
    if events is not None:
        reported = _intermediate(events)
        for row in found:
            row["intermediate"] = finite(reported.get(row["number"], []))
    return found


def _row(trial: Trial, place: Place) -> dict[str, Any]:
    return {
        "parameter": finite(trial.parameters),
        "value": finite(trial.final),
        "trialJobId": f"{place.id}-{trial.number}",
        "number": trial.number,
        "status": trial.status.value,
        "is_baseline": trial.is_baseline,
        "attempts": trial.attempt,
        "seconds": round(trial.seconds, 3),
        "cause": trial.cause,
    }


def _intermediate(events: Iterable[Event]) -> dict[int, list[Value]]:
    """Those of each trial's latest attempt, in order."""
    found: dict[int, list[Value]] = {}
    for event in events:
        match event:
            case Started(number):
                found[number] = []
            case Reported(number, "intermediate", value, ignored=""):
                found[number].append(value)
    return found


def to_json(found: list[dict[str, Any]]) -> str:
    """A list, a trial a line."""
    lines = (json.dumps(row, ensure_ascii=False, allow_nan=False) for row in found)
    return "[\n" + ",\n".join(lines) + "\n]\n" if found else "[]\n"


def to_csv(found: list[dict[str, Any]]) -> str:
    """A line a trial under one of names; what is nested has a column for each value in it."""
    cells = [_cells(row) for row in found]
    columns = dict.fromkeys(_FIRST)
    for kind in ("value", "parameter"):
        columns |= dict.fromkeys(name for row in cells for name in row[kind])
    last = [name for name in _LAST if name != "intermediate" or any(name in row for row in found)]
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, [*columns, *last], restval="", lineterminator="\n")
    writer.writeheader()
    for row, cell in zip(found, cells, strict=True):
        fixed = {name: _text(row[name]) for name in (*_FIRST, *_LAST) if name in row}
        writer.writerow({**fixed, **cell["parameter"], **cell["value"]})
    return text.getvalue()


def _cells(row: Mapping[str, Any]) -> dict[str, dict[str, Value]]:
    """The columns of a trial's result and of its parameters; each name is that of one column."""
    value = row["value"]
    metrics = value if isinstance(value, dict) else {"default": value}
    result = {f"reward/{key}": one for key, one in _flat(metrics).items()}
    result["reward"] = result.pop("reward/default", "")
    taken = {*_FIRST, *_LAST}
    parameters = _flat(row["parameter"])
    named = {f"parameter/{key}" if key in taken else key: one for key, one in parameters.items()}
    return {"value": result, "parameter": named}


def _flat(values: Mapping[str, Value]) -> dict[str, Value]:
    """Cells by column, of what is nested by the way in.

    >>> _flat({"layer": {"_name": "conv", "size": 3}, "sizes": [1, 2]})
    {'layer/_name': 'conv', 'layer/size': 3, 'sizes': '[1, 2]'}
    """
    found: dict[str, Value] = {}
    for key, value in values.items():
        if isinstance(value, dict) and value:
            found |= {f"{key}/{inner}": cell for inner, cell in _flat(value).items()}
        else:
            found[key] = _text(value)
    return found


def _text(value: Value) -> Value:
    """Strings and numbers as they are, nothing for null, all else as JSON."""
    if value is None:
        return ""
    is_plain = isinstance(value, str | int | float) and not isinstance(value, bool)
    return value if is_plain else json.dumps(value, ensure_ascii=False)
