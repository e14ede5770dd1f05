"""The compiler in a process of its own, which loads while the runner itself does.

Half of what a command spends before the first trial is loading: libcst on one side, numpy on the
other. Side by side they take as long as one, and libcst's memory goes when its process does.
Where there is no such process, or it fails, the runner compiles by itself.
"""

from __future__ import annotations

import atexit
import os
import re
import sys

TYPE_CHECKING = False  # to import nothing before there are two processes
if TYPE_CHECKING:
    from pathlib import Path

    from nni_annotate.tree import CompiledTree

_ANNOTATED = re.compile(rb"useAnnotation[\"']?\s*:\s*true", re.IGNORECASE)  # of a config file
_waiting: tuple[int, int, int] | None = None  # its process, where it is asked, where it answers


def load_ahead(words: list[str]) -> None:
    """Starts the process; it ends by itself where a command's words name nothing to compile.

    To be called before anything else that takes long to load, numpy above all. Does nothing where
    there are threads, as they may hold locks that no one in a fork would release.
    """
    global _waiting
    threads = os.listdir("/proc/self/task") if sys.platform == "linux" else []  # noqa: PTH208
    if not words or len(threads) != 1:
        return
    pipes: list[int] = []
    try:
        for _ in range(2):
            pipes += os.pipe()
        child = os.fork()
    except OSError:  # whatever there is too little of, compiling can do without
        for pipe in pipes:
            os.close(pipe)
        return
    asked, ask, answered, answer = pipes
    if child:
        os.close(asked)
        os.close(answer)
        _waiting = child, ask, answered
        atexit.register(stop)  # where the command ends before it comes to compiling
        return
    try:
        os.close(ask)
        os.close(answered)
        _serve(words, asked, answer)
    finally:
        os._exit(0)


def compile_target(source: Path, leave_out: Path) -> CompiledTree:
    """`compile_tree` as the runner needs it, and the end of the process.

    Raises CompileError with every problem of every file, ProjectError for an unusable source.
    """
    if _waiting is not None:
        import pickle

        _, ask, answered = _waiting
        try:
            with open(ask, "wb", closefd=False) as request:
                pickle.dump((source, leave_out), request)
            with open(answered, "rb", closefd=False) as answer:
                found = pickle.load(answer)
        except (OSError, EOFError, pickle.UnpicklingError):
            pass  # it ended: there was nothing to compile, or it failed, as this may too
        else:
            if isinstance(found, Exception):
                raise found
            tree: CompiledTree = found
            return tree
        finally:
            stop()
    return _compiled(source, leave_out)


def stop() -> None:
    """Ends the process, if there is one."""
    global _waiting
    if _waiting is None:
        return
    import signal

    child, *pipes = _waiting
    _waiting = None
    for pipe in pipes:
        os.close(pipe)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def _serve(words: list[str], asked: int, answer: int) -> None:
    """Loads the compiler and compiles what it is asked to, if that ever comes."""
    import gc
    import signal

    for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(one, signal.SIG_DFL)  # to end silently, whatever its parent says
    if not _is_worth_loading(words):
        return
    gc.disable()  # none of all that is loaded is garbage
    import pickle

    import nni_annotate.compile
    import nni_annotate.project
    import nni_annotate.strays  # noqa: F401 - what compiling imports when it comes to it
    from nni_annotate.errors import NniAnnotateError

    gc.freeze()
    gc.enable()
    with open(asked, "rb") as request:
        source, leave_out = pickle.load(request)
    found: CompiledTree | Exception
    try:
        found = _compiled(source, leave_out)
    except NniAnnotateError as error:
        found = error
    with open(answer, "wb") as reply:
        pickle.dump(found, reply)


def _compiled(source: Path, leave_out: Path) -> CompiledTree:
    from nni_annotate.project import compile_tree

    return compile_tree(source, leave_out, notebooks_as_scripts=True)


def _is_worth_loading(words: list[str]) -> bool:
    """Whether these words name a folder, an annotated file or a config file of such code."""
    from pathlib import Path

    from nni_annotate.sources import MANIFEST, NOTEBOOK, may_hold_annotations, may_hold_calls

    for path in (Path(word.removeprefix("--config=")) for word in words):
        if path.is_dir() and not (path / MANIFEST).exists():
            return True
        if path.suffix in (".py", NOTEBOOK) and path.is_file():
            content = path.read_bytes()
            return may_hold_annotations(content) or may_hold_calls(content, path.name)
        is_config = path.suffix in (".yml", ".yaml", ".json") and path.is_file()
        if is_config and _ANNOTATED.search(path.read_bytes()):
            return True
    return False
