"""How an experiment ends."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Outcome:
    """How an experiment ended: "done", "interrupted" or "failed", and why in words."""

    status: str
    reason: str
    signal: int | None = None


REACHED = Outcome("done", "goal reached")
OUT_OF_TIME = Outcome("done", "time limit reached")
