"""A stand-in for `nvidia-smi`, for machines without GPUs: a program that answers from files."""

from __future__ import annotations

import os
import secrets
import shlex
from collections.abc import Sequence
from pathlib import Path

_SCRIPT = """#!/bin/sh
cd {folder} || exit
echo "$1" >> calls
[ -e instead ] && . ./instead
case $1 in
--query-gpu=index,uuid,name) cat cards ;;
--query-compute-apps=gpu_uuid,pid,used_gpu_memory,process_name) cat processes ;;
*) echo "no such query: $1"; exit 2 ;;
esac
"""


class Graphics:
    """GPUs that are not there, and the processes on them; `binaries` is for the head of PATH."""

    def __init__(self, folder: Path, count: int = 2) -> None:
        self.folder = folder
        self.binaries = folder / "bin"
        self.binaries.mkdir(parents=True)
        self.program = self.binaries / "nvidia-smi"
        self.program.write_text(_SCRIPT.format(folder=shlex.quote(str(folder))))
        self.program.chmod(0o755)
        # Experiments of other tests lock their GPUs by these.
        self.uuids = [f"GPU-{secrets.token_hex(4)}-0000-{n}" for n in range(count)]
        self.show("cards", [f"{n}, {uuid}, Card, Ti" for n, uuid in enumerate(self.uuids)])
        self.show("processes", [])

    @property
    def path(self) -> str:
        """PATH with this nvidia-smi."""
        return f"{self.binaries}{os.pathsep}{os.environ['PATH']}"

    def show(self, what: str, lines: Sequence[str]) -> None:
        """Answers so from now on."""
        self._put(what, "".join(f"{line}\n" for line in lines).encode())

    def occupy(self, *cards: int, pid: int = 4711) -> None:
        """Somebody else is on these GPUs now, and on no others."""
        on = [f"{self.uuids[n]}, {pid + n}, 300, /usr/bin/a, b" for n in cards]
        self.show("processes", on)

    def break_down(self, script: str) -> None:
        """Does this first from now on."""
        self._put("instead", script.encode())

    def calls(self) -> list[str]:
        """What it was asked."""
        log = self.folder / "calls"
        return log.read_text().splitlines() if log.exists() else []

    def _put(self, name: str, content: bytes) -> None:
        draft = self.folder / f"{name}.new"
        draft.write_bytes(content)
        draft.replace(self.folder / name)
