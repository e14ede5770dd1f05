"""`@nni.training_update(...)`: NNI's hook for weight sharing; no use in classic mode."""

from __future__ import annotations

import libcst as cst

from nni_annotate.grammar import Annotation, AnnotationError
from nni_annotate.syntax import scalar

_REFUSED = frozenset({"enas_mode", "oneshot_mode", "darts_mode", "enas", "oneshot", "darts"})


def check_training_update(annotation: Annotation) -> None:
    """Refuses the modes that need it. Raises AnnotationError."""
    for argument in annotation.arguments:
        refuse_modes(argument.value)


def refuse_modes(value: cst.BaseExpression) -> None:
    """Refuses the name of a mode that isn't offered. Raises AnnotationError."""
    text = scalar(value)
    mode = value.value if isinstance(value, cst.Name) else text[0] if text else None
    if isinstance(mode, str) and mode.lower() in _REFUSED:
        raise AnnotationError(
            "NNI112",
            f"the mode {mode} isn't offered; only the classic mode is, where each trial trains "
            "one chosen architecture",
            value,
        )
