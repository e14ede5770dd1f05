"""Problems out of real models that are fitted for every trial: their losses are full of steps.

A tabulated loss is interpolated, and smoother than any real one: a tree's changes by jumps, an
error is a count, and where a hyperparameter makes no difference two trials tie exactly. These fits
take some milliseconds each.

The best loss that is known of each is the least of 10,000 random trials and of five runs of TPE
with 2,000 trials each, by scikit-learn 1.9; with another version it may be a little off.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from sklearn.decomposition import PCA
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPRegressor
from sklearn.svm import SVC, SVR
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from nni_annotate.domains import Branch, Choice, LogUniform, Plain, RandInt, Uniform
from nni_annotate.space import Parameters, SearchSpace
from problem import Problem
from samples import DATASETS, Array, Split

Settings = dict[str, Any]  # what scikit-learn takes: it has no types of its own
Fit = Callable[[Split, Settings], Array]  # what is predicted of the test rows

split_of = cache(lambda data: DATASETS[data]())


def _plain(model: Any, split: Split) -> Array:
    predicted: Array = model.fit(split.x, split.y).predict(split.x_test)
    return predicted


def tree(split: Split, settings: Settings) -> Array:
    model = DecisionTreeClassifier(random_state=0, **settings).fit(split.x, split.y)
    probabilities: Array = model.predict_proba(split.x_test)
    return probabilities


def tree_classes(split: Split, settings: Settings) -> Array:
    return _plain(DecisionTreeClassifier(random_state=0, **settings), split)


def tree_numbers(split: Split, settings: Settings) -> Array:
    return _plain(DecisionTreeRegressor(random_state=0, **settings), split)


def svc(split: Split, settings: Settings) -> Array:
    return _plain(SVC(max_iter=3000, **settings), split)


def svr(split: Split, settings: Settings) -> Array:
    return _plain(SVR(max_iter=3000, **settings), split)


def neighbours(split: Split, settings: Settings) -> Array:
    components = PCA(settings.pop("components"), random_state=0).fit(split.x)
    x, x_test = components.transform(split.x), components.transform(split.x_test)
    return _plain(KNeighborsClassifier(**settings), Split(x, split.y, x_test, split.y_test))


def neighbours_classes(split: Split, settings: Settings) -> Array:
    return _plain(KNeighborsClassifier(**settings), split)


def neighbours_numbers(split: Split, settings: Settings) -> Array:
    return _plain(KNeighborsRegressor(**settings), split)


def sgd(split: Split, settings: Settings) -> Array:
    return _plain(SGDClassifier(tol=None, random_state=0, **settings), split)


def logistic(split: Split, settings: Settings) -> Array:
    return _plain(LogisticRegression(max_iter=50, **settings), split)


def ridge(split: Split, settings: Settings) -> Array:
    return _plain(KernelRidge(**settings), split)


def boosting(split: Split, settings: Settings) -> Array:
    return _plain(GradientBoostingRegressor(random_state=0, **settings), split)


def net(split: Split, settings: Settings) -> Array:
    model = MLPRegressor(
        hidden_layer_sizes=(settings.pop("hidden"),), solver="sgd", random_state=0, **settings
    )
    return _plain(model, split)


def _one_of(models: dict[str, Fit]) -> Fit:
    """The model that the choice `model` names, with the settings of its branch."""

    def fit(split: Split, settings: Settings) -> Array:
        branch = dict(settings["model"])
        return models[branch.pop("_name")](split, branch)

    return fit


def _problem(
    name: str,
    loss: str,
    fit: Fit,
    space: dict[str, Plain],
    best: float,
    *,
    held_out: bool = False,
) -> Problem:
    """The loss on the data that the name ends with."""
    data = name.rpartition("-")[2]

    def value(parameters: Parameters) -> float:
        split = split_of(data)
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")  # a fit that doesn't converge is a part of the problem
            try:
                predicted = fit(split, dict(parameters))
            except ValueError as error:
                # scikit-learn raises nothing better where weights overflow.
                if not any(word in str(error) for word in ("overflow", "NaN", "non-finite")):
                    raise
                return split.worst(loss)
        return split.loss(loss, predicted)

    return Problem(f"fitted/{name}", "fitted", SearchSpace(space), value, best, held_out=held_out)


_TREE: dict[str, Plain] = {
    "max_depth": RandInt(1, 20),
    "min_samples_split": RandInt(2, 60),
    "min_samples_leaf": RandInt(1, 40),
    "max_features": Uniform(0.1, 1),
}
_SUPPORT = (("C", LogUniform(1e-3, 1e3)), ("gamma", LogUniform(1e-5, 10)))
_SMALL_TREE = (("max_depth", RandInt(1, 16)), ("min_samples_leaf", RandInt(1, 50)))

FITTED: list[Problem] = [
    _problem(
        "tree-clusters",
        "log_loss",
        tree,
        {**_TREE, "criterion": Choice(("gini", "entropy"))},
        best=0.5444062287,
    ),
    _problem(
        "svc-clusters",
        "error",
        svc,
        {
            **dict(_SUPPORT),
            "kernel": Choice(("rbf", "poly", "sigmoid", "linear")),
            "coef0": Uniform(-1, 1),
        },
        best=0.145,
    ),
    _problem(
        "boosting-friedman1",
        "rmse",
        boosting,
        {
            "learning_rate": LogUniform(0.01, 1),
            "n_estimators": RandInt(2, 40),
            "max_depth": RandInt(1, 6),
            "subsample": Uniform(0.2, 1),
            "min_samples_leaf": RandInt(1, 40),
            "max_features": Uniform(0.1, 1),
        },
        best=0.3184784192,
    ),
    _problem(
        "sgd-digits",
        "error",
        sgd,
        {
            "loss": Choice(("hinge", "log_loss", "modified_huber")),
            "alpha": LogUniform(1e-6, 1),
            "learning_rate": Choice(("optimal", "constant", "invscaling", "adaptive")),
            "eta0": LogUniform(1e-5, 1),
            "average": Choice((True, False)),
            "max_iter": Choice((1, 2, 5, 10, 20)),
        },
        best=0.05714285714,
    ),
    _problem(
        "models-friedman1",
        "rmse",
        _one_of(
            {"svr": svr, "neighbours": neighbours_numbers, "tree": tree_numbers, "ridge": ridge}
        ),
        {
            "model": Choice(
                (
                    Branch("svr", (*_SUPPORT, ("epsilon", LogUniform(1e-3, 1)))),
                    Branch("neighbours", (("n_neighbors", RandInt(1, 60)), ("p", Uniform(1, 4)))),
                    Branch("tree", _SMALL_TREE),
                    Branch(
                        "ridge",
                        (
                            ("alpha", LogUniform(1e-5, 100)),
                            ("gamma", LogUniform(1e-5, 10)),
                            ("kernel", Choice(("rbf", "laplacian", "poly"))),
                        ),
                    ),
                )
            )
        },
        best=0.3236799457,
    ),
    _problem(
        "tree-friedman2",
        "rmse",
        tree_numbers,
        {**_TREE, "ccp_alpha": LogUniform(1e-5, 0.1), "splitter": Choice(("best", "random"))},
        best=0.3380465901,
        held_out=True,
    ),
    _problem(
        "svr-diabetes",
        "rmse",
        svr,
        {
            **dict(_SUPPORT),
            "epsilon": LogUniform(1e-3, 1),
            "kernel": Choice(("rbf", "poly", "sigmoid")),
            "coef0": Uniform(-1, 1),
        },
        best=0.6963859766,
        held_out=True,
    ),
    _problem(
        "net-friedman3",
        "rmse",
        net,
        {
            "hidden": RandInt(2, 40),
            "learning_rate_init": LogUniform(1e-4, 1),
            "momentum": Uniform(0, 0.99),
            "alpha": LogUniform(1e-6, 1),
            "batch_size": Choice((8, 16, 32, 64)),
            "max_iter": RandInt(1, 10),
            "activation": Choice(("relu", "tanh", "logistic")),
        },
        best=0.3467148934,
        held_out=True,
    ),
    _problem(
        "neighbours-wine",
        "error",
        neighbours,
        {
            "n_neighbors": RandInt(1, 40),
            "weights": Choice(("uniform", "distance")),
            "p": Uniform(1, 4),
            "components": RandInt(1, 21),
        },
        best=0.01851851852,
        held_out=True,
    ),
    _problem(
        "models-cancer",
        "error",
        _one_of(
            {
                "svc": svc,
                "neighbours": neighbours_classes,
                "tree": tree_classes,
                "logistic": logistic,
            }
        ),
        {
            "model": Choice(
                (
                    Branch("svc", _SUPPORT),
                    Branch("neighbours", (("n_neighbors", RandInt(1, 60)), ("p", Uniform(1, 4)))),
                    Branch("tree", _SMALL_TREE),
                    Branch("logistic", (("C", LogUniform(1e-4, 1e3)),)),
                )
            )
        },
        best=0.0162601626,
        held_out=True,
    ),
]
