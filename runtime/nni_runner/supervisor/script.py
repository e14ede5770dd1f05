"""A script in a fork of a process that has imported things: what it sees is a fresh interpreter."""

from __future__ import annotations

import atexit
import builtins
import collections.abc
import gc
import io
import json
import os
import resource
import signal
import sys
import types
import warnings
from importlib.machinery import SourceFileLoader

TYPE_CHECKING = False  # as typing's own, which takes long to import
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from nni_runner.supervisor.preload import Imported

_ABC, _FROZEN = collections.abc.__file__, "<frozen _collections_abc>"
# Variables that make no difference to what is imported: Python reads the first as it starts, and
# CUDA's libraries the others as they are initialised, which no import ahead may have done.
_WHENEVER = {
    b"PYTHONHASHSEED", b"CUDA_VISIBLE_DEVICES", b"CUDA_DEVICE_ORDER", b"CUDA_LAUNCH_BLOCKING",
    b"CUBLAS_WORKSPACE_CONFIG",
}  # fmt: skip


class Script:
    """What a request asks for, made ready before the fork: what a fork touches, it has to copy.

    Its text is compiled once for all trials that find the same in their file.
    """

    _latest: tuple[str, bytes, types.CodeType | None] = ("", b"", None)

    def __init__(self, request: int) -> None:
        """Of the JSON object in that file."""
        with os.fdopen(request, "rb") as file:
            file.seek(0)
            what: dict[str, Any] = json.loads(file.read())
        self._folder = os.fsdecode(_bytes(what["folder"]))
        own = {_bytes(name): _bytes(value) for name, value in what["environment"].items()}
        self._environment = [one for one in own.items() if os.environb.get(one[0]) != one[1]]
        self._argv = [os.fsdecode(_bytes(word)) for word in what["argv"]]
        self._files, self._learn = what["files"], what["learn"]
        path = os.path.join(os.path.realpath(self._folder), self._argv[0])  # noqa: PTH118
        self._path, self._place = os.path.abspath(path), os.path.dirname(os.path.realpath(path))  # noqa: PTH100, PTH120
        self._code = self._compiled()

    def _compiled(self) -> types.CodeType | None:
        """None where there is something to be said of it, which the script itself has to say."""
        said: list[object] = []
        show, warnings.showwarning = warnings.showwarning, lambda *what: said.append(what)
        try:
            source = _read(self._path)
            if Script._latest[:2] != (self._path, source):
                Script._latest = (self._path, source, None)
                code = _compile(source, self._path)
                Script._latest = (self._path, source, None if said else code)
        except Exception:  # noqa: BLE001
            return None
        finally:
            warnings.showwarning = show
        return Script._latest[2]

    def set_up(self, out: int, err: int, printed: Imported) -> None:
        """Gives the process a folder, an environment and, behind its streams, files of its own."""
        for fd, target in ((out, 1), (err, 2)):
            os.dup2(fd, target)
            os.close(fd)
        for fd, data in ((1, printed.out), (2, printed.err)):
            if data:  # what importing printed, each trial would have printed itself
                os.write(fd, data)
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (self._files, most))
        for name, value in self._environment:
            if name not in printed.environment:  # what importing put in comes first
                os.environb[name] = value
        os.chdir(self._folder)
        if "shutil" in sys.modules:  # folders that imports have made are there for other forks too
            atexit.unregister(sys.modules["shutil"].rmtree)
        if "numpy.random" in sys.modules:  # as random does by itself
            sys.modules["numpy.random"].seed()

    def run(self, was_set: dict[bytes, bytes]) -> int:
        """Runs the script to its end as `python SCRIPT ARGUMENTS` does; the exit code.

        `was_set` are variables that had these values already while modules were imported.
        """
        sys.argv, sys.orig_argv = self._argv, [sys.executable, *self._argv]
        sys.path[:0] = [self._place]
        main = types.ModuleType("__main__")
        main.__dict__.update(
            __file__=self._path, __builtins__=builtins, __cached__=None, __annotations__={},
            __spec__=None,
        )  # fmt: skip
        main.__dict__["__loader__"] = SourceFileLoader("__main__", self._path)
        sys.modules["__main__"] = main
        ahead = frozenset(sys.modules) if self._learn else frozenset()
        imported = _watch_imports(self._place, was_set) if self._learn else None
        code = _exit_code(lambda: self._execute(main))
        if imported is not None and code == 0:
            _write_down([name for name in imported() if name not in ahead], ahead, self._learn)
        return _shut_down(code)

    def _execute(self, main: types.ModuleType) -> None:
        exec(self._code or _compile(_read(self._path), self._path), main.__dict__)


