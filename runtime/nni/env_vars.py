"""The environment of a trial by name, as NNI 1.x has it; in 2.x it is `nni.runtime.env_vars`."""

from __future__ import annotations

import os


class _Variables:
    """Read when they are asked for: a trial may be a fork of what has imported this."""

    def __getattr__(self, name: str) -> str | None:
        """What a variable such as NNI_OUTPUT_DIR holds, None outside an experiment."""
        if not name.startswith("NNI_"):
            raise AttributeError(name)
        return os.environ.get(name)


trial_env_vars = _Variables()
