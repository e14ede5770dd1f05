"""Synthetic problems whose optimum is known, half of them held out.

The halves share no function, nor a rotated or stretched sister of one. To choose constants on are
BBOB's f1, f2, f8, f9, f10, f12, f17, f18, f19, f20 and NK landscapes; held out are its f3, f6, f7,
f11, f13, f14, f15, f16, f21, f24 and Potts glasses.
"""

from __future__ import annotations

from dataclasses import replace

from axes import Kind, bell, choice, integers, log, log_bell, steps, uniform
from bbob import bbob
from branching import Fork, Leaf, Node, flagged, nested, switched
from known import Known, noisy, place
from landscapes import Options, nk, pairs
from problem import Problem

INSTANCES = {"bbob": 1, "mixed": 2, "noise": 3, "many": 4}

OPTIMISERS = choice("sgd", "adam", "rmsprop", "adagrad", "lion", seed=1)
ACTIVATIONS = choice("relu", "tanh", "gelu", seed=2)
SCHEDULES = choice("constant", "step", "cosine", "linear", seed=3)
MIXED = [
    uniform(),
    log(1e-5, 1),
    integers(1, 9),
    steps(0, 0.9, 0.1),
    OPTIMISERS,
    bell(0, 1),
    uniform(0, 1),
    ACTIVATIONS,
    log_bell(0, 1),
    integers(0, 50),
]
TABLES: Options = {
    "optimiser": ["sgd", "adam", "rmsprop", "adagrad"],
    "pooling": ["max", "mean", "sum", "last", None],
    "augment": [False, True],
    "schedule": ["constant", "step", "cosine", None],
    "loss": ["hinge", "log", "squared", "huber"],
    "activation": ["relu", "tanh", "gelu"],
    "norm": [False, True],
}


def known_problems() -> list[Known]:
    """All of them with their optima."""
    held_out = [
        replace(known, problem=replace(known.problem, held_out=True)) for known in _held_out()
    ]
    return [*_tuned_on(), *held_out]


def _tuned_on() -> list[Known]:
    return [
        _of("bbob", 20, 2, uniform()),
        _of("bbob", 2, 3, log(1e-5, 1)),
        _of("bbob", 8, 4, uniform()),
        _of("bbob", 17, 5, uniform()),
        _of("bbob", 10, 5, uniform(), log(1, 1000)),
        _of("bbob", 1, 6, uniform(), bell(0, 2)),
        _of("bbob", 19, 8, uniform()),
        _of("bbob", 12, 10, uniform()),
        _of("mixed", 2, 6, uniform(), integers(0, 8)),
        _of("mixed", 8, 5, steps(0, 1, 0.1), uniform(), steps(2, 12, 2)),
        _of("mixed", 17, 6, OPTIMISERS, log(1e-5, 1), ACTIVATIONS, uniform(), SCHEDULES),
        flagged("mixed/flags/f18", Leaf(18, 2), 4, _kinds(3, log(1e-4, 1), uniform()), seed=1),
        nk("mixed/nk", TABLES, neighbours=2, seed=1),
        _nested_models(),
        _nested_twice(),
        noisy(_of("noise", 1, 4, uniform()), 0.2),
        noisy(_of("noise", 17, 5, uniform(), log(1e-3, 1)), 0.5),
        noisy(_of("noise", 9, 6, uniform(), integers(0, 10)), 1),
        _of("many", 8, 50, uniform()),
        _of("many", 17, 100, *MIXED, heard=6),
        _of("many", 19, 60, *MIXED, heard=10),
    ]


def _held_out() -> list[Known]:
    return [
        _of("bbob", 21, 2, uniform()),
        _of("bbob", 3, 3, log(1e-5, 1)),
        _of("bbob", 6, 4, uniform()),
        _of("bbob", 16, 5, uniform()),
        _of("bbob", 13, 5, uniform(), log(1, 1000)),
        _of("bbob", 14, 6, uniform(), bell(0, 2)),
        _of("bbob", 24, 8, uniform()),
        _of("bbob", 7, 10, uniform()),
        _of("mixed", 3, 6, uniform(), integers(0, 8)),
        _of("mixed", 6, 5, steps(0, 1, 0.1), uniform(), steps(2, 12, 2)),
        _of("mixed", 15, 6, OPTIMISERS, log(1e-5, 1), ACTIVATIONS, uniform(), SCHEDULES),
        switched(
            "mixed/switch",
            {
                "bayes": Leaf(11, 2, 0.3),
                "tree": Leaf(13, 2),
                "forest": Leaf(14, 2, 0.2),
                "net": Leaf(21, 2, 0.4),
            },
            _kinds(4, log(1e-4, 1), uniform()),
        ),
        pairs("mixed/pairs", TABLES, seed=1),
        _nested_methods(),
        _nested_networks(),
        noisy(_of("noise", 14, 4, uniform()), 0.2),
        noisy(_of("noise", 15, 5, uniform(), log(1e-3, 1)), 0.5),
        noisy(_of("noise", 6, 6, uniform(), integers(0, 10)), 1),
        _of("many", 14, 50, uniform()),
        _of("many", 16, 100, *MIXED, heard=6),
        _of("many", 15, 60, *MIXED, heard=10),
    ]


