"""Where trials run: on this machine; of other platforms, what to do instead."""

from __future__ import annotations

import difflib

_IN_A_JOB = (
    "write platform local, and start nnictl create --foreground inside of a job there, which "
    "gives it the CPUs and GPUs"
)
_OTHERS = {
    "remote": "write platform local, and start it on the machine itself: ssh HOST nnictl create "
    "--config FILE",
    "hybrid": "write platform local; of several machines, each runs an experiment of its own",
    **dict.fromkeys(
        ("openpai", "pai", "paiYarn", "aml", "dlc", "dlts", "kubeflow", "frameworkcontroller",
         "adl"),
        _IN_A_JOB,
    ),
}  # fmt: skip


def advice(platform: str) -> str:
    """What an error says of a platform other than local."""
    known = {name.lower(): name for name in ("local", *_OTHERS)}
    name = known.get(platform.strip().lower())
    if name == "local":
        return f'expected local, found "{platform}"'
    if name is not None:
        return f"{name} isn't offered: {_OTHERS[name]}"
    close = difflib.get_close_matches(platform.lower(), known, n=1)
    hint = f"; did you mean {known[close[0]]}?" if close else ""
    return f'expected local, found "{platform}"{hint}'
