"""What `.nniignore` files leave out: the rules of `.gitignore`, folder by folder."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

IGNORE_FILE = ".nniignore"


@dataclass(frozen=True)
class Rules:
    """The rules of a folder and those around it, the innermost first, each with its own path."""

    specs: tuple[tuple[str, GitIgnoreSpec], ...] = ()

    def leave_out(self, path: str) -> bool:
        """Whether a path, relative to the source's root, is left out; a folder's ends in a /."""
        for prefix, spec in self.specs:
            found = spec.check_file(path[len(prefix) :]).include
            if found is not None:
                return found
        return False


NO_RULES = Rules()


def add_rules(rules: Rules, folder: str, prefix: str, names: Iterable[str]) -> Rules:
    """The rules inside a folder that holds files of these names; `prefix` is its relative path.

    Raises OSError, ValueError for a file that is no text.
    """
    if IGNORE_FILE not in names:
        return rules
    from pathspec import GitIgnoreSpec  # most trees have no use for it

    path = Path(folder, IGNORE_FILE)
    try:
        spec = GitIgnoreSpec.from_lines(path.read_text(encoding="utf-8").splitlines())
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    return Rules(((prefix, spec), *rules.specs))
