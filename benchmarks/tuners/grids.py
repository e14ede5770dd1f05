"""The models whose loss is tabulated, and the grids of their hyperparameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from levels import Axis, floats, ints, log_ints, logs, options, steps
from nni_annotate.domains import Branch, Choice, Plain
from nni_annotate.space import SearchSpace

_LISTED = "listed/"


@dataclass(frozen=True)
class Grid:
    """A model's hyperparameters on a data set.

    The options of `choice`, if there is one, are `branches`: each has axes of its own. Where there
    is none, all is one branch without a name.
    """

    name: str
    data: str
    loss: str
    axes: tuple[Axis, ...]
    choice: str = ""
    branches: Mapping[str, tuple[Axis, ...]] = field(default_factory=lambda: {"": ()})
    family: str = "surface"
    held_out: bool = False

    @property
    def file_name(self) -> str:
        """What its tables are called in their file: a listed grid has those of the other."""
        return self.name.removeprefix(_LISTED)

    def tables(self) -> dict[str, tuple[Axis, ...]]:
        """The axes of every table by the name of its branch, which may be ""."""
        return {branch: (*self.axes, *axes) for branch, axes in self.branches.items()}

    def space(self) -> SearchSpace:
        """The search space, with a branch for every option of the choice."""
        domains: dict[str, Plain] = {axis.key: axis.domain for axis in self.axes}
        if self.choice:
            options = (
                Branch(name, tuple((axis.key, axis.domain) for axis in axes))
                for name, axes in self.branches.items()
            )
            domains[self.choice] = Choice(tuple(options))
        return SearchSpace(domains)


def listed(grid: Grid) -> Grid:
    """The grid with its numbers as choices, of three and more levels out of them."""
    branches = {name: tuple(map(_listed, axes)) for name, axes in grid.branches.items()}
    axes = tuple(map(_listed, grid.axes))
    name = f"{_LISTED}{grid.name}"
    return replace(grid, name=name, family="listed", axes=axes, branches=branches)


def _listed(axis: Axis) -> Axis:
    return axis if len(axis.levels) < 3 else replace(axis, domain=Choice(axis.levels))


GRIDS = [
    Grid(
        "svc-digits",
        "digits",
        "error",
        (logs("C", 1e-2, 1e3, 11),),
        "kernel",
        {
            "linear": (),
            "rbf": (logs("gamma", 1e-5, 1, 11),),
            "sigmoid": (logs("gamma", 1e-5, 1, 11), floats("coef0", -1, 1, 3)),
            "poly": (logs("gamma", 1e-4, 1, 7), floats("coef0", 0, 1, 3), ints("degree", 2, 3, 5)),
        },
    ),
    Grid(
        "boosting-friedman1",
        "friedman1",
        "rmse",
        (
            logs("learning_rate", 0.01, 1, 7),
            ints("max_depth", 1, 2, 4, 7),
            steps("subsample", 0.05, 0.3, 0.65, 1.0),
            log_ints("min_samples_leaf", 1, 6, 32),
            logs("max_features", 0.1, 1, 4),
            log_ints("n_estimators", 4, 10, 25, 60, 120, path=True),
        ),
    ),
    Grid(
        "forest-clusters",
        "clusters",
        "log_loss",
        (
            ints("max_depth", 1, 3, 6, 12),
            logs("max_features", 0.05, 1, 5),
            log_ints("min_samples_leaf", 1, 3, 10, 30),
            options("criterion", "gini", "entropy"),
            options("bootstrap", True, False),
            log_ints("n_estimators", 2, 5, 12, 30, path=True),
        ),
    ),
    Grid(
        "mlp-digits",
        "digits",
        "log_loss",
        (
            logs("learning_rate_init", 1e-4, 0.3, 8),
            log_ints("hidden", 4, 12, 40, 120),
            logs("alpha", 1e-5, 10, 4),
            log_ints("batch_size", 8, 32, 128),
            options("activation", "relu", "tanh", "logistic"),
            ints("epochs", 1, 3, 7, 15, path=True),
        ),
    ),
    Grid(
        "sgd-digits",
        "digits",
        "error",
        (
            options("loss", "hinge", "log_loss", "modified_huber"),
            logs("alpha", 1e-6, 1, 6),
            options("learning_rate", "optimal", "constant", "invscaling", "adaptive"),
            logs("eta0", 1e-5, 1, 5),
            options("average", False, True),
        ),
        "penalty",
        {"l2": (), "l1": (), "elasticnet": (floats("l1_ratio", 0.1, 0.9, 2),)},
    ),
    Grid(
        "svr-friedman1",
        "friedman1",
        "rmse",
        (
            logs("C", 1e-2, 1e3, 16),
            logs("gamma", 1e-4, 1, 13),
            logs("epsilon", 1e-3, 1, 7),
        ),
    ),
    Grid(
        "models-clusters",
        "clusters",
        "log_loss",
        (),
        "model",
        {
            "logistic": (logs("C", 1e-4, 1e2, 9), options("class_weight", None, "balanced")),
            "neighbours": (
                log_ints("n_neighbors", 1, 3, 6, 12, 25, 50, 100),
                options("weights", "uniform", "distance"),
                floats("p", 1, 4, 4),
            ),
            "bayes": (logs("var_smoothing", 1e-9, 10, 12),),
            "extra": (
                ints("max_depth", 2, 5, 9, 16),
                logs("max_features", 0.05, 1, 4),
                log_ints("min_samples_leaf", 1, 3, 10),
                log_ints("n_estimators", 3, 10, 40, path=True),
            ),
            "boosting": (
                logs("learning_rate", 0.01, 1, 5),
                ints("max_depth", 1, 2, 4, 6),
                steps("subsample", 0.1, 0.4, 0.7, 1.0),
                log_ints("n_estimators", 5, 20, 50, 100, path=True),
            ),
        },
        family="conditional",
    ),
    Grid(
        "histogram-cancer",
        "cancer",
        "log_loss",
        (
            logs("learning_rate", 0.01, 1, 6),
            log_ints("max_leaf_nodes", 2, 5, 31),
            log_ints("min_samples_leaf", 2, 6, 15, 40),
            logs("l2_regularization", 1e-3, 100, 4),
            floats("max_features", 0.1, 1, 4),
            log_ints("max_iter", 4, 10, 25, 60, path=True),
        ),
        held_out=True,
    ),
    Grid(
        "extra-friedman3",
        "friedman3",
        "rmse",
        (
            ints("max_depth", 2, 4, 7, 12),
            options("max_features", 1, 2, 3, 4),
            log_ints("min_samples_leaf", 1, 3, 10, 30),
            log_ints("min_samples_split", 2, 8, 32),
            logs("min_impurity_decrease", 1e-4, 0.1, 3),
            log_ints("n_estimators", 2, 5, 12, 30, path=True),
        ),
        "bootstrap",
        {"no": (), "yes": (floats("max_samples", 0.1, 1, 3),)},
        held_out=True,
    ),
    Grid(
        "neighbours-wine",
        "wine",
        "log_loss",
        (
            ints("n_neighbors", *range(1, 31)),
            options("weights", "uniform", "distance"),
            options("scale", "none", "unit", "rank"),
            ints("components", 2, 4, 8, 14, 21),
        ),
        "metric",
        {"minkowski": (floats("p", 1, 5, 4),), "cosine": (), "correlation": ()},
        held_out=True,
    ),
    Grid(
        "logistic-sparse",
        "sparse",
        "log_loss",
        (
            logs("C", 1e-4, 1e2, 16),
            floats("l1_ratio", 0, 1, 9),
            options("class_weight", None, "balanced"),
            log_ints("max_iter", 2, 6, 20, 60),
        ),
        held_out=True,
    ),
    Grid(
        "ridge-friedman2",
        "friedman2",
        "rmse",
        (logs("alpha", 1e-5, 1e2, 11),),
        "kernel",
        {
            "linear": (),
            "rbf": (logs("gamma", 1e-4, 10, 13),),
            "laplacian": (logs("gamma", 1e-4, 10, 13),),
            "poly": (
                logs("gamma", 1e-3, 1, 7),
                floats("coef0", 0, 2, 3),
                ints("degree", 2, 3, 4, 5),
            ),
        },
        held_out=True,
    ),
    Grid(
        "elastic-diabetes",
        "diabetes",
        "rmse",
        (logs("alpha", 1e-4, 1, 25), floats("l1_ratio", 0, 1, 11)),
        held_out=True,
    ),
    Grid(
        "models-diabetes",
        "diabetes",
        "rmse",
        (),
        "model",
        {
            "lasso": (logs("alpha", 1e-4, 1, 9), ints("degree", 1, 2)),
            "neighbours": (
                ints("n_neighbors", 1, 2, 4, 8, 14, 22, 32, 45, 60),
                options("weights", "uniform", "distance"),
                floats("p", 1, 3, 3),
            ),
            "svr": (
                logs("C", 1e-2, 1e3, 8),
                logs("gamma", 1e-4, 1, 8),
                logs("epsilon", 1e-2, 1, 4),
            ),
            "forest": (
                ints("max_depth", 1, 3, 6, 12),
                floats("max_features", 0.1, 1, 4),
                log_ints("min_samples_leaf", 1, 4, 16),
                log_ints("n_estimators", 3, 10, 30, path=True),
            ),
            "ada": (
                logs("learning_rate", 0.01, 3, 6),
                ints("max_depth", 1, 2, 4, 6),
                options("loss", "linear", "square", "exponential"),
                ints("n_estimators", 2, 6, 14, 30, path=True),
            ),
        },
        family="conditional",
        held_out=True,
    ),
]
# Those that have thousands of combinations.
LISTED = [
    listed(grid)
    for grid in GRIDS
    if grid.name
    in (
        "boosting-friedman1", "forest-clusters", "mlp-digits", "svr-friedman1",
        "histogram-cancer", "extra-friedman3", "neighbours-wine", "logistic-sparse",
    )
]  # fmt: skip
