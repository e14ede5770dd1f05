"""How many trials may run at the same time: as many as planned, fewer while there is no room."""

from __future__ import annotations

import math
from dataclasses import dataclass

SHORTEST_S, LONGEST_S = 1.0, 60.0


@dataclass
class Width:
    """Grows by one from time to time after the machine had no room for a trial; `now` is in s."""

    most: float = math.inf
    next_try: float = math.inf
    _pause: float = SHORTEST_S

    def limit(self, planned: int, now: float) -> float:
        """How many may run now, where so many are planned."""
        if now >= self.next_try:
            self.most += 1
            self.next_try = now + self._pause
        if self.most >= planned:
            self.most = self.next_try = math.inf
        return min(self.most, planned)

    def narrow(self, running: int, now: float) -> None:
        """There is no room for more than these."""
        self._pause = min(self._pause * 2, LONGEST_S)
        self.most, self.next_try = running, now + self._pause

    def relax(self) -> None:
        """A trial ran: there was room for it."""
        self._pause = SHORTEST_S
