"""The arguments of tuners, assessors and advisors in a file: `classArgs`."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from nni_runner.config import kinds
from nni_runner.config.kinds import Count, Kind, MismatchError, OneOf
from nni_runner.config.nodes import Entry, Object, Scalar
from nni_runner.config.reading import Reading

MODE = OneOf(("maximize", "minimize"))
SECTIONS = ("tuner", "advisor", "assessor")


def entries(reading: Reading, section: str) -> dict[str, Entry]:
    """The arguments in the file, by name; those that are null are as good as not there."""
    node = reading.get(f"{section}.arguments")
    if not isinstance(node, Object):
        return {}
    return {
        entry.name: entry
        for entry in node.entries
        if not (isinstance(entry.value, Scalar) and entry.value.value is None)
    }


def called(reading: Reading, section: str, name: str) -> str:
    """How errors call an argument."""
    return f"{reading.name_of(f'{section}.arguments')}.{name}"


def checked(reading: Reading, section: str, known: Mapping[str, Kind]) -> dict[str, Any]:
    """The arguments by a table of those that there are, without the direction."""
    arguments = {}
    for name, entry in entries(reading, section).items():
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            message = f"no such argument; expected one of {', '.join(known)}{hint}"
            reading.error(entry.key.where, f"{called(reading, section, name)}: {message}")
        elif name != "optimize_mode":
            value = read_one(reading, section, name, known[name])
            if value is not None:
                arguments[name] = value
    return arguments


def read_one(reading: Reading, section: str, name: str, kind: Kind) -> Any:
    """The value of one argument; None where there is none, or not of that kind."""
    entry = entries(reading, section).get(name)
    if entry is None:
        return None
    try:
        return kind.read(entry.value)
    except MismatchError as mismatch:
        hint = f"; {mismatch}" if str(mismatch) else ""
        what = f"expected {kind.expected}, found {kinds.found(entry.value)}{hint}"
        reading.error(entry.value.where, f"{called(reading, section, name)}: {what}")
        return None


def read_mode(reading: Reading) -> str | None:
    """The direction, from the first algorithm that says it."""
    modes = {section: read_one(reading, section, "optimize_mode", MODE) for section in SECTIONS}
    given = [mode for mode in modes.values() if mode is not None]
    if modes["assessor"] is not None and modes["assessor"] != given[0]:
        where = entries(reading, "assessor")["optimize_mode"].value.where
        name = called(reading, "assessor", "optimize_mode")
        reading.warn(where, f"{name}: isn't that of the tuner, {given[0]}")
    return given[0] if given else None


def read_seed(reading: Reading) -> int | None:
    """The seed of the tuner's random numbers."""
    seed: int | None = read_one(reading, "tuner", "seed", Count(0))
    return seed
