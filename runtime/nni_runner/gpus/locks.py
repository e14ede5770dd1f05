"""Which experiment of this user has which GPU: a locked file each, in one folder for all of them.

`nvidia-smi` sees a trial only once it computes; until then two experiments would take the same GPU.
The locks go with their process. Where there can be none, experiments do without.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import tempfile
from pathlib import Path

from nni_runner.gpus.nvidia import Process


class CardLocks:
    """The GPUs that one experiment has, by uuid."""

    def __init__(self, experiment: str, folder: Path | None = None) -> None:
        self._experiment = experiment
        usual = Path(tempfile.gettempdir()) / f"nni-gpus-{os.getuid()}"
        self._folder = folder or usual
        self._files: dict[str, int] = {}

    def take(self, uuid: str) -> bool:
        """Whether no other experiment has it; then this one has."""
        file = self._open(uuid)
        if file is None:
            return True
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            me = json.dumps({"pid": os.getpid(), "experiment": self._experiment})
            os.ftruncate(file, 0)
            os.pwrite(file, me.encode(), 0)
        except BlockingIOError:
            os.close(file)
            return False
        except OSError:  # no locks here, or a full disk
            pass
        self._files[uuid] = file
        return True

    def give_back(self, uuid: str) -> None:
        """Others may have it."""
        file = self._files.pop(uuid, None)
        if file is not None:
            with contextlib.suppress(OSError):
                os.ftruncate(file, 0)
            os.close(file)

    def holder(self, uuid: str) -> Process:
        """Who has it, as far as it has said so."""
        try:
            known = json.loads((self._folder / uuid).read_text(encoding="utf-8"))
            return Process(str(known["pid"]), f"nni-run, experiment {known['experiment']}")
        except (OSError, ValueError, TypeError, KeyError):
            return Process("?", "nni-run, another experiment")

    def close(self) -> None:
        """Gives all back."""
        for uuid in list(self._files):
            self.give_back(uuid)

    def _open(self, uuid: str) -> int | None:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            if self._folder.lstat().st_uid != os.getuid():  # somebody else's trap
                return None
            return os.open(self._folder / uuid, flags, 0o600)
        except OSError:
            return None
