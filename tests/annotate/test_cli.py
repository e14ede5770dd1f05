"""What `nni-annotate` does beside compiling: checks, formats, values written back, notebooks."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import ROOT, clean_environment, run
from nni_annotate.formats import FORMATS

SOURCE = '''\
"""@nni.variable(nni.loguniform(1e-4, 1), name=lr)"""
lr = 1e-2  # as published
opt = sgd(params, momentum=0.9)  # @nni.variable(nni.uniform(0, 1), name=momentum)
"""@nni.variable(nni.choice(relu, tanh(2)), name=act)"""
act = relu
"""@nni.function_choice(f(act), g(act), name=f)"""
print(f( act ) + 1, lr, opt)
# @nni.report_final_result(lr)
'''
BEST = {"lr": 0.5, "train/act/choice": "tanh(2)", "f": "g(act)"}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "src"
    folder.mkdir()
    (folder / "train.py").write_bytes(SOURCE.replace("\n", "\r\n").encode()[:-2])
    (folder / "data.txt").write_text("as it is")
    (tmp_path / "best.json").write_text(json.dumps(BEST))
    return folder


def space(folder: Path) -> dict[str, object]:
    done = run("nni-annotate", folder, "--emit-search-space")
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_apply_writes_the_values_and_nothing_else(source: Path, tmp_path: Path) -> None:
    """In place, into a folder, or as a patch that git applies: all three come to the same."""
    before = space(source)
    patch = tmp_path / "best.patch"
    words = ["nni-annotate", "src", "--apply", "best.json"]
    binary = subprocess.run(
        ["bash", "-c", f"{' '.join(words)} --diff > best.patch"],
        cwd=tmp_path, env=with_command(tmp_path), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (binary.returncode, binary.stderr) == (0, "")
    done = run(*words, "-o", "new", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "new: 1 file written anew\n")
    shutil.copytree(source, tmp_path / "patched" / "src")
    subprocess.run(["git", "init", "-q", "."], cwd=tmp_path / "patched", check=True)
    subprocess.run(["git", "apply", str(patch)], cwd=tmp_path / "patched", check=True)
    done = run(*words, "--in-place", cwd=tmp_path)
    assert done.returncode == 0
    expected = (
        SOURCE.replace("1e-2", "0.5").replace("act = relu", "act = tanh(2)")
        .replace("f( act )", "g(act)").replace("\n", "\r\n")[:-2]
    )  # fmt: skip
    for folder in (source, tmp_path / "new", tmp_path / "patched" / "src"):
        assert (folder / "train.py").read_bytes().decode() == expected
        assert (folder / "data.txt").read_text() == "as it is"
        assert space(folder) == before
    assert not (tmp_path / "new" / ".nni-annotate.json").exists()


def with_command(folder: Path) -> dict[str, str]:
    """An environment in which a shell finds nni-annotate."""
    environment = clean_environment()
    script = folder / "bin" / "nni-annotate"
    script.parent.mkdir()
    start = "from nni_annotate.cli import main; main(prog_name='nni-annotate')"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{start}" "$@"\n')
    script.chmod(0o755)
    return {**environment, "PATH": f"{script.parent}:{environment['PATH']}"}


def test_the_source_s_own_values_change_nothing(source: Path, tmp_path: Path) -> None:
    """Not even how a number is written."""
    (tmp_path / "best.json").write_text(
        '{"lr": 0.01, "act": "relu", "f": "f(act)", "momentum": 0.9}'
    )
    done = run("nni-annotate", source, "--apply", tmp_path / "best.json", "--diff")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "best.json: is no JSON"),
        ("[1]", "best.json: expected a JSON object"),
        (
            '{"lrr": 1}',
            "lrr: no such parameter in the search space; known are lr, momentum, act, f",
        ),
        ('{"lr": 7}', "train/lr/loguniform: expected a number from 0.0001 to 1, found 7"),
        ('{"act": "selu"}', 'train/act/choice: expected one of "relu", "tanh(2)"; found "selu"'),
        ('{"lr": 0.1, "train/lr/loguniform": 0.1}', "is given twice"),
    ],
)
def test_wrong_values_change_nothing(source: Path, tmp_path: Path, text: str, message: str) -> None:
    """And say which, and what was expected."""
    (tmp_path / "best.json").write_text(text)
    before = (source / "train.py").read_bytes()
    done = run("nni-annotate", "src", "--apply", "best.json", "--in-place", cwd=tmp_path)
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert (source / "train.py").read_bytes() == before


def test_what_the_source_can_t_hold_is_warned_of(tmp_path: Path) -> None:
    """NNI514: a call in code has no value of its own."""
    (tmp_path / "train.py").write_text("import nni\nlr = nni.uniform(0, 1, name='lr')\nprint(lr)\n")
    (tmp_path / "best.json").write_text('{"lr": 0.5}')
    done = run("nni-annotate", "train.py", "--apply", "best.json", "--diff", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "")
    assert "train.py:2:6: warning[NNI514]" in done.stderr


@pytest.mark.usefixtures("source")
def test_strip_takes_annotations_out(tmp_path: Path) -> None:
    """With values or without; nothing of the rest is touched."""
    done = run("nni-annotate", "src", "--strip", "--apply", "best.json", "-o", "bare", cwd=tmp_path)
    assert done.returncode == 0
    text = (tmp_path / "bare" / "train.py").read_bytes().decode()
    assert text == (
        "lr = 0.5  # as published\r\nopt = sgd(params, momentum=0.9)\r\nact = tanh(2)\r\n"
        "print(g(act) + 1, lr, opt)\r\n"
    )


def test_strip_keeps_blocks_and_semicolons(tmp_path: Path) -> None:
    """A block that held nothing else gets a pass."""
    (tmp_path / "a.py").write_text(
        'def f(x):\n    "@nni.report_final_result(x)"\n    "@nni.report_final_result(x)"\n'
        'if 1: "@nni.report_final_result(1)"\n'
        'x = 1; "@nni.variable(nni.choice(1, 2), name=y)"; y = 2\n'
        'x = 1 ; "@nni.report_final_result(x)"  # why\n'
        '"@nni.report_final_result(x)"  # kept\n'
    )
    assert run("nni-annotate", "a.py", "--strip", "--in-place", cwd=tmp_path).returncode == 0
    assert (tmp_path / "a.py").read_text() == (
        "def f(x):\n    pass\nif 1: pass\nx = 1; y = 2\nx = 1  # why\n  # kept\n"
    )


def test_check_prints_on_standard_output(source: Path, tmp_path: Path) -> None:
    """What is wrong is its result; it writes nothing."""
    done = run("nni-annotate", "src", "--check", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "")
    (source / "bad.py").write_text('"@nni.varible()"\n')
    done = run("nni-annotate", "src", "--check", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stdout.startswith("src/bad.py:1:3: error[NNI102]: @nni.varible is no annotation")
    assert done.stderr == "1 error\n"
    for name in FORMATS:
        done = run("nni-annotate", "src", "--check", "--format", name, cwd=tmp_path)
        assert (done.returncode, "NNI102" in done.stdout) == (1, True)


@pytest.mark.parametrize(
    "words",
    [
        [], ["--check", "-o", "x"], ["--diff"], ["--apply", "p.json"],
        ["--apply", "p.json", "--check"], ["--strip", "--diff", "--in-place"], ["--format", "xml"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_wrong_usage(source: Path, words: list[str]) -> None:
    """Exit code 2, and what to say instead."""
    done = run("nni-annotate", source, *words)
    assert done.returncode == 2
    assert "Error: " in done.stderr


def test_notebooks_compile_to_notebooks_and_scripts(tmp_path: Path) -> None:
    """Cell for cell; magics stay; what a cell does in an experiment is the same in both."""
    shutil.copytree(ROOT / "examples" / "notebook", tmp_path / "src")
    done = run("nni-annotate", "src", "-o", "book", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (
        0, "book: 2 parameters in 1 file compiled, 0 other files carried over\n"
    )  # fmt: skip
    before = (tmp_path / "src" / "curve.ipynb").read_text().splitlines()
    after = (tmp_path / "book" / "curve.ipynb").read_text().splitlines()
    changed = [new for old, new in zip(before, after, strict=True) if old != new]
    assert len(changed) == 3
    assert all("nni_trial" in line for line in changed)
    done = run("nni-annotate", "src", "-o", "script", "--script", cwd=tmp_path)
    assert done.returncode == 0
    text = (tmp_path / "script" / "curve.py").read_text()
    assert "# %config InlineBackend" in text
    assert re.findall(r'parameter\("(.*?)"', text) == ["curve/x/uniform", "curve/power/choice"]
    assert not (tmp_path / "script" / "curve.ipynb").exists()


def notebook(*cells: str) -> str:
    """The JSON of a notebook with these code cells."""
    return json.dumps(
        {
            "cells": [
                {"cell_type": "code", "metadata": {}, "outputs": [], "source": [cell]}
                for cell in cells
            ],
            "metadata": {}, "nbformat": 4, "nbformat_minor": 4,
        }
    )  # fmt: skip


def test_diagnostics_of_notebooks_name_cell_and_line(tmp_path: Path) -> None:
    """Nothing waits for a statement of another cell; one key in two cells is one parameter."""
    (tmp_path / "a.ipynb").write_text(
        notebook(
            '%%bash\n"@nni.varible()"\n',
            'x = 1\n"@nni.variable(nni.choice(1, 2), name=y)"\n',
            "y = 2\n",
            '"@nni.variable(nni.choice(1, 3), name=y)"\ny = %time 3\n',
            '!ls\n"""@nni.variable(nni.choice(1), name=z)"""\nz = 1\n',
            '"@nni.variable(nni.choice(1, 5), name=z)"\nz = 1\n',
        )
    )
    done = run("nni-annotate", "a.ipynb", "--check", cwd=tmp_path)
    heads = [
        line.split(": ")[:2] for line in done.stdout.splitlines() if line.startswith("a.ipynb")
    ]
    assert heads == [
        ["a.ipynb:cell 2:2:1", "error[NNI201]"],
        ["a.ipynb:cell 4:1:1", "error[NNI202]"],
        ["a.ipynb:cell 5:2:18", "warning[NNI507]"],
        ["a.ipynb:cell 6:1:1", "error[NNI301]"],
    ]
    assert "than at cell 5, line 2" in done.stdout


def test_what_is_no_notebook_is_an_error(tmp_path: Path) -> None:
    """NNI408, with its reason, where it may hold annotations; else it is carried over."""
    (tmp_path / "a.ipynb").write_text('{"cells": "@nni.')
    done = run("nni-annotate", ".", "--check", cwd=tmp_path)
    assert (done.returncode, "a.ipynb: error[NNI408]" in done.stdout) == (1, True)
    (tmp_path / "a.ipynb").write_text("{}")
    assert run("nni-annotate", ".", "--check", cwd=tmp_path).returncode == 0


def test_more_options_than_python_nests_are_refused(tmp_path: Path) -> None:
    """NNI403: the compiled file could not be run."""
    options = ", ".join(f"f({number})" for number in range(3000))
    (tmp_path / "a.py").write_text(f'"@nni.variable(nni.choice({options}), name=x)"\nx = f(0)\n')
    done = run("nni-annotate", "a.py", "--check", cwd=tmp_path)
    assert done.returncode == 1
    assert "a.py: error[NNI403]: a choice has too many options" in done.stdout


def test_imports_of_nni_that_are_parameters(tmp_path: Path) -> None:
    """Whatever way a file imports it; what else is called so is left alone."""
    heads = [
        "import nni", "import nni as n", "from nni import choice", "from nni import choice as pick",
        "from nni import *", "try:\n    import nni\nexcept ImportError:\n    nni = None",
    ]  # fmt: skip
    calls = ["nni.choice", "n.choice", "choice", "pick", "choice", "nni.choice"]
    for head, call in zip(heads, calls, strict=True):
        (tmp_path / "a.py").write_text(f"{head}\nprint({call}(1, 2, name='k'))\n")
        done = run("nni-annotate", "a.py", "--emit-search-space", cwd=tmp_path)
        assert list(json.loads(done.stdout)) == ["a/k/choice"], head
    (tmp_path / "a.py").write_text("import nni\nnni = Mine()\nprint(nni.choice(1, 2))\n")
    assert run("nni-annotate", "a.py", "--emit-search-space", cwd=tmp_path).stdout == "{}\n"


def test_help_imports_no_parser() -> None:
    """Only what compiles needs libcst."""
    code = (
        "import sys\nfrom nni_annotate.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit: pass\n"
        "print([name for name in ('libcst', 'numpy', 'rich', 'ast') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=clean_environment(), capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    assert done.stdout.splitlines()[-1] in ("[]", "['ast']")
