"""`nni-run TARGET --with PARAMS.json`: one run, in the foreground, without an experiment."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from conftest import clean_environment, command, run

TRAIN = '''
import pathlib, sys
"""@nni.variable(nni.uniform(-1, 1), name=x)"""
x = 0.5
"""@nni.variable(nni.choice("a", len), name=kind)"""
kind = "a"
print("x is", x, kind, sys.argv[1:], input())
print("warning", file=sys.stderr)
pathlib.Path("model.txt").write_text(str(x))
"""@nni.report_final_result(x)"""
sys.exit(7)
'''


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A folder with a script."""
    folder = tmp_path / "src"
    folder.mkdir()
    (folder / "train.py").write_text(TRAIN)
    return folder


def parameters(folder: Path, **values: object) -> Path:
    """A file of parameters."""
    path = folder / "params.json"
    path.write_text(json.dumps(values))
    return path


@pytest.mark.parametrize("compiled", [False, True], ids=["source", "compiled"])
def test_runs_once_with_the_script_s_own_exit_code(
    source: Path, tmp_path: Path, compiled: bool
) -> None:
    """Output is passed through; files are written where the script would write them."""
    target = source
    if compiled:
        target = tmp_path / "build"
        assert run("nni-annotate", source, "-o", target).returncode == 0
    file = parameters(tmp_path, x=0.25, kind="len")
    done = subprocess.run(
        command("nni-run", target, "--with", file, "--", "--go"),
        env={**clean_environment(), "HOME": str(tmp_path / "home")},
        input="typed\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 7
    assert done.stdout == "x is 0.25 <built-in function len> ['--go'] typed\n"
    assert "warning\n" in done.stderr
    assert "final result: 0.25" in done.stderr
    assert (target / "model.txt").read_text() == "0.25"
    assert not (tmp_path / "home").exists()


def test_full_keys_work_and_missing_ones_keep_the_script_s_values(
    source: Path, tmp_path: Path
) -> None:
    """Parameters of an earlier, smaller search space are still of use."""
    path = tmp_path / "params.json"
    path.write_text('{"train/x/uniform": 1}')
    (source / "train.py").write_text(TRAIN.replace(", input()", ""))
    done = run("nni-run", source, "--with", path)
    assert done.stdout == "x is 1.0 a []\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is no JSON"),
        ("[]", "expected a JSON object"),
        ('{"y": 1}', "y: no such parameter in the search space; known are x, kind"),
        ('{"x": 3}', "train/x/uniform: expected a number from -1 to 1, found 3"),
        (
            '{"x": NaN}',
            "train/x/uniform: expected a number from -1 to 1, found NaN; JSON has finite numbers "
            "only",
        ),
        (
            '{"x": 1%s}' % ("0" * 400),
            "train/x/uniform: expected a number from -1 to 1, found a number that no float can "
            "hold",
        ),
        ('{"kind": "b"}', 'train/kind/choice: expected one of "a", "len"; found "b"'),
        ('{"x": 0, "train/x/uniform": 0}', "train/x/uniform: is given twice"),
        (None, "can't be read"),
    ],
)
def test_refuses_parameters_that_make_no_sense(
    source: Path, tmp_path: Path, text: str | None, message: str
) -> None:
    """Before anything runs."""
    path = tmp_path / "params.json"
    if text is not None:
        path.write_text(text)
    done = run("nni-run", source, "--with", path)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stdout == ""


def test_a_command_runs_the_compiled_code(source: Path, tmp_path: Path) -> None:
    """A shell script that names the script itself must not find the uncompiled one."""
    (source / "train.py").write_text(TRAIN.replace(", input()", ""))
    (source / "train.sh").write_text("python3 train.py\n")
    file = parameters(tmp_path, x=0.25)
    done = run("nni-run", source, "--with", file, "--command", "bash train.sh")
    assert done.stdout == "x is 0.25 a []\n"


def test_the_script_s_own_value_may_lie_outside_the_space(source: Path, tmp_path: Path) -> None:
    """The parameters of a baseline are a file like any other trial's."""
    (source / "train.py").write_text(
        '"""@nni.variable(nni.choice(1, 2), name=x)"""\nx = 5\nprint(x)\n'
        '"""@nni.report_final_result(x)"""\n'
    )
    assert run("nni-run", source, "--with", parameters(tmp_path, x=5)).stdout == "5\n"


def test_options_of_an_experiment_are_refused(source: Path, tmp_path: Path) -> None:
    """They would have no effect."""
    file = parameters(tmp_path, x=0)
    done = run("nni-run", source, "--with", file, "--minimize", "--trials", "3", "--try", file)
    assert done.returncode == 2
    assert "leave out --trials, --minimize, --try" in done.stderr


def test_sigterm_reaches_the_script(source: Path, tmp_path: Path) -> None:
    """Nothing is left running."""
    (source / "train.py").write_text(
        '"""@nni.variable(nni.choice(1, 2), name=x)"""\nx = 1\nimport time, os\n'
        'print(os.getpid(), flush=True); time.sleep(99)\n"""@nni.report_final_result(x)"""\n'
    )
    process = subprocess.Popen(
        command("nni-run", source, "--with", parameters(tmp_path, x=2)),
        env=clean_environment(), stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    pid = int(process.stdout.readline())
    process.terminate()
    assert process.wait(timeout=30) == 143
    process.stdout.close()
    assert not Path(f"/proc/{pid}").exists()


def test_what_a_script_writes_beside_itself_is_kept(source: Path, tmp_path: Path) -> None:
    """The compiled copy is temporary, but nothing is lost with it."""
    (source / "train.py").write_text(
        '"""@nni.variable(nni.choice(1, 2), name=x)"""\nx = 1\nimport pathlib\n'
        'pathlib.Path(__file__).with_name("weights").write_text("w")\n'
        '"""@nni.report_final_result(x)"""\n'
    )
    done = run("nni-run", source, "--with", parameters(tmp_path, x=2))
    assert done.returncode == 0
    kept = Path(done.stderr.split("is kept in ")[1].strip())
    assert (kept / "weights").read_text() == "w"
