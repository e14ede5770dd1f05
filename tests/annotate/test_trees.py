"""Trees of files: what is compiled, carried over, left out, refused and cleaned up."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from conftest import run
from nni_annotate.project import MANIFEST, compile_tree, link_tree, write_tree

ANNOTATED = (
    '"""@nni.variable(nni.choice(1, 2), name=x)"""\nx = 1\n"""@nni.report_final_result(x)"""\n'
)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A small tree: an annotated script, a package, data."""
    folder = tmp_path / "src"
    (folder / "pkg").mkdir(parents=True)
    (folder / "data" / "deep").mkdir(parents=True)
    (folder / "train.py").write_text(ANNOTATED)
    (folder / "pkg" / "__init__.py").write_text("")
    (folder / "data" / "deep" / "rows.csv").write_text("1\n")
    return folder


def paths(folder: Path) -> set[str]:
    """Every file and link below a folder but the compiler's own."""
    return {
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if (path.is_symlink() or not path.is_dir())
        and path.name not in (MANIFEST, "search_space.json")
    }


def test_the_current_folder_is_the_source_where_none_is_named(source: Path) -> None:
    """Standard output is the JSON alone; nothing is written."""
    before = paths(source)
    done = run("nni-annotate", "--emit-search-space", cwd=source)
    assert done.returncode == 0
    assert json.loads(done.stdout) == {"train/x/choice": {"_type": "choice", "_value": [1, 2]}}
    assert done.stderr == ""
    assert paths(source) == before


def test_output_inside_the_source_is_no_part_of_it(source: Path) -> None:
    """`nni-annotate . -o build`, twice, gives the same both times."""
    for _ in range(2):
        done = run("nni-annotate", ".", "-o", "build", cwd=source)
        assert done.returncode == 0, done.stderr
        assert paths(source / "build") == {"train.py", "pkg/__init__.py", "data/deep/rows.csv"}


def test_what_vanished_from_the_source_vanishes_from_the_output(
    source: Path, tmp_path: Path
) -> None:
    """But nothing that the compiler didn't write."""
    out = tmp_path / "out"
    write_tree(compile_tree(source), out)
    (out / "mine.txt").write_text("kept")
    (source / "data" / "deep" / "rows.csv").unlink()
    write_tree(compile_tree(source), out)
    assert paths(out) == {"train.py", "pkg/__init__.py", "mine.txt"}
    assert not (out / "data").exists()


@pytest.mark.parametrize("out", [".", "..", "pkg", "train.py", "/"])
def test_refuses_an_output_that_would_harm(source: Path, out: str) -> None:
    """The source, what holds it, a folder with other things in it, a file."""
    before = {path: (source / path).read_bytes() for path in paths(source)}
    done = run("nni-annotate", ".", "-o", out, cwd=source)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert {path: (source / path).read_bytes() for path in paths(source)} == before


def test_an_error_changes_nothing_in_the_output(source: Path, tmp_path: Path) -> None:
    """The last good output stays."""
    out = tmp_path / "out"
    write_tree(compile_tree(source), out)
    before = (out / "train.py").read_bytes()
    (source / "train.py").write_text(ANNOTATED.replace("name=x", "name=y"))
    (source / "new.py").write_text("")
    assert run("nni-annotate", source, "-o", out).returncode == 1
    assert (out / "train.py").read_bytes() == before
    assert not (out / "new.py").exists()


def test_a_search_space_file_of_the_source_s_own_is_not_replaced(
    source: Path, tmp_path: Path
) -> None:
    """Unless it says the same, as one printed by --emit-search-space does."""
    own = source / "search_space.json"
    own.write_text('{"lr": {"_type": "uniform", "_value": [0, 1]}}')
    done = run("nni-annotate", source, "-o", tmp_path / "out")
    assert done.returncode == 1
    assert "search space file of its own" in done.stderr
    assert not (tmp_path / "out").exists()
    own.unlink()
    own.write_text(run("nni-annotate", source, "--emit-search-space").stdout)
    assert run("nni-annotate", source, "-o", tmp_path / "out").returncode == 0
    assert (tmp_path / "out" / "search_space.json").read_text() == own.read_text()


