"""The models that are put to a label, each with what it says of rows that it never saw.

scikit-learn and torch are imported inside the functions: importing them costs seconds. How a model is judged stands in
`tiktok_pipeline.classifiers.cross_validation`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tiktok_pipeline.arrays import Matrix, Vector
from tiktok_pipeline.classifiers.labels import Flags
from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.recipes.classification import ModelName, Network

INNER_FOLDS = 3

TREES = 100


class ModelMissingError(PipelineError):
    """A model needs a library that is not installed; the text names both."""

    code = "model_missing"


@dataclass(frozen=True)
class Fitted:
    """A fitted model: how it scores rows, and its scores of training rows by a model that did not see them.

    ``inner_scores`` and ``inner_labels`` are what a threshold and a calibration may be chosen on.
    """

    score: Callable[[Matrix], Vector]
    inner_scores: Vector
    inner_labels: Flags


def fit(name: ModelName, matrix: Matrix, labels: Flags, *, random_state: int, network: Network) -> Fitted:
    """Fit one of the models on a matrix (rows x features, NaN where missing).

    Raises `ModelMissingError` where the library of the model is not installed.
    """
    if name == "neural_network":
        return _fit_network(matrix, labels, random_state=random_state, network=network)
    model = build(name, random_state=random_state)
    model.fit(matrix, labels)
    if name == "random_forest":
        inner = np.nan_to_num(model.oob_decision_function_[:, 1])
    elif name == "dummy":
        inner = np.full(len(labels), labels.mean())
    else:
        inner = inner_scores(name, matrix, labels, random_state=random_state)
    return Fitted(lambda rows: np.asarray(model.predict_proba(rows)[:, 1]), inner, labels)


def inner_scores(name: ModelName, matrix: Matrix, labels: Flags, *, random_state: int) -> Vector:
    """The score of each row by a model fitted on the other parts of these rows (three parts)."""
    from sklearn.model_selection import StratifiedKFold  # noqa: PLC0415

    parts = StratifiedKFold(INNER_FOLDS, shuffle=True, random_state=random_state)
    scores = np.empty(len(labels))
    for train, test in parts.split(matrix, labels):
        model = build(name, random_state=random_state).fit(matrix[train], labels[train])
        scores[test] = model.predict_proba(matrix[test])[:, 1]
    return scores


def build(name: ModelName, *, random_state: int) -> Any:  # noqa: ANN401 - scikit-learn has no types
    """The unfitted model of a name, with our settings."""
    from sklearn.dummy import DummyClassifier  # noqa: PLC0415
    from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier  # noqa: PLC0415
    from sklearn.impute import SimpleImputer  # noqa: PLC0415
    from sklearn.pipeline import make_pipeline  # noqa: PLC0415

    match name:
        case "random_forest":
            return RandomForestClassifier(n_estimators=TREES, oob_score=True, random_state=random_state)
        case "gradient_boosting":
            # A column without any value makes its binning fail, so a missing one is a value below all others.
            return make_pipeline(
                SimpleImputer(strategy="constant", fill_value=-1.0, keep_empty_features=True),
                HistGradientBoostingClassifier(
                    max_iter=50, learning_rate=0.1, max_leaf_nodes=15, random_state=random_state
                ),
            )
        case "logistic_regression":
            return logged_regression()
        case "dummy":
            return DummyClassifier(strategy="prior")
        case _:
            msg = f"{name} is not built here"
            raise ValueError(msg)


def logged_regression() -> Any:  # noqa: ANN401 - scikit-learn has no types
    """Logistic regression on ln(x + 1), standardised, a missing value as the median: counts are heavy-tailed."""
    from sklearn.impute import SimpleImputer  # noqa: PLC0415
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415
    from sklearn.pipeline import Pipeline  # noqa: PLC0415
    from sklearn.preprocessing import FunctionTransformer, StandardScaler  # noqa: PLC0415

    return Pipeline(
        [
            ("fill", SimpleImputer(strategy="median", keep_empty_features=True)),
            ("log", FunctionTransformer(np.log1p)),
            ("scale", StandardScaler()),
            ("regression", LogisticRegression(solver="newton-cholesky", max_iter=1_000)),
        ]
    )


def _fit_network(matrix: Matrix, labels: Flags, *, random_state: int, network: Network) -> Fitted:
    from sklearn.model_selection import train_test_split  # noqa: PLC0415

    from tiktok_pipeline.classifiers.network import fit_min_max, impute_median, train  # noqa: PLC0415

    rows = np.arange(len(labels))
    kept, held = train_test_split(rows, test_size=0.2, stratify=labels, random_state=random_state)
    inputs = fit_min_max(impute_median(matrix[kept], matrix[kept]))
    prepared = inputs(impute_median(matrix, matrix[kept]))
    trained = train(
        prepared[kept], labels[kept], prepared[held], labels[held], network, seed=random_state, as_published=False
    )
    return Fitted(
        lambda others: trained.score(inputs(impute_median(others, matrix[kept]))),
        trained.score(prepared[held]),
        labels[held],
    )
