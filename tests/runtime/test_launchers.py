"""What every launcher does, tried with real processes."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nni_runner.launchers.launcher import Exited, Job, Launcher, Notices, Rang
from nni_runner.launchers.local import LocalLauncher

LAUNCHERS: dict[str, Callable[[Notices], Launcher]] = {"local": LocalLauncher}
LIMIT = 20  # seconds that nothing here should take


class Bench:
    """A launcher, its notices, and jobs for it."""

    def __init__(self, make: Callable[[Notices], Launcher], folder: Path) -> None:
        self.notices = Notices()
        self.launcher = make(self.notices)
        self.folder = folder

    def start(self, number: int, script: str, **environment: str) -> Path:
        """Starts a Python script as a trial; its output folder."""
        output = self.folder / str(number)
        output.mkdir()
        job = Job(number, (sys.executable, "-c", script), self.folder, output, environment)
        self.launcher.start(job)
        return output

    def exited(self) -> Exited:
        """The next trial to end."""
        while True:
            notice = self.notices.get(timeout=LIMIT)
            if isinstance(notice, Exited):
                return notice


@pytest.fixture(params=LAUNCHERS, ids=str)
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    """A bench for each launcher; whatever still runs is ended."""
    bench = Bench(LAUNCHERS[request.param], tmp_path)
    yield bench
    bench.launcher.close()


def wait_for(condition: Callable[[], bool]) -> None:
    """Waits until something outside this process has happened."""
    end = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.01)


def is_alive(pid: int) -> bool:
    """Whether a process runs, zombies not counted."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


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
    assert notice.code is None
    assert "/nowhere/at all" in notice.problem


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
    """A trial rings by writing into a named pipe."""
    bench.start(0, "import os; open(os.environ['NNI_BELL'], 'w').write('!')")
    notices = {type(bench.notices.get(timeout=LIMIT)) for _ in range(2)}
    assert notices == {Rang, Exited}  # in either order


def test_terminate_takes_down_the_whole_tree(bench: Bench) -> None:
    """Also what ignores SIGTERM, and what the trial started itself."""
    script = (
        "import signal, subprocess, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(99)'])\n"
        "print(child.pid, flush=True); time.sleep(99)"
    )
    output = bench.start(0, script)
    wait_for(lambda: (output / "stdout").read_text().endswith("\n"))
    child = int((output / "stdout").read_text())
    bench.launcher.terminate(0)
    assert bench.exited() == Exited(0, -signal.SIGKILL)
    wait_for(lambda: not is_alive(child))


def test_terminate_lets_a_trial_end_in_its_own_way(bench: Bench) -> None:
    """SIGTERM first: a script may clean up."""
    script = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: (print('cleaned up', flush=True), sys.exit(5)))\n"
        "print('ready', flush=True); time.sleep(99)"
    )
    output = bench.start(0, script)
    wait_for(lambda: (output / "stdout").read_text() == "ready\n")
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
    assert bench.exited() == Exited(0, 0)
    child = int((output / "stdout").read_text())
    wait_for(lambda: not is_alive(child))


def test_many_at_once(bench: Bench) -> None:
    """Each tells of its own end."""
    for number in range(20):
        bench.start(number, f"import sys; sys.exit({number})")
    assert {bench.exited() for _ in range(20)} == {Exited(n, n) for n in range(20)}


def test_close_ends_what_still_runs(bench: Bench) -> None:
    """And can be followed by the fixture's own close: the second finds nothing to do."""
    output = bench.start(0, "import os, time; print(os.getpid(), flush=True); time.sleep(99)")
    wait_for(lambda: (output / "stdout").read_text().endswith("\n"))
    bench.launcher.close()
    assert not is_alive(int((output / "stdout").read_text()))
    bench.launcher = LocalLauncher(bench.notices)
