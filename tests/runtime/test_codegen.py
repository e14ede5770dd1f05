"""A trial's values in the user's own source, and the search space of one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from conftest import run
from lab import TRAIN, Lab

SPACE = """{
    "train/x/uniform": {"_type": "uniform", "_value": [-1, 1]},
    "train/kind/choice": {"_type": "choice", "_value": ["a", "b"]}
}
"""


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    """One in which an experiment has run, with given parameters in its second trial."""
    lab = Lab(tmp_path)
    (tmp_path / "try.json").write_text('{"x": 0.125, "kind": "b"}')
    lab.json("--minimize", "--trials", "2", "--try", tmp_path / "try.json")
    return lab


WRITTEN = TRAIN.replace("x = 0.5", "x = 0.125").replace('kind = "a"', 'kind = "b"')


def test_the_source_with_a_trial_s_values(lab: Lab, tmp_path: Path) -> None:
    """Printed, as a patch, or written elsewhere; the source stays."""
    words = ("nnictl", "trial", "codegen", lab.experiment(), "-T")
    done = run(*words, "1")
    assert (done.stdout, done.stderr) == (WRITTEN, "")
    assert run(*words, "0").stdout == TRAIN
    patch = run(*words, "1", "--diff").stdout
    assert "-    x = 0.5\n" in patch
    assert "+    x = 0.125\n" in patch
    written = run(*words, "1", "-o", tmp_path / "out")
    assert (written.stdout, written.stderr) == ("", f"{tmp_path}/out: 1 file written anew\n")
    assert (tmp_path / "out" / "train.py").read_text() == WRITTEN
    again = run(*words, "1", "-o", tmp_path / "out")
    assert again.returncode == 1
    assert "this folder is not empty" in again.stderr
    assert run(*words, "1", "-o", tmp_path / "new", "--diff").returncode == 2
    assert (lab.source / "train.py").read_text() == TRAIN
    assert json.loads((lab.experiment() / "trials" / "1" / "parameters.json").read_text())


def test_several_files(lab: Lab) -> None:
    """Can't be printed in one."""
    lab.write("other.py", "lr = 1  # @nni.variable(nni.choice(1, 2))\nprint(lr)\n")
    done = run("nnictl", "trial", "codegen", lab.experiment(), "-T", "1")
    assert done.returncode == 2
    assert "2 annotated files (other.py, train.py): say where to write them" in done.stderr
    assert done.stdout == ""
    done = run("nnictl", "trial", "codegen", lab.experiment(), "-T", "1", "--diff")
    assert "+    x = 0.125\n" in done.stdout
    assert done.stderr == f"warning: {lab.source}: has changed since; this is today's source\n"


def test_a_source_that_has_changed_or_is_gone(lab: Lab) -> None:
    """It is said, and what to do instead."""
    lab.write("train.py", TRAIN.replace("name=x", "name=y").replace("x", "y"))
    folder = lab.experiment()
    done = run("nnictl", "trial", "codegen", folder, "-T", "1")
    assert done.returncode == 1
    assert f"error: {lab.source}: has changed since: train/x/uniform: no such par" in done.stderr
    lab.write("train.py", '"""@nni.variable(nni.unifrom(1, 2), name=x)"""\nx = 1\n')
    done = run("nnictl", "trial", "codegen", folder, "-T", "1")
    assert done.returncode == 1
    assert "1 error" in done.stderr
    lab.source.rename(lab.source.with_name("moved"))
    done = run("nnictl", "trial", "codegen", folder, "-T", "1")
    assert done.returncode == 1
    assert done.stderr == (
        f"error: {lab.source}: the source is gone, and compiled code is none; nni-run "
        f"{folder}/code --with {folder}/trials/1/parameters.json runs trial 1 as it was\n"
    )


def test_compiled_code_as_target(tmp_path: Path) -> None:
    """Is no source."""
    lab = Lab(tmp_path)
    run("nni-annotate", lab.source, "-o", tmp_path / "out")
    lab.run("--minimize", "--trials", "1", target=tmp_path / "out")
    done = run("nnictl", "trial", "codegen", lab.experiment(), "-T", "0")
    assert done.returncode == 1
    assert f"{tmp_path}/out is compiled code; nni-annotate SOURCE --apply " in done.stderr


def test_the_search_space_of_code(tmp_path: Path) -> None:
    """Into NNI's file, another one, or standard output; the code is not run."""
    lab = Lab(tmp_path)
    words = ("nnictl", "ss_gen", "--trial_command", "python3 train.py", "--trial_dir", "src")
    done = run(*words, cwd=tmp_path)
    file = "nni_auto_gen_search_space.json"
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == f"{file}: 2 parameters in 1 file\n"
    assert (tmp_path / file).read_text() == SPACE
    done = run("nnictl", "ss_gen", "-t", "python3 train.py", "-f", "-", cwd=lab.source)
    assert (done.stdout, done.stderr) == (SPACE, "")
    lab.write("train.py", "import nni\nrate = nni.choice(1, 2, name='rate')\nraise SystemExit(3)\n")
    run(*words, "--file", "own.json", cwd=tmp_path)
    assert json.loads((tmp_path / "own.json").read_text()) == {
        "train/rate/choice": {"_type": "choice", "_value": [1, 2]}
    }


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["-t", "python3 other.py", "-d", "src"], 2, "there is no src/other.py"),
        (["-t", "python3 ../here.py", "-d", "src"], 2, "src/../here.py is outside of --trial_dir"),
        (["-t", "python3 'train.py", "-d", "src"], 2, "No closing quotation"),
        (["-t", "x", "-d", "none"], 2, "--trial_dir none: no such folder"),
        (["-t", "python3 bare.py", "-d", "bare"], 1, "error: bare: nothing to tune: expected "),
        (["-t", "python3 bad.py", "-d", "bad"], 1, "bad/bad.py:1:"),
        (["-t", "python3 train.py", "-d", "src", "-f", "no/x"], 1, "error: no/x: can't be written"),
    ],
)
def test_code_without_a_search_space(
    tmp_path: Path, words: list[str], code: int, message: str
) -> None:
    """It is said why."""
    lab = Lab(tmp_path)
    (tmp_path / "here.py").touch()
    lab.write("../bare/bare.py", "x = 1\n")
    lab.write("../bad/bad.py", '"""@nni.variable(nni.unifrom(1, 2), name=x)"""\nx = 1\n')
    done = run("nnictl", "ss_gen", *words, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (code, "")
    assert message in done.stderr
    assert "Traceback" not in done.stderr
