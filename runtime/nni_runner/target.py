"""TARGET of the command line -> a folder of compiled code, and the command that runs it."""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from nni_annotate.diagnostics import Diagnostic
from nni_annotate.manifest import read_manifest
from nni_annotate.placing import place_tree
from nni_annotate.sources import MANIFEST, ProjectError, is_python
from nni_annotate.space import Parameters, SearchSpace
from nni_annotate.tree import SEARCH_SPACE, CompiledTree, Script, read_search_space
from nni_runner import compiling
from nni_runner.errors import RunnerError, UsageError

_NO_CODE = {"history.sqlite", "pyvenv.cfg"}  # what an experiment's folder and an environment hold
_IMPORTS_NNI = re.compile(rb"^\s*(?:import|from)\s+nni\b", re.MULTILINE)


@dataclass(frozen=True)
class Target:
    """What to run, checked, before anything is written.

    `defaults` are the code's own values as far as its text tells them, None where parameters come
    through the API and the code holds none. `tree` is what compiling a source gave, None where the
    code is run where it lies; `folder` is that place, or the source's root. `space_is_given` apart
    from the code where reading this anew would not find it.
    """

    folder: Path
    space: SearchSpace
    defaults: Parameters | None
    scripts: tuple[Script, ...]
    tree: CompiledTree | None
    warnings: tuple[Diagnostic, ...]
    space_is_given: bool = False

    @property
    def is_annotated(self) -> bool:
        """Whether the code holds values of its own, so that a baseline makes sense."""
        return self.defaults is not None

    def fingerprint(self) -> str:
        """Twelve digits that change where the code does: its Python files, as they are run."""
        digest = hashlib.sha256()
        for path, content in sorted(self._code()):
            digest.update(f"{path}\0{len(content)}\0".encode("utf-8", "surrogateescape") + content)
        return digest.hexdigest()[:12]

    def _code(self) -> Iterator[tuple[str, bytes]]:
        if self.tree is None:
            for top, folders, names in os.walk(self.folder):
                if _NO_CODE.intersection(names):
                    folders.clear()
                    continue
                folders[:] = [name for name in folders if not name.startswith((".", "__pycache__"))]
                python = (Path(top, name) for name in names if name.endswith(".py"))
                yield from (
                    (str(path.relative_to(self.folder)), path.read_bytes())
                    for path in python
                    if path.is_file()
                )
            return
        yield from self.tree.compiled.items()
        for path in self.tree.carried:
            if is_python(self.tree.listing, path):
                yield path, (self.tree.root / path).read_bytes()

    def put(self, folder: Path, leave_out: Path) -> Path:
        """The folder of compiled code to run in; a source's is written into `folder` first.

        `leave_out` is where experiments are kept. Raises RunnerError.
        """
        if self.tree is None:
            return self.folder
        try:
            place_tree(self.tree, folder, leave_out)
        except ProjectError as error:
            raise RunnerError(str(error)) from None
        return folder


def read_target(path: Path, leave_out: Path) -> Target:
    """Reads compiled code, or compiles a source; a folder or a script of it. Writes nothing.

    Raises RunnerError; CompileError with the problems of the source.
    """
    if not path.exists():
        raise UsageError(f"{path}: no such file or folder")
    if not path.is_file() and not path.is_dir():
        raise UsageError(f"{path}: is neither a file nor a folder")
    try:
        if compiled := _compiled(path.resolve()):
            compiling.stop()  # there is nothing for it to do
            return compiled
        tree = compiling.compile_target(path, leave_out)
        if not tree.compiled:
            return _hand_written(path)
        siblings = _annotated_siblings(tree) if tree.is_one_file else []
        warnings = (*tree.warnings, *siblings)
        root = tree.root.resolve()
        return Target(root, tree.space, tree.defaults, tree.scripts, tree, warnings)
    except ProjectError as error:
        raise RunnerError(str(error)) from None


