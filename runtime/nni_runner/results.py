"""The results that a trial appends to its file, read as they come."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from nni_annotate.space import Parameters
from nni_runner.trial import Noted, Reported

Result = Reported | Noted
_MOST = 2**18  # bytes that are read at a look: some thousand results, a tenth of a second's work


class ResultsFile:
    """Reads what one attempt at a trial has appended since the last look.

    The file is made and opened before the trial starts, so nothing that the trial does to its
    folders can take it away. Its first line is what the trial is `given`, where that is said here.
    `unread` is the first line that could not be made sense of.
    """

    def __init__(
        self, number: int, path: Path, attempt: int = 1, given: Parameters | None = None
    ) -> None:
        self._number = number
        self._attempt = attempt
        self._file = path.open("a+b" if given is None else "w+b")
        if given is not None:
            self._file.write(json.dumps({"given": given}).encode() + b"\n")
        self._file.seek(0)
        self._rest = b""
        self.has_more = False
        self.unread = b""

    def read(self) -> list[Result]:
        """The new events; a line that is not whole yet waits for the next look.

        There may be more at once where `has_more` is set.
        """
        data = self._file.read(_MOST)
        self.has_more = len(data) == _MOST
        if not data:
            return []
        *lines, self._rest = (self._rest + data).split(b"\n")
        events = (self._event(line) for line in lines)
        return [event for event in events if event is not None]

    @property
    def is_far_behind(self) -> bool:
        """Whether there is more to read than at one look."""
        return os.fstat(self._file.fileno()).st_size - self._file.tell() > _MOST

    def read_all(self) -> list[Result]:
        """The new events, however many there are."""
        events = self.read()
        while self.has_more:
            events += self.read()
        return events

    def close(self) -> bool:
        """Closes the file; whether it ended in the middle of a report."""
        self._file.close()
        return bool(self._rest)

    def _event(self, line: bytes) -> Result | None:
        try:
            record: Any = json.loads(line)
            if record.get("given") is not None:
                return None
            kind, value, time = record["kind"], record["value"], float(record["time"])
            if kind in ("original", "varies"):
                key, is_known = str(record["key"]), kind == "original"
                return Noted(self._number, key, value, is_known, time, self._attempt)
            if kind in ("intermediate", "final"):
                line_of_code = str(record.get("line", ""))
                return Reported(self._number, kind, value, time, self._attempt, line=line_of_code)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            pass  # a torn line: its writer died in the middle of it
        self.unread = self.unread or line
        return None
