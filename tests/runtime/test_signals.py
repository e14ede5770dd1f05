"""Signals that ask a runner to end reach it, however they come."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

from conftest import clean_environment
from lab import hear_signals
from nni_runner.launchers.launcher import Interrupted, Notices
from nni_runner.signals import signals_as

WAITING = """
from nni_runner.launchers.launcher import Notices
from nni_runner.signals import signals_as
notices = Notices()
with signals_as(notices):
    print("waiting", flush=True)
    print([notices.get().signal for _ in range(2)], flush=True)
"""


def test_two_at_once() -> None:
    """They come while the main thread waits: often one of them would wake nobody."""
    started = [
        subprocess.Popen(
            [sys.executable, "-c", WAITING], env=clean_environment(), stdout=subprocess.PIPE,
            text=True, preexec_fn=hear_signals,
        )
        for _ in range(15)
    ]  # fmt: skip
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == "waiting\n"
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)
    for process in started:
        stdout, _ = process.communicate(timeout=30)
        assert sorted(stdout.strip("[]\n").split(", ")) == ["15", "2"]


def test_what_is_ignored_stays_so() -> None:
    """And afterwards all is as it was."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    notices = Notices()
    with signals_as(notices):
        os.kill(os.getpid(), signal.SIGHUP)
        os.kill(os.getpid(), signal.SIGTERM)
        assert notices.get(timeout=30) == Interrupted(signal.SIGTERM)
    assert notices.empty()
    assert signal.signal(signal.SIGHUP, before) is signal.SIG_IGN
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
