"""The search space: domains by key, in the order of the source, and its JSON form.

The JSON is NNI's: `{"key": {"_type": "uniform", "_value": [0, 1]}, ...}`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from nni_annotate.domains import Domain, Value, domain_from_json, domain_to_json, show
from nni_annotate.errors import SpaceError

_OWN = "_own"
Parameters = dict[str, Value]  # key of the search space -> value, for one trial


@dataclass(frozen=True)
class SearchSpace(Mapping[str, Domain]):
    """The domains by key, in the order of the source."""

    domains: Mapping[str, Domain]

    @property
    def is_own(self) -> bool:
        """Whether only a tuner of the user's own knows what is in it."""
        return False

    def __getitem__(self, key: str) -> Domain:
        return self.domains[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.domains)

    def __len__(self) -> int:
        return len(self.domains)

    @classmethod
    def from_json(cls, data: object) -> SearchSpace:
        """The search space that NNI's JSON object describes.

        Raises SpaceError naming the key at fault.
        """
        if not isinstance(data, Mapping):
            raise SpaceError(f"expected a JSON object of parameters, found {show(data)}")
        domains = {}
        for key, entry in data.items():
            try:
                domains[str(key)] = domain_from_json(entry)
            except SpaceError as error:
                raise SpaceError(f"{key}: {error}") from None
        return cls(domains)

    def to_json(self) -> dict[str, Value]:
        """The JSON object that `from_json` reads."""
        return {key: domain_to_json(domain) for key, domain in self.items()}

    def to_text(self) -> str:
        """The JSON as files and pipes get it, a parameter a line."""
        lines = (f"    {_text(key)}: {_text(entry)}" for key, entry in self.to_json().items())
        return "{\n" + ",\n".join(lines) + "\n}\n" if self else "{}\n"

    def contains(self, parameters: Parameters) -> bool:
        """Whether these are values for every key, each inside its domain."""
        if parameters.keys() != self.keys():
            return False
        try:
            self.canonical(parameters)
        except SpaceError:
            return False
        return True

    def canonical(self, parameters: Mapping[str, Value]) -> Parameters:
        """The same values in their domains' own types.

        Raises SpaceError naming the key that is unknown or whose value lies outside.
        """
        values: Parameters = {}
        for key, value in parameters.items():
            if key not in self:
                raise SpaceError(f"{key}: no such parameter in the search space")
            try:
                values[key] = self[key].canonical(value)
            except SpaceError as error:
                raise SpaceError(f"{key}: {error}") from None
        return values


@dataclass(frozen=True)
class OwnSpace(SearchSpace):
    """One that only a tuner of the user's own understands, which may suggest any parameters.

    It has no keys that anybody else knows; `data` is what that tuner is told.
    """

    domains: Mapping[str, Domain] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_own(self) -> bool:
        """It is."""
        return True

    def __bool__(self) -> bool:
        return True

    def to_json(self) -> dict[str, Value]:
        """What `from_record` reads; no search space that somebody writes has that type."""
        return {_OWN: {"_type": "own", "_value": dict(self.data)}}

    def contains(self, parameters: Parameters) -> bool:
        """Whatever they are."""
        del parameters
        return True

    def canonical(self, parameters: Mapping[str, Value]) -> Parameters:
        """As JSON gives them back. Raises SpaceError where it can't hold them."""
        try:
            text = json.dumps(parameters, allow_nan=False, default=_plain)
        except (TypeError, ValueError, RecursionError) as error:
            raise SpaceError(f"expected values that JSON has: {error}") from None
        values: Parameters = json.loads(text)
        return values


def from_record(data: Mapping[str, Any]) -> SearchSpace:
    """The search space that `to_json` wrote down, also one that is a tuner's own."""
    own = data.get(_OWN)
    if isinstance(own, Mapping) and own.get("_type") == "own":
        return OwnSpace(data=own["_value"])
    return SearchSpace.from_json(data)


def in_order(parameters: Parameters, space: SearchSpace) -> Parameters:
    """The same values by the search space's keys, in their order; all of them where it has none."""
    return {key: parameters[key] for key in (parameters if space.is_own else space)}


def _plain(value: Any) -> Any:
    """A number or an array of numpy's as Python has it."""
    if not hasattr(value, "tolist"):
        raise TypeError(f"{show(value)} is a {type(value).__name__}")
    return value.tolist()


def _text(value: Value) -> str:
    """The JSON of a value, readable where it can be written: a file's name may be no UTF-8."""
    text = json.dumps(value, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value)
    return text


def short_names(space: SearchSpace) -> dict[str, str]:
    """Key -> the name a person knows the parameter by: unambiguous, else the key itself.

    >>> from nni_annotate.domains import Uniform
    >>> space = SearchSpace({"a/lr/uniform": Uniform(0, 1), "k": Uniform(0, 1)})
    >>> short_names(space)
    {'a/lr/uniform': 'lr', 'k': 'k'}
    """
    names = {key: name_of(key) for key in space}
    counts: dict[str, int] = {}
    for name in names.values():
        counts[name] = counts.get(name, 0) + 1
    return {
        key: name if counts[name] == 1 and (name == key or name not in space) else key
        for key, name in names.items()
    }


def name_of(key: str) -> str:
    """The name in a key of the form MODULE/NAME/TYPE; any other key is a name itself."""
    parts = key.split("/")
    return "/".join(parts[1:-1]) if len(parts) >= 3 else key


def by_key(values: Mapping[str, Value], space: SearchSpace) -> Parameters:
    """Values by the keys of a search space; they may be given by its short names.

    Raises SpaceError for a name that is unknown, ambiguous or given twice.
    """
    if space.is_own:
        return dict(values)
    names = {name: key for key, name in short_names(space).items()}
    parameters: Parameters = {}
    for name, value in values.items():
        key = name if name in space else names.get(name)
        if key is None:
            known = ", ".join(names) or "none"
            alike = [key for key in space if f"/{name}/" in key]
            hint = f"; write one of {', '.join(alike)}" if alike else f"; known are {known}"
            raise SpaceError(f"{name}: no such parameter in the search space{hint}")
        if key in parameters:
            raise SpaceError(f"{name}: is given twice")
        parameters[key] = value
    return parameters
