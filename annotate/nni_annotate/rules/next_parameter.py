"""`@nni.get_next_parameter()`: NNI asked for it at the head of a program; nothing needs it here."""

from __future__ import annotations

import libcst as cst

from nni_annotate.grammar import Annotation, AnnotationError, argument_place


def read_next_parameter(annotation: Annotation) -> tuple[str, cst.Arg | None]:
    """The call that the annotation becomes. Raises AnnotationError."""
    if annotation.arguments:
        place = argument_place(annotation.arguments[0])
        raise AnnotationError("NNI104", "get_next_parameter takes no arguments", place)
    return annotation.kind, None
