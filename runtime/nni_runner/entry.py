"""The start of `nni-run`: Ctrl-C is answered from the first moment on."""

from __future__ import annotations

import sys


def main(prog_name: str | None = None) -> None:
    """Runs the command line; exit code 130 where Ctrl-C comes before it listens itself."""
    try:
        import click

        from nni_runner.cli import main as command
    except KeyboardInterrupt:
        sys.exit(130)
    try:
        sys.exit(command(prog_name=prog_name, standalone_mode=False))
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        sys.exit(130)
    except BrokenPipeError:  # whoever read the output has read enough
        sys.stdout = None  # or Python would flush it once more
        sys.exit(1)
