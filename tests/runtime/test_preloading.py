"""What is imported ahead for trials, which trials are forks, and what is learned from them."""

from __future__ import annotations

import json
import os
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from conftest import run
from lab import Lab
from nni_runner.launchers.preloading import Preloading, as_script, modules_of
from nni_runner.threads import share_of_cores

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks are Linux's")


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


@pytest.mark.skipif(find_spec("torch") is None, reason="needs torch")
def test_what_torch_imports_late(tmp_path: Path) -> None:
    """Its first optimiser step takes a second of imports, where a script has an optimiser."""
    (tmp_path / "train.py").write_text("import torch, fit\n")
    (tmp_path / "fit.py").write_text("def fit(net): return net.weight\n")
    found = modules_of((sys.executable, "train.py"), tmp_path)
    assert found == ("nni", "nni_trial", "torch")
    (tmp_path / "fit.py").write_text("from torch.optim import Adam\n")
    assert modules_of((sys.executable, "train.py"), tmp_path) == (
        "nni", "nni_trial", "torch", "torch.optim", "torch._dynamo"
    )  # fmt: skip


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
        ("os.environ['PYTHONHASHSEED'] = str(int(x))", "['decimal', 'fractions']"),
        ("os.environ['CUDA_VISIBLE_DEVICES'] = str(int(x))", "['decimal', 'fractions']"),
        ("os.environ['NNI_EXP_ID'] = os.environ['NNI_EXP_ID']", "['decimal', 'fractions']"),
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
    report = lab.json("--maximize", "--trials", "99", "--launcher", "preloaded")
    printed = [Path(trial["output"], "stdout").read_text() for trial in report["trials"]]
    assert printed[0].splitlines()[1] == "[]"
    assert printed[-1].splitlines()[1] == known
    assert (lab.experiment() / "imports.json").exists()


@pytest.mark.parametrize(("trials", "is_learned"), [(20, False), (30, True), (None, True)])
def test_a_few_late_imports_are_not_worth_another_process(
    tmp_path: Path, trials: int | None, is_learned: bool
) -> None:
    """Which would have to import all else anew: not for 2 beside 50, with 19 trials to come."""
    learned = tmp_path / "imports.json"
    late = [["decimal", os.__file__], ["fractions", os.__file__], ["own", str(tmp_path / "own.py")]]
    learned.write_text(json.dumps({"ahead": 50, "late": late}))
    preloading = Preloading(("json",), learned)
    for number in (1, 2):
        preload = preloading.of_trial(number, trials)
        assert preload is not None
        assert preload.modules == ("json", *(("decimal", "fractions") if is_learned else ()))
        assert preload.learn is None


@pytest.mark.parametrize(
    ("fault", "limit"),
    [
        ("ctypes.string_at(0)", "2s"),
        ("time.sleep(99)", "2s"),
        ("lock = __import__('threading').Lock(); lock.acquire(); lock.acquire()", "60s"),
    ],
)
def test_a_script_that_can_only_be_started_anew(tmp_path: Path, fault: str, limit: str) -> None:
    """As a fork it crashes or hangs before its first report: all of its trials are run anew.

    A lock that nobody can release is seen before any time limit.
    """
    lab = Lab(tmp_path)
    lab.write(
        "train.py",
        '"""@nni.variable(nni.uniform(0, 1), name=x)"""\nx = 0.5\n'
        "import ctypes, os, time\n"
        "own = open(f'/proc/{os.getpid()}/cmdline').read()\n"
        f"if 'train.py' not in own:\n    {fault}\n"
        '"""@nni.report_final_result(x)"""\n',
    )
    words = ("--launcher", "preloaded", "--trial-time", limit)
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
