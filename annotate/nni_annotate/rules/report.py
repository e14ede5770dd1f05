"""`@nni.report_intermediate_result(EXPR)` and `@nni.report_final_result(EXPR)`."""

from __future__ import annotations

import libcst as cst

from nni_annotate.grammar import Annotation, AnnotationError, argument_place
from nni_annotate.rules.rule import no_keyword
from nni_annotate.rules.types import refuse_types


def read_report(annotation: Annotation) -> tuple[str, cst.Arg | None]:
    """The call that the annotation becomes. Raises AnnotationError."""
    arguments = annotation.arguments
    if len(arguments) != 1:
        raise AnnotationError(
            "NNI104",
            f"{annotation.kind} takes one argument, the result, found {len(arguments)}",
            argument_place(arguments[1]) if len(arguments) > 1 else annotation.call,
        )
    no_keyword(arguments[0], annotation.kind, ("metric",))
    refuse_types(arguments[0].value)
    return annotation.kind, arguments[0]
