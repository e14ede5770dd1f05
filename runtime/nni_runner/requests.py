"""What somebody may ask of a running experiment, and its JSON."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from nni_runner.experiment import LONGEST
from nni_runner.progress import clock


@dataclass(frozen=True)
class Stop:
    """End, as Ctrl-C does; the answer is that the experiment is over."""

    def to_json(self) -> dict[str, Any]:
        """What travels."""
        return {"do": "stop"}


@dataclass(frozen=True)
class Kill:
    """End one trial; the answer comes when it is over."""

    trial: int

    def to_json(self) -> dict[str, Any]:
        """What travels."""
        return {"do": "kill", "trial": self.trial}


@dataclass(frozen=True)
class Update:
    """Give one of the plan's limits, `concurrency`, `seconds` or `trials`, another value."""

    limit: str
    value: float

    def in_words(self) -> str:
        """What holds from now on."""
        match self.limit:
            case "seconds":
                return f"the time limit is {clock(self.value)} now"
            case "trials":
                return f"the trial limit is {self.value} now"
            case _:
                return f"the concurrency is {self.value} now"

    def to_json(self) -> dict[str, Any]:
        """What travels."""
        return {"do": "update", "limit": self.limit, "value": self.value}


Request = Stop | Kill | Update


def read_request(record: Any) -> Request:
    """The request in that JSON. Raises ValueError."""
    match record:
        case {"do": "stop"}:
            return Stop()
        case {"do": "kill", "trial": int(number)}:
            return Kill(number)
        case {"do": "update", "limit": "concurrency" | "trials" as limit, "value": int(value)}:
            if value >= 1:
                return Update(limit, value)
        case {"do": "update", "limit": "seconds", "value": int(value) | float(value)}:
            if math.isfinite(value) and 0 < value <= LONGEST:
                return Update("seconds", float(value))
    raise ValueError("this experiment's nni-run doesn't know the request")


@dataclass(frozen=True)
class Asked:
    """Somebody asks the runner for something; `answer` is told what came of it."""

    request: Request
    answer: Callable[[dict[str, str]], None] = field(compare=False)

    def done(self, message: str) -> None:
        """It was done."""
        self.answer({"done": message})

    def refuse(self, message: str) -> None:
        """It can't be done."""
        self.answer({"error": message})
