"""The commands of `nnictl` that are about files of experiments."""

from __future__ import annotations

import json
from pathlib import Path

import click

from nni_runner.common import as_json, print_json
from nni_runner.compiling import load_ahead
from nni_runner.errors import UsageError
from nni_runner.experiment import Place
from nni_runner.threads import import_numpy_with_one_thread

_FILE = click.Path(path_type=Path)


@click.group()
def config() -> None:
    """Check and show files of experiments."""


@config.command()
@click.argument("file", metavar="FILE", type=_FILE)
def validate(file: Path) -> None:
    """Say what is wrong in FILE, its search space and its annotations; run nothing."""
    import_numpy_with_one_thread()
    from nni_runner.config.building import read_config
    from nni_runner.config.planning import read_code, remarks
    from nni_runner.config.starting import all_told, show

    with all_told():
        found = read_config(file)
        target = read_code(found)
        show((*remarks(found), *target.warnings))
    click.echo(f"{file}: fine, in {found.reading.format.title}", err=True)


@config.command("show")
@click.argument("file", metavar="FILE", type=_FILE)
@as_json
def show_(file: Path, as_json: bool) -> None:
    """Print FILE in NNI's second format, with all paths, defaults and the search space."""
    import_numpy_with_one_thread()
    from nni_runner.config.building import read_config
    from nni_runner.config.showing import to_text, to_yaml
    from nni_runner.config.starting import all_told, show

    with all_told():
        found = read_config(file)
        show(found.warnings)
    click.echo(to_text(found) if as_json else to_yaml(found), nl=False)


@config.command()
def schema() -> None:
    """Print a JSON Schema of both formats, for editors."""
    from nni_runner.config.json_schema import json_schema

    click.echo(json.dumps(json_schema(), indent=1))


@click.command()
@click.option("-c", "--config", "file", metavar="FILE", required=True, type=_FILE,
              help="The file that describes the experiment.")  # fmt: skip
@click.option("-f", "--foreground", is_flag=True,
              help="Stay and show the experiment, as nni-run does.")  # fmt: skip
@click.option("--experiments-dir", "experiments", type=_FILE,
              help="Where experiments are kept, instead of what FILE says.")  # fmt: skip
@click.option("-p", "--port", type=int, help="Of NNI's web page, which isn't here: no effect.")
@click.option("-d", "--debug", is_flag=True, help="Of NNI: no effect.")
@click.option("--in-folder", "folder", type=_FILE, hidden=True)
@as_json
def create(
    file: Path,
    foreground: bool,
    experiments: Path | None,
    port: int | None,
    debug: bool,
    folder: Path | None,
    as_json: bool,
) -> None:
    """Start the experiment that a config file describes.

    The file may be in either of NNI's formats. The experiment goes on in the background, also
    without its terminal.
    """
    del debug
    load_ahead([str(file)])
    import_numpy_with_one_thread()
    from nni_runner.cli import finish
    from nni_runner.config.background import begin
    from nni_runner.config.starting import all_told, get_ready

    if folder is not None and not foreground:
        raise UsageError("--in-folder goes with --foreground")
    with all_told():
        ready = get_ready(file, {"experiments_dir": experiments} if experiments else {})
        if port is not None:
            click.echo("--port has no effect: there is no web page", err=True)
        if not foreground:
            begun = begin(file, ready.experiments)
            what = f"experiment {begun.place.id} runs in the background; nnictl stop ends it"
            print_json(begun.to_json()) if as_json else click.echo(what)
            return
        report = ready.run(Place(folder.name, folder) if folder else None)
    finish(report, as_json)
