"""Trials and their values as tables show them, and as JSON."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from nni_annotate.domains import Value
from nni_annotate.space import SearchSpace, short_names
from nni_runner.experiment import Place
from nni_runner.store import finite
from nni_runner.trial import Trial

UNKNOWN = object()  # stands for a value that only the code tells


def names_of(space: SearchSpace, trials: Iterable[Trial]) -> dict[str, str]:
    """Key -> name of the parameters; in a tuner's own search space those that trials had."""
    if space.is_own:
        return {key: key for trial in trials for key in trial.parameters}
    return short_names(space)


def trial_to_json(trial: Trial, place: Place) -> dict[str, Any]:
    """A trial as docs/nni-run.md documents it; every number in it is finite."""
    return {
        "number": trial.number,
        "status": trial.status.value,
        "value": trial.value,
        "parameters": finite(trial.parameters),
        "is_baseline": trial.is_baseline,
        "checkpoint": trial.checkpoint or None,
        "cause": trial.cause,
        "intermediate_results": trial.reports,
        "attempts": trial.attempt,
        "seconds": round(trial.seconds, 3),
        "output": str(place.output(trial.number)),
    }


def number(value: float | None) -> str:
    """A result in six digits, more where it is large."""
    if value is None:
        return ""
    return f"{value:.6g}" if abs(value) < 1e6 else f"{value:.10g}"


def shown(value: Value, most: int = 80) -> str:
    """A parameter's value as the tables show it, on one line, cut where it is long."""
    if value is UNKNOWN:
        return "(in the code)"
    if isinstance(value, float):
        return number(value)
    return on_one_line(_text(value), most)


def on_one_line(text: str, most: int) -> str:
    """A text with nothing in it that a terminal would act on, cut where it is long."""
    text = "".join(char if char.isprintable() else "?" for char in text)
    return text if len(text) <= most else text[: most - 3] + "..."


def _text(value: Value) -> str:
    """A value in full: of a nested choice the branch and its parameters, of layers their inputs.

    >>> _text({"_name": "conv", "size": 3}), _text({"_name": "uniform(0, 1)", "uniform(0, 1)": 0.5})
    ('conv, size: 3', 'uniform(0, 1): 0.5')
    """
    match value:
        case str() if not _reads_as_other(value):
            return value
        case {"_name": str(name), **others}:
            parts = [f"{key}: {shown(inner)}" for key, inner in others.items()]
            return ", ".join(parts if name in others else [name, *parts])
        case {"chosen_layer": layer, "chosen_inputs": list(inputs)}:
            return f"{layer} of {', '.join(map(str, inputs)) or 'no optional input'}"
        case dict() if all(isinstance(inner, dict) for inner in value.values()):
            return "; ".join(map(_text, value.values()))
        case _:
            return repr(value)


def _reads_as_other(text: str) -> bool:
    """Whether a string, printed without quotes, would look like a number, True, False or None."""
    if text in ("True", "False", "None", ""):
        return True
    try:
        float(text)
    except ValueError:
        return False
    return True


def table(head: list[str], rows: list[list[str]], left: Collection[int] = ()) -> str:
    """Columns under a head; those in `left` are set flush left, the others flush right."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    lines = []
    for row in (head, *rows):
        cells = [
            cell.ljust(width) if index in left else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  " + "  ".join(cells).rstrip())
    return "\n".join(lines) + "\n"
