"""What a source tree holds: its files, what is left out of it, and which of it is Python."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from nni_annotate.diagnostics import Diagnostic
from nni_annotate.errors import NniAnnotateError
from nni_annotate.ignore import IGNORE_FILE, NO_RULES, Rules, add_rules

MANIFEST = ".nni-annotate.json"
STAGING = ".nni-annotate-"  # begins the names of what is on its way to its place
NOTEBOOK = ".ipynb"
_SUFFIXES = frozenset({".py", ".pyw", NOTEBOOK})
LEFT_OUT = frozenset({".git", "__pycache__", ".hg", ".svn", ".ipynb_checkpoints"})
# Folders that hold all files of one of these: virtual environments, earlier outputs, experiments.
_MARKS = (frozenset({"pyvenv.cfg"}), frozenset({MANIFEST}),
          frozenset({"history.sqlite", "trials", "results"}))  # fmt: skip
_MARK = b"@nni."
_WORDS = {word: re.compile(word + rb"(?![A-Za-z])") for word in (b"nni", b"NNI", b"Nni")}
_NAME = re.compile(rb"\bnni\b")
_IMPORT = re.compile(rb"\bimport\s")
_FROM = re.compile(rb"\bfrom\s+nni\s+import\b")
_JOINT = re.compile(rb"\\\r?\n")
_CALL = re.compile(
    rb"\b(?:variable|mutable_layers?|choice|function_choice|randint|q?(?:log)?uniform|q?(?:log)?normal)\b"
)


class ProjectError(NniAnnotateError):
    """A source or an output that can't be used as it stands."""


class Stamp(NamedTuple):
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

    def place(self, path: str) -> str:
        """The path of one of the files from the current folder."""
        return os.path.join(self.root, path)  # noqa: PTH118 - quick

    def read(self, path: str, *, follow: bool = False) -> bytes:
        """The content of one of the files, not of what a link leads to unless followed.

        Raises OSError, also for what is no plain file any more.
        """
        return read_plain(self.place(path), follow=follow or self.is_one_file)


def list_source(source: Path, leave_out: Path | None) -> Listing:
    """Lists a folder, or the one file that the source is; `leave_out` is no part of it.

    The paths of its notes are relative to the root, too. Raises ProjectError.
    """
    try:
        found = source.stat()
    except FileNotFoundError:
        raise ProjectError(f"{source}: no such file or folder") from None
    except (OSError, ValueError) as error:
        raise _cannot(error, source) from None
    if stat.S_ISREG(found.st_mode):
        return Listing(source.parent, True, {source.name: _stamp(found)})
    if not stat.S_ISDIR(found.st_mode):
        raise ProjectError(f"{source}: is neither a file nor a folder")
    listing = Listing(source, False)
    try:
        _walk(listing, _inside(source, leave_out) if leave_out is not None else frozenset())
    except (OSError, ValueError) as error:
        raise _cannot(error, source) from None
    listing.files = dict(sorted(listing.files.items()))
    listing.folders.sort()
    listing.notes.sort()
    return listing


def _cannot(error: OSError | ValueError, source: Path) -> ProjectError:
    where = str(getattr(error, "filename", None) or source).rstrip("/") or "/"
    hint = f"; {IGNORE_FILE} can leave it out" if isinstance(error, PermissionError) else ""
    return ProjectError(f"{where}: {getattr(error, 'strerror', None) or error}{hint}")


def list_output(out: Path) -> dict[str, Stamp]:
    """The files and links in an output folder, whatever they are. Raises OSError."""
    files: dict[str, Stamp] = {}
    stack = [""]
    while stack:
        prefix = stack.pop()
        with os.scandir(os.path.join(out, prefix)) as entries:  # noqa: PTH118 - quick
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    stack.append(f"{prefix}{entry.name}/")
                else:
                    files[prefix + entry.name] = _stamp_of(entry)
    return files


def _walk(listing: Listing, skipped: frozenset[str]) -> None:
    stack = [("", NO_RULES)]
    while stack:  # no recursion: folders may be nested more deeply than Python's stack
        prefix, rules = stack.pop()
        try:
            with os.scandir(os.path.join(listing.root, prefix)) as entries:  # noqa: PTH118
                found = list(entries)
        except FileNotFoundError:
            if not prefix:
                raise
            continue  # vanished meanwhile
        names = {entry.name for entry in found}
        if prefix:
            if is_marked(names):
                continue
            listing.folders.append(prefix[:-1])
        if IGNORE_FILE in names:
            rules = _read_rules(rules, listing, prefix)
        for entry in found:
            path = f"{prefix}{entry.name}"
            is_folder = entry.is_dir(follow_symlinks=False)
            if (
                path in skipped
                or entry.name.startswith(STAGING)
                or (is_folder and entry.name in LEFT_OUT)
                or (rules.files and rules.leave_out(path, is_folder=is_folder))
            ):
                continue
            if is_folder:
                stack.append((f"{path}/", rules))
            else:
                _take(listing, path, entry)


