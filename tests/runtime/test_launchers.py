"""What every launcher does, tried with real processes."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench import LIMIT, PRINT_PIDS, Bench, is_alive, parent, pids
from conftest import ROOT
from nni_runner.launchers.launcher import End, Exited, Job, Preload, Rang
from nni_runner.launchers.local import LocalLauncher
from waiting import wait_for

# How trials come into being: what a process has imported of which they are forks, None: anew.
WAYS = {"subprocess": None, "preloaded": Preload(("json", "decimal"))}


@pytest.fixture(params=WAYS, ids=str)
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    """A bench for each launcher; whatever still runs is ended."""
    bench = Bench(WAYS[request.param], tmp_path)
    yield bench
    bench.launcher.close()


def test_runs_in_the_folder_with_its_environment(bench: Bench) -> None:
    """Standard output and error go to files of their own; the input is empty."""
    script = (
        "import os, sys; print(os.getcwd(), os.environ['MINE'], repr(sys.stdin.read()));"
        "print('oops', file=sys.stderr); sys.exit(3)"
    )
    output = bench.start(0, script, MINE="yes")
    assert bench.exited() == Exited(0, 3)
    assert (output / "stdout").read_text() == f"{bench.folder} yes ''\n"
    assert (output / "stderr").read_text() == "oops\n"


def test_tells_by_which_signal_a_trial_ended(bench: Bench) -> None:
    """As a negative exit code."""
    bench.start(0, "import os; os.kill(os.getpid(), 11)")
    assert bench.exited() == Exited(0, -signal.SIGSEGV)


def test_what_cannot_be_started_is_a_notice(bench: Bench) -> None:
    """Never an exception: the experiment goes on."""
    (bench.folder / "0").mkdir()
    job = Job(0, ("/nowhere/at all",), bench.folder, bench.folder / "0")
    bench.launcher.start(job)
    notice = bench.exited()
    assert notice == Exited(0, None, End.NOT_STARTED, "/nowhere/at all: No such file or directory")


def test_words_of_a_command_are_passed_on_as_they_are(bench: Bench) -> None:
    """Nothing is put through a shell."""
    (bench.folder / "0").mkdir()
    words = ("a b", "$HOME", "; echo", "'q'", "ü", "line\nbreak", "-x", "")
    script = "import sys, json; print(json.dumps(sys.argv[1:]))"
    output = bench.folder / "0"
    bench.launcher.start(Job(0, (sys.executable, "-c", script, *words), bench.folder, output))
    assert bench.exited().code == 0
    import json

    assert tuple(json.loads((output / "stdout").read_text())) == words


def test_the_bell_wakes_the_runner(bench: Bench) -> None:
    """A trial rings by writing its number into a named pipe; anything else in there is nothing."""
    bench.start(7, "import os; open(os.environ['NNI_BELL'], 'w').write('!\\n7\\nx7\\n' + 'y' * 99)")
    notices = [bench.notices.get(timeout=LIMIT) for _ in range(2)]
    assert sorted(map(str, notices)) == sorted(map(str, [Exited(7, 0), Rang(frozenset({7}))]))


def test_terminate_takes_down_the_whole_tree(bench: Bench) -> None:
    """Also what ignores SIGTERM, and what the trial started itself."""
    script = (
        "import signal, subprocess, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(99)'])\n"
        "print(child.pid, flush=True); time.sleep(99)"
    )
    output = bench.start(0, script)
    (child,) = pids(output)
    bench.launcher.terminate(0)
    assert bench.exited() == Exited(0, -signal.SIGKILL)
    assert not is_alive(child)


def test_terminate_lets_a_trial_end_in_its_own_way(bench: Bench) -> None:
    """SIGTERM first: a script may clean up."""
    script = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: (print('cleaned up', flush=True), sys.exit(5)))\n"
        "print('ready', flush=True); time.sleep(99)"
    )
    output = bench.start(0, script)
    wait_for(lambda: (output / "stdout").exists() and (output / "stdout").read_text() == "ready\n")
    bench.launcher.terminate(0)
    assert bench.exited() == Exited(0, 5)
    assert (output / "stdout").read_text() == "ready\ncleaned up\n"


def test_children_left_behind_end_with_their_trial(bench: Bench) -> None:
    """A finished trial leaves nothing that holds a GPU."""
    script = (
        "import subprocess, sys\n"
        "print(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(99)']).pid)"
    )
    output = bench.start(0, script)
    assert bench.exited() == Exited(0, 0, left=1)
    (child,) = pids(output)
    assert not is_alive(child)


def test_many_at_once(bench: Bench) -> None:
    """Each tells of its own end."""
    for number in range(20):
        bench.start(number, f"import sys; sys.exit({number})")
    assert {bench.exited() for _ in range(20)} == {Exited(n, n) for n in range(20)}


def test_close_ends_what_still_runs(bench: Bench) -> None:
    """And can be followed by the fixture's own close: the second finds nothing to do."""
    output = bench.start(0, "import os, time; print(os.getpid(), flush=True); time.sleep(99)")
    (pid,) = pids(output)
    bench.launcher.close()
    assert not is_alive(pid)
    bench.launcher = LocalLauncher(bench.notices)


