"""What `nni-annotate` does beside compiling: checks, formats, values written back, notebooks."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import ROOT, clean_environment, command, run
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
    start = "from nni_annotate.entry import main; main(prog_name='nni-annotate')"
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


LAYERS = "@nni.mutable_layers({layer_choice: [f(), g()], layer_output: y})"


def test_strip_leaves_what_chooses_by_itself(tmp_path: Path) -> None:
    """NNI514: without layers, or calls in code, the program would lack what they give."""
    source = (
        "import nni\ndef f(i): return nni.choice(1, 2, name='k')\ndef g(i): return 3\n"
        f"# {LAYERS}\nprint(y)\n"
        f'def h():\n    "@nni.report_final_result(1)"\n    # {LAYERS}\n'
        f'if 0:\n    # {LAYERS}\n    "@nni.report_final_result(1)"\n'
    )
    (tmp_path / "a.py").write_text(source)
    (tmp_path / "best.json").write_text("{}")
    bare = source.replace('"@nni.report_final_result(1)"', "pass")
    for words in (["--strip"], ["--strip", "--apply", "best.json"]):
        done = run("nni-annotate", "a.py", *words, "-o", "bare", cwd=tmp_path)
        assert done.returncode == 0
        assert (tmp_path / "bare" / "a.py").read_text() == bare
        assert re.findall(r"a.py:(\d+):\d+: warning\[NNI514\]: (\S+) stays", done.stderr) == [
            ("2", "a/k/choice"), ("4", "a/mutable_block_4"), ("8", "a/mutable_block_8"),
            ("10", "a/mutable_block_10"),
        ]  # fmt: skip
        shutil.rmtree(tmp_path / "bare")
    (tmp_path / "a.py").write_text(bare)
    assert run("nni-annotate", "a.py", "-o", "out", cwd=tmp_path).returncode == 0
    done = subprocess.run(
        [sys.executable, tmp_path / "out" / "a.py"],
        env=clean_environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("1\n", "")


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


@pytest.mark.parametrize(
    ("statement", "shown"),
    [
        ("%time x = 1\n", "%time x = 1"),
        ("!pip install y", "!pip install y"),
        ("y = !ls -l\n", "y = !ls -l"),
        ("# why\nif 1:\n    pass\n!ls\n", "if 1:"),
        ("# why\nif 1: y = %time 3\n", "if 1: y = %time 3"),
        ("%time f(" + "1, " * 50 + ")", "%time f(" + "1, " * 16 + "1..."),
    ],
)
@pytest.mark.parametrize(
    "note",
    ["@nni.variable(nni.choice(1, 2), name=x)", "@nni.function_choice(f(1), f(2), name=f)"],
)
def test_diagnostics_of_notebooks_show_the_cell_s_own_lines(
    tmp_path: Path, note: str, statement: str, shown: str
) -> None:
    """Not what IPython's are masked by."""
    (tmp_path / "a.ipynb").write_text(notebook(f'%%time\n"{note}"\n{statement}'))
    done = run("nni-annotate", "a.ipynb", "--check", cwd=tmp_path)
    assert re.findall(r"(?:found|there): (.*)", done.stdout) == [shown]


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
    count = 3000 if sys.version_info < (3, 13) else 6000  # 3.13 nests deeper
    options = ", ".join(f"f({number})" for number in range(count))
    (tmp_path / "a.py").write_text(f'"@nni.variable(nni.choice({options}), name=x)"\nx = f(0)\n')
    done = run("nni-annotate", "a.py", "--check", cwd=tmp_path)
    assert done.returncode == 1
    assert "a.py:1:1: error[NNI403]: an option is too long" in done.stdout


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (f"y = 1\ny = [\n{'(' * 300}\n{')' * 300}]\n", "a.py:4:1"),
        (f"y = 1\n# @nni.report_final_result({'(' * 300}1{')' * 300})\n", "a.py:3:1"),
    ],
)
def test_what_is_nested_too_deeply_has_a_place(tmp_path: Path, text: str, place: str) -> None:
    """NNI403: brackets of the code, or of an annotation."""
    note = "# @nni.report_final_result(1)\n"
    (tmp_path / "a.py").write_text(note + text)
    done = run("nni-annotate", "a.py", "--check", cwd=tmp_path)
    assert done.stdout.startswith(f"{place}: error[NNI403]: an expression or a statement is")
    (tmp_path / "a.ipynb").write_text(notebook("pass", note + text))
    done = run("nni-annotate", "a.ipynb", "--check", cwd=tmp_path)
    assert f"a.ipynb:cell 2:{place[5:]}: error[NNI403]" in done.stdout


