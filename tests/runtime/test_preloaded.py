"""A script that is a fork of a Python with its imports done does what it does alone."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench import is_alive
from lab import Lab
from nni_runner.launchers.launcher import End, Exited, Job, Notice, Notices, Preload, Said
from nni_runner.launchers.local import LocalLauncher
from nni_runner.launchers.preloading import modules_of
from nni_runner.threads import share_of_cores
from waiting import wait_for

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks are Linux's")

LIMIT = 60
HEAD = ("json", "decimal", "numpy", "logging", "concurrent.futures")

SCRIPTS = {
    "nothing": "",
    "prints": "import sys; print('out'); print('err', file=sys.stderr); print('x', end='')",
    "raises": "def f(x):\n    return 1 / x\n\ntry:\n    f(0)\nexcept ZeroDivisionError as e:\n"
    "    raise ValueError('é') from e\n",
    "syntax": "x = (1,\ny = 2\n",
    "exit code": "import sys; sys.exit(7)",
    "exit text": "import sys; sys.exit('so it is')",
    "exit none": "import sys; sys.exit()",
    "exit big": "import sys; sys.exit(513)",
    "os exit": "import os; print('lost'); os._exit(3)",
    "abort": "import os; os.abort()",
    "killed": "import os, signal; os.kill(os.getpid(), signal.SIGTERM)",
    "interrupt": "raise KeyboardInterrupt",
    "bytes": "import sys; sys.stdout.buffer.write(bytes(range(256)))",
    "argv": "import sys; print(sys.argv, sys.orig_argv[1:], sys.flags, sys.path[0])",
    "main": "import __main__, sys\nprint(__name__, __file__, __spec__, __package__, __doc__)\n"
    "print(sorted(set(vars(__main__)) - {'sys', '__main__'}), type(__loader__).__name__)\n"
    "print(sys.modules['__main__'] is __main__, vars(__main__) is globals(), __builtins__)\n",
    "docstring": '"""So."""\nprint(__doc__)\n',
    "annotations": "x: int = 1\nprint(__annotations__)\n",
    "path": "import sys, helper; print(sys.path[0], helper.__file__, helper.WHO)",
    "folder": "import os; print(os.getcwd(), sorted(os.listdir('.')))",
    "environment": "import os; print(sorted(i for i in os.environ.items() if i[0] != 'NNI_BELL'))",
    "descriptors": "import os; print(sorted(os.listdir('/proc/self/fd'))[:-1], os.isatty(0))",
    "signals": "import signal\nfor s in sorted(signal.valid_signals()):\n"
    "    print(s, signal.getsignal(s))\n",
    "session": "import os; print(os.getsid(0) == os.getpid() == os.getpgid(0), os.umask(0))",
    "limits": "import resource; print(resource.getrlimit(resource.RLIMIT_NOFILE))",
    "streams": "import sys\nfor s in (sys.stdin, sys.stdout, sys.stderr):\n"
    "    print(s.name, s.mode, s.encoding, s.errors, s.line_buffering, s.write_through)\n"
    "print(sys.stdout is sys.__stdout__, sys.stdin.read())\n",
    "buffering": "import os, sys\nprint('first'); os.write(1, b'second\\n'); sys.stdout.flush()\n",
    "threads": "import threading, time\ndef f():\n    time.sleep(0.05); print('late')\n"
    "threading.Thread(target=f).start()\n"
    "print(threading.main_thread() is threading.current_thread())",
    "atexit": "import atexit\natexit.register(print, 'first'); atexit.register(print, 'second')",
    "unclosed": "f = open('left.txt', 'w'); f.write('all of it')",
    "del": "class A:\n    def __del__(self):\n        print('gone')\na = A()",
    "warnings": "import warnings\nwarnings.warn('careful'); print(len(warnings.filters) < 99)",
    "logging": "import logging; logging.warning('so'); logging.getLogger('a').info('no')",
    "hook": "import sys\nsys.excepthook = lambda *a: print('hooked', a[0].__name__)\n1 / 0\n",
    "pickle": "import pickle\nclass A: pass\nprint(pickle.loads(pickle.dumps(A)) is A)",
    "recursion": "import sys; print(sys.getrecursionlimit())\ndef f(): f()\n"
    "try:\n    f()\nexcept RecursionError:\n    print('deep')\n",
    "gc": "import gc; print(gc.isenabled(), gc.get_threshold(), gc.get_freeze_count() >= 0)",
    "spawn": "import multiprocessing as m\ndef f(x): return x * x\n"
    "if __name__ == '__main__':\n    with m.get_context('spawn').Pool(2) as p:\n"
    "        print(p.map(f, range(4)))\n",
    "fork": "import multiprocessing as m\ndef f(x): return x * x\n"
    "if __name__ == '__main__':\n    with m.get_context('fork').Pool(2) as p:\n"
    "        print(p.map(f, range(4)))\n",
    "forkserver": "import multiprocessing as m\ndef f(x): return x * x\n"
    "if __name__ == '__main__':\n    with m.get_context('forkserver').Pool(2) as p:\n"
    "        print(p.map(f, range(4)))\n",
    "executor": "from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor\n"
    "def f(x): return x + 1\nif __name__ == '__main__':\n"
    "    with ProcessPoolExecutor(2) as p, ThreadPoolExecutor(2) as t:\n"
    "        print(list(p.map(f, range(3))), list(t.map(f, range(3))))\n",
    "subprocess": "import subprocess, sys\n"
    "print(subprocess.run([sys.executable, '-c', 'print(6)'], capture_output=True, text=True))",
    "exec": "import os, sys\nos.execv(sys.executable, [sys.executable, '-c', 'print(\"anew\")'])",
    "numpy": "import numpy as np\na = np.arange(1e4).reshape(100, 100)\nprint((a @ a).sum())",
    "seeded": "import random, numpy\nrandom.seed(1); numpy.random.seed(1)\n"
    "print(random.random(), numpy.random.rand())",
    "reload": "import importlib, json; print(importlib.reload(json) is json)",
    "runpy": "import runpy; runpy.run_path('helper.py', run_name='__main__')",
    "asyncio": "import asyncio\nasync def f():\n    await asyncio.sleep(0.01); print('slept')\n"
    "asyncio.run(f())",
    "source": "import inspect\ndef f():\n    return 1\nprint(inspect.getsource(f))",
}


class Bench:
    """A launcher and a folder with a script."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.notices = Notices()
        self.launcher = LocalLauncher(self.notices)
        self.number = 0

    def run(self, script: str, preload: tuple[str, ...] | None) -> tuple[Exited, str, str, str]:
        """How a script ends, what it prints, and a file that it leaves."""
        (self.folder / "helper.py").write_text("WHO = __name__\nprint('helper', WHO)\n")
        (self.folder / "train it.py").write_text(script)
        output = self.folder.parent / "output"
        output.mkdir(exist_ok=True)
        words = (sys.executable, "train it.py", "--x", "a b", "é")
        made = None if preload is None else Preload(preload)
        environment = {"MINE": "a\nb", "PYTHONHASHSEED": "0"}
        self.launcher.start(Job(7, words, self.folder, output, environment, None, made))
        ended = self.next()
        left = self.folder / "left.txt"
        text = left.read_text() if left.exists() else ""
        left.unlink(missing_ok=True)
        assert isinstance(ended, Exited), ended
        out = (output / "stdout").read_text("latin-1")
        err = (output / "stderr").read_text("latin-1")
        return ended, out, err, text

    def next(self) -> Notice:
        """The next notice."""
        return self.notices.get(timeout=LIMIT)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """One for all scripts: they are forks of the same process."""
    folder = tmp_path_factory.mktemp("preloaded") / "code"
    folder.mkdir()
    made = Bench(folder)
    yield made
    made.launcher.close()