def _take(listing: Listing, path: str, entry: os.DirEntry[str]) -> None:
    if entry.is_symlink() or entry.is_file(follow_symlinks=False):
        with contextlib.suppress(FileNotFoundError):  # vanished meanwhile
            listing.files[path] = _stamp_of(entry)
    else:
        message = "is no file, folder or link; it is left out"
        listing.notes.append(Diagnostic(path, code="NNI513", message=message, is_error=False))


def _read_rules(rules: Rules, listing: Listing, prefix: str) -> Rules:
    path = f"{prefix}{IGNORE_FILE}"
    try:
        return add_rules(rules, listing.read(path, follow=True), prefix)
    except UnicodeDecodeError as error:
        raise ValueError(f"{listing.place(path)}: is no UTF-8 text: {error}") from None


def _inside(source: Path, folder: Path) -> frozenset[str]:
    """What a folder is called inside the source, if it is there, with links followed or not."""
    found = set()
    for resolve in (os.path.abspath, os.path.realpath):
        top, place = os.path.join(resolve(source), ""), resolve(folder)  # noqa: PTH118
        if place.startswith(top):
            found.add(place[len(top) :])
    return frozenset(found)


def _stamp_of(entry: os.DirEntry[str]) -> Stamp:
    if entry.is_symlink():
        return Stamp(0, 0, 0, os.readlink(entry.path))  # noqa: PTH115 - as it was written
    return _stamp(entry.stat(follow_symlinks=False))


def _stamp(found: os.stat_result) -> Stamp:
    return Stamp(found.st_size, found.st_mtime_ns, stat.S_IMODE(found.st_mode))


def is_marked(names: Collection[str]) -> bool:
    """Whether a folder of these names is a virtual environment, an output or an experiment."""
    return any(mark.issubset(names) for mark in _MARKS)


def read_plain(place: str | Path, most: int = -1, *, follow: bool = True) -> bytes:
    """The content of a plain file, or as many bytes of it; nothing else is waited for.

    Raises OSError, also for what is no plain file, and for links unless they are followed.
    """
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW)
    handle = os.open(place, flags)
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "is no plain file", str(place))
        parts = [os.read(handle, most if most >= 0 else found.st_size + 1)]
        while most < 0 and parts[-1]:
            parts.append(os.read(handle, found.st_size + 1))
        return b"".join(parts)
    finally:
        os.close(handle)


def read_python(listing: Listing, path: str, *, follow: bool = False) -> bytes | None:
    """The content of a Python file; None for everything else, links among it unless followed.

    Raises OSError.
    """
    if listing.files[path].aim is not None and not follow:
        return None
    return listing.read(path, follow=follow) if is_python(listing, path, follow=follow) else None


def is_python(listing: Listing, path: str, *, follow: bool = False) -> bool:
    """Whether a file is Python source: by its suffix, or by its first line where it has none.

    Raises OSError.
    """
    name = path[path.rfind("/") + 1 :].lstrip(".")
    if "." in name:
        return name[name.rfind(".") :] in _SUFFIXES
    if listing.files[path].aim is not None and not follow:
        return False
    begin = read_plain(listing.place(path), 200, follow=follow or listing.is_one_file)
    return begin.startswith(b"#!") and b"python" in begin.split(b"\n", 1)[0]


def mentions_nni(content: bytes) -> bool:
    """Whether anything in a file can be about nni; quick, for most files are not."""
    return any(word in content and rest.search(content) for word, rest in _WORDS.items())


def may_hold_annotations(content: bytes) -> bool:
    """Whether a file is worth parsing for its annotations."""
    return _MARK in content


def may_hold_calls(content: bytes, path: str) -> bool:
    """Whether a file is worth parsing for calls of nni that are parameters."""
    # A notebook's JSON may hold anything before a word.
    is_likely = path.endswith(NOTEBOOK) or _CALL.search(content) is not None
    return is_likely and may_import_nni(content, path)


def may_import_nni(content: bytes, path: str) -> bool:
    """Whether a file is worth parsing for what it imports from nni."""
    if path.endswith(NOTEBOOK):
        return b"nni" in content and b"import" in content
    return _imports_nni(_JOINT.sub(b" ", content) if b"\\" in content else content)


def _imports_nni(content: bytes) -> bool:
    """Whether a line imports nni; each is looked at once, for it may be very long."""
    end = -1
    for match in _NAME.finditer(content):
        if match.start() < end:
            continue
        begin, end = content.rfind(b"\n", 0, match.start()) + 1, content.find(b"\n", match.end())
        end = end if end >= 0 else len(content)
        line = content[begin:end]
        if _FROM.search(line):
            return True
        for part in line.split(b"#"):
            found = _IMPORT.search(part)
            if found and _NAME.search(part, found.end()):
                return True
    return False
