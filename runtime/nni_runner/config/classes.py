"""Tuners, assessors and advisors of the user's own: a class in a file."""

from __future__ import annotations

from pathlib import Path

from nni_runner.config import paths
from nni_runner.config.arguments import entries
from nni_runner.config.model import Custom
from nni_runner.config.nodes import plain
from nni_runner.config.reading import Reading
from nni_runner.own import registered


def is_custom(reading: Reading, section: str) -> bool:
    """Whether it is a class of the user's own."""
    names = ("class_name", "code_directory", "file")
    return any(f"{section}.{name}" in reading.values for name in names)


def read_custom(reading: Reading, section: str) -> Custom | None:
    """The class, in a module that is there; None where something is wrong with it."""
    if f"{section}.name" in reading.values:
        found = reading.values[f"{section}.name"]
        message = "is the name of a built-in one; leave it or the class of your own out"
        reading.error(found.entry.key.where, f"{found.name}: {message}")
        return None
    if reading.format.called(f"{section}.file"):
        module, class_name = _by_file(reading, section)
    else:
        module, class_name = _by_module(reading, section)
    directory = paths.folder(reading, f"{section}.code_directory")
    to = f"{section}.code_directory"
    is_known = to in reading.values or to not in reading.seen
    if not module or not class_name or not is_known:
        return None
    file = directory.joinpath(*module.split("."))
    is_there = file.with_suffix(".py").is_file() or (file / "__init__.py").is_file()
    if directory.is_dir() and not is_there:
        to = f"{section}.file" if f"{section}.file" in reading.values else f"{section}.class_name"
        message = f"no such file: {file.with_suffix('.py')}"
        reading.error(reading.values[to].where, f"{reading.name_of(to)}: {message}")
    arguments = {name: plain(entry.value) for name, entry in entries(reading, section).items()}
    return Custom(directory, module, class_name, arguments)


def read_registered(reading: Reading, section: str) -> Custom | None:
    """The class that was registered by the name in the file; None where there is none."""
    found = registered.find(section, reading.get(f"{section}.name"))
    if found is None:
        return None
    module, _, class_name = found.class_name.rpartition(".")
    arguments = {name: plain(entry.value) for name, entry in entries(reading, section).items()}
    return Custom(Path(found.directory), module, class_name, arguments)


def _by_file(reading: Reading, section: str) -> tuple[str, str]:
    """Module and class by the first format, which names a file; "" for what is missing."""
    class_name = _required(reading, f"{section}.class_name", "the name of the class")
    file = _required(reading, f"{section}.file", "the file that the class is in")
    if file and not file.endswith(".py"):
        found = reading.values[f"{section}.file"]
        reading.error(found.where, f'{found.name}: expected a .py file, found "{file}"')
        return "", class_name
    return file.removeprefix("./").removesuffix(".py").replace("/", "."), class_name


def _by_module(reading: Reading, section: str) -> tuple[str, str]:
    """Module and class by the second format, which writes both as one; "" for what is missing."""
    to = f"{section}.class_name"
    name = _required(reading, to, "module and class, such as my_tuner.MyTuner")
    module, dot, class_name = name.rpartition(".")
    is_file = class_name == "py"
    if name and (is_file or not all(p.isidentifier() for p in (*module.split("."), class_name))):
        message = f'expected module and class, such as my_tuner.MyTuner, found "{name}"'
        reading.error(reading.values[to].where, f"{reading.name_of(to)}: {message}")
        return "", ""
    return (module, class_name) if dot else ("", "")


def say_missing(reading: Reading, to: str, what: str) -> None:
    """Takes down that a section lacks a value, unless it has a wrong one."""
    if to not in reading.seen:
        where = reading.sections[to.partition(".")[0]]
        reading.error(where, f"{reading.format.called(to)}: is missing, {what}")


def _required(reading: Reading, to: str, what: str) -> str:
    if to not in reading.values:
        say_missing(reading, to, what)
    text: str = reading.get(to, "")
    return text
