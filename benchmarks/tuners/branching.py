"""Problems whose choices change what else counts: functions by option, and nested spaces."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from axes import Axis, Kind
from bbob import bbob
from bbob_instances import Floats
from known import Known, best_of, coordinates, level, space_of
from nni_annotate.domains import Branch, Choice, Domain
from nni_annotate.space import Parameters, SearchSpace
from problem import Problem


@dataclass(frozen=True)
class Leaf:
    """A function of BBOB, levelled, and how much worse than the best its best value is."""

    function: int
    instance: int
    worse: float = 0.0


@dataclass(frozen=True)
class Fork:
    """A choice between branches."""

    key: str
    branches: Mapping[str, Node]


@dataclass(frozen=True)
class Node:
    """Parameters, and what there is beside them: a choice, or a function.

    The function sees the parameters of its node and of all nodes around it, the outermost first.
    """

    kinds: Mapping[str, Kind]
    then: Fork | Leaf


def nested(name: str, root: Node) -> Known:
    """The problem of a tree of choices; one of its leaves has the best value, which is 0."""
    grown = _grow(root, 0)
    assert grown.worse == 0
    problem = Problem(
        name,
        name.partition("/")[0],
        SearchSpace(grown.domains()),
        lambda parameters: grown.value(parameters, []),
        best=0.0,
    )
    return Known(problem, grown.optimum())


@dataclass(frozen=True)
class _Grown:
    """A node whose parameters have their place: where the best of its leaves is least."""

    axes: dict[str, Axis]
    worse: float
    x_opt: list[float]
    function: Callable[[Floats], float] | None = None
    key: str = ""
    branches: dict[str, _Grown] = field(default_factory=dict)

    def domains(self) -> dict[str, Domain]:
        found: dict[str, Domain] = dict(space_of(self.axes))
        if self.branches:
            items = {name: tuple(node.domains().items()) for name, node in self.branches.items()}
            found[self.key] = Choice(tuple(Branch(name, item) for name, item in items.items()))
        return found

    def optimum(self) -> Parameters:
        found = best_of(self.axes)
        if self.branches:
            name, node = min(self.branches.items(), key=lambda item: item[1].worse)
            found[self.key] = {"_name": name, **node.optimum()}
        return found

    def value(self, parameters: Parameters, outside: list[float]) -> float:
        seen = outside + [axis.place(parameters[key]) for key, axis in self.axes.items()]
        if self.function is not None:
            return self.worse + self.function(np.array(seen))
        chosen = parameters[self.key]
        return self.branches[chosen["_name"]].value(chosen, seen)


def _grow(node: Node, start: int) -> _Grown:
    """The node with its axes; `start` is how many parameters there are around it."""
    end = start + len(node.kinds)
    match node.then:
        case Leaf(number, instance, worse):
            function = bbob(number, end, instance)
            x_opt: list[float] = function.x_opt.tolist()
            axes = _axes(node.kinds, x_opt[start:end])
            return _Grown(axes, worse, x_opt, level(function))
        case Fork(key, branches):
            grown = {name: _grow(branch, end) for name, branch in branches.items()}
            best = min(grown.values(), key=lambda branch: branch.worse)
            axes = _axes(node.kinds, best.x_opt[start:end])
            return _Grown(axes, best.worse, best.x_opt, key=key, branches=grown)


def _axes(kinds: Mapping[str, Kind], targets: list[float]) -> dict[str, Axis]:
    return {key: kind(at) for (key, kind), at in zip(kinds.items(), targets, strict=True)}


def switched(name: str, leaves: Mapping[str, Leaf], kinds: Mapping[str, Kind]) -> Known:
    """A choice decides which function of the same parameters counts."""
    functions = {o: bbob(leaf.function, len(kinds), leaf.instance) for o, leaf in leaves.items()}
    levelled = {option: level(function) for option, function in functions.items()}
    best = min(leaves, key=lambda option: leaves[option].worse)
    axes = _axes(kinds, functions[best].x_opt.tolist())

    def value(parameters: Parameters) -> float:
        option = parameters["method"]
        return leaves[option].worse + levelled[option](coordinates(axes, parameters))

    space = SearchSpace({"method": Choice(tuple(leaves)), **space_of(axes)})
    problem = Problem(name, name.partition("/")[0], space, value, best=0.0)
    return Known(problem, {"method": best, **best_of(axes)})


def flagged(
    name: str,
    leaf: Leaf,
    flags: int,
    kinds: Mapping[str, Kind],
    seed: int,
) -> Known:
    """Flags that cost something together, and each of which turns a coordinate around."""
    rng = np.random.default_rng(seed)
    costs = rng.exponential(size=[2] * flags)
    costs -= costs.min()
    right = np.unravel_index(costs.argmin(), costs.shape)
    function = bbob(leaf.function, len(kinds), leaf.instance)
    levelled = level(function)
    axes = _axes(kinds, function.x_opt.tolist())
    names = [f"flag{i}" for i in range(flags)]

    def value(parameters: Parameters) -> float:
        flagged = tuple(int(parameters[flag]) for flag in names)
        x = coordinates(axes, parameters)
        for i, (now, best) in enumerate(zip(flagged, right, strict=True)):
            if now != best:
                x[i % len(x)] *= -1
        return float(costs[flagged]) + levelled(x)

    flag_domains = dict.fromkeys(names, Choice((False, True)))
    space = SearchSpace({**flag_domains, **space_of(axes)})
    problem = Problem(name, name.partition("/")[0], space, value, best=0.0)
    optimum = {flag: bool(best) for flag, best in zip(names, right, strict=True)}
    return Known(problem, {**optimum, **best_of(axes)})
