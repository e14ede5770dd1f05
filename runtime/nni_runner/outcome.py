"""How an experiment ends."""

from __future__ import annotations

import contextlib
import traceback
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Outcome:
    """How an experiment ended: "done", "interrupted" or "failed", and why in words."""

    status: str
    reason: str
    signal: int | None = None


ENOUGH = Outcome("done", "trial limit reached")
REACHED = Outcome("done", "goal reached")
OUT_OF_TIME = Outcome("done", "time limit reached")


def unforeseen(error: Exception, folder: Path) -> str:
    """Writes down where such an error came from; what to say of it."""
    file = folder / "error.txt"
    with contextlib.suppress(OSError):
        file.write_text("".join(traceback.format_exception(error)), encoding="utf-8")
    return f"unforeseen {type(error).__name__}: {error} (see {file})"
