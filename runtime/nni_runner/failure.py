"""Why not one trial succeeded, in the last one's own words."""

from __future__ import annotations

import os
from pathlib import Path

from nni_annotate.cli import count
from nni_runner.experiment import Place
from nni_runner.history import History
from nni_runner.messages import say
from nni_runner.trial import Status


def explain_failure(history: History, place: Place) -> None:
    """Shows the last words of a trial where not one succeeded."""
    failed = history.with_status(Status.FAILED)
    if history.with_status(Status.SUCCEEDED) or not failed:
        return
    last = failed[-1]
    lines = last_lines(place.output(last.number) / "stderr")
    say(
        f"{count(len(failed), 'trial')} failed and none succeeded. Trial {last.number}: "
        f"{last.cause}"
    )
    if last.cause == "no final result":
        say(
            'Report one at the end of the script: """@nni.report_final_result(VALUE)""" '
            "(or nni.report_final_result(VALUE))"
        )
    if lines:
        say(f"The end of {place.output(last.number) / 'stderr'}:")
        say("\n".join(f"    {line}" for line in lines))


def last_lines(path: Path, count: int = 15, most: int = 8192) -> list[str]:
    """The last lines of a file that may be huge and hold anything, fit for a terminal."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - most))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return []
    lines = [line.rpartition("\r")[2] for line in text.splitlines() if line.strip()]
    return ["".join(c if c.isprintable() or c == "\t" else "?" for c in x) for x in lines[-count:]]
