"""`@nni.mutable_layers({...}, ...)`: which layer, and which of its inputs; NNI's classic mode.

A layer is called as in NNI: `f([fixed inputs, chosen inputs], ...)`, one list of two lists, before
the arguments that the annotation gives it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import libcst as cst

from nni_annotate.domains import Layer, MutableLayer
from nni_annotate.errors import SpaceError
from nni_annotate.grammar import Annotation, AnnotationError, did_you_mean
from nni_annotate.rules.rule import SourceFile, no_keyword, option_text, pick
from nni_annotate.rules.training_update import refuse_modes
from nni_annotate.rules.types import refuse_types, repeated
from nni_annotate.syntax import NotAConstant, number, one_line, operand
from nni_annotate.trial_api import TRIAL_API

_FIELDS = (
    "layer_choice",
    "fixed_inputs",
    "optional_inputs",
    "optional_input_size",
    "layer_output",
)
_ARGUMENTS = ("", "layer_choice", "optional_inputs", "optional_input_size")  # those of Layer


@dataclass(frozen=True)
class LayerCode:
    """One layer of the annotation: the calls to choose from, its inputs and its output."""

    name: str
    calls: tuple[cst.Call, ...]
    fixed: tuple[cst.BaseExpression, ...]
    optional: tuple[cst.BaseExpression, ...]
    first: int  # how many of the optional inputs are taken without an experiment
    output: cst.BaseExpression

    def code(self, key: str, file: SourceFile) -> str:
        """The assignment; only the chosen call and the chosen inputs are evaluated."""
        own = file.literal(self.name)
        inputs = self._inputs(key, own, file)
        if len(self.calls) == 1:
            return f"{one_line(self.output)} = {_only_call(self.calls[0], inputs)}"
        layer = self._layer(key, own, file)
        return f"{one_line(self.output)} = {layer}([{inputs}])"

    def _layer(self, key: str, own: str, file: SourceFile) -> str:
        """The chosen call's function, with the arguments that the annotation gives it."""
        options = [(_function(call), option_text(call)) for call in self.calls]
        picks = [
            (function, f"{TRIAL_API}.chose_layer({key}, {own}, {file.literal(label)})")
            for function, label in options[1:]
        ]
        return f"({pick(picks, options[0][0])})"

    def _inputs(self, key: str, own: str, file: SourceFile) -> str:
        fixed = ", ".join(operand(node) for node in self.fixed)
        chosen = ", ".join(
            f"*([{one_line(node)}] if {TRIAL_API}.takes_input({key}, {own}, "
            f"{file.literal(option_text(node))}, {index < self.first}) else ())"
            for index, node in enumerate(self.optional)
        )
        return f"[{fixed}], [{chosen}]"


@dataclass(frozen=True)
class MutableLayers:
    """The layers of one annotation, in the order of the text."""

    file: SourceFile
    layers: tuple[LayerCode, ...]
    domain: MutableLayer

    def statements(self, key: str) -> list[str]:
        """One assignment a layer."""
        return [layer.code(key, self.file) for layer in self.layers]


def read_mutable_layers(annotation: Annotation, file: SourceFile) -> MutableLayers:
    """The annotation's layers. Raises AnnotationError."""
    if not annotation.arguments:
        message = "mutable_layers takes one dict or more, found none"
        raise AnnotationError("NNI104", message, annotation.call)
    codes, layers = [], []
    for index, argument in enumerate(annotation.arguments):
        code, layer = _layer(f"mutable_layer_{index}", argument)
        codes.append(code)
        layers.append(layer)
    return MutableLayers(file, tuple(codes), MutableLayer(tuple(layers)))


def _layer(name: str, argument: cst.Arg) -> tuple[LayerCode, Layer]:
    fields = _fields(argument)
    calls = [_call(node) for node in _list(fields, "layer_choice")]
    fixed, optional = _list(fields, "fixed_inputs"), _list(fields, "optional_inputs")
    size = _size(fields, optional)
    output = fields["layer_output"]
    if not isinstance(output, (cst.Name, cst.Attribute, cst.Subscript)):
        message = f"layer_output is to be what the layer is assigned to, found {one_line(output)}"
        raise AnnotationError("NNI104", message, output)
    for node in (*calls, *fixed, *optional):
        refuse_types(node)
    _refuse_repeated("layer_choice", calls)
    _refuse_repeated("optional_inputs", optional)
    try:
        layer = Layer(
            name,
            tuple(option_text(call) for call in calls),
            tuple(option_text(node) for node in optional),
            size,
        )
        MutableLayer((layer,))
    except SpaceError as error:
        field = _ARGUMENTS[error.argument or 0]
        raise AnnotationError("NNI108", str(error), fields.get(field, argument.value)) from None
    # As many as the range allows at least; of a range from 0 on, none would leave no input at all.
    first = size if isinstance(size, int) else max(size[0], min(1, size[1]))
    return LayerCode(name, tuple(calls), fixed, optional, first, output), layer


