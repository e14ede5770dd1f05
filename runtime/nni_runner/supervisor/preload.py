"""Importing what trials will import, and whether the process is fit to be forked afterwards."""

from __future__ import annotations

import atexit
import contextlib
import os
import sys

TYPE_CHECKING = False  # as typing's own, which takes long to import
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

# What GPUs and their like are opened by: Nvidia's, those of Windows, AMD's, and others.
_GPUS = ("/dev/nvidia", "/dev/dxg", "/dev/kfd", "/dev/dri/", "/dev/accel")


class Imported:
    """What importing printed, and what it put into the environment; what was set meanwhile.

    And the finalizers of objects that it made, of temporary folders say, which no fork may call.
    """

    def __init__(
        self, out: bytes, err: bytes, environment: dict[bytes, bytes], was_set: dict[bytes, bytes]
    ) -> None:
        self.out = out
        self.err = err
        self.environment = environment
        self.was_set = was_set
        self._finalizers = _finalizers()
        self._call_at_exit(value=False)

    def finish(self) -> None:
        """What is to be done at the end of the process that imported, in none of its forks."""
        self._call_at_exit(value=True)
        atexit._run_exitfuncs()

    def _call_at_exit(self, *, value: bool) -> None:
        for finalizer in self._finalizers:
            finalizer.atexit = value


class UnfitError(Exception):
    """After importing a module the process may not be forked: the module's name, and why."""


def run(modules: Iterable[str], tell: Callable[[str], None]) -> Imported:
    """Imports them; what that left behind. One that can't be imported is left to the script.

    `NAME=VALUE` among them is a variable that the script will set then, `NAME?=VALUE` one that it
    will set unless it is set: they are while importing goes on. `tell` is given every module
    before it is imported. Raises UnfitError.
    """
    before = dict(os.environb)
    kept = [_redirected(fd) for fd in (1, 2)]
    was_set: dict[bytes, bytes] = {}
    for name in modules:
        if "=" in name:
            variable, _, value = name.partition("=")
            if not variable.endswith("?") or variable[:-1] not in os.environ:
                was_set[os.fsencode(variable.rstrip("?"))] = os.fsencode(value)
                os.environ[variable.rstrip("?")] = value
            continue
        tell(name)
        try:
            __import__(name)
        except Exception:  # noqa: BLE001 - the script will see it, or catch it
            continue
        why = _unfit()
        if why:
            raise UnfitError(name, why)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    out, err = (_content(fd) for fd in kept)
    for key in was_set:
        os.environb.pop(key, None)
        if key in before:
            os.environb[key] = before[key]
    changed = {n: value for n, value in os.environb.items() if before.get(n) != value}
    return Imported(out, err, changed, was_set)


def forget(own: frozenset[str]) -> None:
    """Takes this project's part of it out of what a script finds imported.

    `own` are the modules that were there before.
    """
    for name in [name for name in sys.modules if name.startswith("nni_runner")]:
        if name not in own:
            del sys.modules[name]


def _finalizers() -> list[Any]:
    """All that are alive: a few in most packages, but torch has 200, which take 30 ms."""
    weakref = sys.modules.get("weakref")
    return list(weakref.finalize._registry) if weakref else []


def _unfit() -> str:
    """Why this process may not be forked, "" where it may."""
    threading = sys.modules.get("threading")
    if (threading and threading.active_count() > 1) or _threads() > _threads_of_openblas():
        return "importing it starts a thread"
    return "importing it opens a GPU" if _has_opened_a_gpu() else ""


def _has_opened_a_gpu() -> bool:
    """As whoever initialises CUDA does, torch or another; a fork can't use what its parent has."""
    for fd in os.listdir("/proc/self/fd"):  # noqa: PTH208
        with contextlib.suppress(OSError):  # what listed them is closed
            if os.readlink(f"/proc/self/fd/{fd}").startswith(_GPUS):  # noqa: PTH115
                return True
    return False


def _threads() -> int:
    """Those besides this one, whoever has started them."""
    return len(os.listdir("/proc/self/task")) - 1  # noqa: PTH208 - pathlib is slow to import


def _threads_of_openblas() -> int:
    """How many it may have started as numpy or scipy was loaded; it knows what to do at a fork."""
    if _threads() == 0:
        return 0
    with open("/proc/self/maps", encoding="utf-8", errors="replace") as file:  # noqa: PTH123
        names = {line.split()[-1] for line in file}
    copies = sum("openblas" in name.rpartition("/")[2] for name in names)
    set_to = [os.environ.get(f"{name}_NUM_THREADS", "") for name in ("OPENBLAS", "GOTO", "OMP")]
    numbers = [int(text) for text in set_to if text.isdigit() and int(text)]
    return copies * ((numbers or [len(os.sched_getaffinity(0))])[0] - 1)


def _redirected(fd: int) -> int:
    file = os.memfd_create("printed")
    os.dup2(file, fd)
    return file


def _content(file: int) -> bytes:
    size = os.fstat(file).st_size
    data = os.pread(file, size, 0)
    os.close(file)
    return data
