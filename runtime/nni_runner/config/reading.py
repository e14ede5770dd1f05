"""A document -> the values of its fields, and all that is wrong with them one by one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from nni_annotate.diagnostics import Diagnostic, Where
from nni_runner.config import kinds, platforms
from nni_runner.config.documents import Document
from nni_runner.config.fields import Field
from nni_runner.config.formats import ONE, Format, detect, fold, unknown
from nni_runner.config.kinds import MismatchError
from nni_runner.config.nodes import Array, Entry, Node, Object, Scalar

_SERVICE = "trainingService"


@dataclass(frozen=True)
class Found:
    """A field's value in the file; `name` is the field's, dotted."""

    name: str
    value: Any
    entry: Entry

    @property
    def where(self) -> Where:
        """The place of the value."""
        return self.entry.value.where


@dataclass
class Reading:
    """The values by what they mean, the same in both formats, with the file they come from.

    `seen` are those that the file has, also where something is wrong with them.
    """

    document: Document
    format: Format
    values: dict[str, Found] = field(default_factory=dict)
    sections: dict[str, Where] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    problems: list[Diagnostic] = field(default_factory=list)
    warnings: list[Diagnostic] = field(default_factory=list)

    def get(self, to: str, default: Any = None) -> Any:
        """The value, or a default where the file gives none."""
        return self.values[to].value if to in self.values else default

    def error(self, where: Where, message: str) -> None:
        """Takes a problem down, unless the value there couldn't even be read."""
        place = where.line, where.column
        if any((known.line, known.column) == place for known in self.document.problems):
            return
        self.problems.append(self.document.error(where, message))

    def warn(self, where: Where, message: str) -> None:
        """Takes a remark down."""
        self.warnings.append(self.document.warning(where, message))

    def top(self) -> Where:
        """The place of what is missing in the file as a whole."""
        return self.document.root.where

    def name_of(self, to: str) -> str:
        """What the field of a value is called in this file."""
        return self.values[to].name if to in self.values else self.format.called(to)


def read_fields(document: Document) -> Reading:
    """The values that a file gives, each checked for itself."""
    reading = Reading(document, detect(document.root), problems=list(document.problems))
    reader = _Reader(reading)
    reader.check_platform()
    reader.section("", document.root)
    return reading


class _Reader:
    """Goes through the sections of a file."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self.is_elsewhere = False  # on a platform that isn't offered

    def check_platform(self) -> None:
        """Finds the platform first: much else is no matter where it isn't this machine."""
        node = _platform(self.reading.document.root, self.reading.format)
        match node:
            case Scalar(value=str() as name) if name != "local":
                message = platforms.advice(name)
            case Array(items=(_, _, *_)):
                message = platforms.advice("hybrid")
            case _:
                return
        self.is_elsewhere = True
        name = self.reading.format.called("platform")
        self.reading.error(node.where, f"{name}: {message}")

    def section(self, name: str, node: Object) -> None:
        """Reads the fields of a section, "" for the file itself."""
        given: set[str] = set()
        for entry in node.entries:
            known = self.reading.format.find(name, entry.name)
            if known is None:
                if name != _SERVICE or not self.is_elsewhere:
                    shown = f"{name}.{entry.name}" if name else entry.name
                    message = unknown(self.reading.format, name, entry.name)
                    self.reading.error(entry.key.where, f"{shown}: {message}")
                continue
            given.add(known.name)
            self._field(known, entry)
        where = self.reading.sections.get(name, node.where)
        self._require(name, given, where)

    def _field(self, known: Field, entry: Entry) -> None:
        if isinstance(entry.value, Scalar) and entry.value.value is None:
            if known.required and not self.is_elsewhere:
                expected = known.kind.expected if known.kind else "an object"
                message = f"{known.name}: expected {expected}, found nothing"
                self.reading.error(entry.key.where, message)
            return
        if known.is_section:
            self._inner(known, entry)
        elif known.is_foreign:
            self._foreign(known, entry)
        else:
            self._value(known, entry)

    def _inner(self, known: Field, entry: Entry) -> None:
        node = entry.value
        self.reading.seen.add(known.name)
        if known.name == _SERVICE and isinstance(node, Array):
            if len(node.items) != 1:
                return self._several(known, entry)
            node = node.items[0]
        if isinstance(node, Object):
            self.reading.sections[known.name] = entry.key.where
            return self.section(known.name, node)
        message = f"{known.name}: expected {kinds.Values.expected}, found {kinds.found(node)}"
        return self.reading.error(node.where, message)

    def _several(self, known: Field, entry: Entry) -> None:
        if not self.is_elsewhere:
            self.reading.error(entry.value.where, f"{known.name}: expected one platform")

    def _foreign(self, known: Field, entry: Entry) -> None:
        if not self.is_elsewhere and not _is_empty(entry.value):
            message = f"{known.name}: is of platforms that aren't offered, and has no effect"
            self.reading.warn(entry.key.where, message)

    def _value(self, known: Field, entry: Entry) -> None:
        assert known.kind is not None
        reading = self.reading
        reading.seen.add(known.to)
        try:
            value = known.kind.read(entry.value)
        except MismatchError as mismatch:
            if known.to != "platform" or not self.is_elsewhere:
                hint = f"; {mismatch}" if str(mismatch) else ""
                what = f"expected {known.kind.expected}, found {kinds.found(entry.value)}{hint}"
                reading.error(entry.value.where, f"{known.name}: {what}")
            return
        if known.note and value:
            reading.warn(entry.key.where, f"{known.name}: has no effect: {known.note}")
        if known.advice and value:
            reading.error(entry.key.where, f"{known.name}: isn't supported: {known.advice}")
        if known.to:
            self._keep(known, Found(known.name, value, entry))

    def _keep(self, known: Field, found: Found) -> None:
        before = self.reading.values.get(known.to)
        overrides = (known.name.startswith(_SERVICE), before and before.name.startswith(_SERVICE))
        if before is not None and not any(overrides):
            name, other = found.entry.name, before.entry.name
            message = f"{name}: says the same as {other}; leave one of them out"
            self.reading.error(found.entry.key.where, message)
        elif not overrides[1]:
            self.reading.values[known.to] = found

    def _require(self, section: str, given: set[str], where: Where) -> None:
        for known in self.reading.format.inside(section):
            if not known.required or known.name in given:
                continue
            if self.is_elsewhere and (section or known.is_section):
                continue
            if known.to in self.reading.seen:  # in another section
                continue
            expected = known.kind.expected if known.kind else "an object"
            self.reading.error(where, f"{known.name}: is missing, {expected}")


def _platform(root: Object, format_: Format) -> Node | None:
    if format_ is ONE:
        return root.get("trainingServicePlatform")
    service = _folded(root, _SERVICE)
    if isinstance(service, Array) and len(service.items) == 1:
        service = service.items[0]
    return _folded(service, "platform") if isinstance(service, Object) else service


def _folded(node: Object, name: str) -> Node | None:
    fitting = (entry.value for entry in node.entries if fold(entry.name) == fold(name))
    return next(fitting, None)


def _is_empty(node: Node) -> bool:
    """Whether nothing is in it, such as in NNI's own templates."""
    match node:
        case Scalar():
            return node.value is None
        case Array():
            return all(map(_is_empty, node.items))
        case Object():
            return all(_is_empty(entry.value) for entry in node.entries)
