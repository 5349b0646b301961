"""The protocol ``honest``: repeated stratified cross-validation, thresholds and calibration chosen inside the folds.

No row that a metric is computed on was seen by the model, by its threshold or by its calibration.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tiktok_pipeline.arrays import Matrix, Vector
from tiktok_pipeline.classifiers.calibration import apply_platt, fit_platt
from tiktok_pipeline.classifiers.labels import Flags
from tiktok_pipeline.classifiers.metrics import best_f1, ranking_metrics, threshold_metrics
from tiktok_pipeline.classifiers.models import fit
from tiktok_pipeline.processes import map_in_processes
from tiktok_pipeline.recipes.classification import ModelName, Network

SHUFFLES = 5
"""Shuffles of each feature per fold."""

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class CrossValidationResult:
    """The cross-validation of one model on one feature set.

    Attributes
    ----------
    metrics : dict of str to (float, float)
        Mean and standard deviation of each metric over all folds.
    std_of_repeats : dict of str to float
        Standard deviation of the means of the repeats.
    scores : ndarray of shape (n_rows,)
        Calibrated out-of-fold scores of the first repeat.
    predicted : ndarray of bool of shape (n_rows,)
        Out-of-fold predictions of the first repeat.
    permutation : dict of int to list of float
        Loss of F1 per shuffle, by the position of the feature; from the first repeat.
    """

    metrics: dict[str, tuple[float, float]]
    std_of_repeats: dict[str, float]
    scores: Vector
    predicted: Flags
    permutation: dict[int, list[float]]


@dataclass(frozen=True)
class _FoldTask:
    """What one fold is evaluated from; see `cross_validate`."""

    name: ModelName
    matrix: Matrix
    labels: Flags
    train: Rows
    test: Rows
    random_state: int
    network: Network
    importances: bool


@dataclass(frozen=True)
class _Fold:
    metrics: dict[str, float]
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
    processes: int = 1,
) -> CrossValidationResult:
    """Evaluate a model by repeated stratified cross-validation; the same arguments give the same metrics.

    Parameters
    ----------
    name : str
        Name of the model.
    matrix : ndarray of shape (n_rows, n_features)
        The features; NaN if missing.
    labels : ndarray of bool of shape (n_rows,)
        Whether a row is positive.
    folds, repeats : int
        Folds of each repeat, and repeats.
    random_state : int
        Seed of the splits, the models and the shuffles.
    network : Network
        Settings of the neural network; the other models ignore it.
    importances : bool, default False
        Compute permutation importances on the first repeat.
    processes : int, default 1
        Folds evaluated at the same time, each in a process.
    """
    from sklearn.model_selection import RepeatedStratifiedKFold  # noqa: PLC0415 - importing it costs seconds

    splitter = RepeatedStratifiedKFold(n_splits=folds, n_repeats=repeats, random_state=random_state)
    splits = list(splitter.split(matrix, labels))
    tasks = [
        _FoldTask(name, matrix, labels, train, test, random_state, network, importances and number < folds)
        for number, (train, test) in enumerate(splits)
    ]
    results = map_in_processes(_evaluate_fold, tasks, processes=processes)
    scores, predicted = np.empty(len(labels)), np.zeros(len(labels), dtype=np.bool_)
    for fold, (_, test) in zip(results[:folds], splits[:folds], strict=True):
        scores[test], predicted[test] = fold.scores, fold.predicted
    frame = pd.DataFrame([fold.metrics for fold in results])
    means, spreads = frame.mean(), frame.std(ddof=0)
    of_repeats = frame.groupby(np.arange(len(frame)) // folds).mean().std(ddof=0)
    return CrossValidationResult(
        {metric: (float(means[metric]), float(spreads[metric])) for metric in frame.columns},
        {str(metric): float(value) for metric, value in of_repeats.items()},
        scores,
        predicted,
        {
            position: [loss for fold in results[:folds] for loss in fold.permutation[position]]
            for position in results[0].permutation
        },
    )


def _evaluate_fold(task: _FoldTask) -> _Fold:
    import sklearn.ensemble  # noqa: F401, PLC0415 - the limit holds only for libraries that are loaded by then
    from threadpoolctl import threadpool_limits  # noqa: PLC0415

    with threadpool_limits(1):
        return _evaluated(task)


def _evaluated(task: _FoldTask) -> _Fold:
    matrix, labels, test = task.matrix, task.labels, task.test
    fitted = fit(
        task.name,
        matrix[task.train],
        labels[task.train],
        random_state=task.random_state,
        network=task.network,
    )
    raw, actual = fitted.score(matrix[test]), labels[test]
    slope, offset = fit_platt(fitted.inner_scores, fitted.inner_labels)
    threshold, _ = best_f1(apply_platt(fitted.inner_scores, slope, offset), fitted.inner_labels)
    scores = apply_platt(raw, slope, offset)
    tuned = threshold_metrics(scores, actual, threshold)
    metrics = {
        **threshold_metrics(raw, actual, 0.5),
        **ranking_metrics(raw, actual),
        **{f"{metric}_tuned": value for metric, value in tuned.items()},
        "threshold": threshold,
        "brier_calibrated": float(((scores - actual) ** 2).mean()),
    }

    def score(rows: Matrix) -> Vector:
        return apply_platt(fitted.score(rows), slope, offset)

    losses = (
        permutation_losses(score, matrix[test], actual, threshold=threshold, random_state=task.random_state)
        if task.importances
        else {}
    )
    return _Fold(metrics, scores, scores >= threshold, losses)


def permutation_losses(
    score: Callable[[Matrix], Vector], matrix: Matrix, labels: Flags, *, threshold: float, random_state: int
) -> dict[int, list[float]]:
    """Return how much F1 at a threshold falls when a feature is shuffled.

    Parameters
    ----------
    score : callable
        Maps a matrix (rows x features) to scores.
    matrix, labels : ndarray
        Rows that the model did not see, and their labels.
    threshold : float
        A row with at least this score is predicted positive.
    random_state : int
        Seed of the shuffles.

    Returns
    -------
    dict of int to list of float
        The losses of `SHUFFLES` shuffles, by the position of the feature.

    References
    ----------
    Breiman 2001, Random forests.
    """
    generator = np.random.default_rng(random_state)
    baseline = threshold_metrics(score(matrix), labels, threshold)["f1"]
    losses: dict[int, list[float]] = {}
    for position in range(matrix.shape[1]):
        losses[position] = []
        for _ in range(SHUFFLES):
            shuffled = matrix.copy()
            shuffled[:, position] = generator.permutation(shuffled[:, position])
            losses[position].append(baseline - threshold_metrics(score(shuffled), labels, threshold)["f1"])
    return losses
