"""The command of `nnictl` that deletes experiments."""

from __future__ import annotations

import shutil
from pathlib import Path

import click

from nni_runner.common import of_experiment
from nni_runner.errors import RunnerError, UsageError
from nni_runner.existing import find, places
from nni_runner.experiment import Place
from nni_runner.lock import locked, running


@click.command()
@of_experiment
@click.option("-a", "--all", "every", is_flag=True, help="All that have ended.")
@click.option("-y", "--yes", is_flag=True, help="Don't ask.")
def delete(name: str | None, every: bool, experiments: Path, yes: bool) -> None:
    """Delete an experiment's folder and all that is in it."""
    if every == (name is not None):
        raise UsageError("say either an ID or --all")
    if name is not None:
        place = find(name, experiments)
        _delete(place, None if yes else f"Delete {place.folder}?")
    else:
        _delete_all(experiments, yes=yes)


def _delete_all(experiments: Path, *, yes: bool) -> None:
    """Those that have ended; one that can't be deleted doesn't keep the others."""
    ended: list[Place] = []
    for place in places(experiments):
        if running(place.folder):
            click.echo(f"experiment {place.id} is running: it is kept", err=True)
        else:
            ended.append(place)
    if not ended:
        click.echo(f"no experiment that has ended in {experiments}", err=True)
        return
    ids = ", ".join(place.id for place in ended)
    if not yes and not _agrees(f"Delete {len(ended)} in {experiments}: {ids}?"):
        raise RunnerError("nothing was deleted")
    problems = []
    for place in ended:
        try:
            _delete(place, None)
        except RunnerError as error:
            problems.append(str(error))
    if problems:
        raise RunnerError("\n".join(problems))


def _delete(place: Place, question: str | None) -> None:
    try:
        with locked(place.folder):  # also against one who would resume it just now
            if question and not _agrees(question):
                raise RunnerError("nothing was deleted")
            shutil.rmtree(place.folder.resolve())
    except OSError as error:
        raise RunnerError(f"{error.filename}: can't be deleted: {error.strerror}") from None
    click.echo(f"experiment {place.id} deleted")


def _agrees(question: str) -> bool:
    try:
        return click.confirm(question, err=True)
    except click.Abort:  # no answer
        click.echo(err=True)
        return False
