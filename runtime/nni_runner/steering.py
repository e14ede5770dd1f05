"""The commands of `nnictl` that change a running experiment."""

from __future__ import annotations

from pathlib import Path

import click

from nni_runner.common import PATH, of_experiment, of_trial
from nni_runner.control import Sent
from nni_runner.errors import RunnerError, UsageError
from nni_runner.existing import counts_in_words, find_or_only, places, read
from nni_runner.experiment import Place, seconds
from nni_runner.lock import running
from nni_runner.requests import OWN_SPACE, Change, ChangeSpace, Kill, Stop, Update
from nni_runner.threads import import_numpy_with_one_thread


@click.command()
@of_experiment
@click.option("-a", "--all", "every", is_flag=True, help="Stop all that are running.")
def stop(name: str | None, every: bool, experiments: Path) -> None:
    """End an experiment as Ctrl-C does; wait until it has ended."""
    if every and name is not None:
        raise UsageError("say either an ID or --all")
    if every:
        found = [place for place in places(experiments) if running(place.folder)]
    else:
        found = [find_or_only(name, experiments)]
    for place, sent in [(place, Sent(place, Stop())) for place in found]:
        sent.answer(_patience(place))
        ended = read(place)
        click.echo(f"experiment {place.id}: {ended.status}; {counts_in_words(ended)}")


@click.command()
@of_experiment
@of_trial
def kill(name: str | None, number: int, experiments: Path) -> None:
    """End a running trial; the experiment goes on. Waits until it has ended."""
    _ask(find_or_only(name, experiments), Kill(number))


@click.group()
def update() -> None:
    """Give a running experiment another limit or search space."""


@update.command()
@of_experiment
@click.option("-v", "--value", required=True, type=click.IntRange(min=1))
def concurrency(name: str | None, value: int, experiments: Path) -> None:
    """How many trials to run at the same time; those that run now run on."""
    _ask(find_or_only(name, experiments), Update("concurrency", value))


@update.command()
@of_experiment
@click.option("-v", "--value", required=True, metavar="DURATION",
              help="Since its start: 90s, 30m, 1h30m, 2d.")  # fmt: skip
def duration(name: str | None, value: str, experiments: Path) -> None:
    """After which time to stop."""
    _ask(find_or_only(name, experiments), Update("seconds", seconds(value)))


@update.command()
@of_experiment
@click.option("-v", "--value", required=True, type=click.IntRange(min=1))
def trialnum(name: str | None, value: int, experiments: Path) -> None:
    """How many trials to run, those so far among them."""
    _ask(find_or_only(name, experiments), Update("trials", value))


@update.command()
@of_experiment
@click.option("-f", "--filename", "file", metavar="FILE", type=PATH, required=True,
              help="A search space, as JSON or YAML.")  # fmt: skip
def searchspace(name: str | None, experiments: Path, file: Path) -> None:
    """In which search space to choose parameters; those that run now run on."""
    place = find_or_only(name, experiments)
    if running(place.folder) is None:
        raise RunnerError(f"experiment {place.id} is not running")
    one = read(place)
    if one.space.is_own:
        raise RunnerError(OWN_SPACE)
    import_numpy_with_one_thread()
    from nni_runner.config.replacing import read_new_space
    from nni_runner.config.starting import all_told

    with all_told():
        space = read_new_space(file, one.facts)
    _ask(place, ChangeSpace(space))


def _ask(place: Place, request: Kill | Change) -> None:
    done = Sent(place, request).answer(_patience(place))
    if done is None:
        raise RunnerError(f"experiment {place.id} has ended meanwhile")
    click.echo(f"experiment {place.id}: {done}")


def _patience(place: Place) -> str:
    return f"waiting for experiment {place.id}; Ctrl-C ends the waiting only"
