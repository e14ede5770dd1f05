"""`nnictl algo`: classes of one's own by name."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from nni.assessor import Assessor
from nni.tuner import Tuner
from nni_runner.common import Commands, as_json, print_json
from nni_runner.errors import UsageError
from nni_runner.own import registered
from nni_runner.own.loading import load
from nni_runner.tables import table

_KINDS = {"tuner": Tuner, "assessor": Assessor}


@click.group(cls=Commands)
def algo() -> None:
    """Tuners and assessors of your own that go by a name."""


@algo.command()
@click.option("--meta", "--meta_path", "-m", "meta", metavar="FILE", required=True,
              type=click.Path(path_type=Path),
              help="YAML with algoType, builtinName and className.")  # fmt: skip
def register(meta: Path) -> None:
    """Register what a meta file names, after a look whether it can be imported."""
    for one in registered.read_meta(meta):
        load(one.class_name, Path(one.directory), _KINDS[one.kind])
        registered.add(one)
        click.echo(f"{one.kind} {one.name} is {one.class_name} in {one.directory}")


@algo.command("list")
@as_json
def list_(as_json: bool) -> None:
    """All of them, those that come along first."""
    own = registered.read_all().values()
    if as_json:
        print_json([asdict(one) for one in own])
        return
    rows = [[name, kind, "nni-annotate", ""] for name, kind in registered.built_in()]
    rows += [[one.name, one.kind, "user", one.class_name] for one in own]
    click.echo(table(["name", "type", "source", "class"], rows, left=range(4)), nl=False)


@algo.command()
@click.argument("name")
def show(name: str) -> None:
    """One that was registered, as JSON."""
    found = registered.read_all().get(name.lower())
    if found is None:
        raise UsageError(f"{name}: no such algorithm is registered")
    print_json(asdict(found))


@algo.command()
@click.argument("name")
def unregister(name: str) -> None:
    """Forget a name; experiments that ran with it go on all the same."""
    removed = registered.remove(name)
    click.echo(f"{removed.kind} {removed.name} is forgotten")
