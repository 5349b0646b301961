"""The protocol ``honest``: repeated stratified cross-validation, thresholds and calibration chosen inside the folds.

Nothing that a figure is computed on was seen by the model, by its threshold or by its calibration.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tiktok_pipeline.arrays import Matrix, Vector
from tiktok_pipeline.classifiers.labels import Flags
from tiktok_pipeline.classifiers.metrics import apply_platt, best_f1, fit_platt, ranking_metrics, threshold_metrics
from tiktok_pipeline.classifiers.models import fit
from tiktok_pipeline.recipes.classification import ModelName, Network

SHUFFLES = 5
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class CrossValidationResult:
    """What cross-validation says of one model on one feature set.

    ``metrics``: metric -> (mean, std) over all folds. The rest is of the first repeat, where each row is held out once:
    ``scores`` (calibrated) and ``predicted`` by row, and ``permutation``: feature place -> loss of F1 by shuffle.
    """

    metrics: dict[str, tuple[float, float]]
    scores: Vector
    predicted: Flags
    permutation: dict[int, list[float]]


@dataclass(frozen=True)
class _Fold:
    figures: dict[str, float]
    scores: Vector
    predicted: Flags
    permutation: dict[int, list[float]]


def cross_validate(
    name: ModelName,
    matrix: Matrix,
    labels: Flags,
    *,
    folds: int,
    repeats: int,
    random_state: int,
    network: Network,
    importances: bool = False,
) -> CrossValidationResult:
    """Judge a model by repeated stratified cross-validation; the same arguments give the same figures."""
    from sklearn.model_selection import RepeatedStratifiedKFold  # noqa: PLC0415 - importing it costs seconds
    from threadpoolctl import threadpool_limits  # noqa: PLC0415

    cut = RepeatedStratifiedKFold(n_splits=folds, n_repeats=repeats, random_state=random_state)
    parts = list(cut.split(matrix, labels))

    def one(place: int) -> _Fold:
        train, test = parts[place]
        shuffled = importances and place < folds
        return _evaluate_fold(
            name, matrix, labels, train, test, random_state=random_state, network=network, importances=shuffled
        )

    # OpenMP counts its threads for each of ours anew, and four that spin for two cores take five times as long.
    with threadpool_limits(1), ThreadPoolExecutor(2, initializer=threadpool_limits, initargs=(1,)) as pool:
        found = list(pool.map(one, range(len(parts))))
    scores, predicted = np.empty(len(labels)), np.zeros(len(labels), dtype=np.bool_)
    for fold, (_, test) in zip(found[:folds], parts[:folds], strict=True):
        scores[test], predicted[test] = fold.scores, fold.predicted
    frame = pd.DataFrame([fold.figures for fold in found])
    means, spreads = frame.mean(), frame.std(ddof=0)
    return CrossValidationResult(
        {metric: (float(means[metric]), float(spreads[metric])) for metric in frame.columns},
        scores,
        predicted,
        {
            place: [loss for fold in found[:folds] for loss in fold.permutation[place]]
            for place in found[0].permutation
        },
    )


def _evaluate_fold(
    name: ModelName,
    matrix: Matrix,
    labels: Flags,
    train: Rows,
    test: Rows,
    *,
    random_state: int,
    network: Network,
    importances: bool,
) -> _Fold:
    fitted = fit(name, matrix[train], labels[train], random_state=random_state, network=network)
    raw, actual = fitted.score(matrix[test]), labels[test]
    slope, offset = fit_platt(fitted.inner_scores, fitted.inner_labels)
    threshold, _ = best_f1(apply_platt(fitted.inner_scores, slope, offset), fitted.inner_labels)
    scores = apply_platt(raw, slope, offset)
    tuned = threshold_metrics(scores, actual, threshold)
    figures = {
        **threshold_metrics(raw, actual, 0.5),
        **ranking_metrics(raw, actual),
        **{f"{metric}_tuned": value for metric, value in tuned.items()},
        "threshold": threshold,
        "brier_calibrated": float(((scores - actual) ** 2).mean()),
    }

    def score(some: Matrix) -> Vector:
        return apply_platt(fitted.score(some), slope, offset)

    losses = (
        permutation_losses(score, matrix[test], actual, threshold=threshold, random_state=random_state)
        if importances
        else {}
    )
    return _Fold(figures, scores, scores >= threshold, losses)


def permutation_losses(
    score: Callable[[Matrix], Vector], matrix: Matrix, labels: Flags, *, threshold: float, random_state: int
) -> dict[int, list[float]]:
    """How much F1 at a threshold falls when a feature is shuffled, by place of the feature (Breiman 2001)."""
    generator = np.random.default_rng(random_state)
    whole = threshold_metrics(score(matrix), labels, threshold)["f1"]
    losses: dict[int, list[float]] = {}
    for place in range(matrix.shape[1]):
        losses[place] = []
        for _ in range(SHUFFLES):
            shuffled = matrix.copy()
            shuffled[:, place] = generator.permutation(shuffled[:, place])
            losses[place].append(whole - threshold_metrics(score(shuffled), labels, threshold)["f1"])
    return losses
