"""The commands of `nnictl` that show experiments."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from nni_runner.common import as_json, in_folder, of_experiment, of_trial, print_json, with_nni_s
from nni_runner.errors import RunnerError, UsageError
from nni_runner.existing import (
    Existing,
    counts_in_words,
    find_or_only,
    places,
    read,
    read_all,
    trial_of,
)
from nni_runner.following import print_stream
from nni_runner.progress import clock
from nni_runner.tables import UNKNOWN, names_of, number, on_one_line, shown, table, trial_to_json
from nni_runner.trial import Status, Trial


@click.command("list")
@in_folder
@click.option("--all", "every", is_flag=True, help="Those that have ended too.")
@as_json
def list_(experiments: Path, every: bool, as_json: bool) -> None:
    """The experiments that are running."""
    found: list[Existing] = []
    for item in read_all(experiments, only_running=not every):
        if isinstance(item, RunnerError):
            click.echo(f"warning: {item}", err=True)
        else:
            found.append(item)
    if as_json:
        print_json([existing.to_json() for existing in found])
    elif found:
        click.echo(overview(found), nl=False)
    else:
        ended = len(places(experiments))
        hint = f"; {ended} that ended: --all" if ended and not every else ""
        click.echo(
            f"no experiment{'' if every else ' is running'} in {experiments}{hint}", err=True
        )


def overview(found: list[Existing]) -> str:
    """A line an experiment."""
    now = time.time()
    is_named = any(one.name for one in found)
    rows = []
    for one in found:
        limit = one.facts["trials"]
        rows.append(
            [
                one.place.id,
                *([on_one_line(one.name or "", 40)] if is_named else []),
                on_one_line(str(one.facts["target"]), 40),
                one.status,
                f"{len(one.history.trials)}{'' if limit is None else f'/{limit}'}",
                number(one.best.value if one.best else None),
                age(now - one.begun),
            ]
        )
    head = ["id", *(["name"] if is_named else []), "target", "status", "trials", "best", "age"]
    return table(head, rows, left=range(len(head) - 3))


def age(seconds: float) -> str:
    """A time in its largest unit.

    >>> age(59), age(60), age(7300), age(200000)
    ('59 s', '1 min', '2 h', '2 d')
    """
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{max(int(seconds), 0)} s"


@click.command()
@of_experiment
@as_json
def show(name: str | None, experiments: Path, as_json: bool) -> None:
    """An experiment: how it stands, its limits, its best trial."""
    one = read(find_or_only(name, experiments))
    if as_json:
        print_json(_details(one))
    else:
        click.echo(_shown(one), nl=False)


@click.command()
@of_experiment
@as_json
def status(name: str | None, experiments: Path, as_json: bool) -> None:
    """How an experiment stands, in one word."""
    one = read(find_or_only(name, experiments))
    if as_json:
        print_json({"id": one.place.id, "status": one.status, "reason": one.reason})
    else:
        click.echo(one.status)


@click.command()
@of_experiment
@with_nni_s("--port")
@as_json
def view(name: str | None, experiments: Path, as_json: bool) -> None:
    """An experiment with all its trials, whether it runs or not."""
    one = read(find_or_only(name, experiments))
    trials = list(one.history.trials.values())
    if as_json:
        shown = [trial_to_json(trial, one.place) for trial in trials]
        print_json({"experiment": _details(one), "trials": shown})
    else:
        click.echo(f"{_shown(one)}\n{_trials(one, trials)}", nl=False)


def _details(one: Existing) -> dict[str, Any]:
    facts = one.facts
    return one.to_json() | {
        "reason": one.reason,
        "process": None if one.holder is None else vars(one.holder),
        "command": facts["command"],
        "search_space": facts["search_space"],
        "tuner_arguments": facts["tuner_arguments"],
        "seed": facts["seed"],
        "imported": one.history.imported,
    }


def _shown(one: Existing) -> str:
    facts = one.facts
    reason = one.reason or "its process is gone"
    how = f"process {one.holder.pid} on {one.holder.host}" if one.holder else reason
    limits = [] if facts["trials"] is None else [f"{facts['trials']} trials"]
    limits += [] if facts["seconds"] is None else [clock(facts["seconds"])]
    rows = [
        *([["name", one.name]] if one.name else []),
        ["target", facts["target"]],
        ["command", shlex.join(facts["command"])],
        ["status", f"{one.status} ({how})"],
        ["began", time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(one.begun))],
        ["tuner", f"{facts['tuner']}, to {facts['optimize_mode']}, seed {facts['seed']}"],
        ["limits", f"{', '.join(limits)}; {facts['concurrency']} at a time"],
        ["trials", f"{len(one.history.trials)} ({counts_in_words(one)})"],
        ["best", _best(one)],
        ["folder", str(one.place.folder)],
    ]
    rows = [[head, on_one_line(str(text), 1000)] for head, text in rows]
    return table(["experiment", one.place.id], rows, left=range(2))


def _best(one: Existing) -> str:
    if one.best is None:
        return "no trial succeeded"
    return f"{number(one.best.value)} (trial {one.best.number}: {_parameters(one, one.best)})"


def _parameters(one: Existing, trial: Trial) -> str:
    names = names_of(one.space, [trial])
    values = trial.parameters
    return ", ".join(f"{name}={shown(values.get(key, UNKNOWN), 30)}" for key, name in names.items())


@click.command()
@of_experiment
@click.option("--head", "highest", type=click.IntRange(min=1), metavar="N",
              help="Those with the N highest results, the highest first.")  # fmt: skip
@click.option("--tail", "lowest", type=click.IntRange(min=1), metavar="N",
              help="Those with the N lowest results, the lowest first.")  # fmt: skip
@as_json
def ls(
    name: str | None, experiments: Path, highest: int | None, lowest: int | None, as_json: bool
) -> None:
    """The trials of an experiment."""
    if highest and lowest:
        raise UsageError("say either --head or --tail")
    one = read(find_or_only(name, experiments))
    trials = list(one.history.trials.values())
    if most := highest or lowest:
        ranked = [trial for trial in trials if trial.value is not None]
        ranked.sort(key=lambda trial: trial.value or 0.0, reverse=highest is not None)
        trials = ranked[:most]
    if as_json:
        print_json([trial_to_json(trial, one.place) for trial in trials])
    else:
        click.echo(_trials(one, trials), nl=False)


def _trials(one: Existing, trials: Iterable[Trial]) -> str:
    now = time.time() if one.holder else 0.0
    rows = [
        [
            str(trial.number),
            trial.status.value,
            number(trial.value),
            f"{_seconds(trial, now):.1f}",
            _parameters(one, trial),
            on_one_line(trial.cause, 80),
        ]
        for trial in trials
    ]
    head = ["trial", "status", "result", "seconds", "parameters", "cause"]
    return table(head, rows, left=(1, 4, 5))


def _seconds(trial: Trial, now: float) -> float:
    return max(now - trial.started, 0.0) if trial.status is Status.RUNNING else trial.seconds


@click.command("trial")
@of_experiment
@of_trial
@click.option("--stderr", "errors", is_flag=True, help="Standard error instead of output.")
@click.option("-f", "--follow", "wait", is_flag=True, help="Go on until the trial has ended.")
def log_trial(name: str | None, number: int, experiments: Path, errors: bool, wait: bool) -> None:
    """Print what a trial printed; on a terminal, control characters show as ?."""
    one = read(find_or_only(name, experiments))
    trial_of(one, number)
    try:
        print_stream(one.place, number, "stderr" if errors else "stdout", wait=wait)
        sys.stdout.flush()
    except FileNotFoundError as error:
        raise RunnerError(f"{error.filename}: {error.strerror}") from None
