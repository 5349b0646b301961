"""Figures of scores against a label: at a threshold, over all thresholds, and calibrated. Plain arrays in and out."""

from __future__ import annotations

import numpy as np

from tiktok_pipeline.arrays import Vector
from tiktok_pipeline.classifiers.labels import Flags

CURVE_POINTS = 60
THRESHOLDS = np.linspace(0.0, 1.0, 51)
CALIBRATION_BINS = 10
LARGEST_LOG_ODDS = 25.0
"""Beyond it a probability is held (1 - 1.4e-11, still below 1 in the digits that tables keep): a threshold is a score, and
no score falls short of it because one of the two was rounded."""


def threshold_metrics(scores: Vector, labels: Flags, threshold: float) -> dict[str, float]:
    """Precision, recall, F1 and balanced accuracy of ``score >= threshold``; a ratio over nothing is 0.

    >>> at_threshold(np.array([0.9, 0.8, 0.2, 0.1]), np.array([True, False, True, False]), 0.5)["f1"]
    0.5
    """
    taken = scores >= threshold
    true_positives = float((taken & labels).sum())
    true_negatives = float((~taken & ~labels).sum())
    precision = _ratio(true_positives, float(taken.sum()))
    recall = _ratio(true_positives, float(labels.sum()))
    specificity = _ratio(true_negatives, float((~labels).sum()))
    return {
        "precision": precision,
        "recall": recall,
        "f1": _ratio(2 * precision * recall, precision + recall),
        "balanced_accuracy": (recall + specificity) / 2,
    }


def ranking_metrics(scores: Vector, labels: Flags) -> dict[str, float]:
    """ROC-AUC, average precision and Brier score; both kinds must be there."""
    return {
        "roc_auc": roc_auc(scores, labels),
        "average_precision": average_precision(scores, labels),
        "brier": float(((scores - labels) ** 2).mean()),
    }


def roc_auc(scores: Vector, labels: Flags) -> float:
    """The share of pairs of a positive and a negative in which the positive has the higher score; a tie is half a pair.

    Mann and Whitney's count. It is scikit-learn's figure, which a test holds, at a tenth of the time: a refresh needs some
    thousand of them.

    >>> roc_auc(np.array([0.1, 0.4, 0.35, 0.8]), np.array([False, False, True, True]))
    0.75
    """
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2.0)[place]
    positives = int(labels.sum())
    negatives = len(labels) - positives
    return float((ranks[labels].sum() - positives * (positives + 1) / 2.0) / (positives * negatives))


def average_precision(scores: Vector, labels: Flags) -> float:
    """Precision at each threshold, weighted by the recall that it adds: a sum of steps, not an area."""
    _, precision, recall = _sweep(scores, labels)
    return float((-np.diff(recall, append=0.0) * precision).sum())


def best_f1(scores: Vector, labels: Flags) -> tuple[float, float]:
    """The threshold with the highest F1, and that F1; the lowest of equal ones."""
    thresholds, precision, recall = _sweep(scores, labels)
    f1 = np.divide(
        2 * precision * recall, precision + recall, out=np.zeros(len(thresholds)), where=precision + recall > 0
    )
    best = int(f1.round(12).argmax())  # equal ones may differ in the last digit
    return float(thresholds[best]), float(f1[best])


def threshold_for_precision(scores: Vector, labels: Flags, wanted: float) -> float:
    """The lowest threshold that reaches a precision; where none does, the one with the highest precision."""
    thresholds, precision, _ = _sweep(scores, labels)
    reached = np.flatnonzero(precision >= wanted)
    return float(thresholds[reached[0] if len(reached) else int(precision.argmax())])


def _sweep(scores: Vector, labels: Flags) -> tuple[Vector, Vector, Vector]:
    """Each distinct score as a threshold, ascending, with precision and recall of ``score >= threshold``."""
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(labels[order])
    last_of_its_value = np.append(np.diff(scores[order]) != 0, True)
    taken = np.arange(1, len(scores) + 1)[last_of_its_value]
    found = hits[last_of_its_value]
    thresholds = scores[order][last_of_its_value]
    recall = found / max(1, int(labels.sum()))
    return thresholds[::-1], (found / taken)[::-1], recall[::-1]


def fit_platt(scores: Vector, labels: Flags) -> tuple[float, float]:
    """Slope and offset of Platt's sigmoid over the log odds of held-out scores (Platt 1999); (1, 0) for constant ones."""
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415

    if scores.min() == scores.max():
        return 1.0, 0.0
    fitted = LogisticRegression(C=1e6, max_iter=1_000).fit(log_odds(scores)[:, None], labels)
    return float(fitted.coef_[0, 0]), float(fitted.intercept_[0])


def apply_platt(scores: Vector, slope: float, offset: float) -> Vector:
    """The scores as probabilities, by Platt's sigmoid."""
    held = np.clip(slope * log_odds(scores) + offset, -LARGEST_LOG_ODDS, LARGEST_LOG_ODDS)
    found: Vector = 1.0 / (1.0 + np.exp(-held))
    return found


def log_odds(scores: Vector) -> Vector:
    """Natural logarithm of p / (1 - p), with p held to 1e-6 .. 1 - 1e-6."""
    held = np.clip(scores, 1e-6, 1.0 - 1e-6)
    found: Vector = np.log(held / (1.0 - held))
    return found


def curves(scores: Vector, labels: Flags) -> list[tuple[str, float | None, float, float]]:
    """Points (curve, threshold, x, y) of the precision-recall, threshold and calibration curves, thinned."""
    thresholds, precision, recall = _sweep(scores, labels)
    # Evenly by recall: where positives are rare, most thresholds differ in false alarms only.
    wanted = np.linspace(recall[0], 0.0, CURVE_POINTS)
    kept = np.unique(np.clip(np.searchsorted(-recall, -wanted, side="right") - 1, 0, len(recall) - 1))
    points: list[tuple[str, float | None, float, float]] = [
        ("precision_recall", float(thresholds[place]), float(recall[place]), float(precision[place]))
        for place in kept
    ]
    for threshold in THRESHOLDS:
        if (scores >= threshold).any():
            found = threshold_metrics(scores, labels, float(threshold))
            points += [
                (name, float(threshold), float(threshold), found[name]) for name in ("precision", "recall", "f1")
            ]
    return [*points, *_calibration(scores, labels)]


def _calibration(scores: Vector, labels: Flags) -> list[tuple[str, float | None, float, float]]:
    """Mean score and share of positives in tenths of the rows, by score."""
    order = np.argsort(scores, kind="stable")
    return [
        ("calibration", None, float(scores[part].mean()), float(labels[part].mean()))
        for part in np.array_split(order, CALIBRATION_BINS)
        if len(part)
    ]


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0
