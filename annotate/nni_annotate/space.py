"""The search space: domains by key, in the order of the source, and its JSON form.

The JSON is NNI's: `{"key": {"_type": "uniform", "_value": [0, 1]}, ...}`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from nni_annotate.domains import Domain, Value, domain_from_json, domain_to_json, show
from nni_annotate.errors import SpaceError

Parameters = dict[str, Value]  # key of the search space -> value, for one trial


@dataclass(frozen=True)
class SearchSpace(Mapping[str, Domain]):
    """The domains by key, in the order of the source."""

    domains: Mapping[str, Domain]

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
