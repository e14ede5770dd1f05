"""Trees of files: what is compiled, carried over, left out, refused and cleaned up."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from conftest import run
from nni_annotate.data import LARGEST_COPY, MOST_FILES
from nni_annotate.output import write_tree
from nni_annotate.placing import place_tree
from nni_annotate.project import compile_tree
from nni_annotate.sources import MANIFEST, ProjectError

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
    shutil.rmtree(source / "data")
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


def test_small_data_is_copied_for_trials_and_large_is_linked(source: Path, tmp_path: Path) -> None:
    """A trial that writes a file must not write into the source, but gigabytes are not copied."""
    large = source / "data" / "large.bin"
    with large.open("wb") as file:
        file.truncate(LARGEST_COPY + 1)
    many = source / "images"
    many.mkdir()
    for number in range(MOST_FILES + 1):
        (many / f"{number}.txt").touch()
    out = tmp_path / "code"
    place_tree(compile_tree(source), out, tmp_path / "experiments")
    assert (out / "data" / "large.bin").is_symlink()
    assert (out / "images").is_symlink()
    for path in ("train.py", "pkg", "data", "data/deep/rows.csv"):
        assert not (out / path).is_symlink()
    (out / "data" / "deep" / "rows.csv").write_text("changed")
    assert (source / "data" / "deep" / "rows.csv").read_text() == "1\n"


def test_experiments_below_a_data_folder_are_no_data(source: Path, tmp_path: Path) -> None:
    """However many files there are: a link to the folder would lead back to the experiment."""
    experiments = source / "data" / "experiments"
    experiments.mkdir()
    for number in range(MOST_FILES + 1):
        (experiments / str(number)).touch()
    out = tmp_path / "code"
    place_tree(compile_tree(source, leave_out=experiments), out, experiments)
    assert paths(out) == {"train.py", "pkg/__init__.py", "data/deep/rows.csv"}


def test_one_module_name_for_two_files_is_an_error(source: Path) -> None:
    """Their parameters could not be told apart."""
    (source / "train.pyw").write_text(ANNOTATED)
    done = run("nni-annotate", source, "--emit-search-space")
    assert done.returncode == 1
    assert "error[NNI405]: its module name train is also that of" in done.stderr


def test_every_file_s_errors_come_at_once(source: Path) -> None:
    """Sorted by path and place."""
    (source / "train.py").write_text('"""@nni.varible()"""\n"""@nni.nothing()"""\n')
    (source / "pkg" / "__init__.py").write_text('"""@nni.other()"""\n')
    done = run("nni-annotate", ".", "--emit-search-space", cwd=source)
    heads = [line for line in done.stderr.splitlines() if ": error[" in line]
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


def test_empty_folders_are_carried_over(source: Path, tmp_path: Path) -> None:
    """A script may write into them."""
    (source / "logs").mkdir()
    write_tree(compile_tree(source), tmp_path / "out")
    assert (tmp_path / "out" / "logs").is_dir()


def put(place: Path, kind: str, outside: Path) -> None:
    """Makes a path a file, a folder or a link, whatever it was before."""
    if place.is_symlink() or place.is_file():
        place.unlink()
    elif place.is_dir():
        shutil.rmtree(place)
    if kind == "file":
        place.write_text("1")
    elif kind == "link":
        place.symlink_to(outside)
    else:
        place.mkdir()
        (place / "rows.csv").write_text("2")


@pytest.mark.parametrize("kinds", [("file", "folder"), ("folder", "link"), ("link", "file")])
def test_what_changes_its_kind_changes_it_in_the_output(
    source: Path, tmp_path: Path, kinds: tuple[str, str]
) -> None:
    """A folder that became a link is not followed: what lies behind it is the user's."""
    out, outside = tmp_path / "out", tmp_path / "outside"
    outside.mkdir()
    (outside / "rows.csv").write_text("precious")
    for kind in (*kinds, kinds[0]):
        put(source / "thing", kind, outside)
        write_tree(compile_tree(source), out)
        found = out / "thing"
        assert found.is_symlink() == (kind == "link")
        assert found.is_file() == (kind == "file")
    assert (outside / "rows.csv").read_text() == "precious"


def test_the_user_s_own_files_in_the_output_are_not_replaced(source: Path, tmp_path: Path) -> None:
    """A folder of theirs where a file is to go is an error, before anything changes."""
    out = tmp_path / "out"
    write_tree(compile_tree(source), out)
    (out / "checkpoint").mkdir()
    (out / "checkpoint" / "weights").write_text("mine")
    (source / "checkpoint").write_text("a file")
    (source / "train.py").write_text(ANNOTATED.replace("choice(1, 2)", "choice(1, 3)"))
    before = (out / "train.py").read_bytes()
    done = run("nni-annotate", source, "-o", out)
    assert done.returncode == 1
    assert "is in the way" in done.stderr
    assert (out / "train.py").read_bytes() == before
    assert (out / "checkpoint" / "weights").read_text() == "mine"