@pytest.mark.parametrize("name", SCRIPTS)
def test_there_is_no_difference(bench: Bench, name: str) -> None:
    """Exit code, streams to the byte, files, what it sees of its interpreter."""
    alone, forked = (bench.run(SCRIPTS[name], preload) for preload in (None, HEAD))
    assert same(forked[1]) == same(alone[1])
    assert same(forked[2]) == same(alone[2])
    assert forked[0] == alone[0]
    assert forked[3] == alone[3]


def same(text: str) -> str:
    """Without addresses, which are never the same."""
    return re.sub(r"0x[0-9a-f]+", "0x", text)


def test_nothing_of_the_process_that_forks_shows(bench: Bench) -> None:
    """Neither its modules nor its random state."""
    script = "import sys\nprint([m for m in sys.modules if m.startswith('nni_runner')])"
    assert bench.run(script, HEAD)[1] == "[]\n"
    script = "import random, numpy; print(random.random(), numpy.random.rand())"
    assert bench.run(script, HEAD)[1] != bench.run(script, HEAD)[1]


def test_what_an_import_prints_every_trial_prints(bench: Bench, tmp_path: Path) -> None:
    """As if it had imported it itself."""
    (tmp_path / "chatty_one.py").write_text("import sys; print('hello'); sys.stderr.write('there')")
    os.environ["PYTHONPATH"] = f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}"
    launcher = LocalLauncher(bench.notices)
    bench.launcher, before = launcher, bench.launcher
    try:
        for _ in range(2):
            found = bench.run("import chatty_one; print('x')", ("chatty_one",))
            assert found[1:3] == ("hello\nx\n", "there")
    finally:
        bench.launcher = before
        launcher.close()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("from threading import Thread, Event\nThread(target=Event().wait, daemon=True).start()",
         "importing it starts a thread"),
        ("import os; os._exit(3)", "importing it ends the process"),
    ],
)  # fmt: skip
def test_a_package_that_can_t_be_imported_ahead(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, why: str
) -> None:
    """It is named and left out; trials run all the same."""
    (tmp_path / "awkward.py").write_text(text)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}")
    launcher = LocalLauncher(bench.notices)
    monkeypatch.setattr(bench, "launcher", launcher)
    (bench.folder / "train it.py").write_text("print('fine')")
    output = tmp_path / "output"
    output.mkdir()
    words = (sys.executable, "train it.py")
    preload = Preload(("json", "awkward", "decimal"))
    launcher.start(Job(7, words, bench.folder, output, {}, None, preload))
    found = {bench.next(), bench.next()}
    launcher.close()
    assert Said(f"awkward is not imported ahead of the trials: {why}") in found
    assert Exited(7, 0) in found
    assert (output / "stdout").read_text() == "fine\n"