def _read(path: str) -> bytes:
    with io.open_code(path) as file:
        source: bytes = file.read()
    return source


def _compile(source: bytes, path: str) -> types.CodeType:
    code: types.CodeType = compile(source, path, "exec", dont_inherit=True)
    return code


def _exit_code(action: Any) -> int:
    """What Python makes of how a program ends."""
    try:
        action()
    except SystemExit as error:
        return _of_exit(error)
    except BaseException as error:  # noqa: BLE001 - as Python itself
        trace = error.__traceback__
        while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
            trace = trace.tb_next  # these frames are none of the script's
        error.__traceback__ = trace
        sys.excepthook(type(error), error, trace)
        if isinstance(error, KeyboardInterrupt):
            _flush()
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGINT)
        return 1
    return 0


def _of_exit(error: SystemExit) -> int:
    if error.code is None:
        return 0
    if isinstance(error.code, int):
        return error.code & 0xFF
    print(error.code, file=sys.stderr)
    return 1


def _watch_imports(folder: str, was_set: dict[bytes, bytes]) -> Callable[[], list[str]]:
    """What gives the modules imported by then, as long as the script left the environment alone.

    What is imported after a change of it by the code in that folder may be another thing before,
    unless it is one of `was_set`, or changes nothing that imports look at.
    """
    found: list[str] = []
    before = os.environb.copy()

    def hear(event: str, values: tuple[Any, ...]) -> None:
        if event not in ("os.putenv", "os.unsetenv") or found or values[0] in _WHENEVER:
            return
        if event == "os.putenv" and values[1] in (was_set.get(values[0]), before.get(values[0])):
            return
        if _is_called_in(folder):
            found.extend(sys.modules)

    sys.addaudithook(hear)
    return lambda: found or list(sys.modules)


def _is_called_in(folder: str) -> bool:
    """Whether it is code in that folder that changes the environment just now."""
    frame = sys._getframe(2)
    while frame.f_back and frame.f_code.co_filename in (os.__file__, _ABC, "<frozen os>", _FROZEN):
        frame = frame.f_back
    path = frame.f_code.co_filename
    return path.startswith(os.path.join(folder, "")) and "site-packages" not in path  # noqa: PTH118


def _write_down(names: list[str], ahead: frozenset[str], path: str) -> None:
    """Writes which modules these are and where they come from, for the trials to come.

    And how many had been imported ahead.
    """
    specs = [(name, getattr(sys.modules.get(name), "__spec__", None)) for name in names]
    known = [(name, spec.origin) for name, spec in specs if spec is not None]
    draft = _bytes(path) + b".%d" % os.getpid()
    try:
        with open(draft, "w", encoding="utf-8") as file:  # noqa: PTH123
            json.dump({"ahead": len(ahead), "late": known}, file)
        os.replace(draft, _bytes(path))  # noqa: PTH105
    except OSError:
        pass  # another trial may write it


def _shut_down(code: int) -> int:
    """What Python does at its end: threads, exit handlers, the script's own objects, streams."""
    if "threading" in sys.modules:
        code = _exit_code(sys.modules["threading"]._shutdown) or code
    atexit._run_exitfuncs()
    _drop_objects()
    return code if _flush() else 120


def _drop_objects() -> None:
    """Ends the lives of the script's objects: of files that it left open, say."""
    sys.modules["__main__"].__dict__.clear()
    gc.collect()


def _flush() -> bool:
    """Whether all that was printed could be written; what the script has closed is left alone."""
    is_written = True
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None and not getattr(stream, "closed", False):
                stream.flush()
        except Exception:  # noqa: BLE001 - of a stream of the script's own
            is_written = False
    return is_written


def _bytes(text: str) -> bytes:
    """What stands for the bytes of a name; see `watcher`."""
    return text.encode("latin-1")
