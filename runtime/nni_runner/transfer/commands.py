"""The commands `nnictl experiment save` and `load`."""

from __future__ import annotations

from pathlib import Path

import click

from nni_runner.common import PATH, as_json, in_folder, of_named, print_json
from nni_runner.existing import find, read
from nni_runner.lock import locked


@click.command()
@of_named
@click.option("-p", "--path", metavar="PATH", type=PATH, default=Path(), show_default=True,
              help="The file to write, or the folder for nni_experiment_ID.zip.")  # fmt: skip
@click.option("-s", "--saveCodeDir", "with_code", is_flag=True,
              help="With the code that was given, as it is now.")  # fmt: skip
@as_json
def save(name: str, experiments: Path, path: Path, with_code: bool, as_json: bool) -> None:
    """Save an experiment that has ended to one file."""
    from nni_runner.transfer.saving import save as save_to
    from nni_runner.transfer.saving import to_json

    place = find(name, experiments)
    path = path.expanduser()
    file = path / f"nni_experiment_{place.id}.zip" if path.is_dir() else path
    with locked(place.folder):  # nobody goes on with it meanwhile
        one = read(place)
        saved = save_to(one, file, with_code=with_code)
    for link in saved.outside:
        click.echo(f"warning: left out, as it leads to elsewhere: {link}", err=True)
    if as_json:
        print_json(to_json(one, file, saved))
    else:
        click.echo(f"experiment {place.id}: saved to {file}")


@click.command()
@in_folder
@click.option("-p", "--path", "file", metavar="FILE", type=PATH, required=True,
              help="What save wrote.")  # fmt: skip
@click.option("-c", "--codeDir", "code", metavar="FOLDER", type=PATH,
              help="Where to put the code; where it is, if it isn't in FILE.")  # fmt: skip
@as_json
def load(experiments: Path, file: Path, code: Path | None, as_json: bool) -> None:
    """Load an experiment from a file that save wrote.

    What resume runs then is the code that came with it: load only what you trust.
    """
    from nni_runner.transfer.loading import load as load_from

    loaded = load_from(file.expanduser(), experiments, code.expanduser() if code else None)
    if loaded.code is not None and not loaded.code.exists():
        missing = f"{loaded.code}: the code of the experiment is not there"
        click.echo(f"warning: {missing}; load it with --codeDir", err=True)
    if as_json:
        print_json(loaded.to_json())
    else:
        click.echo(f"experiment {loaded.place.id}: loaded into {loaded.place.folder}")
