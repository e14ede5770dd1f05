"""The tuner of a file, made once so that all it has to say against its arguments is known."""

from __future__ import annotations

import difflib
from typing import Any

from nni_annotate.diagnostics import Where
from nni_annotate.errors import SpaceError
from nni_annotate.space import SearchSpace
from nni_runner.config.arguments import called, entries
from nni_runner.config.classes import is_custom, read_custom, read_registered, say_missing
from nni_runner.config.model import Builtin, Custom
from nni_runner.config.nodes import plain
from nni_runner.config.reading import Reading
from nni_tuners import Tuner, TunerError, make_tuner, official_name

_NOT_HERE = {
    "networkmorphism": "write the choices of the network as nni.choice or mutable_layers, for TPE "
    "or RegularizedEvolution",
    "ppo": "RegularizedEvolution and TPE take mutable layers too",
    "enas": "RegularizedEvolution and TPE take mutable layers too",
    "dngo": "take GP or auto",
}
_COMMON = ("optimize_mode", "seed")  # arguments of every tuner
_OWN = "; one of your own goes by a name after nnictl algo register"
_IGNORED = ("parallel_optimize", "constant_liar_type")  # of NNI's TPE, Anneal and Random
_SAME = ("n_startup_jobs", "n_ei_candidates")  # of NNI's tpe_args, those that mean the same here


def read_tuner(reading: Reading) -> Builtin | Custom | None:
    """The tuner; None where there is none, or one that isn't known, which is taken down."""
    if is_custom(reading, "tuner"):
        return read_custom(reading, "tuner")
    if "tuner.name" not in reading.values:
        say_missing(reading, "tuner.name", "a tuner's name")
        return None
    if own := read_registered(reading, "tuner"):
        return own
    name = _official(reading)
    if name is None:
        return None
    arguments = {key: plain(entry.value) for key, entry in entries(reading, "tuner").items()}
    arguments.pop("optimize_mode", None)
    arguments.pop("seed", None)
    _leave_out(reading, name, arguments)
    return Builtin(name, arguments)


def try_tuner(
    reading: Reading, tuner: Builtin, mode: str, seed: int | None, space: SearchSpace | None
) -> None:
    """Makes the tuner, gives it the search space, and takes down what it says against that."""
    arguments, where = dict(tuner.arguments), reading.values["tuner.name"].where
    while True:
        try:
            made = make_tuner(tuner.name, arguments, optimize_mode=mode, seed=seed)
            break
        except TunerError as error:
            name, _, message = str(error).partition(": ")
            if name not in arguments:
                return reading.error(where, f"tuner {tuner.name}: {error}")
            is_unknown = message.startswith("no such")
            place = _place(reading, name, at_key=is_unknown)
            said = _with_common(name, message) if is_unknown else message
            reading.error(place, f"{called(reading, 'tuner', name)}: {said}")
            del arguments[name]
    if space:
        _give_space(reading, tuner, made, space)
    return None


def _with_common(name: str, message: str) -> str:
    """What is said of an unknown argument, with those that every tuner takes among the known."""
    known = ", ".join(_COMMON)
    before, expected, others = message.partition("expected ")
    others = others.removeprefix("one of ")
    known = known if others == "none" else f"{known}, {others}"
    if close := difflib.get_close_matches(name, _COMMON, n=1):
        known = f"{known.partition('; did')[0]}; did you mean {close[0]}?"
    return f"{before}{expected}one of {known}"


def _official(reading: Reading) -> str | None:
    """The tuner's name as it is written here; NNI has some under names of its own."""
    found = reading.values["tuner.name"]
    name: str = found.value
    short = name.lower().replace("_", "").replace("-", "").replace(" ", "").removesuffix("tuner")
    if short in _NOT_HERE:
        reading.error(found.where, f"{found.name}: {name} isn't offered: {_NOT_HERE[short]}")
        return None
    try:
        return official_name(name)
    except TunerError as error:
        message = f"{found.name}: {error}"
    try:
        return official_name(short)
    except TunerError:
        own = "" if "did you mean" in message else _OWN
        reading.error(found.where, message + own)
        return None


def _leave_out(reading: Reading, name: str, arguments: dict[str, Any]) -> None:
    """Takes out what NNI's tuner of that name takes and this one has no use for."""
    if name not in ("TPE", "Anneal", "Random"):
        return
    for ignored in _IGNORED:
        if arguments.pop(ignored, None):
            message = "has no effect: running trials are taken into account anyway"
            where = _place(reading, ignored, at_key=True)
            reading.warn(where, f"{called(reading, 'tuner', ignored)}: {message}")
    nested = arguments.get("tpe_args")
    if name == "TPE" and isinstance(nested, dict):
        del arguments["tpe_args"]
        arguments |= {key: nested.pop(key) for key in _SAME if key in nested}
        if nested:
            where = _place(reading, "tpe_args", at_key=True)
            message = f"no effect have {', '.join(nested)}"
            reading.warn(where, f"{called(reading, 'tuner', 'tpe_args')}: {message}")


def _place(reading: Reading, name: str, *, at_key: bool) -> Where:
    known = entries(reading, "tuner")
    entry = known[name] if name in known else known["tpe_args"]
    return entry.key.where if at_key else entry.value.where


def _give_space(reading: Reading, tuner: Builtin, made: Tuner, space: SearchSpace) -> None:
    try:
        made.update_search_space(space)
    except (TunerError, SpaceError) as error:
        where = reading.values["tuner.name"].where
        reading.error(where, f"tuner {tuner.name}: {error}")