def _fields(argument: cst.Arg) -> dict[str, cst.BaseExpression]:
    refuse_modes(argument.value)
    no_keyword(argument, "mutable_layers")
    if not isinstance(argument.value, cst.Dict):
        message = f"mutable_layers takes dicts, one a layer; found {one_line(argument.value)}"
        raise AnnotationError("NNI104", message, argument.value)
    fields: dict[str, cst.BaseExpression] = {}
    for element in argument.value.elements:
        key = element.key if isinstance(element, cst.DictElement) else None
        name = _field_name(key)
        if name not in _FIELDS:
            message = f"a layer has no field {name}{did_you_mean(name, list(_FIELDS))}"
            raise AnnotationError("NNI104", message, key or element.value)
        if name in fields:
            raise AnnotationError("NNI104", f"{name} is given twice", key)
        fields[name] = element.value
    for name in ("layer_choice", "layer_output"):
        if name not in fields:
            raise AnnotationError("NNI104", f"a layer needs {name}", argument.value)
    return fields


def _field_name(key: cst.BaseExpression | None) -> str:
    if isinstance(key, cst.SimpleString):
        return str(key.evaluated_value)
    return one_line(key) if key is not None else "**"


def _list(fields: dict[str, cst.BaseExpression], name: str) -> tuple[cst.BaseExpression, ...]:
    value = fields.get(name)
    if value is None:
        return ()
    plain = isinstance(value, (cst.List, cst.Tuple)) and all(
        isinstance(element, cst.Element) for element in value.elements
    )
    if not isinstance(value, (cst.List, cst.Tuple)) or not plain:
        place = next((e for e in getattr(value, "elements", ()) if not isinstance(e, cst.Element)),
                     value)  # fmt: skip
        message = f"{name} is to be a list, [...], found {one_line(value)}"
        raise AnnotationError("NNI104", message, place)
    return tuple(element.value for element in value.elements)


def _refuse_repeated(field: str, nodes: Sequence[cst.BaseExpression]) -> None:
    if (twice := repeated(nodes)) is not None:
        raise AnnotationError("NNI108", f"{field} has {one_line(twice)} twice", twice)


def _call(node: cst.BaseExpression) -> cst.Call:
    if not isinstance(node, cst.Call):
        message = f"layer_choice holds calls, such as conv(size=3); found {one_line(node)}"
        raise AnnotationError("NNI104", message, node)
    return node


def _function(call: cst.Call) -> str:
    """The code of a layer's function that only lacks its inputs."""
    function = operand(call.func)
    if not call.args:
        return function
    bare = option_text(call.with_changes(func=cst.Name("f")))
    return f"{TRIAL_API}.layer({function}, {bare[2:-1]})"


def _only_call(call: cst.Call, inputs: str) -> str:
    """The code of a call with its inputs."""
    function = operand(call.func)
    if not isinstance(call.func, (cst.Name, cst.Attribute, cst.Subscript, cst.Call)):
        function = f"({function})"
    arguments = f", {option_text(call.with_changes(func=cst.Name('f')))[2:-1]}" if call.args else ""
    return f"{function}([{inputs}]{arguments})"


def _size(
    fields: dict[str, cst.BaseExpression], optional: Sequence[cst.BaseExpression]
) -> int | tuple[int, int]:
    value = fields.get("optional_input_size")
    if value is None:
        if not optional:
            return 0
        message = "optional_inputs needs optional_input_size: a number, or [lowest, highest]"
        raise AnnotationError("NNI104", message, fields["optional_inputs"])
    parts = (
        [element.value for element in value.elements]
        if isinstance(value, (cst.List, cst.Tuple))
        else [value]
    )
    sizes = [_whole(part, value) for part in parts]
    if len(parts) == 1 and not isinstance(value, (cst.List, cst.Tuple)):
        return sizes[0]
    if len(sizes) != 2:
        message = f"optional_input_size is a number or [lowest, highest], found {one_line(value)}"
        raise AnnotationError("NNI104", message, value)
    return sizes[0], sizes[1]


def _whole(node: cst.BaseExpression, place: cst.BaseExpression) -> int:
    try:
        size = number(node)
    except NotAConstant:
        size = -0.5
    if not isinstance(size, int):
        message = f"optional_input_size is a number or [lowest, highest], found {one_line(place)}"
        raise AnnotationError("NNI104", message, place)
    return size
