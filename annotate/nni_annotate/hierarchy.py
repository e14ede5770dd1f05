"""The domains whose value is no number: choices, which may have branches, and mutable layers."""

from __future__ import annotations

import ast
import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar, TypeAlias, Union

from nni_annotate.errors import SpaceError
from nni_annotate.numeric import Numeric
from nni_annotate.values import NO_JSON, Value, identity, show

MAX_DEPTH = 64  # branches inside each other: Python's stack has an end
MAX_SUBSETS = 4096  # of the optional inputs of a layer: tuners list them

LayerSize: TypeAlias = int | tuple[int, int]  # how many optional inputs: so many, or from .. to


class _PlacedError(SpaceError):
    """What is wrong inside a branch or a layer, and where: `conv/filters: expected ...`."""

    def __init__(self, place: str, error: SpaceError | str) -> None:
        inner = error if isinstance(error, _PlacedError) else None
        self.place: str = f"{place}/{inner.place}" if inner else place
        self.reason: str = inner.reason if inner else str(error)
        super().__init__(f"{self.place}: {self.reason}")


@contextmanager
def inside(place: str) -> Iterator[None]:
    """Says of every SpaceError raised here that it is at this place."""
    try:
        yield
    except SpaceError as error:
        raise _PlacedError(place, error) from None


@dataclass(frozen=True)
class Branch:
    """An option of a choice that brings parameters of its own, maybe none.

    Its value is `{"_name": name, **values}`.
    """

    name: str
    parameters: tuple[tuple[str, Domain], ...]

    def __post_init__(self) -> None:
        keys = [key for key, _ in self.parameters]
        if (twice := _repeated(keys)) is not None:
            raise SpaceError(f"{self.name} has the parameter {show(twice)} twice")
        if "_name" in keys:
            raise SpaceError(f"{self.name} has a parameter called _name, which is its own name")

    @property
    def depth(self) -> int:
        """How many branches are inside each other, this one included."""
        domains = (domain for _, domain in self.parameters)
        choices = (domain for domain in domains if isinstance(domain, Choice))
        options = itertools.chain.from_iterable(choice.options for choice in choices)
        return 1 + max((o.depth for o in options if isinstance(o, Branch)), default=0)

    def canonical(self, value: Mapping[str, Value]) -> dict[str, Value]:
        """`value` with every entry in its domain's own type, in the order of the branch."""
        with inside(self.name):
            entries = entries_of(value, ["_name", *(key for key, _ in self.parameters)])
        found: dict[str, Value] = {"_name": self.name}
        for key, domain in self.parameters:
            with inside(f"{self.name}/{key}"):
                found[key] = domain.canonical(entries[key])
        return found


@dataclass(frozen=True)
class Choice:
    """One of the options: a JSON value, told apart by type and value, or a branch."""

    type: ClassVar[str] = "choice"
    options: tuple[Value, ...]

    def __post_init__(self) -> None:
        if not self.options:
            raise SpaceError("choice needs at least one option, found none")
        seen: set[str] = set()
        for position, option in enumerate(self.options):
            label = _identity(option)
            if label is None:
                message = f"choice needs JSON values as options, found {show(option)}"
                raise SpaceError(message, position)
            if isinstance(option, Mapping) and "_name" in option:
                raise SpaceError("an option with a _name has to be a Branch", position)
            if isinstance(option, Branch) and option.depth > MAX_DEPTH:
                message = f"more than {MAX_DEPTH} branches inside each other are not supported"
                raise SpaceError(message, position)
            if label in seen:
                shown = show(option.name if isinstance(option, Branch) else option)
                raise SpaceError(f"choice has the option {shown} twice", position)
            seen.add(label)

    @property
    def labels(self) -> tuple[Value, ...]:
        """The options as JSON values, of a branch no more than its name."""
        return tuple(label_of(option) for option in self.options)

    def canonical(self, value: Value) -> Value:
        """The option that `value` names; NNI's own labels, such as "(-1)", are understood."""
        wanted = _identity(value)  # None is that of no option
        for option in self.options:
            if _identity(option) == wanted:
                return option.canonical(value) if isinstance(option, Branch) else option
        if isinstance(value, str):
            for option in self.options:
                if not isinstance(option, Branch) and _same_label(value, option):
                    return option
        options = ", ".join(map(_shown, self.options))
        raise SpaceError(f"expected one of {options}; found {show(value)}")


@dataclass(frozen=True)
class Layer:
    """A layer of a network: which one it is, and which of the optional inputs it gets."""

    name: str
    layer_choice: tuple[str, ...]
    optional_inputs: tuple[str, ...]
    optional_input_size: LayerSize

    def __post_init__(self) -> None:
        _check_texts("layer_choice", self.layer_choice, 1)
        if not self.layer_choice:
            raise SpaceError("layer_choice needs at least one layer, found none", 1)
        _check_texts("optional_inputs", self.optional_inputs, 2)
        _check_size(self.optional_input_size, len(self.optional_inputs))

    @property
    def sizes(self) -> range:
        """How many optional inputs there may be."""
        low, high = _ends(self.optional_input_size)
        return range(low, high + 1)

    def subsets(self) -> tuple[tuple[str, ...], ...]:
        """The inputs that may be chosen together, small subsets first."""
        found = (itertools.combinations(self.optional_inputs, size) for size in self.sizes)
        return tuple(itertools.chain.from_iterable(found))

    def canonical(self, value: Value) -> dict[str, Value]:
        """`value` with the inputs in the order of `optional_inputs`."""
        entries = entries_of(value, ["chosen_layer", "chosen_inputs"])
        with inside("chosen_layer"):
            layer = Choice(self.layer_choice).canonical(entries["chosen_layer"])
        with inside("chosen_inputs"):
            inputs = self._canonical_inputs(entries["chosen_inputs"])
        return {"chosen_layer": layer, "chosen_inputs": inputs}

    def _canonical_inputs(self, value: Value) -> list[str]:
        found = value if isinstance(value, (list, tuple)) else [None]
        inputs = [name for name in self.optional_inputs if _is_among(name, found)]
        # Unknown and repeated names make the one longer than the other.
        if len(inputs) != len(found) or len(inputs) not in self.sizes:
            sizes = " to ".join(map(str, sorted({self.sizes[0], self.sizes[-1]})))
            names = ", ".join(map(show, self.optional_inputs))
            expected = f"a list of {sizes} of {names}" if self.sizes[-1] else "[]"
            raise SpaceError(f"expected {expected}; found {show(value)}")
        return inputs