def _kinds(count: int, *kinds: Kind) -> dict[str, Kind]:
    """Parameters x0, x1, ... of these kinds in turn."""
    return {f"x{i}": kinds[i % len(kinds)] for i in range(count)}


def _of(family: str, function: int, count: int, *kinds: Kind, heard: int | None = None) -> Known:
    """A BBOB function of so many parameters, of which `heard` matter: all where it is None."""
    parameters = _kinds(count, *kinds)
    if heard is None:
        problem = bbob(function, count, INSTANCES[family])
        return place(f"{family}/f{function}/{count}", problem, parameters)
    mattering = {f"x{(7 * i + 3) % count}" for i in range(heard)}  # 7: of different kinds
    problem = bbob(function, heard, INSTANCES[family])
    name = f"{family}/f{function}/{heard}of{count}"
    return place(name, problem, parameters, parameters.keys() - mattering)


def _nested_models() -> Known:
    """Three models under one choice, with a shared rate."""
    models = {
        "linear": Node({"l2": log(1e-6, 1)}, Leaf(1, 5, 0.4)),
        "forest": Node({"depth": integers(2, 12), "leaf": uniform(0, 1)}, Leaf(17, 5)),
        "net": Node(
            {"dropout": steps(0, 0.9, 0.1), "decay": log(1e-6, 1e-1), "act": ACTIVATIONS},
            Leaf(10, 5, 0.2),
        ),
    }
    root = Node({"rate": log(1e-4, 1), "features": uniform(0, 1)}, Fork("model", models))
    return nested("conditional/models", root)


def _nested_twice() -> Known:
    """Choices in a choice: the best lies in a branch whose neighbour is the worst."""
    schedules = {
        "step": Node({"every": integers(1, 20), "factor": uniform(0, 1)}, Leaf(8, 6, 0.1)),
        "cosine": Node({"warmup": uniform(0, 0.5)}, Leaf(19, 6)),
        "none": Node({}, Leaf(12, 6, 0.8)),
    }
    kernels = {
        "rbf": Node({"gamma": log(1e-4, 10)}, Leaf(20, 6, 0.3)),
        "poly": Node({"degree": integers(1, 6), "coef": uniform(-1, 1)}, Leaf(2, 6, 0.2)),
    }
    methods = {
        "net": Node({"momentum": uniform(0, 1)}, Fork("schedule", schedules)),
        "svm": Node({"c": log(1e-3, 1e3)}, Fork("kernel", kernels)),
    }
    return nested("conditional/schedules", Node({"seed": uniform()}, Fork("method", methods)))


def _nested_methods() -> Known:
    """Four methods under one choice, with a shared size and share."""
    methods = {
        "nearest": Node({"neighbours": integers(1, 16)}, Leaf(14, 5, 0.4)),
        "boosting": Node({"rate": log(1e-3, 1), "depth": integers(1, 9)}, Leaf(15, 5)),
        "bayes": Node({}, Leaf(21, 5, 0.5)),
        "svm": Node(
            {"c": log(1e-3, 1e3), "gamma": log(1e-4, 10), "shrink": choice(False, True)},
            Leaf(13, 5, 0.2),
        ),
    }
    root = Node({"size": steps(100, 1000, 100), "share": uniform(0, 1)}, Fork("method", methods))
    return nested("conditional/methods", root)


def _nested_networks() -> Known:
    """Choices in a choice: the best lies in a branch of the one that is worse at first sight."""
    blocks = {
        "plain": Node({"width": log(8, 512)}, Leaf(7, 5, 0.1)),
        "residual": Node({"scale": uniform(0, 1), "norm": choice("b", "l", "g")}, Leaf(16, 5)),
        "dense": Node({"growth": integers(4, 40)}, Leaf(24, 5, 0.8)),
    }
    cells = {
        "gru": Node({"hidden": log(8, 512)}, Leaf(3, 5, 0.3)),
        "lstm": Node({"forget": bell(1, 0.5), "layers": integers(1, 4)}, Leaf(6, 5, 0.2)),
    }
    networks = {
        "convolutional": Node({"kernel": integers(1, 8)}, Fork("block", blocks)),
        "recurrent": Node({"clip": log(0.1, 10)}, Fork("cell", cells)),
    }
    root = Node({"rate": log(1e-4, 1), "decay": log_bell(-6, 2)}, Fork("network", networks))
    return nested("conditional/networks", root)


SOLVED = known_problems()
SYNTHETIC: list[Problem] = [known.problem for known in SOLVED]
