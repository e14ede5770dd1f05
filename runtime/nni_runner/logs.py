"""The commands of `nnictl` that print what the runner itself said."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

import click

from nni_runner.common import F, of_experiment
from nni_runner.config.background import LOG, OUTPUT
from nni_runner.errors import RunnerError, UsageError
from nni_runner.existing import find_or_only
from nni_runner.experiment import Place
from nni_runner.following import print_lines


def _of_log(function: F) -> F:
    for option in (
        click.option("--path", "only_path", is_flag=True, help="Where it is, not what is in it."),
        click.option("-T", "--tail", "last", metavar="N", type=click.IntRange(min=1),
                     help="The last N lines."),
        click.option("-H", "--head", "first", metavar="N", type=click.IntRange(min=1),
                     help="The first N lines."),
    ):  # fmt: skip
        function = option(function)
    return of_experiment(function)


@click.command()
@_of_log
def stdout(
    name: str | None, experiments: Path, first: int | None, last: int | None, only_path: bool
) -> None:
    """Print the result that an experiment in the background has printed."""
    _print(find_or_only(name, experiments), OUTPUT, first, last, only_path)


@click.command()
@_of_log
def stderr(
    name: str | None, experiments: Path, first: int | None, last: int | None, only_path: bool
) -> None:
    """Print what an experiment in the background said on its way."""
    _print(find_or_only(name, experiments), LOG, first, last, only_path)


def _print(
    place: Place, file_name: str, first: int | None, last: int | None, only_path: bool
) -> None:
    if first and last:
        raise UsageError("say either --head or --tail")
    path = place.folder / file_name
    if not path.is_file():
        raise RunnerError(
            f"experiment {place.id} was not started in the background: it wrote to the terminal "
            "that nni-run was started in; nnictl log trial has what its trials printed"
        )
    if only_path:
        click.echo(path)
        return
    with path.open("rb") as file:
        print_lines(_some(file, first, last))
    sys.stdout.flush()


def _some(lines: Iterable[bytes], first: int | None, last: int | None) -> Iterable[bytes]:
    return deque(lines, last) if last else islice(lines, first)
