"""A small process that outlives the runner just long enough to end its trials.

It reads `+PID` and `-PID` lines on its standard input, the process groups that run. When the input
ends, because the runner closed it or was killed, it ends the groups that are left.
"""

from __future__ import annotations

import os
import signal
import sys
import time


def main() -> None:
    """Keeps the list until the input ends, then ends what is on it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    groups: set[int] = set()
    for line in sys.stdin:
        group = int(line[1:])
        if line.startswith("+"):
            groups.add(group)
        else:
            groups.discard(group)
    for number, grace in ((signal.SIGTERM, 1.5), (signal.SIGKILL, 0.0)):
        for group in groups:
            try:
                os.killpg(group, number)
            except (ProcessLookupError, PermissionError):
                continue
        if groups:
            time.sleep(grace)


if __name__ == "__main__":
    main()
