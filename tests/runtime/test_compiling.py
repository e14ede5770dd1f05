"""Compiling in a process of its own: the same results, and nothing of it stays."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from nni_annotate.diagnostics import CompileError
from nni_annotate.placing import place_tree
from nni_annotate.project import compile_tree

FIXTURES = Path(__file__).parents[2] / "fixtures" / "compile"
SCRIPT = """\
'''@nni.variable(nni.choice(1, 2, 3), name=x)'''
x = 1
'''@nni.report_final_result(x)'''
"""
COUNT = """\
import os
from pathlib import Path

process = os.getpid()
while b"--experiments-dir" not in Path(f"/proc/{process}/cmdline").read_bytes():
    process = int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
is_loaded = b"libcst" in Path(f"/proc/{process}/maps").read_bytes()
print(len(Path(f"/proc/{process}/task/{process}/children").read_text().split()), is_loaded)
"""
BEGIN = f"""
import json, os, signal, sys
from pathlib import Path
sys.path[:] = {sys.path!r}
from nni_runner import compiling

def children():
    return Path(f"/proc/self/task/{{os.getpid()}}/children").read_text().split()

def answer(target="train.py"):
    tree = compiling.compile_target(Path(target), Path("experiments"))
    print(json.dumps([tree.space.to_text(), "libcst" in sys.modules, children()]))

"""
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="there it compiles by itself")


@pytest.mark.parametrize("folder", sorted(FIXTURES.iterdir()), ids=lambda folder: folder.name)
def test_all_that_compiling_gives_gets_through_a_pipe(folder: Path) -> None:
    def diagnostics_or_tree(found: Any) -> Any:
        return found.diagnostics if isinstance(found, CompileError) else found

    try:
        found: Any = compile_tree(folder, notebooks_as_scripts=True)
    except CompileError as error:
        found = error
    assert diagnostics_or_tree(pickle.loads(pickle.dumps(found))) == diagnostics_or_tree(found)


def run(folder: Path, code: str, *, writes: bool = True) -> Any:
    if writes:
        (folder / "train.py").write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, "-c", BEGIN + textwrap.dedent(code)], cwd=folder,
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stderr == ""
    return json.loads(done.stdout)


def test_the_compiler_is_never_loaded_by_the_runner_itself(tmp_path: Path) -> None:
    space, is_loaded, children = run(tmp_path, "compiling.load_ahead(['train.py']); answer()")
    assert json.loads(space) == {"train/x/choice": {"_type": "choice", "_value": [1, 2, 3]}}
    assert not is_loaded
    assert children == []


@pytest.mark.parametrize(
    "code",
    [
        "answer()",
        "compiling.load_ahead(['train.py']); os.kill(int(children()[0]), signal.SIGKILL); answer()",
        "compiling.load_ahead(['train.py']); os.kill(int(children()[0]), signal.SIGSTOP)\n"
        "if os.fork() == 0:\n"
        "    import time; time.sleep(0.3); os.kill(compiling._waiting[0], 9); os._exit(0)\n"
        "answer(); os.wait()",
        "compiling.load_ahead([]); answer()",
        "compiling.load_ahead(['--version']); answer()",
        "import threading\n"
        "threading.Thread(target=threading.Event().wait, daemon=True).start()\n"
        "compiling.load_ahead(['train.py']); answer()",
        "import resource\n"
        "_, most = resource.getrlimit(resource.RLIMIT_NOFILE)\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (5, most))\n"
        "compiling.load_ahead(['train.py'])\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))\n"
        "answer()",
    ],
    ids=["none", "killed", "killed as it is asked", "no word", "no code", "threads", "no pipes"],
)
def test_without_that_process_the_runner_compiles_by_itself(tmp_path: Path, code: str) -> None:
    space, is_loaded, _ = run(tmp_path, code)
    assert list(json.loads(space)) == ["train/x/choice"]
    assert is_loaded


def test_what_is_wrong_in_the_code_is_said_as_ever(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(SCRIPT.replace("x = 1", "y = 1"))
    found = run(
        tmp_path,
        """
        from nni_annotate.diagnostics import CompileError
        said = []
        for _ in range(2):  # the second time by itself
            compiling.load_ahead(['train.py']) if not said else None
            try:
                answer()
            except CompileError as error:
                said.append([str(error), "libcst" in sys.modules])
        print(json.dumps(said))
        """,
        writes=False,
    )
    (apart, is_loaded), (itself, _) = found
    assert not is_loaded
    assert apart == itself
    assert apart.startswith("train.py:1:")


@pytest.mark.parametrize("words", [["train.py"], ["built"], ["--config", "exp.yml"]])
def test_a_runner_has_no_such_process_while_trials_run(tmp_path: Path, words: list[str]) -> None:
    """Also where nothing is compiled, and there is a folder that might have been."""
    (tmp_path / "train.py").write_text(COUNT + SCRIPT)
    if words == ["built"]:
        place_tree(
            compile_tree(tmp_path / "train.py"), tmp_path / "built", tmp_path / "experiments"
        )
    (tmp_path / "exp.yml").write_text(
        "searchSpace: {x: {_type: choice, _value: [1, 2]}}\n"
        "trialCommand: python3 api.py\ntrialConcurrency: 1\nmaxTrialNumber: 1\n"
        "tuner: {name: Random, classArgs: {optimize_mode: minimize}}\n"
        "trainingService: {platform: local}\n"
    )
    (tmp_path / "api.py").write_text(
        COUNT + "import nni\nnni.report_final_result(nni.get_next_parameter()['x'])\n"
    )
    (tmp_path / "experiments").mkdir()
    options = ["--trials", "1", "--json", "--experiments-dir", "experiments"]
    options += ["--minimize"] if "--config" not in words else []

    def run(command: str, *words: str) -> Any:
        start = f"import sys; sys.path[:] = {sys.path!r}; from nni_runner.entry import {command}"
        done = subprocess.run(
            [sys.executable, "-c", f"{start}; {command}()", *words], cwd=tmp_path,
            capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": ""},
        )  # fmt: skip
        report = json.loads(done.stdout)
        assert Path(report["trials"][-1]["output"], "stdout").read_text() == "1 False\n"
        return report

    report = run("main", *words, *options)
    run(
        "control",
        "resume",
        report["experiment"]["id"],
        "--trials",
        "2",
        "--json",
        "--experiments-dir",
        "experiments",
    )


@pytest.mark.parametrize(
    "words", [["--version"], ["nowhere.py", "--minimize"], [".", "--nonsense"]]
)
def test_a_command_that_compiles_nothing_leaves_no_process(words: list[str]) -> None:
    """Not even a dead one, which in a container nobody might ask about."""
    code = f"""
import ctypes, os, subprocess, sys
ctypes.CDLL(None).prctl(36, 1)  # what is left by others is this process's
start = "import sys; sys.path[:] = {sys.path!r}; from nni_runner.entry import main; main()"
subprocess.run([sys.executable, "-c", start, *{words!r}], capture_output=True)
try:
    print(os.waitpid(-1, 0))
except ChildProcessError:
    print("none")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "none\n"
