"""The notices that a loop waits for, in their order but for those that can't wait."""

from __future__ import annotations

import math
import queue
import time
from collections import deque
from collections.abc import Callable

from nni_runner.launchers.launcher import Exited, Interrupted, Notice, Notices, Rang
from nni_runner.requests import Asked


class Inbox:
    """Takes notices out of their queue.

    `attend` is called with what can't wait; `is_ending` says whether no more trials are to start.
    """

    def __init__(
        self,
        notices: Notices,
        attend: Callable[[Notice], None],
        is_ending: Callable[[], bool],
    ) -> None:
        self._notices = notices
        self._attend = attend
        self.is_ending = is_ending
        self._aside: deque[Notice] = deque()

    @property
    def is_empty(self) -> bool:
        """Whether there is no notice to be taken in now."""
        return not self._aside and self._notices.empty()

    def next(self, seconds: float) -> Notice | None:
        """The next notice, None where none comes in this time.

        Of several that ring in a row it is one that says all; who has ended needn't ring.
        """
        notice = self._aside.popleft() if self._aside else self._get(seconds)
        numbers: frozenset[int] = frozenset()
        while isinstance(notice, Rang):
            numbers |= notice.numbers
            notice = self._aside.popleft() if self._aside else self._get(0.0)
        if isinstance(notice, Exited):
            numbers -= {notice.number}
        if not numbers:
            return notice
        if notice is not None:
            self._aside.appendleft(notice)
        return Rang(numbers)

    def wait_for(self, is_wanted: Callable[[Notice], bool], seconds: float) -> Notice | None:
        """The next notice of that kind; None if none comes in time, or the experiment ends.

        What somebody asks for is attended to meanwhile, unless it can wait; all else is left for
        `next`.
        """
        end = time.monotonic() + seconds
        while not self.is_ending():
            notice = self._get(min(end - time.monotonic(), _LOOK_S))
            if notice is None:
                if time.monotonic() >= end:
                    return None
            elif is_wanted(notice):
                return notice
            elif isinstance(notice, Interrupted) or _is_urgent(notice):
                self._attend(notice)
            else:
                self._put_aside(notice)
        return None

    def _put_aside(self, notice: Notice) -> None:
        """Of what rings in a row one notice is enough, however long it has to wait."""
        last = self._aside[-1] if self._aside else None
        if isinstance(last, Rang) and isinstance(notice, Rang):
            self._aside[-1] = Rang(last.numbers | notice.numbers)
        else:
            self._aside.append(notice)

    def _get(self, seconds: float) -> Notice | None:
        try:
            return self._notices.get(timeout=None if math.isinf(seconds) else max(seconds, 0.0))
        except queue.Empty:
            return None


def _is_urgent(notice: Notice) -> bool:
    return isinstance(notice, Asked) and not notice.can_wait


_LOOK_S = 1.0  # from one look at whether the experiment ends to the next