def _compiled(path: Path) -> Target | None:
    """A compiled folder, or one script of it; None where there is none."""
    folders = (path,) if path.is_dir() else path.parents
    # A folder above that can't be looked into is none.
    folder = next((one for one in folders if os.path.isfile(one / MANIFEST)), None)  # noqa: PTH113
    manifest = read_manifest(folder) if folder else None
    if folder is None or manifest is None:
        return None
    space = read_search_space(folder)
    if space is None:
        raise RunnerError(f"{folder / SEARCH_SPACE}: is missing; compile again")
    scripts = manifest.scripts
    if path != folder:
        scripts = (Script(str(path.relative_to(folder)), has_main_guard=True),)
    return Target(folder, space, manifest.defaults, scripts, None, ())


def find_command(
    target: Target, script: str | None, command: str | None, arguments: tuple[str, ...]
) -> tuple[str, ...]:
    """The command of every trial, run in the folder of the compiled code. Raises UsageError."""
    if command is not None:
        if script is not None:
            raise UsageError("say either --script or --command")
        try:
            words = shlex.split(command)
        except ValueError as error:
            raise UsageError(f"--command {command!r}: {error}") from None
        if not words:
            raise UsageError("--command is empty")
        return (*words, *arguments)
    path = _script(target) if script is None else _named_script(target, script)
    return (sys.executable, f"./{path}" if path.startswith("-") else path, *arguments)


def _script(target: Target) -> str:
    scripts = target.scripts
    guarded = [script for script in scripts if script.has_main_guard]
    if len(guarded) == 1:
        return guarded[0].path
    if len(scripts) == 1:
        return scripts[0].path
    candidates = ", ".join(script.path for script in guarded or scripts)
    if not candidates:
        raise UsageError("say which script to run with --script or --command")
    raise UsageError(f"several scripts could be run ({candidates}); say which with --script")


def _named_script(target: Target, script: str) -> str:
    for base in (target.folder, Path.cwd()):
        path = (base / script).resolve()
        if path.is_file() and path.is_relative_to(target.folder):
            return str(path.relative_to(target.folder))
    raise UsageError(f"--script {script}: no such file in {target.folder}")


def _hand_written(path: Path) -> Target:
    """Code without annotations runs where it lies, by the search space file beside it."""
    folder = path if path.is_dir() else path.parent
    space = read_search_space(folder)
    if space is None:
        raise RunnerError(
            f"{path}: nothing to tune: no annotations found, and no {SEARCH_SPACE} "
            f"{'at its root' if path.is_dir() else 'beside it'}"
        )
    candidates = sorted(folder.glob("*.py")) if path.is_dir() else [path]
    scripts = tuple(
        Script(candidate.name, has_main_guard=False)
        for candidate in candidates
        if candidate.is_file() and (path.is_file() or _IMPORTS_NNI.search(candidate.read_bytes()))
    )
    return Target(folder.resolve(), space, None, scripts, None, ())


def _annotated_siblings(tree: CompiledTree) -> list[Diagnostic]:
    """Warnings of annotated files that a lone script imports: they are not compiled with it."""
    names = {
        name.decode("utf-8", "replace")
        for content in tree.compiled.values()
        for name in re.findall(rb"^\s*(?:import|from)\s+([\w.]+)", content, re.MULTILINE)
    }
    found = []
    for path in sorted({path for name in names for path in _homes(tree.root, name)}):
        if b"@nni." in path.read_bytes():
            message = "its annotations have no effect here; run the folder to have them compiled"
            found.append(Diagnostic(str(path), code="NNI501", message=message, is_error=False))
    return found


def _homes(root: Path, name: str) -> list[Path]:
    """The files below the root that importing a dotted name would run."""
    parts = [part for part in name.split(".") if part]
    stems = [root.joinpath(*parts[: end + 1]) for end in range(len(parts))]
    homes = [path for stem in stems for path in (stem.with_suffix(".py"), stem / "__init__.py")]
    return [path for path in homes if path.is_file()]
