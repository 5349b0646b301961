"""The models of a classification, each with its out-of-sample scores of the training rows.

scikit-learn and torch are imported inside the functions, because importing them costs seconds. Evaluation is in
`tiktok_pipeline.classifiers.cross_validation`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tiktok_pipeline.arrays import Matrix, Vector
from tiktok_pipeline.classifiers.labels import Flags
from tiktok_pipeline.classifiers.network import fit_min_max, impute_median, train
from tiktok_pipeline.recipes.classification import ModelName, Network

INNER_FOLDS = 3

TREES = 100


@dataclass(frozen=True)
class Fitted:
    """A fitted model.

    Attributes
    ----------
    score : callable
        Maps a matrix (rows x features) to scores in 0..1, one per row.
    inner_scores, inner_labels : ndarray of shape (n_inner_rows,)
        Scores of training rows by a model that did not see them, and their labels: a threshold or a calibration may
        be chosen on these.
    """

    score: Callable[[Matrix], Vector]
    inner_scores: Vector
    inner_labels: Flags


def fit(name: ModelName, matrix: Matrix, labels: Flags, *, random_state: int, network: Network) -> Fitted:
    """Fit one of the models.

    Parameters
    ----------
    name : str
        Name of the model.
    matrix : ndarray of shape (n_rows, n_features)
        The features; NaN if missing.
    labels : ndarray of bool of shape (n_rows,)
        Whether a row is positive.
    random_state : int
        Seed of the model.
    network : Network
        Settings of the neural network; the other models ignore it.

    Raises
    ------
    ModelMissingError
        If the library of the model is not installed.
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
    """Score each row with a model fitted on the other folds of the same rows; see `INNER_FOLDS`."""
    from sklearn.model_selection import StratifiedKFold, cross_val_predict  # noqa: PLC0415

    folds = StratifiedKFold(INNER_FOLDS, shuffle=True, random_state=random_state)
    model = build(name, random_state=random_state)
    scores: Vector = cross_val_predict(model, matrix, labels, cv=folds, method="predict_proba")[:, 1]
    return scores


def build(name: ModelName, *, random_state: int) -> Any:  # noqa: ANN401 - scikit-learn has no types
    """Return the unfitted model of a name, with the settings of this project."""
    from sklearn.dummy import DummyClassifier  # noqa: PLC0415
    from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier  # noqa: PLC0415
    from sklearn.impute import SimpleImputer  # noqa: PLC0415
    from sklearn.pipeline import make_pipeline  # noqa: PLC0415

    match name:
        case "random_forest":
            return RandomForestClassifier(n_estimators=TREES, oob_score=True, random_state=random_state)
        case "gradient_boosting":
            # Its binning fails on a column without values, so a missing value becomes one below all others.
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
            msg = f"model {name!r} is not a scikit-learn model of this module"
            raise ValueError(msg)


def logged_regression() -> Any:  # noqa: ANN401 - scikit-learn has no types
    """Return a logistic regression on standardized ln(x + 1), missing values as the median."""
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

    rows = np.arange(len(labels))
    train_rows, held_out = train_test_split(rows, test_size=0.2, stratify=labels, random_state=random_state)
    to_inputs = fit_min_max(impute_median(matrix[train_rows], matrix[train_rows]))
    inputs = to_inputs(impute_median(matrix, matrix[train_rows]))
    (trained,) = train(
        inputs[train_rows],
        labels[train_rows],
        inputs[held_out],
        labels[held_out],
        network,
        seed=random_state,
    )
    return Fitted(
        lambda other_rows: trained.score(to_inputs(impute_median(other_rows, matrix[train_rows]))),
        trained.score(inputs[held_out]),
        labels[held_out],
    )
