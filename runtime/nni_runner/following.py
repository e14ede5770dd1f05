"""What a trial prints, passed on: as it is into a pipe, made harmless on a terminal."""

from __future__ import annotations

import codecs
import sys
import time
from collections.abc import Callable, Iterable
from typing import BinaryIO

from nni_runner.existing import read
from nni_runner.experiment import Place
from nni_runner.trial import Status

_CHUNK = 1 << 16
_PAUSE_S = 0.2


def print_file(file: BinaryIO) -> None:
    """Prints what there is, to its end."""
    _copy(file, _writer())


def print_lines(lines: Iterable[bytes]) -> None:
    """Prints these."""
    write = _writer()
    for line in lines:
        write(line)


def follow(file: BinaryIO, place: Place, number: int) -> None:
    """Prints what there is and what comes, until the trial or its experiment has ended."""
    write = _writer()
    over = False
    while not over:
        one = read(place)
        ended = one.history.trials[number].status is not Status.RUNNING
        over = ended or one.holder is None
        if not _copy(file, write) and not over:  # read last, so that nothing is missed
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
