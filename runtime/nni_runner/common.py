"""What the commands of `nnictl` share: the options, and how errors end them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from nni_runner.completion import ids
from nni_runner.errors import RunnerError, UsageError
from nni_runner.experiment import DEFAULT_FOLDER

F = TypeVar("F", bound=Callable[..., Any])


class Commands(click.Group):
    """A group whose commands may raise RunnerError, exit code 1, or UsageError, exit code 2."""

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the command that was asked for."""
        try:
            return super().invoke(ctx)
        except UsageError as error:
            raise click.UsageError(str(error)) from None
        except RunnerError as error:
            click.echo(f"error: {error}", err=True)
            ctx.exit(1)


def in_folder(function: F) -> F:
    """The option that says where experiments are kept; the command gets it as a whole path."""
    return click.option(
        "--experiments-dir",
        "experiments",
        type=click.Path(path_type=Path),
        default=DEFAULT_FOLDER,
        show_default=True,
        callback=lambda _context, _option, path: Path(path or DEFAULT_FOLDER).expanduser(),
        help="Where experiments are kept.",
    )(function)


def of_experiment(function: F) -> F:
    """The argument ID, which may be left out where only one experiment is running."""
    argument = click.argument("name", metavar="[ID]", required=False, shell_complete=ids)
    return argument(in_folder(function))


def of_named(function: F) -> F:
    """The argument ID, which has to be there."""
    return click.argument("name", metavar="ID", shell_complete=ids)(in_folder(function))


def of_trial(function: F) -> F:
    """The trial's number, as NNI spells the option."""
    return click.option(
        "-T", "--trial_id", "number", metavar="NUMBER", required=True,
        type=click.IntRange(min=0), help="The trial's number.",
    )(function)  # fmt: skip


PATH = click.Path(path_type=Path)
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def print_json(value: Any) -> None:
    """On standard output, in one line."""
    click.echo(json.dumps(value, allow_nan=False))
