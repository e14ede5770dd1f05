"""Notebooks as scripts: what a cell may hold and a script may not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from nni_annotate.deep import usual_recursion
from nni_annotate.diagnostics import Diagnostic
from nni_annotate.magics import as_script
from nni_annotate.notebook import Notebook


def script_errors(
    notebook: Notebook, sources: Mapping[int, str], path: str
) -> Iterator[Diagnostic]:
    """Cells that a notebook may hold and a script may not: `await` outside of functions, say."""
    found = False
    for cell in notebook.cells:
        text = as_script(sources.get(cell.number, cell.source))
        why, line, column = _why_no_python(text)
        if why:
            found = True
            yield _script_error(path, cell.number, line, column, why, text)
    if not found:
        why, line, column = _why_no_python(notebook.to_script(sources).decode())
        if why:
            number, line = notebook.cell_of_line(line, sources)
            text = next(cell.source for cell in notebook.cells if cell.number == number)
            yield _script_error(path, number, line, column, why, text)


def _script_error(path: str, cell: int, line: int, column: int, why: str, text: str) -> Diagnostic:
    lines = text.split("\n")
    shown = lines[line - 1] if line <= len(lines) else ""
    message = f"in a script this would be no valid Python: {why}; change it, or leave out --script"
    return Diagnostic(path, cell, line, column, "NNI407", message, 1, shown)


def _why_no_python(text: str) -> tuple[str, int, int]:
    """Python's words for what is wrong with a text, "" for nothing, with line and column."""
    try:
        with usual_recursion():
            compile(text, "cell", "exec", dont_inherit=True)
    except SyntaxError as error:
        return error.msg, error.lineno or 1, error.offset or 1
    except ValueError as error:
        return str(error), 1, 1
    except (RecursionError, MemoryError):
        pass
    return "", 0, 0
