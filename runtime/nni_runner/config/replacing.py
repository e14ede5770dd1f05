"""A search space that takes the place of another while the experiment runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nni_annotate.domains import Branch, Choice, Domain, MutableLayer, label_of, show
from nni_annotate.errors import SpaceError
from nni_annotate.space import SearchSpace, short_names
from nni_annotate.values import identity
from nni_runner.config.documents import Document, read_document
from nni_runner.config.nodes import Entry, plain
from nni_runner.config.problems import ConfigError
from nni_runner.experiment import Plan, code_space
from nni_runner.options import make
from nni_tuners import TunerError


def read_new_space(path: Path, facts: dict[str, Any]) -> SearchSpace:
    """The search space in a file, for the experiment of which these facts are recorded.

    Annotated code knows its parameters, by key or short name, and takes no others. Raises
    ConfigError, UsageError.
    """
    document = read_document(path)
    known = code_space(facts) if facts.get("defaults") is not None else None
    problems = list(document.problems)
    domains: dict[str, Domain] = {}
    for entry in document.root.entries:
        try:
            key, domain = _entry(entry, known)
            if key in domains:
                raise SpaceError(f"{entry.name}: is given twice")
            domains[key] = domain
        except SpaceError as error:
            problems.append(document.error(entry.key.where, str(error)))
    if not document.root.entries:
        problems.append(document.error(document.root.where, "expected a parameter at least"))
    if any(problem.is_error for problem in problems):
        raise ConfigError(problems)
    space = SearchSpace(domains)
    _try_tuner(document, facts, space)
    return space


def _entry(entry: Entry, known: SearchSpace | None) -> tuple[str, Domain]:
    """Raises SpaceError."""
    name = entry.name
    domain = SearchSpace.from_json({name: plain(entry.value)})[name]
    if known is None:
        return name, domain
    keys = {short: key for key, short in short_names(known).items()}
    key = name if name in known else keys.get(name)
    if key is None:
        raise SpaceError(
            f"{name}: the code has no such parameter, and would not ask for it; "
            f"known are {', '.join(keys)}"
        )
    try:
        _check(domain, known[key])
    except SpaceError as error:
        raise SpaceError(f"{name}: {error}") from None
    return key, domain


def _check(domain: Domain, own: Domain) -> None:
    """Raises SpaceError where code compiled for its `own` domain can't do with the other's values.

    A text may stand for an expression in the code, as branches and layers do: there can be fewer
    of these, and no others.
    """
    if isinstance(own, MutableLayer):
        if domain != own:
            raise SpaceError("expected the code's own layers: they can't be others while it runs")
    elif isinstance(own, Choice) and any(isinstance(o, str | Branch) for o in own.options):
        if not isinstance(domain, Choice):
            raise SpaceError(f"expected a choice of {_labels(own)}; found {domain.type}")
        _check_options(domain, own)
    elif isinstance(domain, MutableLayer):
        raise SpaceError("expected numbers, found layers")
    elif isinstance(domain, Choice) and (
        branch := next((o for o in domain.options if isinstance(o, Branch)), None)
    ):
        raise SpaceError(f"expected options without parameters, found {branch.name}")


def _check_options(domain: Choice, own: Choice) -> None:
    known = {identity(label_of(option)): option for option in own.options}
    for option in domain.options:
        same = known.get(identity(label_of(option)))
        if same is None:
            shown = show(label_of(option))
            raise SpaceError(f"expected options out of {_labels(own)}: the code has no {shown}")
        if isinstance(option, Branch) and isinstance(same, Branch):
            _check_branch(option, same)


def _check_branch(branch: Branch, own: Branch) -> None:
    inner, known = dict(branch.parameters), dict(own.parameters)
    if inner.keys() != known.keys():
        expected = ", ".join(known) or "no parameters"
        raise SpaceError(f"{own.name}: expected {expected}; found {', '.join(inner) or 'none'}")
    for key, domain in inner.items():
        _check(domain, known[key])


def _labels(own: Choice) -> str:
    return ", ".join(map(show, own.labels))


def _try_tuner(document: Document, facts: dict[str, Any], space: SearchSpace) -> None:
    """Asks a fresh tuner: that which runs is not to be left with a space it can't take."""
    plan = Plan.from_facts(facts)
    try:
        make(plan).update_search_space(space.to_json())
    except (TunerError, SpaceError) as error:
        message = f"tuner {plan.tuner}: {error}"
        raise ConfigError([document.error(document.root.where, message)]) from None
