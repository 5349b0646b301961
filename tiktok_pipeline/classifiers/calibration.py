"""Calibrate scores to probabilities with Platt's sigmoid. Arrays in, arrays out."""

from __future__ import annotations

import numpy as np

from tiktok_pipeline.arrays import Vector
from tiktok_pipeline.classifiers.labels import Flags

LARGEST_LOG_ODDS = 25.0
"""Log odds are clipped here, so that a probability (at most 1 - 1.4e-11) stays below 1 in the digits of the tables.
A threshold is a score; without the clip, rounding could put a score below its own threshold."""


def fit_platt(scores: Vector, labels: Flags) -> tuple[float, float]:
    """Return slope and offset of Platt's sigmoid over the log odds of held-out scores; (1, 0) for constant scores.

    References
    ----------
    Platt 1999, Probabilistic outputs for support vector machines.
    """
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415

    if scores.min() == scores.max():
        return 1.0, 0.0
    fitted = LogisticRegression(C=1e6, max_iter=1_000).fit(log_odds(scores)[:, None], labels)
    return float(fitted.coef_[0, 0]), float(fitted.intercept_[0])


def apply_platt(scores: Vector, slope: float, offset: float) -> Vector:
    """Return the scores as calibrated probabilities, by Platt's sigmoid."""
    return sigmoid(slope * log_odds(scores) + offset)


def sigmoid(odds: Vector) -> Vector:
    """Return 1 / (1 + exp(-odds)), with the log odds clipped to `LARGEST_LOG_ODDS`."""
    clipped = np.clip(odds, -LARGEST_LOG_ODDS, LARGEST_LOG_ODDS)
    probabilities: Vector = 1.0 / (1.0 + np.exp(-clipped))
    return probabilities


def log_odds(scores: Vector) -> Vector:
    """Return the natural logarithm of p / (1 - p), with p clipped to 1e-6 .. 1 - 1e-6."""
    clipped = np.clip(scores, 1e-6, 1.0 - 1e-6)
    odds: Vector = np.log(clipped / (1.0 - clipped))
    return odds
