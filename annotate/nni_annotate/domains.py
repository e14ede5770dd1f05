"""The domains that a parameter's value may come from, and their JSON form, which is NNI's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import astuple, fields
from difflib import get_close_matches

from nni_annotate.errors import SpaceError
from nni_annotate.hierarchy import (
    Branch,
    Choice,
    Domain,
    Layer,
    MutableLayer,
    Plain,
    entries_of,
    inside,
    label_of,
)
from nni_annotate.numeric import (
    LogNormal,
    LogUniform,
    Normal,
    QLogNormal,
    QLogUniform,
    QNormal,
    Quantised,
    QUniform,
    RandInt,
    Uniform,
    gives_ints,
    quantised,
    round_to,
)
from nni_annotate.values import Value, identity, show

__all__ = [
    "TYPES",
    "Branch",
    "Choice",
    "Domain",
    "Layer",
    "LogNormal",
    "LogUniform",
    "MutableLayer",
    "Normal",
    "Plain",
    "QLogNormal",
    "QLogUniform",
    "QNormal",
    "QUniform",
    "Quantised",
    "RandInt",
    "Uniform",
    "Value",
    "domain_from_json",
    "domain_to_json",
    "gives_ints",
    "identity",
    "label_of",
    "make_domain",
    "quantised",
    "round_to",
    "show",
]

# What `nni.TYPE(...)` may be; a mutable layer is no such call.
TYPES: dict[str, type[Plain]] = {
    "choice": Choice,
    "randint": RandInt,
    "uniform": Uniform,
    "quniform": QUniform,
    "loguniform": LogUniform,
    "qloguniform": QLogUniform,
    "normal": Normal,
    "qnormal": QNormal,
    "lognormal": LogNormal,
    "qlognormal": QLogNormal,
}
_LAYER = ("layer_choice", "optional_inputs", "optional_input_size")


def domain_from_json(entry: object) -> Domain:
    """The domain that `{"_type": ..., "_value": [...]}` describes.

    Raises SpaceError.
    """
    try:
        return _domain(entry)
    except RecursionError:
        raise SpaceError("nested too deeply") from None


def _domain(entry: object) -> Domain:
    if not isinstance(entry, Mapping) or "_type" not in entry or "_value" not in entry:
        raise SpaceError(f'expected {{"_type": ..., "_value": [...]}}, found {show(entry)}')
    name, arguments = entry["_type"], entry["_value"]
    if name == MutableLayer.type:
        return _mutable_layer(arguments)
    if not isinstance(name, str) or name not in TYPES:
        known = [*TYPES, MutableLayer.type]
        near = get_close_matches(name, known, n=1) if isinstance(name, str) else []
        hint = f"; did you mean {near[0]}?" if near else ""
        raise SpaceError(f"expected a _type out of {', '.join(known)}; found {show(name)}{hint}")
    if not isinstance(arguments, (list, tuple)):
        raise SpaceError(f"expected a list as _value of {name}, found {show(arguments)}")
    return make_domain(name, list(arguments))


def _option(option: Value) -> Value:
    """An option as it is, unless it is an object with a `_name`: that is a branch."""
    if not isinstance(option, Mapping) or "_name" not in option:
        if _holds_parameters(option):
            expected = (
                'expected an option with parameters as {"_name": ..., "NAME": {"_type": ...}}'
            )
            raise SpaceError(f"{expected}, found {show(option)}")
        return option
    name = option["_name"]
    if not isinstance(name, str):
        raise SpaceError(f"expected a string as _name, found {show(name)}")
    parameters = []
    for key, entry in option.items():
        if key != "_name":
            with inside(f"{name}/{key}"):
                parameters.append((str(key), _domain(entry)))
    return Branch(name, tuple(parameters))


def _holds_parameters(option: Value) -> bool:
    """Whether there is something in it that is a parameter elsewhere: as a value it makes none."""
    inner = option.values() if isinstance(option, Mapping) else option
    return isinstance(inner, Iterable) and any(
        isinstance(one, Mapping) and "_type" in one and "_value" in one for one in inner
    )


def _mutable_layer(layers: object) -> MutableLayer:
    if not isinstance(layers, Mapping):
        raise SpaceError(f"expected an object of layers as _value, found {show(layers)}")
    found = []
    for name, layer in layers.items():
        with inside(str(name)):
            entries = entries_of(layer, _LAYER)
            found.append(Layer(str(name), *(_frozen(entries[field]) for field in _LAYER)))
    return MutableLayer(tuple(found))


def _frozen(value: Value) -> Value:
    return tuple(value) if isinstance(value, list) else value


def make_domain(name: str, arguments: list[Value]) -> Plain:
    """The domain of that type name with those positional arguments.

    Raises SpaceError.
    """
    kind = TYPES[name]
    if kind is Choice:
        return Choice(tuple(map(_option, arguments)))
    if kind is RandInt and len(arguments) == 1:
        arguments = [0, *arguments]
    names = [field.name for field in fields(kind)]
    if len(arguments) != len(names):
        raise SpaceError(
            f"{name} takes {len(names)} arguments ({', '.join(names)}), found {len(arguments)}"
        )
    return kind(*arguments)


def domain_to_json(domain: Domain) -> dict[str, Value]:
    """The `{"_type": ..., "_value": ...}` that `domain_from_json` reads."""
    value: Value
    match domain:
        case Choice(options):
            value = [_option_to_json(option) for option in options]
        case MutableLayer(layers):
            value = {layer.name: _layer_to_json(layer) for layer in layers}
        case _:
            value = list(astuple(domain))
    return {"_type": domain.type, "_value": value}


def _option_to_json(option: Value) -> Value:
    if not isinstance(option, Branch):
        return option
    entries = {key: domain_to_json(domain) for key, domain in option.parameters}
    return {"_name": option.name, **entries}


def _layer_to_json(layer: Layer) -> dict[str, Value]:
    size = layer.optional_input_size
    return {
        "layer_choice": list(layer.layer_choice),
        "optional_inputs": list(layer.optional_inputs),
        "optional_input_size": size if isinstance(size, int) else list(size),
    }
