"""What a tuner knows: the row and the loss of every trial that ended."""

from __future__ import annotations

import numpy as np

from nni_tuners.encode import Floats


class History:
    """Rows as `Code` makes them, and the loss of each: smaller is better, NaN is a failed trial."""

    def __init__(self, columns: int) -> None:
        self._rows = np.empty((64, columns))
        self._losses = np.empty(64)
        self._count = 0
        self._keys: set[tuple[float, ...]] = set()

    def __len__(self) -> int:
        return self._count

    def __contains__(self, row: Floats) -> bool:
        return key_of(row) in self._keys

    @property
    def rows(self) -> Floats:
        """Shape (trials, columns), in the order in which they ended."""
        return self._rows[: self._count]

    @property
    def losses(self) -> Floats:
        """Shape (trials,)."""
        return self._losses[: self._count]

    def add(self, row: Floats, loss: float | None) -> None:
        """Append a trial; a loss of None is a failed one."""
        if self._count == len(self._losses):
            self._rows = np.concatenate([self._rows, np.empty_like(self._rows)])
            self._losses = np.concatenate([self._losses, np.empty_like(self._losses)])
        self._rows[self._count] = row
        self._losses[self._count] = np.nan if loss is None else loss
        self._count += 1
        self._keys.add(key_of(row))


def key_of(row: Floats) -> tuple[float, ...]:
    """What tells rows apart in a set."""
    return tuple(row.tolist())
