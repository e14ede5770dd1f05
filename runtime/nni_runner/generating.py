"""`nnictl ss_gen`: the search space of code, read from its text."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import click

from nni_annotate.cli import count, show_diagnostics
from nni_runner.common import PATH
from nni_runner.errors import RunnerError, UsageError

_DEFAULT = Path("nni_auto_gen_search_space.json")  # NNI's


@click.command("ss_gen")
@click.option("-t", "--trial_command", "words", metavar="COMMAND", required=True,
              help='What a trial runs, such as "python3 train.py"; it is not run.')  # fmt: skip
@click.option("-d", "--trial_dir", "folder", metavar="FOLDER", type=PATH, default=Path(),
              show_default=True, help="Where that would be run: the code.")  # fmt: skip
@click.option("-f", "--file", "out", metavar="FILE", type=PATH, default=_DEFAULT,
              show_default=True, help="What to write; - is standard output.")  # fmt: skip
def generate(words: str, folder: Path, out: Path) -> None:
    """Write the search space of code into a file; nothing is run.

    It is that of the annotations and the calls of nni's types in all of the code.
    """
    _check(words, folder.expanduser())
    from nni_annotate.diagnostics import CompileError
    from nni_annotate.errors import NniAnnotateError
    from nni_annotate.project import compile_tree
    from nni_runner.transfer.writing import write_text

    try:
        tree = compile_tree(folder.expanduser())
    except CompileError as error:
        show_diagnostics(error.diagnostics)
        raise SystemExit(1) from None
    except NniAnnotateError as error:
        raise RunnerError(str(error)) from None
    show_diagnostics(tree.warnings)
    if not tree.space:
        raise RunnerError(
            f"{folder}: nothing to tune: expected annotations, or calls such as nni.choice(1, 2)"
        )
    if str(out) == "-":
        click.echo(tree.space.to_text(), nl=False)
        return
    write_text(out.expanduser(), tree.space.to_text())
    found = f"{count(len(tree.space), 'parameter')} in {count(len(tree.compiled), 'file')}"
    click.echo(f"{out}: {found}", err=True)


def _check(words: str, folder: Path) -> None:
    """Raises UsageError where the folder isn't one, or the command runs no script of it."""
    if not folder.is_dir():
        raise UsageError(f"--trial_dir {folder}: no such folder")
    try:
        scripts = [word for word in shlex.split(words) if word.endswith(".py")]
    except ValueError as error:
        raise UsageError(f"--trial_command {words!r}: {error}") from None
    for script in scripts:
        path = folder / script
        if not path.is_file():
            raise UsageError(f"--trial_command {words!r}: there is no {path}")
        if not path.resolve().is_relative_to(os.path.realpath(folder)):
            raise UsageError(f"--trial_command {words!r}: {path} is outside of --trial_dir")
