"""A search space as the other libraries take it: named leaves, of which some count at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeAlias

from nni_annotate.domains import (
    Branch,
    Choice,
    Domain,
    LogUniform,
    MutableLayer,
    Plain,
    QLogNormal,
    QLogUniform,
    QNormal,
    QUniform,
    RandInt,
    Uniform,
    Value,
    quantised,
)
from nni_annotate.space import Parameters
from race import UnsupportedError

Domains: TypeAlias = Iterable[tuple[str, Domain]]
Pick: TypeAlias = Callable[
    [str, Plain], Any
]  # a value for the leaf; of a choice the option's index


def leaves(domains: Domains, inside: str = "") -> Iterator[tuple[str, Plain]]:
    """The name and the domain of each leaf, those of all branches among them.

    Raises UnsupportedError at a mutable layer.
    """
    for key, domain in domains:
        if isinstance(domain, MutableLayer):
            raise UnsupportedError("it has no mutable layers")
        yield inside + key, domain
        if isinstance(domain, Choice):
            for option in domain.options:
                if isinstance(option, Branch):
                    yield from leaves(option.parameters, prefix(inside + key, option))


def prefix(name: str, branch: Branch) -> str:
    """What the names of the leaves of a branch begin with; `name` is that of the choice."""
    return f"{name}/{branch.name}/"


def has_branches(domains: Domains) -> bool:
    """Whether parameters depend on what another one is."""
    return any(
        isinstance(option, Branch) and option.parameters
        for _, domain in leaves(domains)
        if isinstance(domain, Choice)
        for option in domain.options
    )


def parameters_of(domains: Domains, pick: Pick, inside: str = "") -> Parameters:
    """The parameters of what is picked for each leaf that counts, a choice before its branch."""
    found: Parameters = {}
    for key, domain in domains:
        assert not isinstance(domain, MutableLayer)  # `leaves` refused them
        name = inside + key
        picked = pick(name, domain)
        if isinstance(domain, Choice):
            option = domain.options[int(picked)]
            if isinstance(option, Branch):
                values = parameters_of(option.parameters, pick, prefix(name, option))
                option = {"_name": option.name, **values}
            found[key] = option
        else:
            found[key] = _typed(domain, picked)
    return found


def _typed(domain: Plain, number: Any) -> Value:
    """The number in the domain's type, and moved into it where it was rounded out."""
    match domain:
        case RandInt():
            return int(number)
        case QUniform() | QLogUniform() | QNormal() | QLogNormal():
            return quantised(domain, float(number))
        case Uniform(low, high) | LogUniform(low, high):
            return min(max(float(number), low), high)
        case _:
            return float(number)
