"""What somebody wrote down: parameters in files, arguments of an algorithm on the command line."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from nni_annotate.domains import identity
from nni_annotate.errors import SpaceError
from nni_annotate.space import Parameters, by_key, in_order, short_names
from nni_runner.errors import UsageError
from nni_runner.target import Target


def read_parameters(path: Path, target: Target) -> Parameters:
    """The parameters in a JSON file, by the search space's keys or its short names.

    A value that is the script's own is left to the script: it may lie outside the space.
    Raises UsageError.
    """
    space, own = target.space, target.defaults or {}
    data = _read_json(path)
    if not isinstance(data, dict):
        raise UsageError(f"{path}: expected a JSON object of parameters")
    try:
        values = by_key(data, space)
        return space.canonical(
            {k: v for k, v in values.items() if k not in own or identity(v) != identity(own[k])}
        )
    except SpaceError as error:
        raise UsageError(f"{path}: {error}") from None


def read_sets(path: Path, target: Target) -> list[Parameters]:
    """The sets of parameters in a JSON file, one object or a list of them, each made whole.

    What a set leaves out is the script's own value. Raises UsageError, also where a value lies
    outside the search space.
    """
    data = _read_json(path)
    sets = data if isinstance(data, list) else [data]
    if not sets or not all(isinstance(values, dict) for values in sets):
        raise UsageError(f"{path}: expected a JSON object of parameters, or a list of them")
    found = []
    for at, values in enumerate(sets):
        try:
            found.append(_whole(values, target))
        except (SpaceError, UsageError) as error:
            place = f"{path}: [{at}]" if isinstance(data, list) else path
            raise UsageError(f"{place}: {error}") from None
    return found


def _whole(values: Parameters, target: Target) -> Parameters:
    """These parameters, and the script's own values for all others."""
    space, own = target.space, target.defaults or {}
    given = space.canonical(by_key(values, space))
    names = short_names(space)
    for key in space:
        if key in given:
            continue
        if key not in own:
            raise UsageError(f"{names[key]}: expected a value: the script's own isn't known")
        try:
            given |= space.canonical({key: own[key]})
        except SpaceError as error:
            message = f"{names[key]}: expected a value: the script's own lies outside: {error}"
            raise UsageError(message) from None
    return in_order(given, space)


def read_arguments(words: Iterable[str], option: str = "--tuner-arg") -> dict[str, Any]:
    """Arguments written as NAME=VALUE: each value as JSON, as text where it is none.

    Raises UsageError.

    >>> read_arguments(["population_size=16", "mode=fast"])
    {'population_size': 16, 'mode': 'fast'}
    """
    arguments: dict[str, Any] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not name or not equals:
            raise UsageError(f"{option} {word}: expected NAME=VALUE")
        if name in arguments:
            raise UsageError(f"{option} {word}: {name} is given twice")
        try:
            arguments[name] = json.loads(text)
        except ValueError:
            arguments[name] = text
    return arguments


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: can't be read: {error.strerror}") from None
    except ValueError as error:
        raise UsageError(f"{path}: is no JSON: {error}") from None
