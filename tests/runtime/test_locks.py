"""Whether a process waits for locks that nobody can release, seen from outside."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from nni_runner.supervisor.tree import locks_of
from waiting import wait_for

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

LIVELY = "threading.Thread(target=time.sleep, args=[99], daemon=True).start(); lock.acquire()"
HEAD = """
import os, subprocess, sys, threading, time
lock = threading.Lock()
lock.acquire()
print(flush=True)
"""


@pytest.mark.parametrize(
    ("text", "is_stuck"),
    [
        ("lock.acquire()", True),
        ("threading.Thread(target=lock.acquire).start()", True),
        ("lock.acquire(timeout=99)", False),
        (LIVELY, False),
        ("subprocess.Popen(['sleep', '99']); lock.acquire()", False),
        ("time.sleep(99)", False),
        ("sys.stdin.read()", False),
        ("while True: pass", False),
    ],
)  # fmt: skip
def test_locks_of(text: str, is_stuck: bool) -> None:
    """Only where all threads wait without a limit, and no process is below."""
    process = subprocess.Popen(
        [sys.executable, "-c", HEAD + text], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        process.stdout.readline()
        if is_stuck:
            wait_for(lambda: bool(locks_of(process.pid)))
            assert locks_of(process.pid) == locks_of(process.pid)
        else:
            time.sleep(0.3)
            assert locks_of(process.pid) == ""
    finally:
        subprocess.run(["pkill", "-P", str(process.pid)], check=False)
        process.kill()
        process.communicate()


def test_a_process_that_is_over_waits_for_nothing() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    assert locks_of(process.pid) == ""


def test_one_that_runs_now_and_then_is_told_from_one_that_does_not() -> None:
    """Two looks may find it in the same wait, but not as often switched to."""
    code = """
import threading, time
lock = threading.Lock()
lock.acquire()
def ping():
    while True:
        lock.release()
        time.sleep(0.01)
print(flush=True)
threading.Thread(target=ping, daemon=True).start()
while True:
    lock.acquire()
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        process.stdout.readline()
        time.sleep(0.2)
        found = []
        for _ in range(2):
            found.append(locks_of(process.pid))
            time.sleep(0.2)
        assert found[0] == "" or found[0] != found[1]
    finally:
        process.kill()
        process.communicate()
