"""The leakage audit: whether a feature, or a combination of two features, gives the label away.

It measures for each feature how well it ranks the label alone (ROC-AUC), how well a threshold on it alone reproduces
the label (F1), and what the reference model (logistic regression on logged values) loses without it. How well a
threshold does depends on the share of positives; whether a feature ranks creators as the feature behind the label
does, does not.
"""

from __future__ import annotations

from collections.abc import Callable
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

SEPARATES = 0.85
"""ROC-AUC of a quasi-label, too: it does not depend on the share of positives, as F1 does."""

SAME_ORDER = 0.9
"""Absolute rank correlation with the feature behind the label from which a feature or a pair is a quasi-label."""

COMBINATIONS: dict[str, tuple[str, Callable[[Vector, Vector], Vector]]] = {
    "sum": ("+", np.add),
    "difference": ("\u2212", np.subtract),
    "product": ("\u00d7", np.multiply),
    "ratio": ("/", lambda first, second: np.divide(first, second, out=np.zeros_like(first), where=second != 0)),
}
"""The combinations of a pair that are tried, with their signs; a division by 0 gives 0."""


def audit(
    features: pd.DataFrame,
    labels: Flags,
    *,
    published: tuple[str, ...],
    audited: tuple[str, ...],
    random_state: int,
    behind_label: str | None = None,
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
    behind_label : str, optional
        The feature whose threshold is the label.
    """
    names = tuple(dict.fromkeys((*published, *audited)))
    columns = {name: filled_column(features, name) for name in names}
    behind = None if behind_label is None else filled_column(features, behind_label)
    guessing = 2 * labels.mean() / (1 + labels.mean())
    single = {name: _alone(columns[name], labels) for name in names}
    order = {name: _rank_correlation(columns[name], behind) for name in names}
    pairs = _pairs({name: columns[name] for name in published}, labels, single, order, behind)
    leaking = [pair for pair, (_, _, f1, _) in pairs.items() if f1 >= EXACT]
    in_a_pair = {name for pair in leaking for name in pair}
    without = average_precision_without(
        np.column_stack([columns[name] for name in published]), labels, random_state=random_state
    )
    rows: list[tuple[object, ...]] = []
    for name in names:
        auc, f1 = single[name]
        kind = leakage_kind(f1, guessing, auc, order[name], in_a_pair=name in in_a_pair)
        verdict = _words(kind, f1, guessing, _partners(leaking, name)) + _strength(kind, auc, order[name])
        place = published.index(name) if name in published else -1
        ap = without[place] if place >= 0 else None
        rows.append((name, "", None, name in published, auc, f1, ap, kind, verdict))
    for (first, second), (combination, auc, f1, correlation) in pairs.items():
        kind = "leak" if f1 >= EXACT else "quasi_label"
        verdict = _pair_words(f"{first} {COMBINATIONS[combination][0]} {second}", f1, correlation)
        rows.append((first, second, combination, True, auc, f1, None, kind, verdict))
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


def filled_column(features: pd.DataFrame, name: str) -> Vector:
    """Return a feature as floats, missing values as its median."""
    values = features[name].to_numpy(dtype=np.float64, na_value=np.nan)
    known = values[~np.isnan(values)]
    return np.where(np.isnan(values), np.median(known) if len(known) else 0.0, values)


def _alone(values: Vector, labels: Flags) -> tuple[float, float]:
    """Return ROC-AUC and best F1 of a threshold on a feature, in the better direction."""
    auc = roc_auc(values, labels)
    return max(auc, 1.0 - auc), max(best_f1(values, labels)[1], best_f1(-values, labels)[1])


def _rank_correlation(values: Vector, behind: Vector | None) -> float:
    """Return the absolute rank correlation with the feature behind the label; 0 if one of them is constant."""
    if behind is None or values.min() == values.max() or behind.min() == behind.max():
        return 0.0
    ranks = pd.DataFrame({"values": values, "behind": behind}).rank().to_numpy()
    return abs(float(np.corrcoef(ranks.T)[0, 1]))


def _pairs(
    columns: dict[str, Vector],
    labels: Flags,
    single: dict[str, tuple[float, float]],
    order: dict[str, float],
    behind: Vector | None,
) -> dict[tuple[str, str], tuple[str, float, float, float]]:
    """Return the pairs of which a combination is the label or ranks as it does, although neither feature does.

    The values are the best combination, its ROC-AUC, its best F1 and its rank correlation.
    """
    candidates = [name for name in columns if single[name][1] < EXACT]
    pairs = {}
    for first, second in combinations(candidates, 2):
        tried = []
        for name, (_, combine) in COMBINATIONS.items():
            values = combine(columns[first], columns[second])
            tried.append((name, *_alone(values, labels), _rank_correlation(values, behind)))
        name, auc, f1, correlation = max(tried, key=lambda entry: (entry[2] >= EXACT, entry[3], entry[2]))
        if f1 >= EXACT or correlation >= SAME_ORDER > max(order[first], order[second]):
            pairs[first, second] = (name, auc, f1, correlation)
    return pairs


def leakage_kind(f1: float, guessing: float, auc: float, correlation: float, *, in_a_pair: bool = False) -> str:
    """Return ``leak``, ``quasi_label`` or ``clear``.

    Parameters
    ----------
    f1, guessing : float
        The best F1 of a threshold on the feature, and that of calling everybody positive.
    auc : float
        ROC-AUC of the feature alone, 0.5 to 1.
    correlation : float
        The absolute rank correlation with the feature behind the label.
    in_a_pair : bool
        Whether the feature is the label together with another one.

    Examples
    --------
    >>> leakage_kind(0.6, 0.5, 0.7, 0.9), leakage_kind(0.6, 0.5, 0.7, 0.89), leakage_kind(0.7, 0.5, 0.7, 0.0)
    ('quasi_label', 'clear', 'quasi_label')
    >>> leakage_kind(0.6, 0.5, 0.85, 0.0), leakage_kind(0.6, 0.5, 0.84, 0.0), leakage_kind(0.98, 0.5, 0.9, 0.0)
    ('quasi_label', 'clear', 'leak')
    """
    if f1 >= guessing + REBUILT * (1.0 - guessing) or in_a_pair:
        return "leak"
    is_close = f1 >= guessing + QUASI_LABEL * (1.0 - guessing)
    return "quasi_label" if is_close or auc >= SEPARATES or correlation >= SAME_ORDER else "clear"


def _pair_words(pair: str, f1: float, correlation: float) -> str:
    if f1 >= EXACT:
        return f"Leak: a threshold on {pair} is the label (F1 {f1:.3f})."
    return f"Quasi-label: {pair} ranks creators nearly as the label does (rank correlation {correlation:.3f})."


def _partners(pairs: list[tuple[str, str]], name: str) -> list[str]:
    return [first if second == name else second for first, second in pairs if name in {first, second}]


def _strength(kind: str, auc: float, correlation: float) -> str:
    """Return what makes a quasi-label one at any share of positives."""
    if kind != "quasi_label":
        return ""
    if correlation >= SAME_ORDER:
        return f" It ranks creators nearly as the label does (rank correlation {correlation:.3f})."
    return (
        f" It ranks target creators above the others at any share of them (ROC-AUC {auc:.3f})."
        if auc >= SEPARATES
        else ""
    )


def _words(kind: str, f1: float, guessing: float, partners: list[str]) -> str:
    if kind == "clear":
        return "No sign that it gives the label away."
    if kind == "quasi_label":
        return (
            f"Quasi-label: a threshold on it alone reaches F1 {f1:.3f} (guessing: {guessing:.3f}); "
            "close to the label under another name."
        )
    if partners and f1 < EXACT:
        others = " or ".join(partners)
        return f"Leak: together with {others} it is the label; alone a threshold on it reaches F1 {f1:.3f}."
    exact = "is the label" if f1 >= EXACT else "is nearly the label"
    return f"Leak: a threshold on it alone {exact} (F1 {f1:.3f}): a model that uses it recovers its own target."
