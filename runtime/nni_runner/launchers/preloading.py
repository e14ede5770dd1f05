"""What trials are forks of: a process with their imports done, known by and by.

At first these are what the import statements at the script's head name, later what the first trial
that succeeded did import. Only installed packages and the standard library count: never the user's
own modules, which may do anything when they are imported, and may change from trial to trial.
"""

from __future__ import annotations

import ast
import importlib.util
import json
import math
import os
import re
import shutil
import site
import sys
from collections.abc import Iterator
from pathlib import Path

from nni_runner.launchers.launcher import Preload
from nni_runner.launchers.local import search_path

_PLACES = [
    os.path.dirname(os.__file__),  # noqa: PTH120 - the standard library
    *site.getsitepackages(),
    *([site.getusersitepackages()] if site.ENABLE_USER_SITE else []),
]
_INSTALLED = tuple(Path(place).resolve() for place in _PLACES)
_NOTHING_FOR_A_SHELL = re.compile(r"[\w@%+=:,./ -]+")
_NEVER = ("__main__", "__mp_main__", "nni_runner", "sitecustomize", "usercustomize")
_OWN = ("nni", "nni_trial")  # this project's, which trials import in any case
# What packages import when something of them is first used, by the word for that in a script: a
# second of each trial that steps an optimiser, until the first one has ended and this is learned.
_LATE = {("torch", "optim"): "torch._dynamo"}


class Preloading:
    """Says of each trial what it may be a fork of: of nothing, where no modules are given.

    `learned` is where the first trial writes what it has imported beyond that.
    """

    def __init__(self, modules: tuple[str, ...] | None = None, learned: Path | None = None) -> None:
        self._modules = modules
        self._learned = learned
        self._is_learned = False
        self._is_proven = False
        self._anew: set[int] = set()

    def of_trial(self, number: int, trials: int | None) -> Preload | None:
        """None where it is to be started anew; `trials` are how many there will be, None: many."""
        if self._modules is None or number in self._anew:
            return None
        if self._learned and not self._is_learned:
            left = math.inf if trials is None else trials - number
            self._modules = tuple(dict.fromkeys([*self._modules, *self._read(left)]))
        learn = None if self._is_learned else self._learned
        return Preload(self._modules, learn, self._is_proven)

    def doubt(self, number: int) -> None:
        """That trial crashed as a fork, or hung: it is to be started anew."""
        self._anew.add(number)

    def confirm(self, number: int) -> bool:
        """That trial has succeeded; whether the forks are to blame, and are no more."""
        if number not in self._anew or self._modules is None:
            self._is_proven = self._is_proven or self._modules is not None
            return False
        self._modules = None
        return True

    def _read(self, left: float) -> list[str]:
        """What the first trial has imported late, unless so many trials don't make up for it.

        Another process has to import everything anew; a module takes about as long as another.
        """
        try:
            assert self._learned is not None
            known = json.loads(self._learned.read_text(encoding="utf-8"))
            found = [str(name) for name, origin in known["late"] if _lies_among_installed(origin)]
            late = [name for name in found if name.partition(".")[0] not in _NEVER]
            is_worth_it = len(late) * left > known["ahead"]
        except (OSError, LookupError, ValueError, TypeError):
            return []
        self._is_learned = True
        return late if is_worth_it else []


def as_script(command: tuple[str, ...]) -> tuple[str, ...]:
    """The command as words for this Python, where it has a `python` that is this one run a script.

    A line for a shell too, in which there is nothing for a shell to do. Other commands stay as they
    are.
    """
    words = command
    if len(command) == 3 and command[0] in ("bash", "sh") and command[1] == "-c":
        line = command[2].strip()
        words = tuple(line.split()) if _NOTHING_FOR_A_SHELL.fullmatch(line) else ()
    if len(words) < 2 or words[1].startswith("-") or not _is_this_python(words[0]):
        return command
    return (sys.executable, *words[1:])


def _is_this_python(name: str) -> bool:
    """Whether trials that run this name run the interpreter of this process, and its packages."""
    own = Path(sys.executable)
    found = shutil.which(name, path=search_path())
    return found is not None and Path(found).parent == own.parent and own.samefile(found)


def modules_of(command: tuple[str, ...], folder: Path) -> tuple[str, ...] | None:
    """What to import before a command runs; None where it is no script for this Python."""
    if not sys.platform.startswith("linux") or len(command) < 2 or command[0] != sys.executable:
        return None
    script = folder / command[1]
    if command[1].startswith("-") or not script.is_file():
        return None
    files: set[Path] = set()
    found = [*_OWN, *_imports(script, script.parent, files)]
    return tuple(dict.fromkeys([*found, *_late(found, files)]))


def _late(names: list[str], files: set[Path]) -> Iterator[str]:
    """What of these packages the files will import as they use them."""
    packages = {name.partition(".")[0] for name in names}
    for (package, word), module in _LATE.items():
        if package in packages and any(word.encode() in _text(file) for file in files):
            yield module


def _imports(file: Path, root: Path, seen: set[Path]) -> Iterator[str]:
    """What the head of a file imports, its project's own modules followed."""
    if file in seen:
        return
    seen.add(file)
    for name in _head(file):
        if "=" in name:
            yield name
            continue
        own = _own_files(root, name)
        if own:
            for path in own:
                yield from _imports(path, root, seen)
        elif _is_installed(name):
            yield name


def _head(file: Path) -> Iterator[str]:
    """The modules that a file imports before it does anything else.

    And in their order variables that it sets to constants, as "NAME=VALUE", "NAME?=VALUE" where it
    leaves one alone that is set.
    """
    try:
        tree = ast.parse(_text(file))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    for node in tree.body:
        match node:
            case ast.Import(names):
                yield from (name.name for name in names)
            case ast.ImportFrom(module=str(module), level=0):
                if module != "__future__":
                    yield module
            case ast.Expr(ast.Constant(str())) | ast.ImportFrom():
                continue
            case ast.Assign(
                [ast.Subscript(ast.Attribute(ast.Name("os"), "environ"), ast.Constant(str(name)))],
                ast.Constant(str(value)),
            ):
                yield f"{name}={value}"
            case ast.Expr(
                ast.Call(
                    ast.Attribute(ast.Attribute(ast.Name("os"), "environ"), "setdefault"),
                    [ast.Constant(str(name)), ast.Constant(str(value))],
                )
            ):
                yield f"{name}?={value}"
            case _:
                return


def _text(file: Path) -> bytes:
    """What is in it, nothing where it can't be read."""
    try:
        return file.read_bytes()
    except OSError:
        return b""


def _own_files(root: Path, name: str) -> list[Path]:
    """The files of the project that importing a name would run."""
    parts = name.split(".")
    stems = [root.joinpath(*parts[: end + 1]) for end in range(len(parts))]
    files = [path for stem in stems for path in (stem.with_suffix(".py"), stem / "__init__.py")]
    return [path for path in files if path.is_file()]


def _is_installed(name: str) -> bool:
    """Whether the top package of a name lies where packages are installed, or is built in."""
    top = name.partition(".")[0]
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError, AttributeError):
        return False
    if spec is None:
        return False
    if spec.origin is not None:
        return _lies_among_installed(spec.origin)
    places = list(spec.submodule_search_locations or [])
    return bool(places) and all(map(_lies_among_installed, places))


def _lies_among_installed(origin: str | None) -> bool:
    """Whether a module that comes from there is no module of the user's own."""
    if origin in ("built-in", "frozen"):
        return True
    if origin is None:
        return False
    path = Path(origin).resolve()
    return any(path.is_relative_to(folder) for folder in _INSTALLED)
