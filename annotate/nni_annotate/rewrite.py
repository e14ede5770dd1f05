"""Given values written into the source itself, or annotations taken out of it."""

from __future__ import annotations

import contextlib
import difflib
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from nni_annotate.diagnostics import Diagnostic
from nni_annotate.domains import Value, identity
from nni_annotate.output import write_source
from nni_annotate.project import compile_tree, kind_of
from nni_annotate.sources import STAGING, ProjectError
from nni_annotate.space import Parameters, by_key
from nni_annotate.tree import CompiledTree, shown


@dataclass(frozen=True)
class RewrittenTree:
    """A source with some of its files written anew: their old and new bytes by path."""

    tree: CompiledTree
    files: dict[str, tuple[bytes, bytes]]
    warnings: tuple[Diagnostic, ...]


def rewrite_tree(
    source: Path, values: Mapping[str, Value], *, strip: bool, leave_out: Path | None = None
) -> RewrittenTree:
    """The source with values, by key or by short name, in its annotated statements.

    With `strip` without annotations, too. Writes nothing. Raises CompileError, SpaceError for a
    value that is none of the space, ProjectError.
    """
    from nni_annotate.compile import write_module  # libcst takes 0.2 s to import

    tree = compile_tree(source, leave_out)
    parameters = _checked(values, tree)
    files: dict[str, tuple[bytes, bytes]] = {}
    for path in tree.origins.values():
        content = (tree.root / path).read_bytes()
        kind = kind_of(tree.listing, path, content)
        new = write_module(content, kind, parameters, strip=strip)
        if new != content:
            files[path] = content, new
    unwritten = _unwritten(parameters, tree, strip=strip)
    warnings = shown(unwritten, source, lone=tree.is_one_file)
    return RewrittenTree(tree, files, warnings)


def to_diff(rewritten: RewrittenTree) -> bytes:
    """A patch for `git apply`, anywhere in the repository that the source is part of.

    Outside of a repository its paths are those from the current folder, or from the source where
    that lies elsewhere.
    """
    lines: list[bytes] = []
    for path, (old, new) in rewritten.files.items():
        top, name = _named(Path(os.path.realpath(rewritten.tree.root / path)), path)
        before, after = _quoted(b"a/" + name), _quoted(b"b/" + name)
        if top:  # git takes the paths for those from its top
            lines.append(b"diff --git %s %s\n" % (before.rstrip(b"\t"), after.rstrip(b"\t")))
        parts = difflib.diff_bytes(difflib.unified_diff, _lines(old), _lines(new), before, after)
        lines += (
            part if part.endswith(b"\n") else part + b"\n\\ No newline at end of file\n"
            for part in parts
        )
    return b"".join(lines)


def _named(place: Path, path: str) -> tuple[bool, bytes]:
    """Whether a file is in a git repository, and what a patch is to call it."""
    for folder in place.parents:
        if (folder / ".git").is_file() or (folder / ".git" / "HEAD").exists():
            return True, os.fsencode(place.relative_to(folder).as_posix())
    shown_path = os.path.relpath(place)
    if shown_path.startswith(os.pardir + os.sep) or os.path.isabs(shown_path):  # noqa: PTH117
        shown_path = path
    return False, os.fsencode(shown_path.replace(os.sep, "/"))


def _lines(content: bytes) -> list[bytes]:
    """The lines of a file as git has them: a carriage return ends none."""
    lines = content.split(b"\n")
    return [line + b"\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])


def write_in_place(rewritten: RewrittenTree) -> None:
    """Writes the files of the source anew: all of them, or none where one can't be written.

    Raises ProjectError.
    """
    root = rewritten.tree.root
    staged: list[tuple[str, str]] = []  # the file itself, and what is to take its place
    kept: list[tuple[str, str]] = []  # the file itself, and what it was
    target, replaced = os.fspath(rewritten.tree.source), 0
    try:
        for path, (old, new) in rewritten.files.items():
            target = os.path.realpath(root / path)
            staged.append((target, _beside(target, new)))
            kept.append((target, _beside(target, old)))
        for target, name in staged:
            os.replace(name, target)  # noqa: PTH105 - paths of any bytes
            replaced += 1
    except BaseException as error:
        for place, name in kept[:replaced]:
            with contextlib.suppress(OSError):
                os.replace(name, place)  # noqa: PTH105 - as above
        if isinstance(error, OSError):
            message = f"{target}: can't be written: {error.strerror}; nothing was changed"
            raise ProjectError(message) from None
        raise
    finally:
        for _, name in (*staged, *kept):
            with contextlib.suppress(OSError):
                os.unlink(name)  # noqa: PTH108 - as above


def _beside(target: str, content: bytes) -> str:
    """A new file in a file's folder, with its mode and its owner. Raises OSError."""
    handle, name = tempfile.mkstemp(prefix=STAGING, dir=os.path.dirname(target))  # noqa: PTH120
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        shutil.copymode(target, name)
        found = os.stat(target)  # noqa: PTH116 - as above
        with contextlib.suppress(PermissionError):
            os.chown(name, found.st_uid, found.st_gid)
    except BaseException:
        os.unlink(name)  # noqa: PTH108 - as above
        raise
    return name


def write_anew(rewritten: RewrittenTree, out: Path) -> None:
    """Writes the whole source into a folder that is new or empty. Raises ProjectError."""
    write_source(rewritten.tree, {path: new for path, (_, new) in rewritten.files.items()}, out)


def _checked(values: Mapping[str, Value], tree: CompiledTree) -> Parameters:
    """The values by key, in their domains' types; the source's own are fine wherever they lie."""
    found = by_key(values, tree.space)
    own = tree.defaults
    others = {k: v for k, v in found.items() if k not in own or identity(v) != identity(own[k])}
    return tree.space.canonical(others)


def _unwritten(parameters: Parameters, tree: CompiledTree, *, strip: bool) -> list[Diagnostic]:
    """Warnings of values that have no place in the source, and of what can't be taken out of it."""
    problem = "stays in the source" if strip else "can't be written into the source"
    return [
        Diagnostic(
            place.file,
            place.cell,
            place.line,
            place.column,
            "NNI514",
            f"{key} {problem}: no value stands there, its code chooses by itself",
            is_error=False,
        )
        for key in (tree.places if strip else parameters)
        for place in tree.places[key]
        if not place.is_written
    ]


def _quoted(name: bytes) -> bytes:
    """A file's name in a patch, as git writes names with odd characters."""
    plain = all(0x20 <= char < 0x7F and char not in b'"\\' for char in name)
    if plain:
        return name + b"\t" if b" " in name else name
    escapes = {0x22: b'\\"', 0x5C: b"\\\\", 0x09: b"\\t", 0x0A: b"\\n", 0x0D: b"\\r"}
    inside = b"".join(
        escapes.get(char) or (bytes([char]) if 0x20 <= char < 0x7F else b"\\%03o" % char)
        for char in name
    )
    return b'"' + inside + b'"'
