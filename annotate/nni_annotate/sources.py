"""What a source tree holds: its files, what is left out of it, and which of it is Python."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from nni_annotate.diagnostics import Diagnostic
from nni_annotate.errors import NniAnnotateError
from nni_annotate.ignore import NO_RULES, Rules, add_rules

MANIFEST = ".nni-annotate.json"
NOTEBOOK = ".ipynb"
_SUFFIXES = frozenset({".py", ".pyw", NOTEBOOK})
LEFT_OUT = frozenset({".git", "__pycache__", ".hg", ".svn", ".ipynb_checkpoints"})
# Folders that hold all files of one of these: virtual environments, earlier outputs, experiments.
_MARKS = (("pyvenv.cfg",), (MANIFEST,), ("history.sqlite", "trials", "results"))
# A string or a comment whose text begins as an annotation does; a notebook's quotes are escaped.
_ANNOTATION = re.compile(rb"""["'#][\s\\n]*@nni\.""")
_IMPORT = re.compile(rb"\bimport\s[^#\n]*\bnni\b|\bfrom\s+nni\s+import\b")
_CALL = re.compile(rb"\b(?:choice|function_choice|randint|q?(?:log)?uniform|q?(?:log)?normal)\s*\(")
_KINDS = rb"(?:variable|function_choice|report_\w+|get_next_parameter|mutable_layers)\s*\("
# Statements that are nearly annotations: what they lack is the @, or they have a blank too many.
_LOOK_ALIKE = re.compile(
    rb"""^[ \t]*(?:[rRuU]?(?:\"{3}|'{3}|"|')\s*(?:nni\s*\.\s*|@\s*nni\s*[.: _]\s*)"""
    + _KINDS
    + rb"""|\#\s*(?:@\s*nni\s*[.: _]\s*"""
    + _KINDS
    + rb"""|nni\.(?:variable|mutable_layers)\s*\())""",
    re.MULTILINE | re.IGNORECASE,
)


class ProjectError(NniAnnotateError):
    """A source or an output that can't be used as it stands."""


@dataclass(frozen=True)
class Stamp:
    """What tells whether a file was changed; `aim` is where a link leads, None for a file."""

    size: int
    mtime_ns: int
    mode: int
    aim: str | None = None


@dataclass
class Listing:
    """The files and links of a source, and its folders, relative to its root and sorted."""

    root: Path
    is_one_file: bool
    files: dict[str, Stamp] = field(default_factory=dict)
    folders: list[str] = field(default_factory=list)
    notes: list[Diagnostic] = field(default_factory=list)


def list_source(source: Path, leave_out: Path | None) -> Listing:
    """Lists a folder, or the one file that the source is; `leave_out` is no part of it.

    The paths of its notes are relative to the root, too. Raises ProjectError.
    """
    try:
        if source.is_file():
            return Listing(source.parent, True, {source.name: _stamp(source.stat())})
        if not source.is_dir():
            raise ProjectError(f"{source}: no such file or folder")
        listing = Listing(source, False)
        skipped = os.path.abspath(leave_out) if leave_out is not None else ""  # noqa: PTH100
        _walk(listing, str(source), "", skipped, NO_RULES)
    except (OSError, ValueError) as error:
        where = getattr(error, "filename", None) or source
        raise ProjectError(f"{where}: {getattr(error, 'strerror', None) or error}") from None
    listing.files = dict(sorted(listing.files.items()))
    listing.folders.sort()
    return listing


def list_output(out: Path) -> dict[str, Stamp]:
    """The files and links in an output folder, whatever they are."""
    files: dict[str, Stamp] = {}
    stack = [""]
    while stack:
        prefix = stack.pop()
        with os.scandir(out / prefix if prefix else out) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    stack.append(f"{prefix}{entry.name}/")
                else:
                    files[prefix + entry.name] = _stamp_of(entry)
    return files


def _walk(listing: Listing, folder: str, prefix: str, skipped: str, rules: Rules) -> None:
    with os.scandir(folder) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    rules = add_rules(rules, folder, prefix, (entry.name for entry in found))
    for entry in found:
        path = f"{prefix}{entry.name}"
        if skipped and os.path.abspath(entry.path) == skipped:  # noqa: PTH100 - links not followed
            continue
        if entry.is_dir(follow_symlinks=False):
            if entry.name in LEFT_OUT or rules.leave_out(f"{path}/") or is_left_out(entry.path):
                continue
            listing.folders.append(path)
            _walk(listing, entry.path, f"{path}/", skipped, rules)
        elif rules.leave_out(path):
            continue
        elif entry.is_symlink() or entry.is_file(follow_symlinks=False):
            listing.files[path] = _stamp_of(entry)
        else:
            message = "is no file, folder or link; it is left out"
            note = Diagnostic(path, code="NNI513", message=message, is_error=False)
            listing.notes.append(note)


def _stamp_of(entry: os.DirEntry[str]) -> Stamp:
    if entry.is_symlink():
        return Stamp(0, 0, 0, os.readlink(entry.path))  # noqa: PTH115 - as it was written
    return _stamp(entry.stat(follow_symlinks=False))


def _stamp(found: os.stat_result) -> Stamp:
    return Stamp(found.st_size, found.st_mtime_ns, stat.S_IMODE(found.st_mode))


def is_left_out(folder: str | Path) -> bool:
    """Whether a folder is a virtual environment, an earlier output or an experiment."""
    return any(
        all(os.path.lexists(os.path.join(folder, name)) for name in mark)  # noqa: PTH118 - quick
        for mark in _MARKS
    )


def python_source(path: Path, follow: bool) -> bytes | None:
    """The content of a Python file; None for everything else, links among it unless followed.

    Raises OSError.
    """
    if (not follow and path.is_symlink()) or not is_python(path):
        return None
    return path.read_bytes()


def is_python(path: Path) -> bool:
    """Whether a file is Python source: by its suffix, or by its first line where it has none."""
    name = path.name
    if "." in name.lstrip("."):
        return PurePosixPath(name).suffix in _SUFFIXES and path.is_file()
    if not path.is_file():
        return False
    with path.open("rb") as file:
        line = file.readline(200)
    return line.startswith(b"#!") and b"python" in line


def may_hold_annotations(content: bytes) -> bool:
    """Whether a file is worth parsing for its annotations."""
    return b"@nni." in content and _ANNOTATION.search(content) is not None


def may_hold_calls(content: bytes) -> bool:
    """Whether a file is worth parsing for calls of nni that are parameters."""
    return (
        b"nni" in content
        and _IMPORT.search(content) is not None
        and _CALL.search(content) is not None
    )


def look_alikes(content: bytes, path: str) -> Iterator[Diagnostic]:
    """Warnings of statements that are nearly annotations."""
    if b"nni" not in content and b"NNI" not in content and b"Nni" not in content:
        return
    for match in _LOOK_ALIKE.finditer(content):
        begin = content[match.start() : match.end()].lstrip(b" \t#'\"rRuU\n\r")
        if begin.startswith(b"@nni."):
            continue
        line = content[: match.end()].count(b"\n") + 1
        text = content.split(b"\n")[line - 1].decode("utf-8", "replace").rstrip("\r")
        column = len(text) - len(text.lstrip()) + 1
        message = "this looks like an annotation but is none: its text is to begin with @nni."
        width = len(text.strip())
        yield Diagnostic(path, 0, line, column, "NNI502", message, width, text, is_error=False)
