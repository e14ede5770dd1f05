"""The Python texts of a file: the one that it is, or those of a notebook's cells."""

from __future__ import annotations

from dataclasses import dataclass

from nni_annotate.notebook import NotebookError, read_notebook
from nni_annotate.source import SourceText, read_source
from nni_annotate.sources import NOTEBOOK


@dataclass(frozen=True)
class PythonText:
    """A text, its cell (0 where it is a whole file), and itself as plain Python."""

    cell: int
    source: SourceText
    python: str


def texts_of(content: bytes, path: str) -> list[PythonText]:
    """The texts of a file; none where it can't be read, which is said where it is compiled."""
    try:
        if not path.endswith(NOTEBOOK):
            source = read_source(content)
            return [PythonText(0, source, source.text)]
        cells = read_notebook(content).cells
    except (UnicodeDecodeError, SyntaxError, NotebookError):
        return []
    return [PythonText(cell.number, SourceText(cell.source), cell.python) for cell in cells]
