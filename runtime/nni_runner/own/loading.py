"""A class in a file of the user's -> an instance; what is wrong with it is told with its line."""

from __future__ import annotations

import importlib
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from nni_annotate.domains import show
from nni_runner.errors import RunnerError

T = TypeVar("T")


def make_own(name: str, directory: Path, arguments: Mapping[str, Any], kind: type[T]) -> T:
    """An instance of `module.Class`, a subclass of that kind. Raises RunnerError."""
    found = load(name, directory, kind)
    try:
        return found(**arguments)
    except Exception as error:
        given = ", ".join(f"{key}={show(value)}" for key, value in arguments.items())
        raise RunnerError(
            f"{place(error, directory)}: {name}({given}) raised {of(error)}"
        ) from error


def load(name: str, directory: Path, kind: type[T]) -> type[T]:
    """The class `module.Class` in that folder. Raises RunnerError."""
    module_name, _, class_name = name.rpartition(".")
    if not directory.is_dir():
        raise RunnerError(f"{directory}: no such folder; {name} is to be in it")
    with _first_on_the_path(directory):
        try:
            module = importlib.import_module(module_name)
        except (Exception, SystemExit) as error:
            raise RunnerError(
                f"{place(error, directory)}: {module_name} can't be imported: {_missed(error)}"
            ) from error
    file = Path(module.__file__ or "")
    if not file.resolve().is_relative_to(directory.resolve()):
        raise RunnerError(
            f"{directory}: there is another {module_name} already, {file}; give yours another name"
        )
    found = getattr(module, class_name, None)
    if not isinstance(found, type):
        raise RunnerError(
            f"{file}: expected a class {class_name} in it, found {_classes(module, kind)}"
        )
    if not issubclass(found, kind):
        expected = f"{kind.__module__}.{kind.__name__}"
        raise RunnerError(f"{file}: {class_name}: expected a subclass of {expected}")
    return found


def _classes(module: ModuleType, kind: type) -> str:
    """The classes of that kind that a module defines."""
    own = (one for one in vars(module).values() if isinstance(one, type) and issubclass(one, kind))
    return ", ".join(one.__name__ for one in own if one.__module__ == module.__name__) or "none"


def _missed(error: BaseException) -> str:
    """An error in words; of NNI's own algorithms also what there is to derive from."""
    is_nni_s = isinstance(error, ModuleNotFoundError) and str(error.name).startswith("nni.")
    hint = "; NNI's own algorithms aren't here: derive from nni.tuner.Tuner" if is_nni_s else ""
    return of(error) + hint


def place(error: BaseException, directory: Path) -> str:
    """File and line where it was raised, the last one of the user's if there is any."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).is_relative_to(directory)]
    return f"{own[-1].filename}:{own[-1].lineno}" if own else str(directory)


def of(error: BaseException) -> str:
    """An error in words."""
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


@contextmanager
def _first_on_the_path(directory: Path) -> Iterator[None]:
    """In there first while it is imported, and last from then on: it hides nobody's modules."""
    text = str(directory)
    is_new = text not in sys.path
    sys.path.insert(0, text)
    try:
        yield
    finally:
        sys.path.remove(text)
        if is_new:
            sys.path.append(text)
