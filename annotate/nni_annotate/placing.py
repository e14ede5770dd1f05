"""Compiled code where trials run: copied, with the data that it reads beside it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path, PurePosixPath

from nni_annotate.data import Budget, bring
from nni_annotate.filling import cannot, copy_file, fill, own_files
from nni_annotate.sources import LEFT_OUT, is_python
from nni_annotate.tree import CompiledTree


def place_tree(tree: CompiledTree, out: Path, leave_out: Path) -> None:
    """Writes the compiled tree into a new folder, for trials to run in.

    Code and small files are copied, so that the code of an experiment stays as it was and a trial
    that writes a file doesn't write into the source; what is large is linked. Beside a lone script
    everything in its folder is brought along in this way. `leave_out` is a folder that is no part
    of it. Raises ProjectError.
    """
    budget = Budget(leave_out.resolve())
    place = _place_one_file if tree.is_one_file else _place_folder
    try:
        out.mkdir(parents=True)
        place(tree, out, budget)
    except OSError as error:
        raise cannot(error, out) from None


def _place_one_file(tree: CompiledTree, out: Path, budget: Budget) -> None:
    fill(replace(tree, carried=(), folders=()), out)
    taken = {*tree.compiled, *own_files(tree), *LEFT_OUT}
    for entry in sorted(tree.root.iterdir()):
        if entry.name not in taken:
            bring(entry, out / entry.name, budget)


def _place_folder(tree: CompiledTree, out: Path, budget: Budget) -> None:
    code = {*tree.compiled, *(path for path in tree.carried if is_python(tree.listing, path))}
    code_folders = {parent for path in code for parent in PurePosixPath(path).parents}
    data = {_outermost(path, code_folders) for path in (*tree.carried, *tree.folders)} - code
    data -= {str(folder) for folder in code_folders}
    fill(replace(tree, carried=tuple(code - tree.compiled.keys()), folders=()), out)
    for path in sorted(data - set(own_files(tree))):
        if (tree.root / path).is_symlink():
            copy_file(tree, path, out / path)
        else:
            bring(tree.root / path, out / path, budget)


def _outermost(path: str, code_folders: set[PurePosixPath]) -> str:
    """The outermost folder around a file that holds no code, else the file itself."""
    folders = [folder for folder in PurePosixPath(path).parents if folder not in code_folders]
    return str(folders[-1]) if folders else path
