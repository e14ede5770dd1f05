"""What both tables of fields say in the same words."""

from __future__ import annotations

ARGUMENTS = "Its arguments; optimize_mode is maximize or minimize."
LOCAL = "Where trials run: local, this machine."
LOG_LEVELS = ("trace", "debug", "info", "warning", "error", "fatal")
NO_GPU_FOR_TUNERS = "the tuners need no GPU"
NO_MANAGER = "trials run on this machine"
ONE_PROGRAM = "there is one program, which writes down all that happens"
