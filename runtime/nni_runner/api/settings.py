"""The fields of NNI's second format as attributes, in snake_case."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from nni_runner.config.fields import Field
from nni_runner.config.kinds import Text
from nni_runner.config.problems import ConfigError
from nni_runner.config.second_format import SECOND

_PATH = Text("a path")


class Settings:
    """The fields of one section, "" for all; those that are not set are None.

    A section in it is a `Settings` too, and takes a mapping or another one when it is set.
    """

    def __init__(self, _section: str = "", /, **values: Any) -> None:
        fields = {_snake(_leaf(field)): field for field in _inside(_section)}
        sections = {n: Settings(f.name) for n, f in fields.items() if f.is_section}
        empty: dict[str, Any] = {name: {} for name in fields if name == "class_args"}
        self.__dict__.update(_section=_section, _fields=fields, _values={**sections, **empty})
        for name, value in values.items():
            setattr(self, name, value)

    def __getattr__(self, name: str) -> Any:
        """The value of a field."""
        return self._values.get(self._known(name))

    def __setattr__(self, name: str, value: Any) -> None:
        """Raises AttributeError for what is no field."""
        name = self._known(name)
        if isinstance(before := self._values.get(name), Settings):
            value = before.taken(value)
        self._values[name] = value

    def __dir__(self) -> list[str]:
        """For completion."""
        return [*self._fields, *super().__dir__()]

    def __repr__(self) -> str:
        """As code that gives it."""
        given = ", ".join(f"{name}={value!r}" for name, value in self._values.items() if value)
        return f"{type(self).__name__}({given})"

    def taken(self, values: Settings | Mapping[str, Any] | None) -> Settings:
        """The same section with these values and no others."""
        if values is None:
            return Settings(self._section)
        if isinstance(values, Settings):
            values = values._values
        if not isinstance(values, Mapping):
            raise TypeError(f"{_snake(self._section)}: expected its fields, found {values!r}")
        given = {name: value for name, value in values.items() if value not in (None, {})}
        return Settings(self._section, **given)

    def to_json(self, folder: Path) -> dict[str, Any]:
        """The object of the second format; paths are taken to be relative to that folder."""
        found: dict[str, Any] = {}
        for name, field in self._fields.items():
            value = self._values.get(name)
            if isinstance(value, Settings):
                value = value.to_json(folder)
            elif field.kind == _PATH and isinstance(value, str | Path):
                value = str(folder / Path(value).expanduser())
            if value is not None and value != {}:
                found[_leaf(field)] = value
        return found

    def _known(self, name: str) -> str:
        fields: dict[str, Field] = self.__dict__["_fields"]
        if name in fields:
            return name
        if _snake(name) in fields:
            return _snake(name)
        near = difflib.get_close_matches(_snake(name), fields, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        place = f"{_snake(self._section)}." if self._section else ""
        raise AttributeError(f"{place}{name}: no such setting{hint}")


class ExperimentConfig(Settings):
    """All settings, as NNI makes them: by keyword, after the platform."""

    def __init__(self, training_service_platform: str | None = None, **values: Any) -> None:
        super().__init__("", **values)
        if training_service_platform is not None:
            self.training_service.platform = training_service_platform

    @classmethod
    def load(cls, path: str | Path) -> ExperimentConfig:
        """Those of a config file, of either format. Raises ValueError with all that is wrong."""
        # They need numpy, which takes its time; nothing else here does.
        from nni_runner.config.building import read_config
        from nni_runner.config.showing import to_json

        try:
            return cls(**to_json(read_config(Path(path))))
        except ConfigError as error:
            raise ValueError("\n".join(map(str, error.diagnostics))) from None


def AlgorithmConfig(  # noqa: N802 - NNI's name
    name: str, class_args: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """A tuner, assessor or advisor by its name."""
    return {"name": name, "class_args": dict(class_args or {})}


def CustomAlgorithmConfig(  # noqa: N802
    class_name: str, code_directory: str | Path = ".", class_args: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """A class of the user's own, `module.Class`."""
    return {
        "class_name": class_name,
        "code_directory": code_directory,
        "class_args": dict(class_args or {}),
    }


def LocalConfig(**values: Any) -> dict[str, Any]:  # noqa: N802
    """Where trials run: on this machine, with what it says of GPUs."""
    return {"platform": "local", **values}


def with_folders(settings: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The object with that folder for code and for classes where none is named."""
    found = {"trialCodeDirectory": str(folder), **settings}
    for name, section in settings.items():
        if isinstance(section, dict) and "className" in section:
            found[name] = {"codeDirectory": str(folder), **section}
    return found


def in_snake_case(text: str) -> str:
    """A message with the fields' names as Python code has them."""
    names = {name for field in SECOND for name in field.name.split(".")}
    for name in sorted(names, key=len, reverse=True):
        text = re.sub(rf"\b{name}\b", _snake(name), text)
    return text


def _inside(section: str) -> Iterator[Field]:
    for field in SECOND:
        if field.name.rpartition(".")[0] == section:
            yield field


def _leaf(field: Field) -> str:
    return field.name.rpartition(".")[2]


def _snake(name: str) -> str:
    return re.sub("(?<!^)([A-Z])", lambda found: f"_{found[1].lower()}", name)
