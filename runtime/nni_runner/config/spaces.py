"""The search space of a file: each problem at the name of its parameter."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from nni_annotate.diagnostics import Where
from nni_annotate.domains import TYPES, MutableLayer
from nni_annotate.errors import SpaceError
from nni_annotate.space import OwnSpace, SearchSpace
from nni_runner.config import paths
from nni_runner.config.documents import Document, parse
from nni_runner.config.json_reading import NO_COMMENTS, no_json
from nni_runner.config.nodes import Entry, Object, Scalar, plain
from nni_runner.config.problems import ConfigError
from nni_runner.config.reading import Reading
from nni_runner.config.text import Text, read_text


def read_space(reading: Reading, *, is_own: bool) -> SearchSpace | None:
    """The search space in the file, or in the file that it names; None where there is none.

    One `is_own` may hold anything that its tuner understands.
    """
    if "space" in reading.values:
        return _space(reading, reading.document, reading.get("space"), is_own=is_own)
    if "space_file" not in reading.values:
        return None
    path = paths.file(reading, "space_file")
    if path is None:
        return None
    document = _document(reading, as_shown(reading, path))
    return _space(reading, document, document.root, is_own=is_own) if document else None


def _document(reading: Reading, path: Path) -> Document | None:
    """What the file holds; one that is called JSON and is none may be YAML, as with NNI."""
    try:
        text = read_text(path)
        is_called_so = path.suffix == ".json" and text.content.lstrip().startswith(("{", "/"))
        if is_called_so and (loose := no_json(text)):
            return _loose(reading, text, *loose)
        document = parse(text)
    except ConfigError as error:
        reading.problems += error.diagnostics
        return None
    reading.problems += document.problems
    return document


def _loose(reading: Reading, text: Text, where: Where, why: str) -> Document | None:
    """What is no JSON, for that reason, read as YAML."""
    document = None
    with contextlib.suppress(ConfigError):
        document = parse(text)
    if document is None or why == NO_COMMENTS:
        reading.problems.append(text.problem(where, f"is no JSON: {why}"))
        return None
    message = f"is no JSON from here on, and read as YAML: {why}"
    reading.warnings.append(text.remark(where, message))
    reading.problems += document.problems
    return document


def _space(
    reading: Reading, document: Document, node: Object, *, is_own: bool
) -> SearchSpace | None:
    strange = [entry for entry in node.entries if is_own and not _is_of_a_type(entry)]
    if strange:
        message = "is left to the tuner as it is, and so are all parameters: nothing checks them"
        where = strange[0].key.where
        reading.warnings.append(document.warning(where, f"{strange[0].name}: {message}"))
        return OwnSpace(data=plain(node))
    domains = {}
    for entry in node.entries:
        try:
            space = SearchSpace.from_json({entry.name: plain(entry.value)})
            domains[entry.name] = space[entry.name]
        except SpaceError as error:
            reading.problems.append(document.error(entry.key.where, str(error)))
    return SearchSpace(domains) if len(domains) == len(node.entries) else None


def _is_of_a_type(entry: Entry) -> bool:
    """Whether a parameter is of a type that all know."""
    kind = entry.value.get("_type") if isinstance(entry.value, Object) else None
    return isinstance(kind, Scalar) and kind.text in (*TYPES, MutableLayer.type)


def as_shown(reading: Reading, path: Path) -> Path:
    """The path as the user would call it, who called the file by its own."""
    shown = reading.document.text.path
    if shown.is_absolute():
        return path
    return shown.parent / os.path.relpath(path, shown.absolute().parent)