def test_an_import_that_hangs_ends_with_the_supervisor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though nobody is there any more to end it."""
    wrote = tmp_path / "pids"
    (tmp_path / "hanging.py").write_text(
        f"import os, time\nfile = open({str(wrote)!r}, 'w')\n"
        "print(os.getpid(), os.getppid(), file=file, flush=True)\ntime.sleep(99)"
    )
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}")
    launcher = LocalLauncher(Notices())
    launcher.start(
        Job(7, (sys.executable, "x.py"), tmp_path, tmp_path, {}, None, Preload(("hanging",)))
    )
    wait_for(lambda: wrote.exists() and wrote.read_text().endswith("\n"))
    hanging, supervisor = map(int, wrote.read_text().split())
    os.kill(supervisor, signal.SIGKILL)
    wait_for(lambda: not is_alive(hanging))
    launcher.close()


def test_a_trial_that_crashes_harms_no_other(bench: Bench) -> None:
    """Nor the process that forks."""
    crash = "import ctypes; ctypes.string_at(0)"
    assert bench.run(crash, HEAD)[0] == Exited(7, -signal.SIGSEGV, End.ITSELF)
    assert bench.run("print(1)", HEAD)[:2] == (Exited(7, 0), "1\n")


def test_which_modules_are_imported_ahead(tmp_path: Path) -> None:
    """The installed ones at the head of a script and of its own modules, never those themselves."""
    (tmp_path / "train.py").write_text(
        '"""Doc."""\nfrom __future__ import annotations\nimport numpy as np, model\n'
        "from sub.deep import x\nfrom json import decoder\nimport not_there\nprint()\nimport csv\n"
    )
    (tmp_path / "model.py").write_text("import decimal\nfrom . import y\nimport train\n")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "__init__.py").write_text("import queue\n")
    (tmp_path / "sub" / "deep.py").write_text("x = 1\nimport bisect\n")
    found = modules_of((sys.executable, "train.py"), tmp_path)
    assert found == ("nni", "nni_trial", "numpy", "decimal", "queue", "json")
    assert modules_of((sys.executable, "-m", "train"), tmp_path) is None
    assert modules_of(("bash", "train.sh"), tmp_path) is None


LEARNS = '''
"""@nni.variable(nni.uniform(0, 1), name=x)"""
x = 0.5
print("a statement, so what comes is no head")
import decimal, helper, os, sys
CHANGE
import fractions
number = os.environ["NNI_TRIAL_SEQ_ID"]
print([name for name in ("decimal", "fractions", "helper") if name in FIRST])
"""@nni.report_final_result(x)"""
'''


@pytest.mark.parametrize(
    ("change", "known"),
    [("", "['decimal', 'fractions']"), ("os.environ['OMP_NUM_THREADS'] = '1'", "['decimal']")],
)
def test_what_the_first_trial_imported_is_there_for_the_others(
    tmp_path: Path, change: str, known: str
) -> None:
    """But for the user's own modules, and for what came after a change of the environment."""
    lab = Lab(tmp_path)
    lab.write("helper.py", "import json\n")
    lab.write(
        "train.py", "import sys\nFIRST = set(sys.modules)\n" + LEARNS.replace("CHANGE", change)
    )
    report = lab.json("--maximize", "--trials", "9", "--launcher", "preloaded")
    printed = [Path(trial["output"], "stdout").read_text() for trial in report["trials"]]
    assert printed[0].splitlines()[1] == "[]"
    assert printed[-1].splitlines()[1] == known
    assert (lab.experiment() / "imports.json").exists()