def test_imports_of_nni_that_are_parameters(tmp_path: Path) -> None:
    """Whatever way a file imports it; what else is called so is left alone."""
    heads = [
        "import nni", "import nni as n", "from nni import choice", "from nni import choice as pick",
        "from nni import *", "try:\n    import nni\nexcept ImportError:\n    nni = None",
        "import os, \\\n    nni", "from \\\r\n    nni import choice",
    ]  # fmt: skip
    calls = ["nni.choice", "n.choice", "choice", "pick", "choice", "nni.choice", "nni.choice",
             "choice"]  # fmt: skip
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


@pytest.mark.parametrize("cwd", [".", "sub", "sub/sub", "other"])
def test_a_patch_fits_wherever_in_the_repository_it_is_applied(tmp_path: Path, cwd: str) -> None:
    """Its paths are those from the top, so no other file of the same name is meant."""
    text = '"""@nni.variable(nni.choice(1, 2, 3), name=x)"""\nx = 1\ny = """\ra\x0cb"""'
    for folder in ("sub", "sub/sub", "other"):
        (tmp_path / folder).mkdir()
    for path in ("t.py", "sub/t.py", "sub/sub/t.py", "other/t.py"):
        (tmp_path / path).write_text(text, newline="")
    (tmp_path / "best.json").write_text('\ufeff{"x": 3}', encoding="utf-8")
    subprocess.run(["git", "init", "-q", "."], cwd=tmp_path, check=True)
    source = tmp_path / "sub" / "sub" / "t.py"
    done = run("nni-annotate", source, "--apply", tmp_path / "best.json", "--diff", cwd=tmp_path)
    assert done.stdout.startswith("diff --git a/sub/sub/t.py b/sub/sub/t.py\n--- a/sub/sub/t.py\n")
    words = command("nni-annotate", source, "--apply", tmp_path / "best.json", "--diff")
    patch = subprocess.run(
        words, cwd=tmp_path / cwd, env=clean_environment(), capture_output=True, check=True
    ).stdout
    top = cwd if cwd in (".", "sub", "sub/sub") else "."  # git passes over what lies outside
    subprocess.run(["git", "apply", "-"], input=patch, cwd=tmp_path / top, check=True)
    for path in ("t.py", "sub/t.py", "other/t.py"):
        assert (tmp_path / path).read_bytes().decode() == text
    assert source.read_bytes().decode() == text.replace("x = 1", "x = 3")


