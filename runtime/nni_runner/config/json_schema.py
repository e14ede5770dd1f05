"""A JSON Schema of both formats, for editors: made of the tables of fields."""

from __future__ import annotations

import re
from typing import Any

from nni_runner.config.fields import Field
from nni_runner.config.formats import ONE, TWO, Format

_NULL = {"type": "null"}


def json_schema() -> dict[str, Any]:
    """The schema of a file in one of the two formats."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "An experiment, in one of NNI's two formats",
        "anyOf": [_format(ONE), _format(TWO)],
    }


def _format(format_: Format) -> dict[str, Any]:
    schema = _object(format_, "")
    either = [_has(format_, name) for name in ("tuner", "advisor")]
    return {"title": format_.title, **schema, "anyOf": either}


def _object(format_: Format, section: str) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    required = []
    for field in format_.inside(section):
        name = field.name.rpartition(".")[2]
        schema = _field(format_, field)
        properties |= dict.fromkeys(_spellings(format_, name), schema)
        if field.required:
            required.append(_has(format_, name))
    schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return schema | ({"allOf": required} if required else {})


def _field(format_: Format, field: Field) -> dict[str, Any]:
    if field.advice:
        return {"description": f"Not supported: {field.advice}.", "enum": [False, None]}
    note = f" No effect: {field.note}." if field.note else ""
    described = {"description": f"{field.about}{note}"}
    schema = field.kind.schema() if field.kind else _object(format_, field.name)
    if field.name == "trainingService":
        alone = {"type": "array", "items": schema, "minItems": 1, "maxItems": 1}
        return {**described, "anyOf": [schema, alone]}
    if field.required or not schema:
        return {**described, **schema}
    return {**described, "anyOf": [schema, _NULL]}


def _has(format_: Format, name: str) -> dict[str, Any]:
    spellings = [{"required": [spelling]} for spelling in _spellings(format_, name)]
    return spellings[0] if len(spellings) == 1 else {"anyOf": spellings}


def _spellings(format_: Format, name: str) -> list[str]:
    """The ways to write a name that editors are told of: trialCommand, trial_command."""
    snake = re.sub("([A-Z])", lambda found: f"_{found[1].lower()}", name)
    return [name, snake] if format_.folds and snake != name else [name]
