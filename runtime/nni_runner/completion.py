"""What a shell offers when somebody presses Tab."""

from __future__ import annotations

from pathlib import Path

import click

from nni_runner.errors import RunnerError
from nni_runner.existing import places
from nni_runner.experiment import DEFAULT_FOLDER


def ids(context: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """The ids of experiments that begin so; none of their histories is read."""
    folder = Path(context.params.get("experiments") or DEFAULT_FOLDER).expanduser()
    try:
        return [place.id for place in places(folder) if place.id.startswith(incomplete)]
    except RunnerError:  # a folder that is closed to us
        return []
