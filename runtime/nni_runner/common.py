"""What the commands of `nnictl` share: the options, and how errors end them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar, cast

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
        "-e",
        "--experiments-dir",
        "--experiment_dir",
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


def _of_id(_context: click.Context, _option: click.Parameter, value: str) -> tuple[str, int]:
    """The experiment that a trial's id begins with, "" for a number alone, and the number."""
    experiment, dash, number = value.rpartition("-")
    if not number.isdecimal() or (dash and not experiment):
        raise click.BadParameter(f"expected a trial's number or its id, found {value!r}")
    return experiment, int(number)


def of_trial(function: F) -> F:
    """The trial's number, as NNI spells the option; the command gets that, and its experiment."""

    @wraps(function)
    def call(*args: Any, name: str | None, trial: tuple[str, int], **kwargs: Any) -> Any:
        experiment, number = trial
        if experiment and name and not experiment.startswith(Path(name).name):
            raise UsageError(f"-T {experiment}-{number}: is no trial of experiment {name}")
        return function(*args, name=name or experiment or None, number=number, **kwargs)

    option = click.option(
        "-T", "--trial_id", "trial", metavar="NUMBER", required=True, callback=_of_id,
        help="The trial's number, or its id.",
    )  # fmt: skip
    return cast(F, option(call))


def with_nni_s(*names: str) -> Callable[[F], F]:
    """Options that NNI has and that do nothing here; they say so."""

    def add(function: F) -> F:
        for name in names:
            option, settings, why = _NNI_S[name]
            say = _Saying(f"{name} has no effect: {why}")
            function = click.option(
                option, name, expose_value=False, callback=say, help=f"No effect: {why}.",
                **settings,
            )(function)  # fmt: skip
        return function

    return add


_NNI_S: dict[str, tuple[str, dict[str, Any], str]] = {
    "--port": ("-p", {"type": int}, "there is no web page"),
    "--debug": ("-d", {"is_flag": True}, "messages are the same"),
    "--foreground": ("-f", {"is_flag": True}, "it stays in the foreground"),
}


@dataclass(frozen=True)
class _Saying:
    message: str

    def __call__(self, _context: click.Context, _option: click.Parameter, value: Any) -> None:
        if value:
            click.echo(self.message, err=True)


PATH = click.Path(path_type=Path)
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def print_json(value: Any) -> None:
    """On standard output, in one line."""
    click.echo(json.dumps(value, allow_nan=False))
