"""Notebooks as scripts: what a cell may hold and a script may not."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from nni_annotate.deep import usual_recursion
from nni_annotate.diagnostics import Diagnostic
from nni_annotate.magics import as_script
from nni_annotate.notebook import Cell, Notebook


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
            yield _script_error(path, cell, line, column, why, text)
    if not found:
        why, line, column = _why_no_python(notebook.to_script(sources).decode())
        if why:
            number, line = notebook.cell_of_line(line, sources)
            cell = next(cell for cell in notebook.cells if cell.number == number)
            text = as_script(sources.get(number, cell.source))
            yield _script_error(path, cell, line, column, why, text)


def _script_error(path: str, cell: Cell, line: int, column: int, why: str, text: str) -> Diagnostic:
    """What is wrong at a place in a cell's text as a script, at that of the cell's own."""
    own, written = _line(cell.source, line), _line(text, line)
    message = f"in a script this would be no valid Python: {why}; change it, or leave out --script"
    if own.endswith(written):
        column, width = column + len(own) - len(written), 1
    else:  # compiled, or a comment in a script
        column, width = len(own) - len(own.lstrip()) + 1, len(own.strip())
    return Diagnostic(path, cell.number, line, column, "NNI407", message, width, own)


def _line(text: str, number: int) -> str:
    """A line of a text, without its end; "" for one behind the last."""
    lines = re.split(r"\r\n?|\n", text)
    return lines[number - 1] if number <= len(lines) else ""


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
