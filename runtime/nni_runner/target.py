"""TARGET of the command line -> a folder of compiled code, and the command that runs it."""

from __future__ import annotations

import re
import shlex
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from nni_annotate.diagnostics import CompileError, Diagnostic
from nni_annotate.output import link_tree, read_manifest
from nni_annotate.project import (
    SEARCH_SPACE,
    CompiledTree,
    Script,
    compile_tree,
    read_search_space,
)
from nni_annotate.sources import ProjectError
from nni_annotate.space import Parameters, SearchSpace
from nni_runner.errors import RunnerError, UsageError


@dataclass(frozen=True)
class Target:
    """What to run, checked, before anything is written.

    `tree` is what compiling a source gave, None where the code is run where it lies; `folder` is
    that place, or the source's root.
    """

    folder: Path
    space: SearchSpace
    defaults: Parameters
    scripts: tuple[Script, ...]
    tree: CompiledTree | None
    warnings: tuple[Diagnostic, ...]
    only_file: str | None = None

    @property
    def is_annotated(self) -> bool:
        """Whether the code holds values of its own, so that a baseline makes sense."""
        return bool(self.scripts)

    def put(self, folder: Path) -> Path:
        """The folder of compiled code to run in; a source's is written into `folder` first."""
        if self.tree is None:
            return self.folder
        link_tree(self.tree, folder)
        if self.only_file is not None:
            _link_siblings(self.tree.root, folder, self.only_file)
        return folder


def read_target(path: Path, leave_out: Path) -> Target:
    """Reads a compiled folder, or compiles a source folder or script without writing anything.

    Raises RunnerError; CompileError with the problems of the source.
    """
    if not path.exists():
        raise UsageError(f"{path}: no such file or folder")
    try:
        manifest = read_manifest(path) if path.is_dir() else None
        if manifest is not None:
            space = read_search_space(path)
            if space is None:
                raise RunnerError(f"{path / SEARCH_SPACE}: is missing; compile again")
            return Target(path.resolve(), space, manifest.defaults, manifest.scripts, None, ())
        tree = compile_tree(path, leave_out)
        only_file = path.name if path.is_file() else None
        if not tree.compiled:
            return _hand_written(path)
        warnings = (*tree.warnings, *(_annotated_siblings(tree) if only_file else ()))
        return Target(
            tree.root.resolve(), tree.space, tree.defaults, tree.scripts, tree, warnings, only_file
        )
    except ProjectError as error:
        raise RunnerError(str(error)) from None


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
        raise UsageError("no annotated script to run; say which with --script or --command")
    raise UsageError(f"several scripts could be run ({candidates}); say which with --script")


def _named_script(target: Target, script: str) -> str:
    for base in (target.folder, Path.cwd()):
        path = (base / script).resolve()
        if path.is_file() and path.is_relative_to(target.folder):
            return str(path.relative_to(target.folder))
    raise UsageError(f"--script {script}: no such file in {target.folder}")


def _hand_written(path: Path) -> Target:
    """Code without annotations runs where it lies, by the search space file at its root."""
    space = read_search_space(path) if path.is_dir() else None
    if space is None:
        raise RunnerError(
            f"{path}: nothing to tune: no annotations found, and no {SEARCH_SPACE} at its root"
        )
    return Target(path.resolve(), space, {}, (), None, ())


def _annotated_siblings(tree: CompiledTree) -> list[Diagnostic]:
    """Warnings of annotated files that a lone script imports: they are not compiled with it."""
    found = []
    imported = {
        name.decode("utf-8", "replace")
        for content in tree.compiled.values()
        for name in re.findall(rb"^\s*(?:import|from)\s+(\w+)", content, re.MULTILINE)
    }
    for path in sorted(tree.root / f"{name}.py" for name in imported):
        if path.is_file() and b"@nni." in path.read_bytes():
            message = "its annotations have no effect here; run the folder to have them compiled"
            found.append(Diagnostic(str(path), 0, 0, message, is_error=False))
    return found


def _link_siblings(source: Path, folder: Path, script: str) -> None:
    """Links everything beside a lone script, so that what it imports and reads is found."""
    for path in source.iterdir():
        target = folder / path.name
        if path.name == script or path.name == "__pycache__" or target.exists():
            continue
        if path.resolve() in folder.resolve().parents:
            continue
        target.symlink_to(path.resolve())


def remove_tree(folder: Path) -> None:
    """Removes a folder that `put` wrote."""
    shutil.rmtree(folder, ignore_errors=True)


__all__ = ["CompileError", "Target", "find_command", "read_target", "remove_tree"]
