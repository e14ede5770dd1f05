"""`nnictl top`: the running experiments, over and over."""

from __future__ import annotations

import contextlib
import sys
import time
from pathlib import Path

import click

from nni_runner.common import in_folder
from nni_runner.errors import RunnerError
from nni_runner.existing import Existing, counts_in_words, read_all
from nni_runner.inspecting import age
from nni_runner.tables import number, on_one_line, table


@click.command()
@in_folder
@click.option("-t", "--time", "interval", type=click.FloatRange(min=0.1), default=3.0,
              show_default=True, help="Seconds from one look to the next.")  # fmt: skip
def top(experiments: Path, interval: float) -> None:
    """The running experiments, drawn anew until Ctrl-C.

    Into a pipe they are printed once.
    """
    if not sys.stdout.isatty():
        click.echo(_picture(experiments), nl=False)
        return
    from rich.live import Live
    from rich.text import Text

    with (
        contextlib.suppress(KeyboardInterrupt),
        Live(auto_refresh=False, vertical_overflow="crop") as live,
    ):
        while True:
            picture = Text(_picture(experiments), no_wrap=True, overflow="ellipsis")
            live.update(picture, refresh=True)
            time.sleep(interval)


def _picture(experiments: Path) -> str:
    rows = []
    for item in read_all(experiments, only_running=True):
        if isinstance(item, RunnerError):
            rows.append(["?", on_one_line(str(item), 60), "", "", "", ""])
        else:
            rows.append(_row(item))
    if not rows:
        return f"no experiment is running in {experiments}\n"
    head = ["id", "target", "trials", "best", "for", "of them"]
    return table(head, rows, left=(0, 1, 5))


def _row(one: Existing) -> list[str]:
    limit = one.facts["trials"]
    return [
        one.place.id,
        on_one_line(str(one.facts["target"]), 40),
        f"{len(one.history.trials)}{'' if limit is None else f'/{limit}'}",
        number(one.best.value if one.best else None),
        age(time.time() - one.begun),
        counts_in_words(one),
    ]
