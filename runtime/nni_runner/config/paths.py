"""Paths in a file are relative to the file's folder; `~` is the home."""

from __future__ import annotations

import os
import re
from pathlib import Path

from nni_runner.config.reading import Reading

_OF_WINDOWS = re.compile(r"[A-Za-z]:[\\/]|\\\\")
_VARIABLE = re.compile(r"\$\w|\$\{|%\w+%")


def resolve(base: Path, text: str) -> Path:
    """The absolute path; links stay."""
    return Path(os.path.abspath(base / Path(text).expanduser()))  # noqa: PTH100 - links stay


def folder(reading: Reading, to: str, default: str = ".") -> Path:
    """The folder that a field names; takes down that it isn't there."""
    path = _path(reading, to, default)
    if not path.is_dir() and to in reading.values:
        what = "is no folder" if path.exists() else "no such folder"
        _say(reading, to, f"{what}: {path}")
    return path


def file(reading: Reading, to: str) -> Path | None:
    """The file that a field names, None where it isn't there, which is taken down."""
    path = _path(reading, to, "")
    if path.is_file():
        return path
    what = "is no file" if path.exists() else "no such file"
    _say(reading, to, f"{what}: {path}")
    return None


def new_folder(reading: Reading, to: str, default: str) -> Path:
    """The folder that a field names, which may still have to be made."""
    path = _path(reading, to, default)
    if path.exists() and not path.is_dir():
        found = reading.values.get(to)
        where = found.where if found else reading.top()
        reading.error(where, f"{reading.name_of(to)}: is no folder: {path}")
    elif _hint(reading.get(to, "")) and not path.exists():
        _say(reading, to, f"no such folder: {path}")
    return path


def _say(reading: Reading, to: str, message: str) -> None:
    """Takes down what is wrong with a path."""
    found = reading.values[to]
    reading.error(found.where, f"{found.name}: {message}{_hint(found.value)}")


def _hint(text: str) -> str:
    """Why a path leads to another place than was meant, "" where nothing tells."""
    if _OF_WINDOWS.match(text):
        return "; that is a path of Windows"
    return "; variables aren't filled in" if _VARIABLE.search(text) else ""


def _path(reading: Reading, to: str, default: str) -> Path:
    base = reading.document.text.path.absolute().parent
    try:
        return resolve(base, reading.get(to, default))
    except RuntimeError:  # no home
        return base
