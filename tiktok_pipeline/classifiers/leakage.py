"""The leakage audit: whether a feature, or the sum of two features, gives the label away.

It measures for each feature how well it ranks the label alone (ROC-AUC), how well a threshold on it alone reproduces
the label (F1), and what the reference model (logistic regression on logged values) loses without it.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd

from tiktok_pipeline.arrays import Matrix, Vector
from tiktok_pipeline.classifiers.labels import Flags
from tiktok_pipeline.classifiers.metrics import average_precision, best_f1, roc_auc
from tiktok_pipeline.classifiers.models import logged_regression
from tiktok_pipeline.classifiers.schema import LEAKAGE_TABLE

REBUILT = 0.95
"""A feature leaks if the best F1 of a threshold on it reaches this share of the way from guessing to a perfect F1.
The scale starts at guessing because guessing alone has an F1 near 1 if nearly everybody is positive."""

QUASI_LABEL = 0.4
"""The same share for a quasi-label."""

EXACT = 0.999


def audit(
    features: pd.DataFrame, labels: Flags, *, published: tuple[str, ...], audited: tuple[str, ...], random_state: int
) -> pd.DataFrame:
    """Return rows of ``classifiers.leakage`` for the published inputs and the audited features, the worst first.

    A pair is reported only if neither of its features reproduces the label exactly alone.

    Parameters
    ----------
    features : DataFrame
        One column per feature.
    labels : ndarray of bool of shape (n_rows,)
        Whether a row is positive.
    published, audited : tuple of str
        Inputs of the published model, and further features.
    random_state : int
        Seed of the cross-validation.
    """
    names = tuple(dict.fromkeys((*published, *audited)))
    columns = {name: _column(features, name) for name in names}
    guessing = 2 * labels.mean() / (1 + labels.mean())
    single = {name: _alone(columns[name], labels) for name in names}
    pairs = _pairs({name: columns[name] for name in published}, labels, single)
    in_a_pair = {name for pair in pairs for name in pair}
    without = average_precision_without(
        np.column_stack([columns[name] for name in published]), labels, random_state=random_state
    )
    rows = []
    for name in names:
        auc, f1 = single[name]
        kind = _kind(f1, guessing, in_a_pair=name in in_a_pair)
        verdict = _words(kind, f1, guessing, [pair for pair in pairs if name in pair], name)
        place = published.index(name) if name in published else -1
        ap = without[place] if place >= 0 else None
        rows.append((name, "", name in published, auc, f1, ap, kind, verdict))
    for (first, second), (auc, f1) in pairs.items():
        verdict = f"Leak: a threshold on {first} + {second} is the label (F1 {f1:.3f})."
        rows.append((first, second, True, auc, f1, None, "leak", verdict))
    frame = pd.DataFrame(rows, columns=LEAKAGE_TABLE.frame_names)
    frame = frame.astype({"single_feature_auc": "float64", "best_f1": "float64", "ap_without": "float64"})
    return frame.sort_values(["best_f1", "feature"], ascending=[False, True], kind="stable", ignore_index=True)


def average_precision_without(matrix: Matrix, labels: Flags, *, random_state: int) -> list[float | None]:
    """Return the average precision of the reference model without each feature in turn.

    Scores are out of fold, with five stratified folds; None if no feature is left.
    """
    from sklearn.model_selection import StratifiedKFold, cross_val_predict  # noqa: PLC0415 - importing it costs seconds

    folds = StratifiedKFold(5, shuffle=True, random_state=random_state)
    precisions: list[float | None] = []
    for position in range(matrix.shape[1]):
        others = np.delete(matrix, position, axis=1)
        if not others.shape[1]:
            precisions.append(None)
            continue
        scores = cross_val_predict(logged_regression(), others, labels, cv=folds, method="predict_proba")[:, 1]
        precisions.append(average_precision(scores, labels))
    return precisions


def _column(features: pd.DataFrame, name: str) -> Vector:
    """Return a feature as floats, missing values as its median."""
    values = features[name].to_numpy(dtype=np.float64, na_value=np.nan)
    known = values[~np.isnan(values)]
    return np.where(np.isnan(values), np.median(known) if len(known) else 0.0, values)


def _alone(values: Vector, labels: Flags) -> tuple[float, float]:
    """Return ROC-AUC and best F1 of a threshold on a feature, in the better direction."""
    auc = roc_auc(values, labels)
    return max(auc, 1.0 - auc), max(best_f1(values, labels)[1], best_f1(-values, labels)[1])


def _pairs(
    columns: dict[str, Vector], labels: Flags, single: dict[str, tuple[float, float]]
) -> dict[tuple[str, str], tuple[float, float]]:
    """Return the pairs whose sum reproduces the label exactly although neither feature does."""
    pairs = {}
    for first, second in combinations([name for name in columns if single[name][1] < EXACT], 2):
        auc, f1 = _alone(columns[first] + columns[second], labels)
        if f1 >= EXACT:
            pairs[first, second] = (auc, f1)
    return pairs


def _kind(f1: float, guessing: float, *, in_a_pair: bool) -> str:
    if f1 >= guessing + REBUILT * (1.0 - guessing) or in_a_pair:
        return "leak"
    return "quasi_label" if f1 >= guessing + QUASI_LABEL * (1.0 - guessing) else "clear"


def _words(kind: str, f1: float, guessing: float, pairs: list[tuple[str, str]], name: str) -> str:
    if kind == "clear":
        return "No sign that it gives the label away."
    if kind == "quasi_label":
        return (
            f"Quasi-label: a threshold on it alone reaches F1 {f1:.3f} (guessing: {guessing:.3f}); "
            "close to the label under another name."
        )
    if pairs and f1 < EXACT:
        others = " or ".join(first if second == name else second for first, second in pairs)
        return f"Leak: together with {others} it is the label; alone a threshold on it reaches F1 {f1:.3f}."
    exact = "is the label" if f1 >= EXACT else "is nearly the label"
    return f"Leak: a threshold on it alone {exact} (F1 {f1:.3f}): a model that uses it recovers its own target."
