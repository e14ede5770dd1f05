"""Which parameters of two search spaces are the same, when the code between them has changed."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable

from nni_annotate.space import SearchSpace, name_of


def matches(today: SearchSpace, earlier: SearchSpace) -> dict[str, str]:
    """Today's keys -> those that the same parameters had earlier, where there is no doubt.

    A parameter is known by its key; else by its place and name, its type being another; else by
    its name and type, its place being another.

    >>> from nni_annotate.domains import Uniform, LogUniform
    >>> earlier = SearchSpace({"train/lr/uniform": Uniform(1, 2), "train/x/uniform": Uniform(0, 1)})
    >>> today = {"train/lr/loguniform": LogUniform(1, 9), "model/x/uniform": Uniform(0, 1)}
    >>> matches(SearchSpace(today), earlier)
    {'train/lr/loguniform': 'train/lr/uniform', 'model/x/uniform': 'train/x/uniform'}
    """
    found: dict[str, str] = {}
    for mark in (_key, _place_and_name, _name_and_type):
        new = _marked(today, found, mark)
        old = _marked(earlier, found.values(), mark)
        found |= {key: old[of] for of, key in new.items() if of in old}
    return found


def _marked(
    space: SearchSpace, known: Iterable[str], mark: Callable[[SearchSpace, str], Hashable]
) -> dict[Hashable, str]:
    """The keys that aren't known yet by that mark of theirs, where only one has it."""
    left = [key for key in space if key not in set(known)]
    marks = [mark(space, key) for key in left]
    return {of: key for of, key in zip(marks, left, strict=True) if marks.count(of) == 1}


def _key(_: SearchSpace, key: str) -> Hashable:
    return key


def _place_and_name(_: SearchSpace, key: str) -> Hashable:
    return key if name_of(key) == key else key.rpartition("/")[0]


def _name_and_type(space: SearchSpace, key: str) -> Hashable:
    return name_of(key), space[key].type
