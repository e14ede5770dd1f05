"""A script that is a fork of a Python with its imports done does what it does alone."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from bench import is_alive
from conftest import run
from lab import Lab
from nni_runner.launchers.launcher import End, Exited, Job, Notice, Notices, Preload, Said
from nni_runner.launchers.local import LocalLauncher
from nni_runner.launchers.preloading import as_script, modules_of
from nni_runner.threads import share_of_cores
from scripts import PACKAGES, SCRIPTS
from waiting import wait_for

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks are Linux's")

LIMIT = 60
HEAD = ("json", "decimal", "numpy", "logging", "concurrent.futures")


class Bench:
    """A launcher and a folder with a script."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.notices = Notices()
        self.launcher = LocalLauncher(self.notices)
        self.number = 0

    def run(
        self, script: str, preload: tuple[str, ...] | None, **more: str
    ) -> tuple[Exited, str, str, str]:
        """How a script ends, what it prints, and a file that it leaves."""
        (self.folder / "helper.py").write_text("WHO = __name__\nprint('helper', WHO)\n")
        (self.folder / "train it.py").write_text(script)
        output = self.folder.parent / "output"
        output.mkdir(exist_ok=True)
        words = (sys.executable, "train it.py", "--x", "a b", "é")
        made = None if preload is None else Preload(preload)
        environment = {"MINE": "a\nb", "PYTHONHASHSEED": "0", **more}
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
    packages = PACKAGES.get(name, ())
    for package in packages:
        if find_spec(package.partition(".")[0]) is None:
            pytest.skip(f"needs {package}")
    alone, forked = (bench.run(SCRIPTS[name], preload) for preload in (None, (*HEAD, *packages)))
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
        ("import _thread, time\n_thread.start_new_thread(time.sleep, (99,))",
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
        "from sub.deep import x\nimport os\nos.environ['A'] = '1'\n"
        "os.environ.setdefault('B', 'b=')\nfrom json import decoder\nimport not_there\n"
        "os.environ['C'] = str(1)\nimport csv\n"
    )
    (tmp_path / "model.py").write_text("import decimal\nfrom . import y\nimport train\n")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "__init__.py").write_text("import queue\n")
    (tmp_path / "sub" / "deep.py").write_text("x = 1\nimport bisect\n")
    found = modules_of((sys.executable, "train.py"), tmp_path)
    assert found == (
        "nni", "nni_trial", "numpy", "decimal", "queue", "os", "A=1", "B?=b=", "json"
    )  # fmt: skip
    assert modules_of((sys.executable, "-m", "train"), tmp_path) is None
    assert modules_of(("bash", "train.sh"), tmp_path) is None


def test_what_matters_at_import_is_as_the_trial_has_it(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The GPUs it may see, say: for other ones another process does the imports."""
    (tmp_path / "looking.py").write_text(
        "import os\nSAW = os.environ.get('CUDA_VISIBLE_DEVICES')\nPID = os.getpid()\n"
    )
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}")
    launcher = LocalLauncher(bench.notices)
    monkeypatch.setattr(bench, "launcher", launcher)
    script = "import looking, os\nprint(looking.SAW, looking.PID != os.getpid())\n"
    out = [
        bench.run(script, ("looking",), CUDA_VISIBLE_DEVICES=which)[1] for which in ("1", "0", "1")
    ]
    launcher.close()
    assert out == ["1 True\n", "0 True\n", "1 True\n"]


def test_constants_that_a_script_sets_before_it_imports(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are set in that order while it is done ahead, and the script finds them as before."""
    saw = "import os\nSAW = os.environ.get('KIND'), os.environ.get('SEED')\nPID = os.getpid()\n"
    for name in ("early", "late"):
        (tmp_path / f"{name}.py").write_text(saw)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}")
    monkeypatch.setenv("SEED", "3")
    launcher = LocalLauncher(bench.notices)
    monkeypatch.setattr(bench, "launcher", launcher)
    modules = ("os", "early", "KIND=deep", "SEED?=4", "late")
    script = (
        "import os, early\nfound = os.environ.get('KIND')\nos.environ['KIND'] = 'deep'\n"
        "os.environ.setdefault('SEED', '4')\nimport late\n"
        "print(found, early.SAW, late.SAW, early.PID == late.PID == os.getpid())\n"
    )
    out = [bench.run(script, preload)[1] for preload in (None, modules)]
    launcher.close()
    assert out == [f"None (None, '3') ('deep', '3') {alone}\n" for alone in (True, False)]


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("bash", "-c", "python3 train.py"), ("train.py",)),
        (("sh", "-c", " python  src/train.py --lr=0.1 a@b,c \n"),
         ("src/train.py", "--lr=0.1", "a@b,c")),
        (("python", "train.py", "*"), ("train.py", "*")),
        (("bash", "-c", f"{Path(sys.executable).parent}/python train.py"), ("train.py",)),
        (("bash", "-c", "python3 train.py *"), None),
        (("bash", "-c", "python3 train.py; echo"), None),
        (("bash", "-c", "X=1 python3 train.py"), None),
        (("bash", "-c", "python3 ~/train.py"), None),
        (("bash", "-c", "python3\ntrain.py"), None),
        (("bash", "-c", "/usr/bin/env python3 train.py"), None),
        (("bash", "-c", "python3 -u train.py"), None),
        (("bash", "-c", ""), None),
        (("bash", "train.sh"), None),
        (("python3",), None),
    ],
)  # fmt: skip
def test_which_commands_are_scripts(
    command: tuple[str, ...], words: tuple[str, ...] | None
) -> None:
    """Those of NNI's config files too, where a shell would do no more than run this Python."""
    assert as_script(command) == (command if words is None else (sys.executable, *words))