def test_a_script_that_can_only_be_started_anew(tmp_path: Path) -> None:
    """It crashes as a fork before its first report: it is run anew, and so are all the others."""
    lab = Lab(tmp_path)
    lab.write(
        "train.py",
        '"""@nni.variable(nni.uniform(0, 1), name=x)"""\nx = 0.5\n'
        "import ctypes, os\n"
        "own = open(f'/proc/{os.getpid()}/cmdline').read()\n"
        "if 'train.py' not in own:\n    ctypes.string_at(0)\n"
        '"""@nni.report_final_result(x)"""\n',
    )
    done = lab.run("--maximize", "--trials", "4", "--json", "--launcher", "preloaded")
    report = json.loads(done.stdout)
    assert [trial["attempts"] for trial in report["trials"]] == [2, 1, 1, 1]
    assert {trial["status"] for trial in report["trials"]} == {"SUCCEEDED"}
    assert "trial 0 crashed as a fork only: none is one from here on" in done.stderr


def test_each_trial_computes_with_its_share_of_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless the user has said how many threads."""
    names = [name for name in os.environ if name.endswith("_NUM_THREADS")]
    for name in names:
        monkeypatch.delenv(name)
    cores = len(os.sched_getaffinity(0))
    assert share_of_cores(cores)["OMP_NUM_THREADS"] == "1"
    assert share_of_cores(1)["OPENBLAS_NUM_THREADS"] == str(cores)
    assert share_of_cores(10**6)["MKL_NUM_THREADS"] == "1"
    monkeypatch.setenv("MKL_NUM_THREADS", "3")
    assert share_of_cores(1) == {}
