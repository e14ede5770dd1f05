"""Problems out of real models that are fitted for every trial: their losses are full of steps.

A tabulated loss is interpolated, and smoother than any real one: a tree's changes by jumps, an
error is a count, and where a hyperparameter makes no difference two trials tie exactly. These fits
take some milliseconds each.

The best loss that is known of each is the least of 10,000 random trials and of five runs of TPE
with 2,000 trials each, by scikit-learn 1.9; with another version it may be a little off.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from sklearn.decomposition import PCA
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPRegressor
from sklearn.svm import SVC, SVR
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from fits import Settings, attempted
from nni_annotate.domains import Branch, Choice, LogUniform, Plain, RandInt, Uniform
from nni_annotate.space import Parameters, SearchSpace
from problem import Problem
from samples import DATASETS, Array, Split

Fit = Callable[[Split, Settings], Array]  # what is predicted of the test rows


@cache
def split_of(data: str) -> Split:
    return DATASETS[data]()


def model(kind: Callable[..., Any], *, predict: str = "predict", **fixed: Any) -> Fit:
    """Fits that kind of model with these settings and the trial's."""

    def fit(split: Split, settings: Settings) -> Array:
        fitted = kind(**fixed, **settings).fit(split.x, split.y)
        predicted: Array = getattr(fitted, predict)(split.x_test)
        return predicted

    return fit


def neighbours(split: Split, settings: Settings) -> Array:
    """Of the first principal components."""
    components = PCA(settings.pop("components"), random_state=0).fit(split.x)
    x, x_test = components.transform(split.x), components.transform(split.x_test)
    shorter = Split(x, split.y, x_test, split.y_test)
    return model(KNeighborsClassifier)(shorter, settings)


def net(split: Split, settings: Settings) -> Array:
    """Of one layer."""
    layers = (settings.pop("hidden"),)
    kind = model(MLPRegressor, solver="sgd", random_state=0, hidden_layer_sizes=layers)
    return kind(split, settings)


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
        predicted = attempted(lambda: fit(split, dict(parameters)))
        return split.worst(loss) if predicted is None else split.loss(loss, predicted)

    return Problem(f"fitted/{name}", "fitted", SearchSpace(space), value, best, held_out=held_out)


_TREE: dict[str, Plain] = {
    "max_depth": RandInt(1, 20),
    "min_samples_split": RandInt(2, 60),
    "min_samples_leaf": RandInt(1, 40),
    "max_features": Uniform(0.1, 1),
}
_SVC, _SVR = model(SVC, max_iter=3000), model(SVR, max_iter=3000)
_TREE_OF_NUMBERS = model(DecisionTreeRegressor, random_state=0)
_SUPPORT = (("C", LogUniform(1e-3, 1e3)), ("gamma", LogUniform(1e-5, 10)))
_SMALL_TREE = (("max_depth", RandInt(1, 16)), ("min_samples_leaf", RandInt(1, 50)))

FITTED: list[Problem] = [
    _problem(
        "tree-clusters",
        "log_loss",
        model(DecisionTreeClassifier, predict="predict_proba", random_state=0),
        {**_TREE, "criterion": Choice(("gini", "entropy"))},
        best=0.5444062287,
    ),
    _problem(
        "svc-clusters",
        "error",
        _SVC,
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
        model(GradientBoostingRegressor, random_state=0),
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
        model(SGDClassifier, tol=None, random_state=0),
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
            {
                "svr": _SVR,
                "neighbours": model(KNeighborsRegressor),
                "tree": _TREE_OF_NUMBERS,
                "ridge": model(KernelRidge),
            }
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
        _TREE_OF_NUMBERS,
        {**_TREE, "ccp_alpha": LogUniform(1e-5, 0.1), "splitter": Choice(("best", "random"))},
        best=0.3380465901,
        held_out=True,
    ),
    _problem(
        "svr-diabetes",
        "rmse",
        _SVR,
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
                "svc": _SVC,
                "neighbours": model(KNeighborsClassifier),
                "tree": model(DecisionTreeClassifier, random_state=0),
                "logistic": model(LogisticRegression, max_iter=50),
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
