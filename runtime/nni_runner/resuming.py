"""The command of `nnictl` that goes on with an experiment."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import click

from nni_runner.common import as_json, of_named, with_nni_s
from nni_runner.compiling import load_ahead
from nni_runner.errors import RunnerError
from nni_runner.existing import find
from nni_runner.experiment import HISTORY, seconds
from nni_runner.store import Store
from nni_runner.threads import import_numpy_with_one_thread


@click.command()
@of_named
@click.option("--trials", "trials", type=click.IntRange(min=1),
              help="How many to run in all, those before counted.")  # fmt: skip
@click.option("--time", "duration", metavar="DURATION",
              help="Stop after this long in all, that before counted: 30m, 1h30m.")  # fmt: skip
@click.option("--concurrency", type=click.IntRange(min=1),
              help="How many trials to run at the same time.")  # fmt: skip
@click.option("--accept-new-space", is_flag=True,
              help="Go on with a search space that has changed.")  # fmt: skip
@with_nni_s("--port", "--debug", "--foreground")
@as_json
def resume(
    name: str,
    experiments: Path,
    trials: int | None,
    duration: str | None,
    concurrency: int | None,
    accept_new_space: bool,
    as_json: bool,
) -> None:
    """Go on with an experiment where it stood, however it ended.

    ID may also be the experiment's folder. Trials that were cut off run again with the same
    parameters. Exit codes are those of nni-run.
    """
    load_ahead(_sources(name, experiments))
    import_numpy_with_one_thread()
    # The other commands do without tuners, and so they start at once.
    from nni_runner.cli import check_environment, finish, told
    from nni_runner.resumption import Changes, resume_experiment

    with told():
        check_environment()
        limit = seconds(duration) if duration is not None else None
        changes = Changes(trials, limit, concurrency, accept_new_space)
        report = resume_experiment(find(name, experiments).folder, changes)
    finish(report, as_json)


def _sources(name: str, experiments: Path) -> list[str]:
    """What it may have to compile; nothing where that can't be told: why not is said later."""
    try:
        with closing(Store(find(name, experiments).folder / HISTORY, read_only=True)) as store:
            source = store.description().get("source")
    except RunnerError:
        return []
    return [source] if isinstance(source, str) else []
