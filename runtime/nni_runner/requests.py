"""What somebody may ask of a running experiment, and its JSON."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from nni_annotate.cli import count
from nni_annotate.errors import SpaceError
from nni_annotate.space import SearchSpace, from_record
from nni_runner.experiment import LONGEST
from nni_runner.progress import clock

OWN_SPACE = "the search space is the tuner's own: nobody else can change it"


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


@dataclass(frozen=True)
class ChangeSpace:
    """Choose parameters in another search space."""

    space: SearchSpace

    def in_words(self) -> str:
        """What holds from now on."""
        return f"the search space is another now, of {count(len(self.space), 'parameter')}"

    def to_json(self) -> dict[str, Any]:
        """What travels."""
        return {"do": "space", "search_space": self.space.to_json()}


@dataclass(frozen=True)
class Import:
    """Tell the tuner these results, which were checked against that search space."""

    results: list[dict[str, Any]]
    space: SearchSpace

    def in_words(self) -> str:
        """What holds from now on."""
        return f"the tuner knows {count(len(self.results), 'more result')}"

    def to_json(self) -> dict[str, Any]:
        """What travels."""
        space = self.space.to_json()
        return {"do": "import", "results": self.results, "search_space": space}


Change = Update | ChangeSpace | Import
Request = Stop | Kill | Change


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
        case {"do": "space", "search_space": {} as space}:
            return ChangeSpace(_space(space))
        case {"do": "import", "results": [_, *_] as results, "search_space": {} as space}:
            if all(_is_result(result) for result in results):
                return Import(list(results), _space(space))
    raise ValueError("this experiment's nni-run doesn't know the request")


def _space(record: dict[str, Any]) -> SearchSpace:
    try:
        return from_record(record)
    except SpaceError as error:
        raise ValueError(str(error)) from None


def _is_result(record: Any) -> bool:
    match record:
        case {"parameter": {}, "value": int(value) | float(value)} if len(record) == 2:
            return math.isfinite(value)
    return False


@dataclass(frozen=True)
class Asked:
    """Somebody asks the runner for something; `answer` is told what came of it."""

    request: Request
    answer: Callable[[dict[str, str]], None] = field(compare=False)

    @property
    def can_wait(self) -> bool:
        """Whether it is for the tuner, which is told of one thing after the other."""
        return isinstance(self.request, ChangeSpace | Import)

    def done(self, message: str) -> None:
        """It was done."""
        self.answer({"done": message})

    def refuse(self, message: str) -> None:
        """It can't be done."""
        self.answer({"error": message})
