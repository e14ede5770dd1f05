"""What the compiler leaves in its output, to know it again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, astuple, dataclass
from pathlib import Path
from typing import Any

from nni_annotate.diagnostics import Diagnostic
from nni_annotate.sources import MANIFEST, ProjectError, read_plain
from nni_annotate.space import Parameters
from nni_annotate.tree import Place, Script

_SCHEMA_VERSION = 2


@dataclass(frozen=True)
class Manifest:
    """The outcome of one run.

    `places` are those of every parameter in the source; `compiled` has, by path in the output, the
    path in the source and the size there; `files` are all files, `folders` all folders.
    """

    compiler: str
    as_scripts: bool
    scripts: tuple[Script, ...]
    defaults: Parameters
    places: Mapping[str, tuple[Place, ...]]
    compiled: Mapping[str, tuple[str, int]]
    files: tuple[str, ...]
    folders: tuple[str, ...]
    notes: tuple[Diagnostic, ...]

    def to_text(self) -> str:
        """The JSON text of the file."""
        data = {
            "schema_version": _SCHEMA_VERSION,
            "about": "Written by nni-annotate; it marks this folder as its output.",
            "compiler": self.compiler,
            "notebooks_as_scripts": self.as_scripts,
            "scripts": [
                {"path": script.path, "main_guard": script.has_main_guard}
                for script in self.scripts
            ],
            "parameters": {
                key: [_place_to_json(place) for place in places]
                for key, places in self.places.items()
            },
            "defaults": self.defaults,
            "compiled": {
                path: {"source": source, "size": size}
                for path, (source, size) in self.compiled.items()
            },
            "files": list(self.files),
            "folders": list(self.folders),
            "warnings": [list(astuple(note)) for note in self.notes],
        }
        return json.dumps(data, indent=1) + "\n"


def read_manifest(folder: Path) -> Manifest | None:
    """What the compiler left in its output; None where the folder is no output of its own.

    Raises ProjectError for a manifest that this version can't read.
    """
    path = folder / MANIFEST
    try:
        data = json.loads(read_plain(path))
        if data["schema_version"] > _SCHEMA_VERSION:
            raise ProjectError(
                f"{path}: written by a newer nni-annotate; use that one, or delete the folder"
            )
        return _manifest(data)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ProjectError(
            f"{path}: can't be read ({error}); delete the folder and compile again"
        ) from None


def _manifest(data: Any) -> Manifest:
    """Raises AttributeError, KeyError, TypeError, ValueError where the data is none."""
    files = tuple(path for path in data["files"] if _is_inside(path))
    scripts = tuple(Script(item["path"], item["main_guard"]) for item in data["scripts"])
    if data["schema_version"] < _SCHEMA_VERSION:  # enough to run it, and to compile over it
        return Manifest("", False, scripts, data["defaults"], {}, {}, files, (), ())
    return Manifest(
        data["compiler"],
        data["notebooks_as_scripts"],
        scripts,
        data["defaults"],
        {key: tuple(map(_place_from_json, places)) for key, places in data["parameters"].items()},
        {
            path: (str(entry["source"]), int(entry["size"]))
            for path, entry in data["compiled"].items()
        },
        files,
        tuple(path for path in data["folders"] if _is_inside(path)),
        tuple(_notes(data["warnings"])),
    )


def _notes(data: Iterable[Any]) -> Iterable[Diagnostic]:
    fields = astuple(Diagnostic(""))
    for note in data:
        if [type(value) for value in note] != [type(value) for value in fields]:
            raise ValueError("a warning of the wrong form")
        yield Diagnostic(*note)


def _place_to_json(place: Place) -> dict[str, Any]:
    data = asdict(place)
    return {name: value for name, value in data.items() if name != "cell" or value}


def _place_from_json(data: Any) -> Place:
    return Place(
        data["file"], data["line"], data["column"], data.get("cell", 0), data["is_written"]
    )


def _is_inside(path: object) -> bool:
    return (
        isinstance(path, str)
        and not path.startswith("/")
        and bool(path.strip("./"))
        and ".." not in path.split("/")
        and "\0" not in path
    )