def test_the_command_of_a_config_file_is_forked(tmp_path: Path) -> None:
    """As nearly all of NNI's are: `python3 train.py`."""
    lab = Lab(tmp_path)
    lab.write(
        "train.py",
        "import nni\nnni.report_final_result(1)\n"
        "print('train.py' not in open('/proc/self/cmdline').read())\n",
    )
    lab.write("space.json", '{"x": {"_type": "uniform", "_value": [0, 1]}}')
    lab.write(
        "config.yml",
        "searchSpaceFile: space.json\ntrialCommand: python3 train.py\nmaxTrialNumber: 2\n"
        "trialConcurrency: 1\ntuner: {name: Random}\ntrainingService: {platform: local}\n",
    )
    words = ("--config", lab.source / "config.yml", "--json", "--experiments-dir", lab.experiments)
    done = run("nni-run", *words)
    assert done.returncode == 0, done.stderr
    for trial in json.loads(done.stdout)["trials"]:
        assert Path(trial["output"], "stdout").read_text() == "True\n"


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
    [
        ("", "['decimal', 'fractions']"),
        ("os.environ['OMP_NUM_THREADS'] = '1'", "['decimal']"),
        ("os.environ['KIND'] = 'deep'", "['decimal', 'fractions']"),
    ],
)
def test_what_the_first_trial_imported_is_there_for_the_others(
    tmp_path: Path, change: str, known: str
) -> None:
    """But for the user's own modules, and for what came after a change of the environment."""
    lab = Lab(tmp_path)
    lab.write("helper.py", "import json\n")
    lab.write(
        "train.py",
        "import os, sys\nos.environ['KIND'] = 'deep'\nFIRST = set(sys.modules)\n"
        + LEARNS.replace("CHANGE", change),
    )
    report = lab.json("--maximize", "--trials", "9", "--launcher", "preloaded")
    printed = [Path(trial["output"], "stdout").read_text() for trial in report["trials"]]
    assert printed[0].splitlines()[1] == "[]"
    assert printed[-1].splitlines()[1] == known
    assert (lab.experiment() / "imports.json").exists()


@pytest.mark.parametrize("fault", ["ctypes.string_at(0)", "time.sleep(99)"])
def test_a_script_that_can_only_be_started_anew(tmp_path: Path, fault: str) -> None:
    """As a fork it crashes or hangs before its first report: all of its trials are run anew."""
    lab = Lab(tmp_path)
    lab.write(
        "train.py",
        '"""@nni.variable(nni.uniform(0, 1), name=x)"""\nx = 0.5\n'
        "import ctypes, os, time\n"
        "own = open(f'/proc/{os.getpid()}/cmdline').read()\n"
        f"if 'train.py' not in own:\n    {fault}\n"
        '"""@nni.report_final_result(x)"""\n',
    )
    words = ("--launcher", "preloaded", "--trial-time", "2s")
    done = lab.run("--maximize", "--trials", "4", "--json", *words)
    report = json.loads(done.stdout)
    assert [trial["attempts"] for trial in report["trials"]] == [2, 1, 1, 1]
    assert {trial["status"] for trial in report["trials"]} == {"SUCCEEDED"}
    assert "trial 0 failed as a fork only: none is one from here on" in done.stderr


def test_a_script_that_hangs_in_any_case(tmp_path: Path) -> None:
    """Each of its trials is run once more; where forks have succeeded, none is."""
    lab = Lab(tmp_path)
    text = '"""@nni.variable(nni.choice(0, 1), name=x)"""\nx = 0\nimport time\n'
    lab.write("train.py", text + "time.sleep(99 * x)\n" + '"""@nni.report_final_result(x)"""\n')
    (tmp_path / "one.json").write_text('{"x": 1}')
    words = ("--trial-time", "1s", "--maximize", "--trials", "2", "--try", tmp_path / "one.json")
    done = [lab.run(*words, "--json", *more) for more in ((), ("--no-baseline",))]
    attempts = [[t["attempts"] for t in json.loads(one.stdout)["trials"]] for one in done]
    assert attempts == [[1, 1], [2, 1]]


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
