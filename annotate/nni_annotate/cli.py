"""The command line `nni-annotate`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from nni_annotate.diagnostics import CompileError, Diagnostic
from nni_annotate.output import check_output, write_tree
from nni_annotate.project import compile_tree
from nni_annotate.sources import ProjectError


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
@click.version_option(package_name="nni-annotate")
def main(source: Path, out: Path | None, emit_search_space: bool) -> None:
    """Compile the annotations in SRC, a folder (the current one by default) or a Python file.

    Exit codes: 0 done, 1 errors in the source, 2 wrong usage.
    """
    if (out is None) != emit_search_space:
        raise click.UsageError("say either -o OUT or --emit-search-space")
    try:
        if out is not None and source.exists():
            check_output(source, out)
        tree = compile_tree(source, leave_out=out)
        show_diagnostics(tree.warnings)
        if out is None:
            click.echo(tree.space.to_text(), nl=False)
            return
        write_tree(tree, out)
    except CompileError as error:
        show_diagnostics(error.diagnostics)
        sys.exit(1)
    except ProjectError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)
    click.echo(
        f"{out}: {count(len(tree.space), 'parameter')} in {count(len(tree.compiled), 'file')} "
        f"compiled, {count(len(tree.carried), 'other file')} carried over",
        err=True,
    )


def show_diagnostics(diagnostics: tuple[Diagnostic, ...]) -> None:
    """Prints diagnostics on standard error, errors counted at the end."""
    for diagnostic in diagnostics:
        click.echo(str(diagnostic), err=True)
    errors = sum(diagnostic.is_error for diagnostic in diagnostics)
    if errors:
        click.echo(f"{count(errors, 'error')}; nothing was written", err=True)


def count(number: int, noun: str) -> str:
    """A number with its noun.

    >>> count(1, "file"), count(2, "file")
    ('1 file', '2 files')
    """
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
