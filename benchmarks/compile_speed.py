"""Prints what compiling costs: ratios within one run, each beside the bar it is to stay under.

python benchmarks/compile_speed.py

The tree is an installed package, scikit-learn where it is there, with five annotated files that are
made of its own modules. What is compared is done in turn, and the median of the ratios is printed
with the median times: a machine that is busy, or slow for a while, is so for both.
"""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from statistics import median

import libcst as cst

from nni_annotate.compile import Kind, compile_module
from nni_annotate.output import find_unchanged, write_tree
from nni_annotate.project import compile_tree

PACKAGES = ("sklearn", "scipy", "libcst", "click")
LINES = (100, 200, 300, 400, 800)  # about, of the five annotated files
LONGER = (300, 600, 1000, 1700, 2500)  # of those that are compiled one by one
EVERY = 60  # lines between two annotations
ROUNDS = 9
FILES = 3000  # in the tree that memory is measured with, and four times as many
_COMMAND = "from nni_annotate.entry import main; main(prog_name='nni-annotate')"
# The most memory that a process has used: ru_maxrss would count its parent's, too.
_PEAK = "print(*(row.split()[1] for row in open('/proc/self/status') if row[:6] == 'VmHWM:'))"


def main() -> None:
    """Print a line for each thing measured: its time, what it is compared to, ratio and bar."""
    with tempfile.TemporaryDirectory() as folder:
        source = build_tree(Path(folder, "source"))
        print(f"{'':36} {'ms':>8} {'of ms':>8} {'ratio':>7} {'bar':>5}")
        _trees(source, Path(folder))
        _files()
        _start()
        _memory(Path(folder))


def build_tree(target: Path) -> Path:
    """A copy of an installed package, and beside it five annotated files of its modules."""
    package = _package()
    shutil.copytree(package, target / package.name, ignore=shutil.ignore_patterns("__pycache__"))
    for number, text in enumerate(_annotated_files(package, LINES)):
        (target / f"annotated_{number}.py").write_text(text, "utf-8")
    lines = sum(_length(path) for path in target.rglob("*.py"))
    print(f"{package.name} and {len(LINES)} annotated files: {lines:,} lines of Python")
    return target


def _package() -> Path:
    return next(
        Path(spec.origin).parent
        for name in PACKAGES
        if (spec := find_spec(name)) is not None and spec.origin is not None
    )


def _annotated_files(package: Path, lengths: Sequence[int]) -> Iterator[str]:
    modules = sorted((_length(path), path) for path in package.rglob("*.py"))
    for number, wanted in enumerate(lengths):
        _, path = min(modules, key=lambda module: (abs(module[0] - wanted), module[1]))
        yield annotated(path.read_text("utf-8")) + ("import nni\n" if number % 2 else "")


def annotated(text: str) -> str:
    """A module with annotations before some of its assignments of numbers, and a report."""
    lines, last = text.splitlines(keepends=True), 0
    found: list[tuple[int, str]] = []
    for line, column, name, value in sorted(_numbers(ast.parse(text))):
        if line < last + EVERY:
            continue
        last = line
        options = f"{value!r}, {value + 1!r}, {value + 2!r}"
        blanks = lines[line - 1][:column]
        found.append((line, f'{blanks}"""@nni.variable(nni.choice({options}), name={name})"""\n'))
    for line, annotation in reversed(found):
        lines.insert(line - 1, annotation)
    return "".join((*lines, '\n"""@nni.report_final_result(1)"""\n'))


def _numbers(tree: ast.Module) -> Iterator[tuple[int, int, str, float]]:
    """Line, column, name and value of what is plainly assigned, on a line of its own."""
    for node in ast.walk(tree):
        for block in ("body", "orelse", "finalbody"):
            statements = getattr(node, block, None)
            for statement in statements if isinstance(statements, list) else ():
                match statement:
                    case ast.Assign([ast.Name(name)], ast.Constant(int() | float() as value)) if (
                        value is not True and value is not False
                    ):
                        yield statement.lineno, statement.col_offset, name, value


def _length(path: Path) -> int:
    return path.read_bytes().count(b"\n")


