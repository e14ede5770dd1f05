"""The assessors and the advisors that NNI has, and those of a file."""

from __future__ import annotations

import difflib
from collections.abc import Mapping

from nni_runner.config.arguments import MODE, checked, entries, read_one
from nni_runner.config.classes import is_custom, read_custom, read_registered, say_missing
from nni_runner.config.kinds import Count, Kind, Number, OneOf, Text
from nni_runner.config.model import Builtin, Custom
from nni_runner.config.reading import Reading

Table = Mapping[str, Mapping[str, Kind]]
ASSESSORS: Table = {
    "Medianstop": {"optimize_mode": MODE, "start_step": Count(0)},
    "Curvefitting": {
        "epoch_num": Count(), "start_step": Count(0), "threshold": Number(), "gap": Count(),
        "optimize_mode": MODE,
    },
}  # fmt: skip
ADVISORS: Table = {
    "Hyperband": {
        "optimize_mode": MODE, "R": Count(), "eta": Count(2),
        "exec_mode": OneOf(("parallelism", "serial")),
    },
    "BOHB": {
        "optimize_mode": MODE, "min_budget": Count(), "max_budget": Count(), "eta": Count(2),
        "min_points_in_model": Count(), "top_n_percent": Count(), "num_samples": Count(),
        "random_fraction": Number(), "bandwidth_factor": Number(), "min_bandwidth": Number(),
        "config_space": Text("a path"),
    },
}  # fmt: skip
_REQUIRED = {"Curvefitting": "epoch_num"}


def read_assessor(reading: Reading) -> Builtin | Custom | None:
    """The assessor; None where there is none."""
    return _read(reading, "assessor", ASSESSORS)


def own_direction(
    reading: Reading, assessor: Builtin | Custom | None, mode: str
) -> Builtin | Custom | None:
    """The assessor, with its direction among its arguments where the experiment's is another."""
    own = read_one(reading, "assessor", "optimize_mode", MODE)
    if isinstance(assessor, Builtin) and own not in (None, mode):
        return Builtin(assessor.name, {**assessor.arguments, "optimize_mode": own})
    return assessor


def read_advisor(reading: Reading, section: str = "advisor") -> Builtin | None:
    """The advisor, which may be called the tuner; None where there is none.

    A class that speaks to NNI's processes finds none here.
    """
    advisor = _read(reading, section, ADVISORS)
    if isinstance(advisor, Custom):
        message = "a class of your own can't be one; write a tuner (docs/own-algorithms.md)"
        reading.error(reading.sections[section], f"{section}: {message}")
        return None
    return advisor


def is_advisor(reading: Reading) -> bool:
    """Whether what is called the tuner is one of NNI's advisors."""
    return str(reading.get("tuner.name", "")).lower() in map(str.lower, ADVISORS)


def _read(reading: Reading, section: str, known: Table) -> Builtin | Custom | None:
    if section not in reading.sections:
        return None
    if is_custom(reading, section):
        return read_custom(reading, section)
    to = f"{section}.name"
    if to not in reading.values:
        say_missing(reading, to, " or ".join(known))
        return None
    if own := read_registered(reading, section):
        return own
    name = _official(reading, to, known)
    if name is None:
        return None
    arguments = checked(reading, section, known[name])
    needed = _REQUIRED.get(name)
    if needed and needed not in entries(reading, section):
        called = f"{section}.classArgs.{needed}"
        expected = known[name][needed].expected
        reading.error(reading.sections[section], f"{called}: is missing, {expected}")
    return Builtin(name, arguments)


def _official(reading: Reading, to: str, known: Table) -> str | None:
    found = reading.values[to]
    names = {name.lower(): name for name in known}
    plain = found.value.lower()
    if plain in names:
        return names[plain]
    close = difflib.get_close_matches(plain, names, n=1)
    hint = f"; did you mean {names[close[0]]}?" if close else ""
    message = f'expected {" or ".join(known)}, found "{found.value}"{hint}'
    reading.error(found.where, f"{found.name}: {message}")
    return None
