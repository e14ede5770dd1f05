"""What a trial prints: two pipes into a file each."""

from __future__ import annotations

import os

from nni_runner.supervisor.capped import CappedFile

_CHUNK = 65536
_DRAINED = 2**20 // _CHUNK + 1  # reads that take whatever a pipe holds


class Output:
    """The pipes by what they are read from, and their other ends until the trial has them."""

    def __init__(self, folder: bytes) -> None:
        """Opens all of it. Raises OSError."""
        self._files: dict[int, CappedFile] = {}
        self.ends: list[int] = []
        try:
            for name in ("stdout", "stderr"):
                file = CappedFile(folder, name)
                try:
                    pipe, end = os.pipe()
                except OSError:
                    file.close()
                    raise
                os.set_blocking(pipe, False)
                self._files[pipe] = file
                self.ends.append(end)
        except OSError:
            self.close()
            raise

    @property
    def pipes(self) -> list[int]:
        """What is to be read from."""
        return list(self._files)

    def close_ends(self) -> None:
        """The trial has them now."""
        for end in self.ends:
            os.close(end)
        self.ends.clear()

    def pump(self, pipe: int) -> bool:
        """Takes in some of what was printed; whether there may be more. Closes what has ended."""
        try:
            data = os.read(pipe, _CHUNK)
        except BlockingIOError:
            return False
        if data:
            self._files[pipe].write(data)
            return True
        os.close(pipe)
        self._files.pop(pipe).close()
        return False

    def close(self) -> None:
        """Takes in what the pipes still hold, and closes everything."""
        self.close_ends()
        for pipe in self.pipes:
            for _ in range(_DRAINED):
                if not self.pump(pipe):
                    break
        for pipe, file in self._files.items():
            os.close(pipe)
            file.close()
        self._files.clear()