def test_links_inside_the_tree_stay_inside(source: Path, tmp_path: Path) -> None:
    """However they were written; else the compiled code would import the uncompiled."""
    (source / "pkg" / "up.py").symlink_to("../train.py")
    (source / "pkg" / "absolute.py").symlink_to(source / "train.py")
    out = tmp_path / "out"
    write_tree(compile_tree(source), out)
    assert (out / "pkg" / "up.py").resolve() == out / "train.py"
    assert (out / "pkg" / "absolute.py").resolve() == out / "train.py"


def test_annotations_behind_links(source: Path, tmp_path: Path) -> None:
    """A link named as the source is followed; one that leaves a tree is warned of."""
    (tmp_path / "elsewhere.py").write_text(ANNOTATED)
    (source / "link.py").symlink_to("../elsewhere.py")
    done = run("nni-annotate", source / "link.py", "-o", tmp_path / "one")
    assert done.returncode == 0
    assert "nni_trial" in (tmp_path / "one" / "link.py").read_text()
    assert not (tmp_path / "one" / "link.py").is_symlink()
    done = run("nni-annotate", source, "--emit-search-space")
    assert "link.py: warning[NNI512]: this link leaves the source" in done.stderr


def test_a_failing_write_leaves_the_output_alone(source: Path, tmp_path: Path) -> None:
    """A file that vanishes while the tree is copied, say."""
    out = tmp_path / "out"
    write_tree(compile_tree(source), out)
    before = paths(out)
    tree = compile_tree(source)
    (source / "pkg" / "__init__.py").unlink()
    with pytest.raises(ProjectError, match=r"nothing in .* was changed"):
        write_tree(tree, out)
    assert paths(out) == before
    assert {path.name for path in tmp_path.iterdir()} == {"src", "out"}


def test_names_that_are_no_utf_8(source: Path, tmp_path: Path) -> None:
    """A file may have any bytes for its name."""
    os.rename(source / "train.py", os.fsencode(source) + b"/tr\xff.py")  # noqa: PTH104
    done = run("nni-annotate", source, "-o", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    space = json.loads((tmp_path / "out" / "search_space.json").read_text())
    assert list(space) == ["tr\udcff/x/choice"]


def test_annotations_and_the_api_in_one_tree(source: Path) -> None:
    """A program uses one way or the other."""
    (source / "other.py").write_text("import nni\nparams = nni.get_next_parameter()\n")
    done = run("nni-annotate", ".", "--emit-search-space", cwd=source)
    assert done.returncode == 1
    assert "other.py:2:10: error[NNI406]: nni.get_next_parameter() asks for" in done.stderr


def test_calls_in_code_are_parameters(source: Path) -> None:
    """Those of the module nni; other objects called so, the user's module too, are left alone."""
    (source / "other.py").write_text("import nni\nk = nni.choice(2, 3, name='k')\n")
    done = run("nni-annotate", ".", "--emit-search-space", cwd=source)
    assert json.loads(done.stdout)["other/k/choice"] == {"_type": "choice", "_value": [2, 3]}
    (source / "other.py").write_text("from mine import nni\nk = nni.choice(2, 3)\n")
    done = run("nni-annotate", ".", "--emit-search-space", cwd=source)
    assert list(json.loads(done.stdout)) == ["train/x/choice"]
    (source / "other.py").write_text("import nni\nk = nni.choice(2, 3)\n")
    (source / "nni.py").write_text("def choice(*options):\n    return options\n")
    done = run("nni-annotate", ".", "--emit-search-space", cwd=source)
    assert list(json.loads(done.stdout)) == ["train/x/choice"]


@pytest.mark.parametrize(
    "text",
    [
        '"""nni.variable(nni.choice(1, 2), name=x)"""',
        '"@ nni.report_final_result(x)"',
        "'''\n  @nni variable(nni.choice(1))'''",
    ],
)
def test_look_alikes_are_warned_of(tmp_path: Path, text: str) -> None:
    """What a person meant as an annotation is never passed over in silence."""
    (tmp_path / "a.py").write_text(f"if 1:\n    {text}\n    x = 1\n")
    done = run("nni-annotate", "a.py", "--emit-search-space", cwd=tmp_path)
    assert "warning[NNI502]: this looks like an annotation but is none" in done.stderr


def test_an_address_is_no_annotation(tmp_path: Path) -> None:
    """A file that is no Python 3 is carried over where it only mentions somebody@nni.edu."""
    (tmp_path / "old.py").write_text('# mail x@nni.edu\nprint "hi"\n')
    assert run("nni-annotate", tmp_path, "--emit-search-space").returncode == 0


@pytest.mark.parametrize(
    "deep",
    [
        "y = " + " + ".join(["x"] * 900),
        "if x: pass\n" + "".join(f"elif x == {i}: pass\n" for i in range(900)),
    ],
    ids=["terms", "elifs"],
)
def test_deep_code_compiles_or_is_refused(tmp_path: Path, deep: str) -> None:
    """CPython takes it; where libcst can't (Python 3.12 bounds its recursion), it says so."""
    (tmp_path / "deep.py").write_text(f"{ANNOTATED}{deep}\n")
    done = run("nni-annotate", tmp_path, "--emit-search-space")
    if (3, 12) <= sys.version_info < (3, 13):
        assert "Traceback" not in done.stderr
        assert done.returncode == 0 or "nested too deeply" in done.stderr
    else:
        assert (done.returncode, done.stderr) == (0, "")