def test_an_import_in_one_cell_is_there_for_the_next(tmp_path: Path) -> None:
    """Calls of nni's functions are parameters in all cells, whatever nni is called."""
    (tmp_path / "a.ipynb").write_text(
        notebook(
            "import nni as n\nfrom nni import choice\n",
            'x = n.uniform(0, 1, name="x")\n',
            "y = [choice(2, 3)]\n",
            "def choice(*_): return 1\nz = choice(2, 3)\n",
            "w = choice(2, 3)\ndef f():\n    import nni\nv = nni.choice(4, 5)\nn = object()\n",
            "u = n.choice(6, 7)\n",
            "try:\n\timport nni\nexcept ImportError: nni = None\n",
            "t = nni.choice(8, 9, name='t')\n",
        )
    )
    assert list(space(tmp_path)) == ["a/x/uniform", "a/__line6/choice", "a/t/choice"]


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("# @nni.report_final_result(await f())", """\
a.ipynb:cell 1:1:1: error[NNI407]: in a script this would be no valid Python: 'await' outside \
function; change it, or leave out --script
    # @nni.report_final_result(await f())
    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
"""),
        ("  x = 1\n  x = await f()", """\
a.ipynb:cell 1:2:7: error[NNI407]: in a script this would be no valid Python: 'await' outside \
function; change it, or leave out --script
      x = await f()
          ^
"""),
        ("if 1:\r\n  # @nni.report_final_result(x)\r\n  x = !ls\r\nreturn x", """\
a.ipynb:cell 1:4:1: error[NNI407]: in a script this would be no valid Python: 'return' outside \
function; change it, or leave out --script
    return x
    ^
"""),
    ],
)  # fmt: skip
def test_what_is_no_python_as_a_script_is_shown_in_the_cell(
    tmp_path: Path, cell: str, expected: str
) -> None:
    """The source's own line, not what it was compiled to."""
    note = "# @nni.report_final_result(1)"
    (tmp_path / "a.ipynb").write_text(notebook(cell, note))
    done = run("nni-annotate", "a.ipynb", "--check", "--script", cwd=tmp_path)
    assert done.stdout == expected


