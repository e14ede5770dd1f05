"""The search space of a file: each problem at the name of its parameter."""

from __future__ import annotations

import os
from pathlib import Path

from nni_annotate.errors import SpaceError
from nni_annotate.space import SearchSpace
from nni_runner.config import paths
from nni_runner.config.documents import Document, parse
from nni_runner.config.json_reading import NO_COMMENTS, no_json
from nni_runner.config.nodes import Object, plain
from nni_runner.config.problems import ConfigError
from nni_runner.config.reading import Reading
from nni_runner.config.text import read_text


def read_space(reading: Reading) -> SearchSpace | None:
    """The search space in the file, or in the file that it names; None where there is none."""
    if "space" in reading.values:
        return _space(reading, reading.document, reading.get("space"))
    if "space_file" not in reading.values:
        return None
    path = paths.file(reading, "space_file")
    if path is None:
        return None
    document = _document(reading, as_shown(reading, path))
    return _space(reading, document, document.root) if document else None


def _document(reading: Reading, path: Path) -> Document | None:
    """What the file holds; one that is called JSON and is none may be YAML, as with NNI."""
    loose = None
    try:
        text = read_text(path)
        if path.suffix == ".json" and text.content.lstrip().startswith(("{", "/")):
            loose = no_json(text)
        document = parse(text)
    except ConfigError as error:
        found = [text.problem(loose[0], f"is no JSON: {loose[1]}")] if loose else error.diagnostics
        reading.problems += found
        return None
    if loose and loose[1] == NO_COMMENTS:
        reading.problems.append(document.error(loose[0], f"is no JSON: {loose[1]}"))
        return None
    if loose:
        message = f"is no JSON from here on, and read as YAML: {loose[1]}"
        reading.warnings.append(document.warning(loose[0], message))
    reading.problems += document.problems
    return document


def _space(reading: Reading, document: Document, node: Object) -> SearchSpace | None:
    domains = {}
    for entry in node.entries:
        try:
            space = SearchSpace.from_json({entry.name: plain(entry.value)})
            domains[entry.name] = space[entry.name]
        except SpaceError as error:
            reading.problems.append(document.error(entry.key.where, str(error)))
    return SearchSpace(domains) if len(domains) == len(node.entries) else None


def as_shown(reading: Reading, path: Path) -> Path:
    """The path as the user would call it, who called the file by its own."""
    shown = reading.document.text.path
    if shown.is_absolute():
        return path
    return shown.parent / os.path.relpath(path, shown.absolute().parent)
