"""The command line `nnictl`: everything about experiments that exist."""

from __future__ import annotations

import click

from nni_annotate import __version__
from nni_runner.codegen import codegen
from nni_runner.common import Commands
from nni_runner.config.commands import config, create
from nni_runner.deleting import delete
from nni_runner.generating import generate
from nni_runner.inspecting import list_, log_trial, ls, show, status, view
from nni_runner.logs import stderr, stdout
from nni_runner.own.commands import algo
from nni_runner.resuming import resume
from nni_runner.steering import kill, stop, update
from nni_runner.top import top
from nni_runner.transfer.commands import load, save
from nni_runner.transfer.results import export, import_


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "-v", "--version")
def main() -> None:
    """See, control and resume experiments of nni-run, also from another terminal.

    An ID may be cut to its first characters; left out, it is the only experiment that is running.

    \b
    Exit codes: 0 done; 1 it could not be done; 2 wrong usage, such as an unknown ID;
    130 interrupted by Ctrl-C.
    """


@main.group()
def experiment() -> None:
    """List, show, export, import, save, load and delete experiments."""


@main.group()
def trial() -> None:
    """List and kill trials, write their values into the source."""


@main.group()
def log() -> None:
    """What trials print, and the runner itself."""


for group, commands in {
    main: (create, config, resume, view, stop, update, top, algo, generate),
    experiment: (list_, show, status, export, import_, save, load, delete),
    trial: (ls, kill, codegen),
    log: (log_trial, stdout, stderr),
}.items():
    for command in commands:
        group.add_command(command)