DAEMON = """
import os, signal, sys, time
down, up = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.setsid()
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.write(up, str(os.getpid()).encode())
        for fd in range(3 if keep else 0, 9):
            try: os.close(fd)
            except OSError: pass
        while True: time.sleep(9)
    os._exit(0)
os.wait()
print(os.read(down, 99).decode(), flush=True)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nobody knows whose it was")
@pytest.mark.parametrize("keep", [True, False])
def test_a_daemon_ends_with_its_trial(bench: Bench, keep: bool) -> None:
    """Also one in a session of its own that ignores SIGTERM, whether or not it keeps the output."""
    output = bench.start(0, f"keep = {keep}{DAEMON}")
    assert bench.exited() == Exited(0, 0, left=1)
    assert not any(map(is_alive, pids(output)))


def test_the_time_limit_of_a_trial(bench: Bench) -> None:
    """Whatever it does: here a child hangs as well, and both ignore SIGTERM."""
    script = (
        "import os, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "child = os.fork()\nif child: print(os.getpid(), child, flush=True)\ntime.sleep(99)"
    )
    output = bench.start(0, script, seconds=0.5)
    assert bench.exited() == Exited(0, -signal.SIGKILL, End.TIME_LIMIT)
    assert not any(map(is_alive, pids(output)))


def test_killed_from_outside(bench: Bench) -> None:
    """That is the signal alone: there was memory."""
    output = bench.start(0, "import os, time; print(os.getpid(), flush=True); time.sleep(99)")
    os.kill(pids(output)[0], signal.SIGKILL)
    assert bench.exited() == Exited(0, -signal.SIGKILL)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nobody takes in the orphans")
def test_a_killed_watcher_takes_its_trial_with_it(bench: Bench) -> None:
    """The trial is lost; others go on, but for those of the same process that forks."""
    trial, watcher = pids(bench.start(0, PRINT_PIDS))
    bench.preload = None
    bench.start(1, "import time; time.sleep(1)")
    os.kill(watcher, signal.SIGKILL)
    assert bench.exited() == Exited(0, None, End.LOST)
    assert not is_alive(trial)
    assert bench.exited() == Exited(1, 0)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nobody takes in the orphans")
def test_a_daemon_ends_though_the_parent_of_its_trial_is_killed(bench: Bench) -> None:
    """Be that the watcher or the process that forks: what they adopted is ended all the same."""
    output = bench.start(0, f"keep = False{DAEMON}print(os.getppid(), flush=True)\ntime.sleep(99)")
    wait_for(lambda: len(pids(output)) == 2)
    daemon, above = pids(output)
    os.kill(above, signal.SIGKILL)
    assert bench.exited() == Exited(0, None, End.LOST)
    wait_for(lambda: not is_alive(daemon))


def test_a_killed_supervisor_takes_its_trials_with_it(bench: Bench) -> None:
    """They are lost; the next one gets another."""
    trial, watcher = pids(bench.start(0, PRINT_PIDS))
    os.kill(parent(watcher), signal.SIGKILL)
    code = -signal.SIGTERM if bench.preload is None else None  # nobody is left who knew
    assert bench.exited() == Exited(0, code, End.LOST)
    assert not is_alive(trial)
    bench.start(1, "")
    assert bench.exited() == Exited(1, 0)


@pytest.mark.parametrize("line", [True, False])
def test_what_a_trial_prints_is_capped(bench: Bench, line: bool) -> None:
    """The head and the end are kept, and what is left out is said, to the byte."""
    end = "" if line else "\\n"
    script = (
        "import sys\n"
        "for n in range(0, 10**7, 10**4):\n"
        f"    sys.stdout.write(''.join(f'{{m:09}}{end}' for m in range(n, n + 10**4)))"
    )
    output = bench.start(0, script)
    assert bench.exited() == Exited(0, 0)
    text = (output / "stdout").read_bytes()
    assert 2**25 < len(text) <= 2**26
    assert text.startswith(b"000000000" + end.encode().replace(b"\\n", b"\n") + b"000000001")
    assert text.rstrip().endswith(b"9999999")
    note = re.search(rb"\n\[ *(\d+) bytes left out here by nni-run\]\n", text)
    assert note is not None
    whole = 10**7 * (9 if line else 10)
    assert len(text) - len(note[0]) + int(note[1]) == whole


@pytest.mark.parametrize(
    "script",
    [
        "import os, shutil; shutil.rmtree(os.environ['OUTPUT'])",
        "import os; os.chdir('/'); os.umask(0o777)",
        "import os; os.close(1); os.close(2); os.close(0)",
        r"import os; os.write(1, b'\0\xff\x1b[31m\r' * 9999); os.close(1)",
    ],
)
def test_strange_trials(bench: Bench, script: str) -> None:
    """They end as any other, and so does the next one."""
    bench.start(0, script, OUTPUT=str(bench.folder / "0"))
    assert bench.exited() == Exited(0, 0)
    bench.start(1, "print('fine')")
    assert bench.exited() == Exited(1, 0)
    assert (bench.folder / "1" / "stdout").read_text() == "fine\n"


def test_a_folder_that_is_not_there(bench: Bench) -> None:
    """The reason names it."""
    job = Job(0, (sys.executable,), bench.folder / "gone", bench.folder)
    bench.launcher.start(job)
    problem = f"{bench.folder / 'gone'}: No such file or directory"
    assert bench.exited() == Exited(0, None, End.NOT_STARTED, problem)


@pytest.mark.parametrize("close", [True, False])
def test_nothing_outlives_the_runner(tmp_path: Path, close: bool) -> None:
    """Neither its end nor kill -9; daemons, and what ignores SIGTERM, included."""
    roots = [str(ROOT / name) for name in ("annotate", "runtime", "tuners")]
    (tmp_path / "0").mkdir()
    runner = (
        f"import sys; sys.path[:0] = {roots}\n"
        "from pathlib import Path\n"
        "from nni_runner.launchers.launcher import Job, Notices\n"
        "from nni_runner.launchers.local import LocalLauncher\n"
        f"launcher, folder = LocalLauncher(Notices()), Path({str(tmp_path)!r})\n"
        f"script = {f'keep = True{DAEMON}time.sleep(99)'!r}\n"
        "launcher.start(Job(0, (sys.executable, '-c', script), folder, folder / '0'))\n"
        "sys.stdin.read(); launcher.close()"
    )
    (tmp_path / "temporary").mkdir()
    process = subprocess.Popen(
        [sys.executable, "-c", runner], stdin=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(tmp_path / "temporary")},
    )  # fmt: skip
    started = pids(tmp_path / "0")
    assert any((tmp_path / "temporary").iterdir())
    if not close:
        process.kill()
    process.communicate(timeout=LIMIT)
    wait_for(lambda: not any(map(is_alive, started)))
    wait_for(lambda: not any((tmp_path / "temporary").iterdir()))
