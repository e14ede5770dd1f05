"""What a source compiles to: its files and its search space."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from nni_annotate.diagnostics import Diagnostic
from nni_annotate.errors import SpaceError
from nni_annotate.sources import Listing, ProjectError
from nni_annotate.space import Parameters, SearchSpace

SEARCH_SPACE = "search_space.json"


@dataclass(frozen=True)
class Script:
    """An annotated file, relative to the root, and whether it ends in a main guard."""

    path: str
    has_main_guard: bool


@dataclass(frozen=True)
class Place:
    """Where a parameter comes from; `cell` is 0 but in notebooks.

    `is_written` where the source holds the parameter's value, so that another can be put there.
    """

    file: str
    line: int
    column: int
    cell: int
    is_written: bool


@dataclass(frozen=True)
class CompiledTree:
    """What a source compiles to.

    `compiled` holds the new bytes of every annotated file, by its path in the output, `origins`
    the path of each in the source; `carried` are all other files and links, `folders` the
    folders, relative to `root`; `defaults` are the values that the code itself holds, as far as its
    text tells them. `notes` are the warnings with paths relative to the root.
    """

    listing: Listing
    source: Path
    space: SearchSpace
    defaults: Parameters
    places: dict[str, tuple[Place, ...]]
    scripts: tuple[Script, ...]
    compiled: dict[str, bytes]
    origins: dict[str, str]
    carried: tuple[str, ...]
    folders: tuple[str, ...]
    notes: tuple[Diagnostic, ...]

    @property
    def root(self) -> Path:
        """The folder that the paths are relative to."""
        return self.listing.root

    @property
    def is_one_file(self) -> bool:
        """Whether the source is a lone file."""
        return self.listing.is_one_file

    @property
    def warnings(self) -> tuple[Diagnostic, ...]:
        """The warnings, files called as the user calls them."""
        return shown(self.notes, self.source, lone=self.is_one_file)


def shown(diagnostics: Iterable[Diagnostic], source: Path, *, lone: bool) -> tuple[Diagnostic, ...]:
    """Diagnostics with the paths that a user knows: from the current folder, as SRC was named."""
    return tuple(
        sorted(
            replace(found, path=str(source if lone or not found.path else source / found.path))
            for found in diagnostics
        )
    )


def read_search_space(folder: Path) -> SearchSpace | None:
    """The search space at a folder's root; None where there is none. Raises ProjectError."""
    path = folder / SEARCH_SPACE
    try:
        return SearchSpace.from_json(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError, SpaceError) as error:
        raise ProjectError(f"{path}: {error}") from None
