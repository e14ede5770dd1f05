"""Classes of the user's own that go by a name: `nnictl algo register`."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from nni_runner.errors import RunnerError, can_not_write
from nni_tuners import ASSESSORS, TUNERS, TunerError, assessor_name, official_name

_KINDS = ("tuner", "assessor")
_FILE = "registered_algorithms.json"
_NEEDED = ("algoType", "builtinName", "className")
_KNOWN = (*_NEEDED, "classArgsValidator", "acceptClassArgs", "source")


@dataclass(frozen=True)
class Registered:
    """A class by its name; `class_name` is `module.Class` in that folder."""

    kind: str
    name: str
    class_name: str
    directory: str


def registry() -> Path:
    """The file of them, where NNI has its own: one an environment, or else one a user."""
    given = os.environ.get("NNI_CONFIG_DIR")
    home = Path(sys.prefix if sys.prefix != sys.base_prefix else Path.home())
    return (Path(given) if given else home / ".config" / "nni") / _FILE


def read_all() -> dict[str, Registered]:
    """All of them, by name in lower case. Raises RunnerError."""
    path = registry()
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        found = [Registered(**entry) for entry in entries]
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError) as error:
        raise RunnerError(f"{path}: can't be read: {error}") from None
    return {one.name.lower(): one for one in found}


def find(kind: str, name: str) -> Registered | None:
    """The one of that name, None where there is none of that kind. Raises RunnerError."""
    found = read_all().get(name.lower())
    return found if found is not None and found.kind == kind else None


def read_meta(meta: Path) -> list[Registered]:
    """What a meta file names, one class or a list of them. Raises RunnerError."""
    return [_read(entry, meta) for entry in _entries(meta)]


def add(one: Registered) -> None:
    """Registers it, instead of what went by the same name. Raises RunnerError."""
    _write(read_all() | {one.name.lower(): one})


def remove(name: str) -> Registered:
    """Takes one out. Raises RunnerError where there is none of that name."""
    known = read_all()
    if name.lower() not in known:
        raise RunnerError(f"{name}: no such algorithm is registered")
    removed = known.pop(name.lower())
    _write(known)
    return removed


def _entries(meta: Path) -> list[Any]:
    try:
        content = yaml.safe_load(meta.read_text(encoding="utf-8"))
    except OSError as error:
        raise RunnerError(f"{meta}: can't be read: {error.strerror}") from None
    except (ValueError, yaml.YAMLError) as error:
        raise RunnerError(f"{meta}: is no YAML: {error}") from None
    entries = content.get("algorithms", [content]) if isinstance(content, dict) else None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise RunnerError(f"{meta}: expected an object with {', '.join(_NEEDED)}")
    return entries


def _read(entry: Mapping[str, Any], meta: Path) -> Registered:
    for key in _NEEDED:
        if not isinstance(entry.get(key), str):
            raise RunnerError(f"{meta}: {key}: expected a text, found {entry.get(key)!r}")
    for key in entry:
        if key not in _KNOWN:
            raise RunnerError(f"{meta}: {key}: no such field; expected one of {', '.join(_KNOWN)}")
    kind, name, class_name = (entry[key] for key in _NEEDED)
    if kind == "advisor":
        raise RunnerError(f"{meta}: algoType: advisors of your own aren't offered; write a tuner")
    if kind not in _KINDS:
        raise RunnerError(f"{meta}: algoType: expected {' or '.join(_KINDS)}, found {kind!r}")
    if _is_builtin(kind, name):
        raise RunnerError(f"{meta}: builtinName: {name} is built in; choose another name")
    module, _, plain = class_name.rpartition(".")
    if not module or not all(part.isidentifier() for part in (*module.split("."), plain)):
        raise RunnerError(f"{meta}: className: expected module.Class, found {class_name!r}")
    return Registered(kind, name, class_name, str(_directory(module, meta)))


def _is_builtin(kind: str, name: str) -> bool:
    with suppress(TunerError):
        return bool(official_name(name) if kind == "tuner" else assessor_name(name))
    return False


def _directory(module: str, meta: Path) -> Path:
    """The folder that a module is imported from: beside the meta file, or anywhere on the path."""
    folder = meta.absolute().parent
    file = folder.joinpath(*module.split("."))
    if file.with_suffix(".py").is_file() or (file / "__init__.py").is_file():
        return folder
    spec = None
    with suppress(ImportError, ValueError):
        spec = importlib.util.find_spec(module)
    if spec is None or not spec.origin:
        raise RunnerError(
            f"{meta}: className: there is no module {module}, neither beside it nor installed"
        )
    origin = Path(spec.origin)
    inner = len(module.split(".")) - (origin.name != "__init__.py")
    return origin.parents[inner]


def _write(known: Mapping[str, Registered]) -> None:
    path = registry()
    text = json.dumps([asdict(one) for one in known.values()], indent=4) + "\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_suffix(".new")
        new.write_text(text, encoding="utf-8")
        new.replace(path)
    except OSError as error:
        raise can_not_write(path, error) from None


def built_in() -> list[tuple[str, str]]:
    """Names and kinds of those that come along."""
    return [*((name, "tuner") for name in TUNERS), *((name, "assessor") for name in ASSESSORS)]
