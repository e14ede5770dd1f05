"""A file -> what it holds, as JSON where it is that, else as YAML."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nni_annotate.diagnostics import Diagnostic, Where
from nni_runner.config.json_reading import NoJSONError, read_json
from nni_runner.config.nodes import Node, Object
from nni_runner.config.problems import ConfigError
from nni_runner.config.text import Text, read_text
from nni_runner.config.yaml_reading import read_yaml


@dataclass(frozen=True)
class Document:
    """An object read from a file, and what is wrong with it already."""

    text: Text
    root: Object
    problems: tuple[Diagnostic, ...]

    def error(self, where: Where, message: str) -> Diagnostic:
        """What is wrong at a place."""
        return self.text.problem(where, message)

    def warning(self, where: Where, message: str) -> Diagnostic:
        """What is worth a remark at a place."""
        return self.text.remark(where, message)


def read_document(path: Path) -> Document:
    """The object that a file holds. Raises ConfigError."""
    return parse(read_text(path))


def parse(text: Text) -> Document:
    """The object that a text holds. Raises ConfigError."""
    root, problems = _parsed(text)
    if not isinstance(root, Object):
        found = text.problem(root.where, "expected an object: lines of 'name: value'")
        raise ConfigError([*problems, found])
    return Document(text, root, tuple(problems))


def _parsed(text: Text) -> tuple[Node, list[Diagnostic]]:
    if text.content.lstrip(" \t\r\n").startswith("{"):
        try:
            return read_json(text)
        except NoJSONError:
            pass
    return read_yaml(text)
