"""The command of `nnictl` that gives a user's own source a trial's values."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nni_annotate.cli import count, show_diagnostics
from nni_runner.common import PATH, of_experiment, of_trial
from nni_runner.errors import RunnerError, UsageError
from nni_runner.existing import Existing, find_or_only, read, trial_of
from nni_runner.trial import Trial

if TYPE_CHECKING:
    from nni_annotate.rewrite import RewrittenTree


@click.command()
@of_experiment
@of_trial
@click.option("-o", "--output", "out", metavar="FOLDER", type=PATH,
              help="Write the whole source into this folder, new or empty.")  # fmt: skip
@click.option("--diff", is_flag=True, help="Print a patch of the source instead.")
def codegen(name: str | None, number: int, experiments: Path, out: Path | None, diff: bool) -> None:
    """Print the source with a trial's values written in; the source itself stays as it is."""
    if diff and out is not None:
        raise UsageError("say either --diff or -o")
    one = read(find_or_only(name, experiments))
    trial = trial_of(one, number)
    source = _source(one, trial)
    from nni_annotate.diagnostics import CompileError
    from nni_annotate.errors import NniAnnotateError
    from nni_annotate.rewrite import to_diff, write_anew

    try:
        rewritten = _rewritten(one, trial, source, out)
        if out is not None:
            write_anew(rewritten, out)
            click.echo(f"{out}: {count(len(rewritten.files), 'file')} written anew", err=True)
        else:
            click.echo(to_diff(rewritten) if diff else _only_file(rewritten), nl=False)
    except CompileError as error:
        show_diagnostics(error.diagnostics)
        raise SystemExit(1) from None
    except NniAnnotateError as error:
        raise RunnerError(str(error)) from None


def _source(one: Existing, trial: Trial) -> Path:
    """Where it is. Raises RunnerError where there is none to write into."""
    parameters = one.place.output(trial.number) / "parameters.json"
    if one.facts.get("defaults") is None:
        raise RunnerError(
            "the code of this experiment asks for its parameters, and holds none that could be "
            f"written anew; those of trial {trial.number} are in {parameters}"
        )
    code = one.place.folder / one.facts["code"]
    run = f"nni-run {code} --with {parameters} runs trial {trial.number} as it was"
    if one.facts.get("source") is None:
        raise RunnerError(f"where the source is, this experiment doesn't know (any more); {run}")
    source = Path(one.facts["source"])
    if not source.exists():
        raise RunnerError(f"{source}: the source is gone, and compiled code is none; {run}")
    if not code.is_relative_to(one.place.folder):
        raise RunnerError(
            f"{code} is compiled code; nni-annotate SOURCE --apply {parameters} --diff writes the "
            "values into what it was compiled from"
        )
    return source


def _rewritten(one: Existing, trial: Trial, source: Path, out: Path | None) -> RewrittenTree:
    """Raises CompileError, NniAnnotateError."""
    from nni_annotate.errors import SpaceError
    from nni_annotate.rewrite import rewrite_tree
    from nni_runner.target import read_target

    today = read_target(source, one.place.folder.parent)
    has_changed = today.fingerprint() != one.facts.get("code_hash")
    if has_changed:
        click.echo(f"warning: {source}: has changed since; this is today's source", err=True)
    try:
        rewritten = rewrite_tree(source, trial.parameters, strip=False, leave_out=out)
    except SpaceError as error:
        why = "has changed since" if has_changed else "its annotations have no such value"
        raise RunnerError(f"{source}: {why}: {error}") from None
    show_diagnostics(rewritten.warnings)
    return rewritten


def _only_file(rewritten: RewrittenTree) -> bytes:
    """The one annotated file, whether the values change it or not. Raises UsageError."""
    paths = sorted(set(rewritten.tree.origins.values()))
    if len(paths) > 1:
        raise UsageError(
            f"{count(len(paths), 'annotated file')} ({', '.join(paths)}): say where to write them "
            "with -o FOLDER, or --diff"
        )
    (path,) = paths
    if path in rewritten.files:
        return rewritten.files[path][1]
    return Path(os.path.join(rewritten.tree.root, path)).read_bytes()  # noqa: PTH118 - any bytes
