"""What is in the one file that an experiment is saved to.

A zip: `experiment/` is its folder, `code/` its code where that was asked for, and DESCRIPTION says
what they are.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from typing import Any

from nni_runner.errors import RunnerError

DESCRIPTION = "nni-experiment.json"
EXPERIMENT = "experiment"
CODE = "code"
_FORMAT = 1
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


@dataclass(frozen=True)
class Package:
    """`target` is what was run, below the folder of its code; `has_code`: that is in here."""

    id: str
    target: str
    has_code: bool
    format: int = _FORMAT

    def to_text(self) -> str:
        """What DESCRIPTION holds."""
        return json.dumps(asdict(self)) + "\n"


def read_package(content: bytes) -> Package:
    """Raises RunnerError."""
    try:
        data: Any = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise RunnerError(f"{DESCRIPTION}: is no JSON: {error}") from None
    match data:
        case {"format": int(version)} if version > _FORMAT:
            raise RunnerError(f"{DESCRIPTION}: format {version}, this nnictl reads up to {_FORMAT}")
        case {"id": str(id_), "target": str(target), "has_code": bool(has_code)}:
            if _ID.fullmatch(id_) and not set(target.split("/")) & {"", ".."}:
                return Package(id_, target, has_code)
    raise RunnerError(f"{DESCRIPTION}: says nothing that makes sense of an experiment")
