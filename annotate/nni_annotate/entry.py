"""How a command starts and ends: Ctrl-C counts from the first moment on, no output is lost."""

from __future__ import annotations

import gc
import sys

TYPE_CHECKING = False  # to import nothing that takes long before Ctrl-C is answered
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


_INTERRUPTED = 130


def main(prog_name: str | None = None) -> None:
    """The start of `nni-annotate`."""
    start(_command, prog_name)


def start(load: Callable[[], Any], prog_name: str | None = None) -> None:
    """Runs the command line that `load` imports; exit code 130 after Ctrl-C."""
    try:
        code = _run(_loaded(load), prog_name)
    except KeyboardInterrupt:
        code = _INTERRUPTED
    except RuntimeError as error:  # it may come while a class is made
        if not isinstance(error.__cause__, KeyboardInterrupt):
            raise
        code = _INTERRUPTED
    except BrokenPipeError:  # whoever read the output has read enough
        code = _give_up()
    except OSError as error:
        what = "the output can't be written" if error.filename is None else error.filename
        code = _give_up(f"error: {what}: {error.strerror}")
    if code == _INTERRUPTED:
        _leave(code)
    sys.exit(code)


def _loaded(load: Callable[[], Any]) -> Any:
    """The command; Ctrl-C ends the process at once meanwhile.

    As an exception it might get lost: numpy's own imports make an ImportError with a page of advice
    of it.
    """
    import os
    import signal

    counts = signal.getsignal(signal.SIGINT) is signal.default_int_handler  # and is not ignored
    if counts:
        signal.signal(signal.SIGINT, lambda *_: os._exit(_INTERRUPTED))
    gc.disable()  # none of all that is loaded is garbage
    command = load()
    gc.freeze()
    gc.enable()
    if counts:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    return command


def _leave(code: int) -> None:
    """Ends the process at once where a thread is at work that can't be stopped otherwise."""
    import os
    import threading

    from nni_annotate.deep import AT_WORK

    if any(thread.name == AT_WORK for thread in threading.enumerate()):
        os._exit(code)


def _run(command: Any, prog_name: str | None) -> Any:
    import click

    try:
        code = command(prog_name=prog_name, standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        return _INTERRUPTED
    if sys.stdout is not None:
        sys.stdout.flush()
    return code


def _give_up(message: str = "") -> int:
    setattr(sys, "stdout", None)  # noqa: B010 - or Python would flush it once more
    if message and sys.stderr is not None:
        print(message, file=sys.stderr)
    return 1


def _command() -> Any:
    from nni_annotate.cli import main as command

    return command