@pytest.mark.parametrize(
    ("cell", "place", "why"),
    [
        ("x = 2\nawait x", "cell 3:2:1", "'await' outside function"),
        ("from __future__ import annotations", "cell 3:1:1", "from __future__ imports must"),
        ("return 1", "cell 3:1:1", "'return' outside function"),
        ("\nx = = 1", "cell 3:2:5", "invalid syntax"),
        (
            "if x:\n!ls\nx",
            "cell 3:3:1",
            "expected an indented block after",
        ),
    ],
)
def test_a_script_that_is_no_python_is_an_error(
    tmp_path: Path, cell: str, place: str, why: str
) -> None:
    """A notebook may be run though its cells make no script: trials could not."""
    note = '# @nni.variable(nni.choice(1, 2), name=y)\ny = 1\n"@nni.report_final_result(y)"\n'
    (tmp_path / "a.ipynb").write_text(notebook("pass\n", note, cell))
    done = run("nni-annotate", "a.ipynb", "--check", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "")
    done = run("nni-annotate", "a.ipynb", "--check", "--script", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stdout.startswith(
        f"a.ipynb:{place}: error[NNI407]: in a script this would be no valid Python: {why}"
    )


@pytest.mark.parametrize(
    "words",
    [["--emit-search-space"], ["--check", "--format", "json"], ["--help"], ["--strip", "--diff"]],
)
def test_output_that_can_t_be_written_is_an_error(source: Path, words: list[str]) -> None:
    """Standard output is full, or closed: nobody must take that for an empty result."""
    call = command("nni-annotate", source, *words)
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            call,
            env=clean_environment(),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.stderr == "error: the output can't be written: No space left on device\n"
    assert done.returncode == 1
    if "--help" not in words:
        done = subprocess.run(
            ["sh", "-c", 'exec "$@" >&-', "sh", *call],
            env=clean_environment(), stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
        assert done.stderr == "error: the output can't be written: standard output is closed\n"
        assert done.returncode == 1


def test_neither_a_reader_that_leaves_nor_ctrl_c_makes_a_traceback(source: Path) -> None:
    """Ctrl-C comes while the command is at work."""
    call = command("nni-annotate", source, "--emit-search-space")
    done = subprocess.run(
        ["sh", "-c", '"$@" | true', "sh", *call],
        env=clean_environment(), stderr=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    assert done.stderr == ""
    fifo = source / "best.json"
    os.mkfifo(fifo)
    process = subprocess.Popen(
        command("nni-annotate", source, "--apply", fifo, "--diff"),
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell may ignore it
        env=clean_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    with fifo.open("w"):  # which waits for the reader, that then waits for a text
        process.send_signal(signal.SIGINT)
        told = process.communicate()
    assert (process.returncode, *told) == (130, "", "\n")  # behind the ^C of a terminal


def test_ctrl_c_while_a_module_is_imported() -> None:
    """In a class that is being made, Python makes a RuntimeError of it."""
    for error in ("KeyboardInterrupt", "RuntimeError() from KeyboardInterrupt()"):
        code = f"from nni_annotate.entry import start\ndef load(): raise {error}\nstart(load)"
        done = subprocess.run(
            [sys.executable, "-c", code], env=clean_environment(), capture_output=True, check=False
        )
        assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"")


def test_ctrl_c_counts_where_an_import_would_swallow_it() -> None:
    code = """
import os, signal
from nni_annotate.entry import start

def load():
    try:
        os.kill(os.getpid(), signal.SIGINT)
    except KeyboardInterrupt:
        raise ImportError("bad install") from None

start(load)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], env=clean_environment(), capture_output=True, check=False,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell may ignore it
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"")


def test_cells_are_warned_of_as_files_are(tmp_path: Path) -> None:
    """Look-alikes, calls of the API beside annotations, and no final report."""
    cells = [
        "import nni\n",
        "p = nni.get_next_parameter()\n",
        '"nni.report_final_result(1)"\n',
        "# report_final_result\n",
        "bad = = 1  # me@nni.edu\n",
        'x = "\ud83d"  # nni\n',
    ]
    (tmp_path / "a.ipynb").write_text(notebook(*cells))
    done = run("nni-annotate", "a.ipynb", "--check", cwd=tmp_path)
    assert done.returncode == 0
    assert "a.ipynb:cell 3:1:1: warning[NNI502]" in done.stdout
    note = "# @nni.variable(nni.choice(1, 2), name=y)\ny = 1\nprint(y)\n"
    (tmp_path / "a.ipynb").write_text(notebook(*cells, note))
    done = run("nni-annotate", "a.ipynb", "--check", cwd=tmp_path)
    assert "a.ipynb:cell 2:1:5: error[NNI406]: nni.get_next_parameter() asks" in done.stdout
    assert "as at a.ipynb, cell 7, line 1" in done.stdout
    (tmp_path / "a.ipynb").write_text(notebook(*cells[2:], note))
    assert "warning[NNI508]" in run("nni-annotate", "a.ipynb", "--check", cwd=tmp_path).stdout


def test_in_place_is_all_or_nothing(source: Path) -> None:
    """Where one file can't take its new text, those before it get their old one back."""
    (source / "z").mkdir()
    (source / "z" / "last.py").write_bytes((source / "train.py").read_bytes())
    before = {path: path.read_bytes() for path in source.rglob("*.py")}
    code = (  # os.replace is the last step; the last file's folder refuses it
        "import os, sys; replace = os.replace\n"
        "def refuse(a, b):\n"
        "    if b.endswith('last.py'): raise OSError(1, 'Operation not permitted')\n"
        "    replace(a, b)\n"
        "os.replace = refuse\n"
        "from nni_annotate.entry import main; main()\n"
    )
    words = [str(source), "--strip", "--in-place"]
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        env=clean_environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.endswith(
        "last.py: can't be written: Operation not permitted; nothing was changed\n"
    )
    assert {path: path.read_bytes() for path in source.rglob("*.py")} == before
    assert sorted(path.name for path in source.iterdir()) == ["data.txt", "train.py", "z"]


def test_progress_that_nobody_can_read_changes_no_outcome(source: Path, tmp_path: Path) -> None:
    """Standard error is full, and the output is written."""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command("nni-annotate", source, "-o", tmp_path / "out"),
            env=clean_environment(), stderr=full, check=False,
        )  # fmt: skip
    assert done.returncode == 0
    assert (tmp_path / "out" / "search_space.json").exists()
