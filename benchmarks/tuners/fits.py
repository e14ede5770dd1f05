"""The models behind the tables: fitted with the settings of a cell, they predict the test rows.

A setting on a path comes as the tuple of all its levels, and there is a prediction for each.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import numpy as np
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    AdaBoostRegressor,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import ElasticNet, LogisticRegression, SGDClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import PolynomialFeatures, QuantileTransformer, StandardScaler
from sklearn.svm import SVC, SVR
from sklearn.tree import DecisionTreeRegressor

from samples import Array, Split

Settings = dict[str, Any]  # what scikit-learn takes: it has no types of its own
Fit = Callable[[Split, Settings], list[Array]]
T = TypeVar("T")


def attempted(fit: Callable[[], T]) -> T | None:
    """What a fit predicts, None where it fails."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # a fit that does not converge is a part of the surface
        try:
            return fit()
        except ValueError as error:
            # scikit-learn raises nothing better where weights overflow; a wrong setting is a bug.
            if not any(word in str(error) for word in ("overflow", "NaN", "non-finite")):
                raise
            return None


def _plain(model: Any, split: Split) -> list[Array]:
    return [model.fit(split.x, split.y).predict(split.x_test)]


def _probable(model: Any, split: Split) -> list[Array]:
    return [model.fit(split.x, split.y).predict_proba(split.x_test)]


def _at(levels: Iterable[int], stages: Iterable[Array]) -> list[Array]:
    """Of the predictions after 1, 2, 3, ... steps those after `levels`; the last may stay."""
    found = list(stages)
    return [found[min(level, len(found)) - 1] for level in levels]


def _trees(model: Any, split: Split, levels: Iterable[int]) -> list[Array]:
    """A forest's predictions of its first so many trees."""
    model.fit(split.x, split.y)
    each = "predict_proba" if hasattr(model, "predict_proba") else "predict"
    votes = np.array([getattr(tree, each)(split.x_test) for tree in model.estimators_])
    return [votes[:level].mean(axis=0) for level in levels]


def svc(split: Split, settings: Settings) -> list[Array]:
    return _plain(SVC(**settings), split)


def svr(split: Split, settings: Settings) -> list[Array]:
    return _plain(SVR(max_iter=20000, **settings), split)


def boosting(split: Split, settings: Settings) -> list[Array]:
    levels = settings.pop("n_estimators")
    model = GradientBoostingRegressor(n_estimators=max(levels), random_state=0, **settings)
    return _at(levels, model.fit(split.x, split.y).staged_predict(split.x_test))


def boosting_classes(split: Split, settings: Settings) -> list[Array]:
    levels = settings.pop("n_estimators")
    model = GradientBoostingClassifier(n_estimators=max(levels), random_state=0, **settings)
    return _at(levels, model.fit(split.x, split.y).staged_predict_proba(split.x_test))


def histogram(split: Split, settings: Settings) -> list[Array]:
    levels = settings.pop("max_iter")
    model = HistGradientBoostingClassifier(
        max_iter=max(levels), early_stopping=False, random_state=0, **settings
    )
    return _at(levels, model.fit(split.x, split.y).staged_predict_proba(split.x_test))


def forest(split: Split, settings: Settings) -> list[Array]:
    levels = settings.pop("n_estimators")
    model = RandomForestClassifier(n_estimators=max(levels), random_state=0, **settings)
    return _trees(model, split, levels)


def extra(split: Split, settings: Settings) -> list[Array]:
    levels = settings.pop("n_estimators")
    settings["bootstrap"] = settings["bootstrap"] == "yes"
    model = ExtraTreesRegressor(n_estimators=max(levels), random_state=0, **settings)
    return _trees(model, split, levels)


def extra_classes(split: Split, settings: Settings) -> list[Array]:
    levels = settings.pop("n_estimators")
    model = ExtraTreesClassifier(n_estimators=max(levels), random_state=0, **settings)
    return _trees(model, split, levels)


