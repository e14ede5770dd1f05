"""The kinds of annotation, one file each, and the table of them."""

from __future__ import annotations

from nni_annotate.rules.function_choice import read_function_choice
from nni_annotate.rules.mutable_layers import read_mutable_layers
from nni_annotate.rules.next_parameter import read_next_parameter
from nni_annotate.rules.report import read_report
from nni_annotate.rules.rule import CallRule, EditRule, IdleRule, LayersRule, Rule
from nni_annotate.rules.training_update import check_training_update
from nni_annotate.rules.variable import read_variable

RULES: dict[str, Rule] = {
    "variable": EditRule(read_variable),
    "function_choice": EditRule(read_function_choice),
    "report_intermediate_result": CallRule(read_report),
    "report_final_result": CallRule(read_report),
    "get_next_parameter": CallRule(read_next_parameter),
    "mutable_layers": LayersRule(read_mutable_layers),
    "training_update": IdleRule(check_training_update),
}
