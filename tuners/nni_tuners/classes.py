"""Classes by name that are imported at their first use: numpy takes long to load."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

import nni_tuners

Class = TypeVar("Class")


class Classes(Mapping[str, type[Class]]):
    """Classes of this package; of each what it is called there."""

    def __init__(self, called: Mapping[str, str]) -> None:
        self._called = called

    def __getitem__(self, name: str) -> type[Class]:
        """The class of that name."""
        found: Any = getattr(nni_tuners, self._called[name])
        return found  # type: ignore[no-any-return]

    def __iter__(self) -> Iterator[str]:
        """The names."""
        return iter(self._called)

    def __len__(self) -> int:
        """How many there are."""
        return len(self._called)