def test_links_pipes_and_what_is_left_out(source: Path, tmp_path: Path) -> None:
    """Links are carried as links; repositories, caches, environments and pipes are not."""
    outside = tmp_path / "outside.txt"
    outside.write_text("outside")
    (source / "inner").symlink_to("data/deep/rows.csv")
    (source / "outer").symlink_to("../outside.txt")
    (source / "dangling").symlink_to("nowhere")
    (source / "loop").symlink_to(".")
    os.mkfifo(source / "pipe")
    for name in (".git", "__pycache__", "venv"):
        (source / name).mkdir()
        (source / name / "file.py").write_text(ANNOTATED)
    (source / "venv" / "pyvenv.cfg").write_text("")
    out = tmp_path / "deeper" / "out"
    write_tree(compile_tree(source), out)
    assert paths(out) == {
        "train.py", "pkg/__init__.py", "data/deep/rows.csv", "inner", "outer", "dangling", "loop"
    }  # fmt: skip
    assert (out / "inner").readlink() == Path("data/deep/rows.csv")
    assert (out / "outer").read_text() == "outside"
    assert (out / "dangling").is_symlink()


def test_the_output_is_never_written_through_a_link(source: Path, tmp_path: Path) -> None:
    """A link that somebody put into the output is replaced, not followed."""
    out = tmp_path / "out"
    write_tree(compile_tree(source), out)
    victim = tmp_path / "victim.py"
    victim.write_text("untouched")
    (out / "train.py").unlink()
    (out / "train.py").symlink_to(victim)
    write_tree(compile_tree(source), out)
    assert victim.read_text() == "untouched"
    assert not (out / "train.py").is_symlink()


def test_data_is_linked_for_an_experiment_not_copied(source: Path, tmp_path: Path) -> None:
    """Code is copied, so that the experiment keeps it; a folder of data is one link."""
    out = tmp_path / "code"
    link_tree(compile_tree(source), out)
    assert (out / "data").is_symlink()
    assert (out / "data" / "deep" / "rows.csv").read_text() == "1\n"
    assert not (out / "train.py").is_symlink()
    assert not (out / "pkg").is_symlink()


def test_one_module_name_for_two_files_is_an_error(source: Path) -> None:
    """Their parameters could not be told apart."""
    (source / "train.pyw").write_text(ANNOTATED)
    done = run("nni-annotate", source, "--emit-search-space")
    assert done.returncode == 1
    assert "its module name train is also that of" in done.stderr


def test_every_file_s_errors_come_at_once(source: Path) -> None:
    """Sorted by path and place."""
    (source / "train.py").write_text('"""@nni.varible()"""\n"""@nni.nothing()"""\n')
    (source / "pkg" / "__init__.py").write_text('"""@nni.other()"""\n')
    done = run("nni-annotate", ".", "--emit-search-space", cwd=source)
    heads = [line for line in done.stderr.splitlines() if ": error: " in line]
    assert [line.split(": ")[0] for line in heads] == [
        "pkg/__init__.py:1:5", "train.py:1:5", "train.py:2:5"
    ]  # fmt: skip
    assert done.stdout == ""


def test_a_tree_without_annotations_says_so(tmp_path: Path) -> None:
    """An empty search space is a result, but hardly what was meant."""
    (tmp_path / "a.py").write_text("x = 1\n")
    done = run("nni-annotate", tmp_path, "--emit-search-space")
    assert (done.returncode, done.stdout) == (0, "{}\n")
    assert "no annotations found" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code"),
    [((), 2), (("-o", "x", "--emit-search-space"), 2), (("nowhere", "-o", "x"), 1), (("--no",), 2)],
)
def test_wrong_usage(arguments: tuple[str, ...], code: int, tmp_path: Path) -> None:
    """Exit code 2 for options, 1 for a source that isn't there; never a traceback."""
    done = run("nni-annotate", *arguments, cwd=tmp_path)
    assert done.returncode == code
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


def test_a_lone_file_is_compiled_alone(source: Path, tmp_path: Path) -> None:
    """Its module name is its stem; what lies beside it stays there."""
    done = run("nni-annotate", source / "train.py", "-o", tmp_path / "out")
    assert done.returncode == 0
    assert paths(tmp_path / "out") == {"train.py"}


def test_a_deep_expression_is_an_error_not_a_crash(tmp_path: Path) -> None:
    """CPython takes it; libcst's recursion doesn't."""
    chain = "x" + ".f()" * 900
    (tmp_path / "deep.py").write_text(f"{ANNOTATED}y = {chain}\n")
    done = run("nni-annotate", tmp_path, "--emit-search-space")
    assert "Traceback" not in done.stderr
    assert done.returncode in (0, 1)