def forest_numbers(split: Split, settings: Settings) -> list[Array]:
    levels = settings.pop("n_estimators")
    model = RandomForestRegressor(n_estimators=max(levels), random_state=0, **settings)
    return _trees(model, split, levels)


def ada(split: Split, settings: Settings) -> list[Array]:
    levels = settings.pop("n_estimators")
    tree = DecisionTreeRegressor(max_depth=settings.pop("max_depth"))
    model = AdaBoostRegressor(tree, n_estimators=max(levels), random_state=0, **settings)
    return _at(levels, model.fit(split.x, split.y).staged_predict(split.x_test))


def mlp(split: Split, settings: Settings) -> list[Array]:
    levels = settings.pop("epochs")
    model = MLPClassifier((settings.pop("hidden"),), random_state=0, **settings)
    classes = np.unique(split.y)
    stages = []
    for _ in range(max(levels)):
        model.partial_fit(split.x, split.y, classes=classes)
        stages.append(model.predict_proba(split.x_test))
    return _at(levels, stages)


def sgd(split: Split, settings: Settings) -> list[Array]:
    return _plain(SGDClassifier(max_iter=8, tol=None, random_state=0, **settings), split)


def logistic(split: Split, settings: Settings) -> list[Array]:
    """Elastic net where there is an l1_ratio, else ridge."""
    if "l1_ratio" in settings:
        settings = {"solver": "saga", "random_state": 0, "tol": 1e-6, **settings}
    return _probable(LogisticRegression(**settings), split)


def bayes(split: Split, settings: Settings) -> list[Array]:
    return _probable(GaussianNB(**settings), split)


def neighbours(split: Split, settings: Settings) -> list[Array]:
    """Of the first principal components; `scale` is what is done to these."""
    components = PCA(settings.pop("components"), random_state=0).fit(split.x)
    x, x_test = components.transform(split.x), components.transform(split.x_test)
    scalers = {"unit": StandardScaler(), "rank": QuantileTransformer(n_quantiles=len(x))}
    if scaler := scalers.get(settings.pop("scale")):
        x, x_test = scaler.fit_transform(x), scaler.transform(x_test)
    return neighbours_classes(Split(x, split.y, x_test, split.y_test), settings)


def neighbours_classes(split: Split, settings: Settings) -> list[Array]:
    return _probable(KNeighborsClassifier(**settings), split)


def neighbours_numbers(split: Split, settings: Settings) -> list[Array]:
    return _plain(KNeighborsRegressor(**settings), split)


def ridge(split: Split, settings: Settings) -> list[Array]:
    return _plain(KernelRidge(**settings), split)


def elastic(split: Split, settings: Settings) -> list[Array]:
    """Of all products of up to `degree` columns, 2 if not said otherwise."""
    products = PolynomialFeatures(settings.pop("degree", 2), include_bias=False)
    x, x_test = products.fit_transform(split.x), products.transform(split.x_test)
    return _plain(ElasticNet(**settings), Split(x, split.y, x_test, split.y_test))


def _one_of(models: dict[str, Fit]) -> Fit:
    """The model that the setting `model` names."""
    return lambda split, settings: models[settings.pop("model")](split, settings)


FITS: dict[str, Fit] = {
    "svc-digits": svc,
    "boosting-friedman1": boosting,
    "forest-clusters": forest,
    "mlp-digits": mlp,
    "sgd-digits": sgd,
    "svr-friedman1": svr,
    "models-clusters": _one_of(
        {
            "logistic": logistic,
            "neighbours": neighbours_classes,
            "bayes": bayes,
            "extra": extra_classes,
            "boosting": boosting_classes,
        }
    ),
    "histogram-cancer": histogram,
    "extra-friedman3": extra,
    "neighbours-wine": neighbours,
    "logistic-sparse": logistic,
    "ridge-friedman2": ridge,
    "elastic-diabetes": elastic,
    "models-diabetes": _one_of(
        {
            "lasso": lambda split, settings: elastic(split, {"l1_ratio": 1.0, **settings}),
            "neighbours": neighbours_numbers,
            "svr": svr,
            "forest": forest_numbers,
            "ada": ada,
        }
    ),
}