@dataclass(frozen=True)
class MutableLayer:
    """Layers, each of them chosen together with its inputs.

    Its value is `{layer: {"chosen_layer": ..., "chosen_inputs": [...]}, ...}`.
    """

    type: ClassVar[str] = "mutable_layer"
    layers: tuple[Layer, ...]

    def __post_init__(self) -> None:
        if not self.layers:
            raise SpaceError("mutable_layer needs at least one layer, found none")
        if (twice := _repeated(layer.name for layer in self.layers)) is not None:
            raise SpaceError(f"mutable_layer has the layer {show(twice)} twice")

    def canonical(self, value: Value) -> dict[str, Value]:
        """`value` with layers and inputs in the domain's order."""
        entries = entries_of(value, [layer.name for layer in self.layers])
        found = {}
        for layer in self.layers:
            with inside(layer.name):
                found[layer.name] = layer.canonical(entries[layer.name])
        return found


# typing.Union, since `X | Y` on classes is no valid isinstance argument for all that 3.10 reads.
Plain = Union[Choice, Numeric]  # noqa: UP007
Domain = Union[Plain, MutableLayer]  # noqa: UP007


def label_of(option: Value) -> Value:
    """What tells an option, or a value, of a choice from others: of a branch its name alone."""
    if isinstance(option, Branch):
        return {"_name": option.name}
    if isinstance(option, Mapping) and "_name" in option:
        return {"_name": option["_name"]}
    return option


def _identity(option: Value) -> str | None:
    """The identity of its label; None where it is no JSON value."""
    try:
        return identity(label_of(option))
    except NO_JSON:
        return None


def _shown(option: Value) -> str:
    if isinstance(option, Branch):
        return f'{{"_name": {show(option.name)}{", ..." if option.parameters else ""}}}'
    return show(option)


def _is_among(name: str, found: Sequence[Value]) -> bool:
    return name in found or any(isinstance(one, str) and _same_label(one, name) for one in found)


def _same_label(label: str, option: Value) -> bool:
    """Whether NNI would have written `label` for this option: it is equal as syntax.

    NNI wrote numbers and strings as they are, but `(-1)`, and in old Pythons `None`.
    """
    if not isinstance(option, str) and not label.startswith(("(", "True", "False", "None")):
        return False
    try:
        wanted = ast.parse(label, mode="eval")
        found = ast.parse(option if isinstance(option, str) else repr(option), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return ast.dump(wanted) == ast.dump(found)


def entries_of(value: Value, names: Sequence[str]) -> Mapping[str, Value]:
    """`value`, if it is an object with these entries and no others."""
    if not isinstance(value, Mapping):
        raise SpaceError(f"expected an object of {', '.join(names)}; found {show(value)}")
    for name in value:
        if name not in names:
            raise _PlacedError(str(name), f"no such key; expected {', '.join(names)}")
    for name in names:
        if name not in value:
            raise _PlacedError(name, "expected a value, found none")
    return value


def _repeated(names: Iterable[str]) -> str | None:
    """The first name that is there a second time."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None


def _check_texts(name: str, found: object, argument: int) -> None:
    """A tuple of strings, each once."""
    if not isinstance(found, tuple) or not all(isinstance(text, str) for text in found):
        raise SpaceError(f"{name} needs a list of strings, found {show(found)}", argument)
    if (twice := _repeated(found)) is not None:
        raise SpaceError(f"{name} has {show(twice)} twice", argument)


def _check_size(size: object, inputs: int) -> None:
    """An int, or two of them in order, within the inputs, and not too many subsets."""
    match size:
        case (int(low), int(high)) | (int(low) as high) if type(low) is type(high) is int:
            pass
        case _:
            expected = "an int or a list of two, the least and the most"
            raise SpaceError(f"optional_input_size needs {expected}; found {show(size)}", 3)
    if low > high:
        found = f"{show(low)} and {show(high)}"
        raise SpaceError(f"optional_input_size needs low <= high, found {found}", 3)
    if low < 0 or high > inputs:
        expected = f"from 0 to {inputs}, the number of optional_inputs"
        raise SpaceError(f"optional_input_size needs to be {expected}; found {show(size)}", 3)
    totals = itertools.accumulate(math.comb(inputs, count) for count in range(low, high + 1))
    if any(total > MAX_SUBSETS for total in totals):
        found = f"more than {MAX_SUBSETS} ways to choose {show(size)} of {inputs}"
        raise SpaceError(f"optional_input_size allows too many subsets: {found}", 3)


def _ends(size: LayerSize) -> tuple[int, int]:
    return size if isinstance(size, tuple) else (size, size)
