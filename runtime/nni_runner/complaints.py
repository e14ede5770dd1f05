"""What a tuner or an assessor did wrong: said, its traceback kept, or the end of the experiment."""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Callable
from pathlib import Path

from nni_runner.errors import RunnerError


class Complaints:
    """Says each thing once; `is_last_straw` makes it a RunnerError instead."""

    def __init__(
        self, who: str, log: Path, is_last_straw: bool, say: Callable[[str], None]
    ) -> None:
        self._who, self._log = who, log
        self._is_last_straw, self._say = is_last_straw, say
        self._told: set[str] = set()

    def make(self, message: str, error: BaseException | None, instead: str) -> None:
        """Says what it did, and what takes the place of it. Raises RunnerError."""
        message = f"{self._who} {message}"
        if message in self._told:
            return
        self._told.add(message)
        see = ""
        if error is not None:
            with contextlib.suppress(OSError), self._log.open("a", encoding="utf-8") as file:
                file.write("".join(traceback.format_exception(error)) + "\n")
            see = f" (see {self._log})"
        if self._is_last_straw:
            raise RunnerError(message + see)
        self._say(f"{message}{see}; {instead}")
