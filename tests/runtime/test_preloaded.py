"""A script that is a fork of a Python with its imports done does what it does alone."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest

from bench import is_alive
from nni_runner.launchers.launcher import End, Exited, Job, Notice, Notices, Preload, Said
from nni_runner.launchers.local import LocalLauncher
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
        files = [output / "stdout", output / "stderr"]  # there if anything was printed
        printed = [file.read_text("latin-1") if file.exists() else "" for file in files]
        assert all(not file.exists() or file.stat().st_size for file in files)
        return ended, printed[0], printed[1], text

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
    assert replace(forked[0], left=0) == replace(alone[0], left=0)  # joblib's may take its time
    assert forked[3] == alone[3]


@pytest.mark.parametrize("name", ["threads", "executor", "logging", "exit code", "streams", "fork"])
def test_nor_where_nothing_is_imported_ahead(bench: Bench, name: str) -> None:
    """Not even what this project's own part of that process would have needed."""
    (_, *alone), (_, *forked) = (bench.run(SCRIPTS[name], preload) for preload in (None, ()))
    assert forked == alone


def test_streams_are_as_the_environment_wants_them(bench: Bench) -> None:
    """Python makes them by it as it starts."""
    for more in ({"PYTHONUNBUFFERED": "1"}, {"PYTHONIOENCODING": "latin-1:replace"}):
        for script in ("streams", "buffering", "prints"):
            (_, *alone), (_, *forked) = (bench.run(SCRIPTS[script], ahead, **more)
                                         for ahead in (None, HEAD))  # fmt: skip
            assert forked == alone


def test_every_trial_is_told_what_is_wrong_with_its_text(bench: Bench) -> None:
    """Though it is read and compiled once where nothing is."""
    for script in ("syntax warning", "syntax", "prints"):
        runs = [bench.run(SCRIPTS[script], HEAD) for _ in range(3)]
        assert runs[0] == runs[1] == runs[2]
        assert ("syntax" in script) == ("Syntax" in runs[0][2])


def same(text: str) -> str:
    """Without addresses and names of shared memory, which are never the same."""
    return re.sub(r"(0x|/psm_)[0-9a-f]+", r"\1", text)


def test_nothing_of_the_process_that_forks_shows(bench: Bench) -> None:
    """Neither its modules nor its random state."""
    script = "import sys\nprint([m for m in sys.modules if m.startswith('nni_runner')])"
    assert bench.run(script, HEAD)[1] == "[]\n"
    script = "import random, numpy; print(random.random(), numpy.random.rand())"
    assert bench.run(script, HEAD)[1] != bench.run(script, HEAD)[1]


def test_what_an_import_prints_every_trial_prints(bench: Bench, tmp_path: Path) -> None:
    """As if it had imported it itself; streams that it has kept are the script's."""
    (tmp_path / "chatty_one.py").write_text(
        "import sys; print('hello'); sys.stderr.write('there'); kept = sys.stdout"
    )
    os.environ["PYTHONPATH"] = f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}"
    launcher = LocalLauncher(bench.notices)
    bench.launcher, before = launcher, bench.launcher
    try:
        for _ in range(2):
            script = "import chatty_one, sys; print('x', chatty_one.kept is sys.stdout)"
            found = bench.run(script, ("chatty_one",))
            assert found[1:3] == ("hello\nx True\n", "there")
    finally:
        bench.launcher = before
        launcher.close()


def test_what_an_import_removes_at_the_end_stays_until_then(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Temporary folders: one fork that ends leaves them to the next."""
    (tmp_path / "tidy.py").write_text(
        "import atexit, os, shutil, tempfile\n"
        f"one = tempfile.TemporaryDirectory(dir={str(tmp_path)!r})\n"
        f"other = tempfile.mkdtemp(dir={str(tmp_path)!r})\n"
        "atexit.register(shutil.rmtree, other)\nfolders = [one.name, other]\n"
    )
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}")
    launcher = LocalLauncher(bench.notices)
    monkeypatch.setattr(bench, "launcher", launcher)
    script = "import os, tidy\nfor name in tidy.folders: print(name, os.path.isdir(name))"
    first, second = (bench.run(script, ("tidy",))[1].splitlines() for _ in range(2))
    assert first == second
    assert [line.split()[1] for line in first] == ["True", "True"]
    launcher.close()
    assert not any(Path(line.split()[0]).exists() for line in first)


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


def test_only_the_part_of_a_package_is_left_out_that_is_to_blame(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what comes after it in that package, which may import that part too."""
    (tmp_path / "parted").mkdir()
    for name in ("__init__", "early", "late"):
        (tmp_path / "parted" / f"{name}.py").write_text("")
    (tmp_path / "parted" / "middle.py").write_text("import os; os._exit(3)")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}")
    launcher = LocalLauncher(bench.notices)
    monkeypatch.setattr(bench, "launcher", launcher)
    modules = [f"parted.{name}" for name in ("early", "middle", "late")]
    (bench.folder / "train it.py").write_text(
        f"import sys; print([n for n in {[*modules, 'decimal']!r} if n in sys.modules])"
    )
    words = (sys.executable, "train it.py")
    made = Preload((*modules, "decimal"))
    launcher.start(Job(7, words, bench.folder, tmp_path, {}, None, made))
    found = {bench.next(), bench.next()}
    launcher.start(Job(8, words, bench.folder, tmp_path, {}, None, made))
    why = "parted.middle is not imported ahead of the trials: importing it ends the process"
    assert found == {Said(why), Exited(7, 0)}
    assert bench.next() == Exited(8, 0)
    launcher.close()
    assert (tmp_path / "stdout").read_text() == "['parted.early', 'decimal']\n"


def test_a_process_that_has_opened_a_gpu_is_not_fit_to_fork(tmp_path: Path) -> None:
    """As torch.cuda.is_available() does, and it stays open. Here a file stands for the GPU."""
    (tmp_path / "opening.py").write_text(f"file = open({str(tmp_path / 'nvidia0')!r}, 'w')\n")
    (tmp_path / "closing.py").write_text("import opening\nopening.file.close()\n")
    script = (
        "from nni_runner.supervisor import preload\n"
        f"preload._GPUS = {(str(tmp_path / 'nvidia'),)!r}\n"
        "for modules in (['json', 'closing'], ['json', 'opening', 'decimal']):\n"
        "    try:\n        preload.run(modules, lambda module: None)\n"
        "    except preload.UnfitError as error:\n"
        f"        open({str(tmp_path / 'found')!r}, 'a').write(repr(error.args))\n"
        "    __import__('sys').modules.pop('opening')\n"
    )
    path = os.pathsep.join([str(tmp_path), *sys.path])
    subprocess.run(
        [sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": path}, check=True
    )
    assert (tmp_path / "found").read_text() == "('opening', 'importing it opens a GPU')"


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
