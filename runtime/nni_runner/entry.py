"""The start of `nni-run` and of `nnictl`."""

from __future__ import annotations

import sys

from nni_annotate.entry import start

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def main(prog_name: str | None = None) -> None:
    """Runs the command line `nni-run`."""
    start(_command, prog_name)


def control(prog_name: str | None = None) -> None:
    """Runs the command line `nnictl`."""
    start(_control, prog_name)


def _command() -> Any:
    from nni_runner.compiling import load_ahead

    load_ahead(sys.argv[1:])
    from nni_runner.threads import import_numpy_with_one_thread

    import_numpy_with_one_thread()
    from nni_runner.cli import main as command

    return command


def _control() -> Any:
    from nni_runner.nnictl import main as command

    return command
