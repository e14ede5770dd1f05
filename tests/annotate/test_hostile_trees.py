"""Trees that somebody made to break the compiler: an error that says where, or a compiled tree."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from conftest import run
from nni_annotate.compile import Kind, compile_module
from nni_annotate.diagnostics import CompileError
from nni_annotate.output import write_tree
from nni_annotate.project import compile_tree
from nni_annotate.sources import ProjectError

ANNOTATED = (
    b'"""@nni.variable(nni.choice(1, 2), name=x)"""\nx = 1\n"""@nni.report_final_result(x)"""\n'
)
NOBODY = 65534


@contextmanager
def nobody(folder: Path) -> Iterator[None]:
    """Makes this process somebody whom file modes bind, in a folder that it may enter."""
    before = Path.cwd()
    folder.chmod(0o755)
    os.chdir(folder)
    try:
        if os.geteuid() == 0:
            os.seteuid(NOBODY)
        yield
    finally:
        if os.getuid() == 0:
            os.seteuid(0)
        os.chdir(before)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """An annotated script in a folder."""
    folder = tmp_path / "src"
    folder.mkdir()
    (folder / "train.py").write_bytes(ANNOTATED)
    return folder


def test_a_file_that_nobody_may_read(source: Path, tmp_path: Path) -> None:
    """NNI409 names a Python file, for it may hold annotations."""
    (source / "secret.py").write_bytes(ANNOTATED)
    (source / "secret.py").chmod(0)
    with nobody(tmp_path), pytest.raises(CompileError) as caught:
        compile_tree(Path("src"))
    (found,) = caught.value.diagnostics
    assert (found.path, found.code) == ("src/secret.py", "NNI409")
    assert found.message == "this file can't be read: Permission denied"


def test_a_folder_that_nobody_may_read(source: Path, tmp_path: Path) -> None:
    """What is in it nobody knows, so nothing is compiled."""
    (source / "secret").mkdir(mode=0)
    with nobody(tmp_path), pytest.raises(ProjectError, match=r"src/secret: Permission denied"):
        compile_tree(Path("src"))


def test_sockets_and_pipes_are_left_out_with_a_note(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NNI513; neither is waited for, though their names are those of Python files."""
    monkeypatch.chdir(source)  # the path of a socket has little room
    os.mkfifo("pipe.py")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket.py")
        tree = compile_tree(Path())
    write_tree(tree, tmp_path / "out")
    assert [(found.path, found.code) for found in tree.warnings] == [
        ("pipe.py", "NNI513"),
        ("socket.py", "NNI513"),
    ]
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert written == {"train.py", "search_space.json", ".nni-annotate.json"}


@pytest.mark.parametrize("aim", [".", "..", "loop", "/", "/dev/zero", "/proc/self/mem", "x\ny"])
def test_links_are_copied_and_never_followed(source: Path, tmp_path: Path, aim: str) -> None:
    """Wherever they lead, and whatever their names are."""
    for name in ("loop", "loop.py", "loop.ipynb", ".nniignored"):
        (source / name).symlink_to(aim)
    done = run("nni-annotate", source, "-o", tmp_path / "out")
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
    assert (tmp_path / "out" / "loop.py").is_symlink()


@pytest.mark.parametrize("out", ["loop", "to_source", "to_root", "file", "dangling"])
def test_an_output_that_is_a_link_or_a_file(source: Path, tmp_path: Path, out: str) -> None:
    """The source, what holds it and a file are refused wherever a link hides them."""
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "to_source").symlink_to("src")
    (tmp_path / "to_root").symlink_to("/")
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "file").write_text("precious")
    before = sorted(os.walk(tmp_path))
    done = run("nni-annotate", source, "-o", tmp_path / out)
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert done.stderr.startswith(f"error: {tmp_path / out}: ")
    assert sorted(os.walk(tmp_path)) == before
    assert (source / "train.py").read_bytes() == ANNOTATED


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (ANNOTATED + b"\0", "NNI401"),
        (ANNOTATED + b"# \0\n", "NNI401"),
        (ANNOTATED + b"y = '\0'\n", "NNI401"),
        (ANNOTATED + b"\xff", "NNI402"),
        (b"# coding: latin-9000\n" + ANNOTATED, "NNI402"),
        (b"# coding: rot13\n" + ANNOTATED, "NNI402"),
        (b"# coding: undefined\n" + ANNOTATED, "NNI402"),
        (b"\xef\xbb\xbf\xef\xbb\xbf" + ANNOTATED, "NNI401"),
        (b"# coding: utf-7\n" + ANNOTATED + b"# +AGEAYg-\n# \\xff", "NNI402"),
        (ANNOTATED + b"(" * 100_000, "NNI403"),
        (ANNOTATED + b"y = " + b"(" * 300 + b")" * 300, "NNI403"),
        (b'"""@nni.variable(nni.uniform(0, 10**10**10), name=x)"""\nx = 1\n', "NNI106"),
        (b'"""@nni.variable(nni.uniform(0, 9' + b"9" * 9999 + b'), name=x)"""\nx = 1\n', "NNI106"),
        (b'"""@nni.variable(nni.choice(*open("x")), name=x)"""\nx = 1\n', "NNI104"),
        (b'"""@nni.variable(__import__("os").exit(1), name=x)"""\nx = 1\n', "NNI105"),
        (b'"""@nni.variable(nni.uniform(0, ().__class__), name=x)"""\nx = 1\n', "NNI106"),
    ],
)
def test_a_file_that_can_t_be_compiled(source: Path, content: bytes, code: str) -> None:
    """One error, and at once: text is only ever looked at."""
    (source / "train.py").write_bytes(content)
    with pytest.raises(CompileError) as caught:
        compile_tree(source)
    assert [found.code for found in caught.value.diagnostics] == [code]


