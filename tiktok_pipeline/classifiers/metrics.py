"""Metrics of scores against a label: at a threshold and over all thresholds. Arrays in, numbers out."""

from __future__ import annotations

import numpy as np

from tiktok_pipeline.arrays import Vector
from tiktok_pipeline.classifiers.labels import Flags

CURVE_POINTS = 60
THRESHOLDS = np.linspace(0.0, 1.0, 51)
CALIBRATION_BINS = 10


def threshold_metrics(scores: Vector, labels: Flags, threshold: float) -> dict[str, float]:
    """Return precision, recall, F1 and balanced accuracy of ``score >= threshold``; 0 divided by 0 is 0.

    Examples
    --------
    >>> threshold_metrics(np.array([0.9, 0.8, 0.2, 0.1]), np.array([True, False, True, False]), 0.5)["f1"]
    0.5
    """
    predicted = scores >= threshold
    true_positives = float((predicted & labels).sum())
    true_negatives = float((~predicted & ~labels).sum())
    precision = _ratio(true_positives, float(predicted.sum()))
    recall = _ratio(true_positives, float(labels.sum()))
    specificity = _ratio(true_negatives, float((~labels).sum()))
    return {
        "precision": precision,
        "recall": recall,
        "f1": _ratio(2 * precision * recall, precision + recall),
        "balanced_accuracy": (recall + specificity) / 2,
    }


def ranking_metrics(scores: Vector, labels: Flags) -> dict[str, float]:
    """Return ROC-AUC, average precision and Brier score; both classes must occur."""
    return {
        "roc_auc": roc_auc(scores, labels),
        "average_precision": average_precision(scores, labels),
        "brier": float(((scores - labels) ** 2).mean()),
    }


def roc_auc(scores: Vector, labels: Flags) -> float:
    """Return the share of positive-negative pairs in which the positive scores higher; a tie is half a pair.

    This is Mann and Whitney's statistic. It equals scikit-learn's value, which a test checks, at a tenth of the time:
    a refresh computes about a thousand.

    Examples
    --------
    >>> roc_auc(np.array([0.1, 0.4, 0.35, 0.8]), np.array([False, False, True, True]))
    0.75
    """
    _, position, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2.0)[position]
    positives = int(labels.sum())
    negatives = len(labels) - positives
    return float((ranks[labels].sum() - positives * (positives + 1) / 2.0) / (positives * negatives))


def average_precision(scores: Vector, labels: Flags) -> float:
    """Return the mean of the precision at each threshold, weighted by the gain in recall; no interpolation."""
    _, precision, recall = _sweep(scores, labels)
    return float((-np.diff(recall, append=0.0) * precision).sum())


def best_f1(scores: Vector, labels: Flags) -> tuple[float, float]:
    """Return the threshold with the highest F1 and that F1; the lowest threshold on a tie."""
    thresholds, precision, recall = _sweep(scores, labels)
    f1 = np.divide(
        2 * precision * recall, precision + recall, out=np.zeros(len(thresholds)), where=precision + recall > 0
    )
    best = int(f1.round(12).argmax())  # ties may differ in the last digit
    return float(thresholds[best]), float(f1[best])


def threshold_for_precision(scores: Vector, labels: Flags, wanted: float) -> float:
    """Return the lowest threshold that reaches a precision; if none does, the one with the highest precision."""
    thresholds, precision, _ = _sweep(scores, labels)
    reached = np.flatnonzero(precision >= wanted)
    return float(thresholds[reached[0] if len(reached) else int(precision.argmax())])


def _sweep(scores: Vector, labels: Flags) -> tuple[Vector, Vector, Vector]:
    """Return each distinct score as a threshold, ascending, with precision and recall of ``score >= threshold``."""
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(labels[order])
    last_of_its_value = np.append(np.diff(scores[order]) != 0, True)
    predicted = np.arange(1, len(scores) + 1)[last_of_its_value]
    true_positives = hits[last_of_its_value]
    thresholds = scores[order][last_of_its_value]
    recall = true_positives / max(1, int(labels.sum()))
    return thresholds[::-1], (true_positives / predicted)[::-1], recall[::-1]


def curves(scores: Vector, labels: Flags) -> list[tuple[str, float | None, float, float]]:
    """Return points (curve, threshold, x, y) of the precision-recall, threshold and calibration curves, thinned."""
    thresholds, precision, recall = _sweep(scores, labels)
    # Evenly by recall: if positives are rare, most thresholds differ only in false positives.
    wanted = np.linspace(recall[0], 0.0, CURVE_POINTS)
    kept = np.unique(np.clip(np.searchsorted(-recall, -wanted, side="right") - 1, 0, len(recall) - 1))
    points: list[tuple[str, float | None, float, float]] = [
        ("precision_recall", float(thresholds[place]), float(recall[place]), float(precision[place]))
        for place in kept
    ]
    for threshold in THRESHOLDS:
        if (scores >= threshold).any():
            metrics = threshold_metrics(scores, labels, float(threshold))
            points += [
                (name, float(threshold), float(threshold), metrics[name]) for name in ("precision", "recall", "f1")
            ]
    return [*points, *_calibration(scores, labels)]


def _calibration(scores: Vector, labels: Flags) -> list[tuple[str, float | None, float, float]]:
    """Return mean score and share of positives of rows ordered by score, each part with a tenth of the sum of scores.

    With tenths of the rows, nearly all of them would have scores near zero where positives are rare.
    """
    order = np.argsort(scores, kind="stable")
    total = float(scores.sum())
    if total <= 0.0:
        return []
    before = (np.cumsum(scores[order]) - scores[order]) / total
    numbers = np.minimum((before * CALIBRATION_BINS).round(9).astype(np.int64), CALIBRATION_BINS - 1)
    parts = [order[numbers == number] for number in range(CALIBRATION_BINS)]
    return [
        ("calibration", None, float(scores[part].mean()), float(labels[part].mean())) for part in parts if len(part)
    ]


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0
