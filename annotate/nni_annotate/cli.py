"""The command line `nni-annotate`."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nni_annotate import __version__
from nni_annotate.errors import NniAnnotateError, SpaceError

if TYPE_CHECKING:  # --help and wrong usage need none of the compiler
    from nni_annotate.diagnostics import Diagnostic

    _Show = Callable[[tuple[Diagnostic, ...]], None]
_FORMATS = ("text", "json", "github", "sarif")  # those of formats.FORMATS
_TASKS = ("--emit-search-space", "--check", "-o OUT", "--diff", "--in-place")


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("source", metavar="[SRC]", default=".", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    "out",
    metavar="OUT",
    type=click.Path(path_type=Path),
    help="Write the compiled code and its search_space.json into this folder.",
)
@click.option(
    "--emit-search-space",
    is_flag=True,
    help="Print the search space as JSON on standard output; write nothing.",
)
@click.option("--check", is_flag=True, help="Only check; print what is wrong on standard output.")
@click.option(
    "--apply",
    "parameters",
    metavar="PARAMS.json",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write these parameters into the annotated statements; see --diff, --in-place and -o.",
)
@click.option("--strip", is_flag=True, help="Take the annotations out; with --apply too.")
@click.option("--diff", is_flag=True, help="With --apply or --strip: print a patch.")
@click.option("--in-place", is_flag=True, help="With --apply or --strip: edit SRC itself.")
@click.option("--script", "as_scripts", is_flag=True, help="Compile notebooks to Python scripts.")
@click.option(
    "--format",
    "format_",
    type=click.Choice(_FORMATS),
    default="text",
    show_default=True,
    help="How errors and warnings are written.",
)
@click.version_option(__version__)
def main(
    source: Path,
    out: Path | None,
    emit_search_space: bool,
    check: bool,
    parameters: Path | None,
    strip: bool,
    diff: bool,
    in_place: bool,
    as_scripts: bool,
    format_: str,
) -> None:
    """Compile the annotations in SRC, a folder (the current one by default) or a Python file.

    Exit codes: 0 done (there may be warnings), 1 errors in the source, 2 wrong usage.
    """
    rewrites = parameters is not None or strip
    given = (emit_search_space, check, out is not None, diff, in_place)
    named = [task for task, is_given in zip(_TASKS, given, strict=True) if is_given]
    allowed = _TASKS[2:] if rewrites else _TASKS[:3]
    if len(named) != 1 or named[0] not in allowed:
        option = "with --apply or --strip " if rewrites else ""
        found = f", found {' and '.join(named)}" if named else ""
        raise click.UsageError(f"{option}say one of {', '.join(allowed)}{found}")
    if rewrites and as_scripts:
        raise click.UsageError("--script compiles notebooks; --apply and --strip write them anew")
    to_stdout = check or (format_ != "text" and (in_place or out is not None))
    show = partial(show_diagnostics, format_=format_, to_stdout=to_stdout)
    try:
        if rewrites:
            _rewrite(source, out, parameters, strip=strip, diff=diff, show=show)
        elif out is not None:
            _compile(source, out, as_scripts=as_scripts, show=show)
        else:
            _read(source, emit=emit_search_space, as_scripts=as_scripts, show=show)
    except NniAnnotateError as error:
        _show_error(error, parameters, show)
        sys.exit(1)


def _show_error(error: NniAnnotateError, parameters: Path | None, show: _Show) -> None:
    from nni_annotate.diagnostics import CompileError

    if isinstance(error, CompileError):
        show(error.diagnostics)
    else:
        where = f"{parameters}: " if isinstance(error, SpaceError) else ""
        _tell(f"error: {where}{error}")


def show_diagnostics(
    diagnostics: tuple[Diagnostic, ...], *, format_: str = "text", to_stdout: bool = False
) -> None:
    """Prints diagnostics, and how many errors there are."""
    from nni_annotate.formats import FORMATS

    text = FORMATS[format_](diagnostics)
    if to_stdout:
        _print(text)
    else:
        _tell(text, nl=False)
    errors = sum(diagnostic.is_error for diagnostic in diagnostics)
    if errors and format_ == "text":
        _tell(f"{count(errors, 'error')}{'' if to_stdout else '; nothing was written'}")


def _tell(message: str, *, nl: bool = True) -> None:
    """Writes to standard error, if that takes it: what was done is done all the same."""
    with contextlib.suppress(OSError):
        click.echo(message, err=True, nl=nl)


def _print(result: str | bytes) -> None:
    """Writes a result to standard output. Raises OSError."""
    if sys.stdout is None:
        raise OSError(errno.EBADF, "standard output is closed")
    click.echo(result, nl=False)


def _compile(source: Path, out: Path, *, as_scripts: bool, show: _Show) -> None:
    from nni_annotate.output import check_output, find_unchanged, write_tree
    from nni_annotate.project import compile_tree

    if os.path.lexists(source):
        check_output(source, out)
        same = find_unchanged(source, out, notebooks_as_scripts=as_scripts)
        if same is not None:
            show(same.warnings)
            _tell(f"{out}: unchanged, {_summary(same.parameters, same.compiled)}")
            return
    tree = compile_tree(source, out, notebooks_as_scripts=as_scripts)
    show(tree.warnings)
    write_tree(tree, out)
    summary = _summary(len(tree.space), len(tree.compiled))
    carried = count(len(tree.carried), "other file")
    _tell(f"{out}: {summary} compiled, {carried} carried over")


def _read(source: Path, *, emit: bool, as_scripts: bool, show: _Show) -> None:
    from nni_annotate.project import compile_tree

    tree = compile_tree(source, notebooks_as_scripts=as_scripts)
    show(tree.warnings)
    if emit:
        _print(tree.space.to_text())
    else:
        _tell(f"{source}: {_summary(len(tree.space), len(tree.compiled))}, fine")


def _rewrite(
    source: Path, out: Path | None, parameters: Path | None, *, strip: bool, diff: bool, show: _Show
) -> None:
    from nni_annotate.rewrite import rewrite_tree, to_diff, write_anew, write_in_place

    values = _read_parameters(parameters) if parameters is not None else {}
    rewritten = rewrite_tree(source, values, strip=strip, leave_out=out)
    show(rewritten.warnings)
    if diff:
        _print(to_diff(rewritten))
        return
    if out is not None:
        write_anew(rewritten, out)
    else:
        write_in_place(rewritten)
    where = source if out is None else out
    _tell(f"{where}: {count(len(rewritten.files), 'file')} written anew")


def _read_parameters(path: Path) -> Mapping[str, Any]:
    import json

    from nni_annotate.sources import ProjectError

    try:
        data = json.loads(path.read_text(encoding="utf-8-sig"), object_pairs_hook=_without_twins)
    except OSError as error:
        raise ProjectError(f"{path}: can't be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise ProjectError(f"{path}: is no JSON: {error}") from None
    if not isinstance(data, dict):
        raise ProjectError(f"{path}: expected a JSON object of parameters")
    return data


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose keys are there once. Raises SpaceError."""
    data = dict(pairs)
    if len(data) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise SpaceError(f"{twice}: is given twice")
    return data


def _summary(parameters: int, files: int) -> str:
    return f"{count(parameters, 'parameter')} in {count(files, 'file')}"


def count(number: int, noun: str) -> str:
    """A number with its noun.

    >>> count(1, "file"), count(2, "file")
    ('1 file', '2 files')
    """
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