def test_what_is_no_python_is_copied_where_it_holds_no_annotation(
    source: Path, tmp_path: Path
) -> None:
    """Null bytes, no encoding, two million brackets."""
    contents = {"null.py": b"\0", "code.py": b"# coding: x\n\xff", "deep.py": b"nni(" * 500_000}
    for name, content in contents.items():
        (source / name).write_bytes(content)
    write_tree(compile_tree(source), tmp_path / "out")
    assert {name: (tmp_path / "out" / name).read_bytes() for name in contents} == contents


def test_ten_megabytes_are_compiled(source: Path, tmp_path: Path) -> None:
    """A table beside an annotation, in one line or in many, is carried over as it is."""
    table = b"rows = [" + b"1.5, " * 20_000 + b"]\n"
    lines = b"text = '''\n" + b"a line of some length, as in a file\n" * 280_000 + b"'''\n"
    (source / "train.py").write_bytes(table + lines + ANNOTATED)
    write_tree(compile_tree(source), tmp_path / "out")
    assert (tmp_path / "out" / "train.py").read_bytes().startswith(table + lines)


def test_a_folder_deeper_than_the_stack(source: Path, tmp_path: Path) -> None:
    """Paths are longer than the system takes them long before Python's recursion ends."""
    before = Path.cwd()
    try:
        os.chdir(source)
        for _ in range(1500):
            Path("deep").mkdir()
            os.chdir("deep")
    finally:
        os.chdir(before)
    done = run("nni-annotate", source, "-o", tmp_path / "out")
    subprocess.run(["rm", "-rf", source / "deep"], check=True)  # pytest's own way is not so deep
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert "File name too long" in done.stderr
    assert not (tmp_path / "out").exists()


@given(
    st.binary(max_size=60),
    st.lists(st.sampled_from([*b"'\"\\#()[]{}\n\r\t\f:;,.@= ", *ANNOTATED]), max_size=40).map(
        bytes
    ),
    st.integers(0, len(ANNOTATED)),
)
@example(b"\xef\xbb\xbf", b"", 0)
@example(b"\xff\xfe", b"", len(ANNOTATED))
def test_any_bytes_compile_or_are_refused(some: bytes, more: bytes, place: int) -> None:
    """No other exception ever leaves the compiler."""
    for content in (
        some + ANNOTATED + more,
        ANNOTATED[:place] + more + ANNOTATED[place:],
        ANNOTATED[:place] + some + ANNOTATED[place:],
    ):
        for kind in (Kind("m", "m.py", has_calls=True), Kind("m", "m.ipynb", is_notebook=True)):
            with suppress(CompileError):
                compile_module(content, kind)


def test_folders_behind_links_in_the_output_stay(source: Path, tmp_path: Path) -> None:
    """What vanished from the source is not looked for behind a link that took its place."""
    (source / "sub" / "deep").mkdir(parents=True)
    write_tree(compile_tree(source), tmp_path / "out")
    (tmp_path / "out" / "sub" / "deep").rmdir()
    (tmp_path / "out" / "sub").rmdir()
    (tmp_path / "elsewhere" / "deep").mkdir(parents=True)
    (tmp_path / "out" / "sub").symlink_to(tmp_path / "elsewhere")
    (source / "sub" / "deep").rmdir()
    (source / "sub").rmdir()
    write_tree(compile_tree(source), tmp_path / "out")
    assert (tmp_path / "elsewhere" / "deep").is_dir()


def test_a_file_of_one_s_own_is_never_written_over(source: Path, tmp_path: Path) -> None:
    """Though the source has one of that name now."""
    write_tree(compile_tree(source), tmp_path / "out")
    (tmp_path / "out" / "results.csv").write_text("precious")
    (source / "results.csv").write_text("old")
    with pytest.raises(ProjectError, match=r"results\.csv: is in the way, and not of this tool's"):
        write_tree(compile_tree(source), tmp_path / "out")
    assert (tmp_path / "out" / "results.csv").read_text() == "precious"


@pytest.mark.parametrize(
    "content",
    [
        b'print "mail x@nni.edu"\n',
        b"{% if x %}\n# about @nni. prefixes\n",
        b"\xff @nni.\n",
        b"x = (\n'see the @nni.variable page'\n",
        b"# coding: rot13\n# report_final_result\nx = 1  # nni\n",
        b"print '-- @nni.org'\n",
        b'"""Usage::\n\n    @nni.variable(nni.choice(1, 2), name=x)\n"""\nprint "hi"\n',
        b"@nni.trace(kw_only=False)\nclass A:\n    def f(self):\n        return (1\n",
    ],
)
def test_other_files_that_mention_the_mark_are_copied(
    source: Path, tmp_path: Path, content: bytes
) -> None:
    """Python of another version, templates: they hold no annotation."""
    (source / "other.py").write_bytes(content)
    write_tree(compile_tree(source), tmp_path / "out")
    assert (tmp_path / "out" / "other.py").read_bytes() == content


@pytest.mark.parametrize("blank", ["\t", "\u00a0", "\u3000", "\\t", "\\n", "\\x20", "\\\n"])
def test_annotations_after_any_white_space(source: Path, blank: str) -> None:
    """However it is spelt."""
    note = f'"{blank}@nni.variable(nni.choice(1, 2), name=y)"\ny = 1\n'
    (source / "train.py").write_text(note, encoding="utf-8")
    assert list(compile_tree(source).space) == ["train/y/choice"]
