"""Room for deep recursion: libcst recurses where CPython's own parser does not."""

from __future__ import annotations

import ast
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

AT_WORK = "nni-annotate at work"  # the name of the thread, which nobody can stop
_Result = TypeVar("_Result")
# Reserved, not used: only the pages that are touched cost memory. Smaller where the system says no.
_STACK_BYTES = (1 << 30, 1 << 28, 1 << 26)
_RECURSION_LIMIT = 200_000
_USUAL_LIMIT = 1000
TOO_DEEP = "an expression or a statement is nested too deeply to be compiled; split it"
_MOST_BRACKETS = 200  # of CPython, one in the other


def with_deep_stack(work: Callable[[], _Result]) -> _Result:
    """Does the work in a thread with a stack for deeply nested code, and returns its result.

    A chain of 300 calls is too much for libcst on an ordinary stack, and some thousand terms would
    end the process. Raises what the work raises, RecursionError where even this is not enough.
    """
    outcome: list[_Result | Exception] = []

    def run() -> None:
        try:
            outcome.append(work())
        except Exception as error:  # noqa: BLE001 - raised again in the caller's thread
            outcome.append(error)

    limit, size = sys.getrecursionlimit(), threading.stack_size()
    try:
        sys.setrecursionlimit(max(limit, _RECURSION_LIMIT))
        _start(run).join()
    finally:
        sys.setrecursionlimit(limit)
        threading.stack_size(size)
    (result,) = outcome
    if isinstance(result, Exception):
        raise result
    return result


def _start(run: Callable[[], None]) -> threading.Thread:
    for size in _STACK_BYTES:
        threading.stack_size(size)
        thread = threading.Thread(target=run, daemon=True, name=AT_WORK)
        try:
            thread.start()
        except RuntimeError:
            continue
        return thread
    raise RecursionError("there is no memory for a deep stack")


def refuse_depth(text: str) -> None:
    """Raises RecursionError for brackets nested more deeply than CPython takes them.

    libcst would use up all memory over some thousand of them, closed or not.
    """
    if line_too_deep(text):
        raise RecursionError("too many brackets")


def line_too_deep(text: str) -> int:
    """The line where brackets are nested too deeply for CPython; 0 where none are."""
    if sum(map(text.count, "([{")) <= _MOST_BRACKETS:
        return 0
    try:
        ast.parse(text)
    except SyntaxError as error:
        return error.lineno or 0 if error.msg.startswith("too many") else 0
    except (ValueError, MemoryError):
        pass  # whoever reads the text will say so
    return 0


def is_too_deep(expression: str) -> bool:
    """Whether CPython refuses to compile an expression for its depth."""
    try:
        with usual_recursion():
            compile(f"({expression}\n)", "text", "eval", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    except (RecursionError, MemoryError):
        return True
    except (SyntaxError, ValueError):
        pass  # of another kind
    return False


@contextmanager
def usual_recursion() -> Iterator[None]:
    """As deep as a program may go that nobody made room for."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(_USUAL_LIMIT)
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)
