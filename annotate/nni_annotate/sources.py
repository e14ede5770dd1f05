"""What a source tree holds: its files, what is left out of it, and which of it is Python."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from nni_annotate.diagnostics import Diagnostic
from nni_annotate.errors import NniAnnotateError

MANIFEST = ".nni-annotate.json"
_SUFFIXES = frozenset({".py", ".pyw"})
LEFT_OUT = frozenset({".git", "__pycache__", ".hg", ".svn"})
# Folders that hold all files of one of these: virtual environments, earlier outputs, experiments.
_MARKS = (("pyvenv.cfg",), (MANIFEST,), ("history.sqlite", "trials", "results"))
# A string or a comment whose text begins as an annotation does.
_ANNOTATION = re.compile(rb"""["'#][\s\\]*@nni\.""")
# A statement that is nearly one; what it lacks is the @, or it has a blank too many.
_LOOK_ALIKE = re.compile(
    rb"""^[ \t]*[rRuU]?(?:\"{3}|'{3}|"|')\s*(?:nni\.|@\s+nni\.|@nni\s+)"""
    rb"""(?:variable|function_choice|report_\w+|get_next_parameter|mutable_layers)\s*\(""",
    re.MULTILINE,
)


class ProjectError(NniAnnotateError):
    """A source or an output that can't be used as it stands."""


@dataclass
class Listing:
    """The files and links of a source, and its folders, relative to its root and sorted."""

    root: Path
    is_one_file: bool
    files: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    notes: list[Diagnostic] = field(default_factory=list)


def list_source(source: Path, leave_out: Path | None) -> Listing:
    """Lists a folder, or the one file that the source is; `leave_out` is no part of it.

    Raises ProjectError.
    """
    try:
        if source.is_file():
            return Listing(source.parent, True, [source.name])
        if not source.is_dir():
            raise ProjectError(f"{source}: no such file or folder")
        listing = Listing(source, False)
        skipped = os.path.abspath(leave_out) if leave_out is not None else ""  # noqa: PTH100
        _walk(listing, source, "", skipped)
    except OSError as error:
        raise ProjectError(f"{error.filename or source}: {error.strerror}") from None
    listing.files.sort()
    listing.folders.sort()
    return listing


def _walk(listing: Listing, folder: Path, prefix: str, skipped: str) -> None:
    with os.scandir(folder) as entries:
        for entry in entries:
            path = f"{prefix}{entry.name}"
            if os.path.abspath(entry.path) == skipped:  # noqa: PTH100 - a link is not followed
                continue
            if entry.is_dir(follow_symlinks=False):
                if entry.name in LEFT_OUT or is_left_out(Path(entry.path)):
                    continue
                listing.folders.append(path)
                _walk(listing, Path(entry.path), f"{path}/", skipped)
            elif entry.is_symlink() or stat.S_ISREG(entry.stat(follow_symlinks=False).st_mode):
                listing.files.append(path)
            else:
                message = "is no file, folder or link; it is left out"
                listing.notes.append(Diagnostic(entry.path, 0, 0, message, is_error=False))


def is_left_out(folder: Path) -> bool:
    """Whether a folder is a virtual environment, an earlier output or an experiment."""
    return any(all((folder / name).exists() for name in mark) for mark in _MARKS)


def python_source(path: Path, follow: bool) -> bytes | None:
    """The content of a Python file; None for everything else, links among it unless followed.

    Raises ProjectError.
    """
    try:
        if (path.is_symlink() and not follow) or not is_python(path):
            return None
        return path.read_bytes()
    except OSError as error:
        raise ProjectError(f"{path}: can't be read: {error.strerror}") from None


def is_python(path: Path) -> bool:
    """Whether a file is Python source: by its suffix, or by its first line where it has none."""
    if path.suffix:
        return path.suffix in _SUFFIXES and path.is_file()
    if not path.is_file():
        return False
    with path.open("rb") as file:
        line = file.readline(200)
    return line.startswith(b"#!") and b"python" in line


def may_hold_annotations(content: bytes) -> bool:
    """Whether a file is worth parsing."""
    return b"@nni." in content and _ANNOTATION.search(content) is not None


def look_alikes(content: bytes, path: str) -> Iterator[Diagnostic]:
    """Warnings of statements that are nearly annotations."""
    if b"nni" not in content:
        return
    for match in _LOOK_ALIKE.finditer(content):
        line = content[: match.end()].count(b"\n") + 1
        text = content.split(b"\n")[line - 1].decode("utf-8", "replace").rstrip("\r")
        column = len(text) - len(text.lstrip()) + 1
        message = "this looks like an annotation but is none: its text is to begin with @nni."
        yield Diagnostic(path, line, column, message, len(text.strip()), text, is_error=False)