def _trees(source: Path, folder: Path) -> None:
    out, copy = folder / "out", folder / "copy"
    hits = [path.read_text("utf-8") for path in sorted(source.glob("annotated_*.py"))]
    touched = source / "annotated_0.py"

    def compiled() -> None:
        write_tree(compile_tree(source, out), out)

    def unchanged() -> None:
        assert find_unchanged(source, out, notebooks_as_scripts=False) is not None

    def touch() -> None:
        touched.write_text(touched.read_text("utf-8"), "utf-8")

    copying = Work(lambda: shutil.copytree(source, copy, symlinks=True), lambda: _rm(copy))
    parsing = Work(lambda: [cst.parse_module(text) for text in hits])
    cold = Work(compiled, lambda: _rm(out))
    compare("cold: 2 x copytree + parsing of five", cold, {copying: 2, parsing: 1}, 1)
    compare("unchanged: copytree", Work(unchanged), {copying: 1}, 0.5)
    compare("one file edited: copytree", Work(compiled, touch), {copying: 1})
    command = Work(lambda: _run(_COMMAND, source, "-o", out), lambda: _rm(out))
    imports = Work(lambda: _run("import click, libcst"))
    compare("command, cold: copytree, start", command, {copying: 1, imports: 1})
    compare("command, unchanged: start", Work(command.do), {imports: 1})


def _files() -> None:
    for text in _annotated_files(_package(), LONGER):
        content = text.encode()
        compiling = Work(partial(compile_module, content, Kind("m", "m.py")))
        parsing = Work(lambda text=text: cst.parse_module(text).code)  # type: ignore[misc]
        lines = content.count(b"\n")
        compare(f"{lines} lines: parse_module, .code", compiling, {parsing: 1}, 1.5)


def _start() -> None:
    bare, helped = Work(lambda: _run("import click")), Work(lambda: _run(_COMMAND, "--help"))
    compare("--help: python -c 'import click'", helped, {bare: 1}, 2.5)


def _memory(folder: Path) -> None:
    """The most memory of a whole run, for many files and for four times as many."""
    if not Path("/proc/self/status").exists():
        return
    peaks = []
    for count in (FILES, 4 * FILES):
        source = folder / f"many_{count}"
        for number in range(count):
            package = source / f"package_{number // 100}"
            if number % 100 == 0:
                package.mkdir(parents=True)
            (package / f"module_{number}.py").write_text(f"x = {number}\n" * 1000)
        (source / "train.py").write_text(annotated("x = 1\n"))
        code = f"import atexit; atexit.register(exec, {_PEAK!r}, {{}}); {_COMMAND}"
        peaks.append(int(_run(code, source, "-o", folder / f"out_{count}")) / 1024)
    what = f"MiB for {4 * FILES:,} files: {FILES:,}"
    print(f"{what:36} {peaks[1]:8.1f} {peaks[0]:8.1f} {peaks[1] / peaks[0]:7.2f}")


@dataclass(frozen=True)
class Work:
    """Something to time, and what is to be done before each time."""

    do: Callable[[], object]
    before: Callable[[], object] = int

    def milliseconds(self) -> float:
        """How long it takes, once."""
        self.before()
        start = time.perf_counter()
        self.do()
        return 1000 * (time.perf_counter() - start)


def compare(
    what: str, work: Work, references: Mapping[Work, float], bar: float | None = None
) -> None:
    """Print the ratio of one thing to a weighted sum of others, done in turn."""
    rounds = []
    for _ in range(ROUNDS + 1):
        others = sum(weight * other.milliseconds() for other, weight in references.items())
        rounds.append((work.milliseconds(), others))
    times, sums = zip(*rounds[1:], strict=True)  # the first one only warms up
    ratio = median(found / reference for found, reference in rounds[1:])
    shown = "" if bar is None else f"{bar:5.1f}{'' if ratio <= bar else '  MISSED'}"
    print(f"{what:36} {median(times):8.1f} {median(sums):8.1f} {ratio:7.2f} {shown}", flush=True)


def _run(code: str, *arguments: str | Path) -> str:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _rm(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
