"""The commands `nnictl experiment export` and `import`."""

from __future__ import annotations

import time
from pathlib import Path

import click

from nni_annotate.cli import count
from nni_annotate.space import SearchSpace, from_record
from nni_runner.common import PATH, as_json, of_experiment, print_json
from nni_runner.control import Sent
from nni_runner.errors import RunnerError, UsageError
from nni_runner.existing import find_or_only, read
from nni_runner.experiment import Place
from nni_runner.lock import locked, running
from nni_runner.requests import Import
from nni_runner.store import Store
from nni_runner.transfer.exporting import rows, to_csv, to_json
from nni_runner.transfer.importing import Read, read_results
from nni_runner.transfer.writing import write_text
from nni_runner.trial import Imported

_FORMATS = {"json": to_json, "csv": to_csv}


@click.command("export")
@of_experiment
@click.option("-f", "--filename", "file", metavar="FILE", type=PATH,
              help="Where to write them; else to standard output.")  # fmt: skip
@click.option("-t", "--type", "format_", type=click.Choice(list(_FORMATS)),
              help="By the ending of FILE if left out, else json.")  # fmt: skip
@click.option("-i", "--intermediate", is_flag=True, help="With the intermediate results.")
def export(
    name: str | None, experiments: Path, file: Path | None, format_: str | None, intermediate: bool
) -> None:
    """Write the parameters and results of all trials."""
    place = find_or_only(name, experiments)
    one = read(place)
    store = Store(place.history, read_only=True)
    try:
        events = store.events() if intermediate else None
        found = rows(one.history, events, place)
    finally:
        store.close()
    if format_ is None:
        format_ = "csv" if file is not None and file.suffix.lower() == ".csv" else "json"
    text = _FORMATS[format_](found)
    if file is None:
        click.echo(text, nl=False)
    else:
        write_text(file, text)
        click.echo(f"{file}: {count(len(found), 'trial')}", err=True)


@click.command("import")
@of_experiment
@click.option("-f", "--filename", "file", metavar="FILE", type=PATH, required=True,
              help="JSON, as export writes it, or NNI's.")  # fmt: skip
@as_json
def import_(name: str | None, experiments: Path, file: Path, as_json: bool) -> None:
    """Tell the tuner results from elsewhere.

    It is all that FILE holds, or nothing if a row is wrong. If the experiment has ended, they count
    as soon as it is resumed.
    """
    place = find_or_only(name, experiments)
    space = read(place).space
    found = read_results(file, space)
    for reason, number in found.left_out.items():
        click.echo(f"{count(number, 'row')} left out: {reason}", err=True)
    done = "nothing to import"
    if found.results:
        done = _tell(place, space, found) if running(place.folder) else _keep(place, space, found)
    if as_json:
        told = {"imported": len(found.results), "left_out": dict(found.left_out)}
        print_json({"id": place.id, **told})
    else:
        click.echo(f"experiment {place.id}: {done}")


def _tell(place: Place, space: SearchSpace, found: Read) -> str:
    patience = f"waiting for experiment {place.id}; Ctrl-C ends the waiting only"
    done = Sent(place, Import(found.results, space)).answer(patience)
    if done is None:
        raise RunnerError(f"experiment {place.id} has ended meanwhile; import them again")
    return done


def _keep(place: Place, space: SearchSpace, found: Read) -> str:
    """Of an experiment that has ended: its history is where the next tuner hears of them."""
    with locked(place.folder):
        store = Store(place.history)
        try:
            if from_record(store.description()["search_space"]) != space:
                raise UsageError("the search space has changed meanwhile; import them again")
            store.record([Imported(found.results, time.time())])
        finally:
            store.close()
    return f"{count(len(found.results), 'result')} kept for the tuner, when it is resumed"
