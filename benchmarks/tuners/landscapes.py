"""Problems of choices alone, whose optimum was found by trying everything."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from known import Known
from nni_annotate.domains import Choice, Value, identity
from nni_annotate.space import SearchSpace
from problem import Problem

Options = Mapping[str, Sequence[Value]]
Positions = tuple[int, ...]  # of the option of each key


def nk(name: str, options: Options, neighbours: int, seed: int) -> Known:
    """Each choice costs what it, and so many after it, decide together at random.

    Kauffman and Weinberger, The NK model of rugged fitness landscapes, J. Theor. Biol. 141 (1989).
    """
    rng = np.random.default_rng(seed)
    count, sizes = len(options), [len(found) for found in options.values()]
    groups = [[(i + k) % count for k in range(neighbours + 1)] for i in range(count)]
    tables = [rng.random([sizes[i] for i in group]) for group in groups]

    def cost(at: Positions) -> float:
        picked = zip(tables, groups, strict=True)
        return sum(float(table[tuple(at[i] for i in group)]) for table, group in picked) / count

    return _solved(name, options, cost)


def pairs(name: str, options: Options, seed: int) -> Known:
    """Each choice costs something by itself and with each other: a Potts glass in a field."""
    rng = np.random.default_rng(seed)
    sizes = [len(found) for found in options.values()]
    alone = [rng.normal(size=size) for size in sizes]
    together = {
        (i, j): rng.normal(size=(sizes[i], sizes[j]))
        for i, j in itertools.combinations(range(len(sizes)), 2)
    }

    def cost(at: Positions) -> float:
        costs = sum(float(table[i]) for table, i in zip(alone, at, strict=True))
        return costs + sum(float(table[at[i], at[j]]) for (i, j), table in together.items())

    return _solved(name, options, cost)


def _solved(name: str, options: Options, cost: Callable[[Positions], float]) -> Known:
    positions = {
        key: {identity(option): position for position, option in enumerate(found)}
        for key, found in options.items()
    }
    least = min(itertools.product(*(range(len(found)) for found in options.values())), key=cost)
    problem = Problem(
        name,
        name.partition("/")[0],
        SearchSpace({key: Choice(tuple(found)) for key, found in options.items()}),
        lambda parameters: cost(
            tuple(places[identity(parameters[key])] for key, places in positions.items())
        ),
        best=cost(least),
    )
    optimum = {key: found[i] for (key, found), i in zip(options.items(), least, strict=True)}
    return Known(problem, optimum)
