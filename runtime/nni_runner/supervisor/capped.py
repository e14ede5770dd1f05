"""A file for what a trial prints: however much it is, the head and the latest stay readable."""

from __future__ import annotations

import os

LIMIT = 64 * 2**20  # bytes that a file never exceeds
_HEAD = LIMIT // 2
_TAIL = LIMIT // 8  # what is kept at least of the latest
_CHUNK = 2**20


class CappedFile:
    """Appends to a file. When it is full, the middle goes: in order it stays at every moment."""

    def __init__(self, path: bytes) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
        self._size = 0
        self._lost = 0

    def write(self, data: bytes) -> None:
        """Appends; what a full disk has no room for is lost, which is no reason to fail a trial."""
        try:
            if self._size + len(data) > LIMIT:
                self._cut()
            self._size += os.pwrite(self._file, data, self._size)
        except OSError:
            pass

    def close(self) -> None:
        """Closes the file."""
        os.close(self._file)

    def _cut(self) -> None:
        """Moves the latest up to the head, behind a line that says what is missing."""
        start = self._size - _TAIL
        note = self._note(0)
        self._lost += start - _HEAD - (len(note) if self._lost else 0)
        place = _HEAD
        os.pwrite(self._file, self._note(self._lost), place)
        place += len(note)
        while data := os.pread(self._file, _CHUNK, start):
            os.pwrite(self._file, data, place)
            place += len(data)
            start += len(data)
        os.ftruncate(self._file, place)
        self._size = place

    @staticmethod
    def _note(lost: int) -> bytes:
        return b"\n[%15d bytes left out here by nni-run]\n" % lost
