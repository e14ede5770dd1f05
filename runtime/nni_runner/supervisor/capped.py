"""A file for what a trial prints: however much it is, the head and the latest stay readable."""

from __future__ import annotations

import contextlib
import os

LIMIT = 64 * 2**20  # bytes that a file never exceeds
_HEAD = LIMIT // 2
_TAIL = LIMIT // 8  # what is kept at least of the latest
_CHUNK = 2**20


class CappedFile:
    """Appends to a file. When it is full, the middle goes: in order it stays at every moment.

    There is none until something is written: most trials print nothing on one of their streams.
    """

    def __init__(self, folder: bytes, name: str) -> None:
        """Removes the one that is there. Raises OSError."""
        self._name = name
        self._is_folder = True  # whose place the file takes: so wherever that is, and there is room
        self._file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._size = 0
        self._lost = 0
        try:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name, dir_fd=self._file)
        except OSError:
            self.close()
            raise

    def write(self, data: bytes) -> None:
        """Appends; what a full disk has no room for is lost, which is no reason to fail a trial."""
        try:
            if self._is_folder:
                flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
                file = os.open(self._name, flags, 0o666, dir_fd=self._file)
                os.close(self._file)
                self._file, self._is_folder = file, False
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
