"""What a trial prints, passed on: as it is into a pipe, made harmless on a terminal."""

from __future__ import annotations

import codecs
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from typing import BinaryIO

from nni_runner.existing import read
from nni_runner.experiment import Place
from nni_runner.trial import Status

_CHUNK = 1 << 16
_PAUSE_S = 0.2


def print_lines(lines: Iterable[bytes]) -> None:
    """Prints these."""
    write = _writer()
    for line in lines:
        write(line)


def print_stream(place: Place, number: int, name: str, *, wait: bool) -> None:
    """Prints what a trial has written to its "stdout" or "stderr".

    With `wait` also what comes, until it or its experiment has ended. Raises OSError.
    """
    write = _writer()
    path = place.output(number) / name
    over = not wait
    with ExitStack() as at_last:
        file: BinaryIO | None = None
        while True:
            if wait:
                one = read(place)
                ended = one.history.trials[number].status is not Status.RUNNING
                over = ended or one.holder is None
            if file is None and (path.exists() or not path.parent.exists()):
                file = at_last.enter_context(path.open("rb"))
            found = file is not None and _copy(file, write)  # last, so that nothing is missed
            if over:
                return
            if not found:
                time.sleep(_PAUSE_S)


def harmless(text: str) -> str:
    """The text without anything that a terminal acts on but line ends, tabs and progress bars.

    >>> harmless("a\\x1b[2Jb\\tc\\r\\n")
    'a?[2Jb\\tc\\r\\n'
    """
    return "".join(char if char.isprintable() or char in "\n\t\r" else "?" for char in text)


def _copy(file: BinaryIO, write: Callable[[bytes], None]) -> bool:
    """Whether there was anything."""
    found = False
    while chunk := file.read(_CHUNK):
        write(chunk)
        found = True
    return found


def _writer() -> Callable[[bytes], None]:
    if not sys.stdout.isatty():
        return _write_raw
    decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def write(chunk: bytes) -> None:
        text = harmless(decoder.decode(chunk))
        encoding = sys.stdout.encoding
        sys.stdout.write(text.encode(encoding, "replace").decode(encoding))
        sys.stdout.flush()

    return write


def _write_raw(chunk: bytes) -> None:
    sys.stdout.buffer.write(chunk)
    sys.stdout.buffer.flush()
