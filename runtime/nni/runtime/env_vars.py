"""The environment of a trial by name, as NNI 2.x has it."""

from nni.env_vars import trial_env_vars

__all__ = ["trial_env_vars"]
