"""The protocol ``honest``: no row behind a metric was seen by the model, its threshold or its calibration."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from tiktok_pipeline.arrays import Matrix, Vector
from tiktok_pipeline.classifiers import cross_validation as evaluate
from tiktok_pipeline.classifiers.cross_validation import (
    SHUFFLES,
    CrossValidationResult,
    cross_validate,
    permutation_losses,
)
from tiktok_pipeline.classifiers.labels import Flags
from tiktok_pipeline.classifiers.models import Fitted
from tiktok_pipeline.recipes.classification import ModelName
from tiktok_pipeline_tests.classifiers.invented import SMALL, Memory, creators, row_numbers

FEATURES = ["likes", "videos_count", "following"]
TRAINED: tuple[ModelName, ...] = ("logistic_regression", "random_forest", "gradient_boosting", "neural_network")


def judged(name: ModelName, matrix: Matrix, labels: Flags, **changes: Any) -> CrossValidationResult:
    settings: dict[str, Any] = {"folds": 3, "repeats": 1, "random_state": 4, "network": SMALL, "processes": 1}
    return cross_validate(name, matrix, labels, **(settings | changes))


def first_column(rows: Matrix) -> Vector:
    return rows[:, 0]


def test_a_model_that_learns_by_heart_knows_nothing_of_the_rows_it_is_judged_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(evaluate, "fit", lambda _, matrix, labels, **__: Memory().fitted(matrix, labels))
    matrix, labels = row_numbers(200, 0.3)
    found = judged("random_forest", matrix, labels, folds=5, repeats=2)
    assert found.metrics["average_precision"] == pytest.approx((0.3, 0.0))
    assert found.metrics["roc_auc"] == (0.5, 0.0)
    assert found.scores.tolist() == pytest.approx([0.5] * 200)


@pytest.mark.parametrize("name", ["random_forest", "gradient_boosting", "logistic_regression"])
def test_labels_that_nothing_tells_are_found_no_better_than_by_guessing(name: ModelName) -> None:
    matrix, labels = row_numbers(600, 0.3)
    found = judged(name, matrix, labels)
    assert found.metrics["average_precision"][0] == pytest.approx(0.3, abs=0.07)
    assert found.metrics["roc_auc"][0] == pytest.approx(0.5, abs=0.08)
    assert average_precision_score(labels, found.scores) == pytest.approx(0.3, abs=0.07)


def test_each_fold_is_fitted_on_its_own_training_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    fits: list[tuple[set[float], set[float]]] = []

    def spy(_: ModelName, matrix: Matrix, labels: Flags, **__: Any) -> Fitted:
        scored: set[float] = set()
        fits.append((set(matrix.ravel().tolist()), scored))

        def score(rows: Matrix) -> Vector:
            scored.update(rows.ravel().tolist())
            return np.full(len(rows), 0.5)

        return Fitted(score, np.full(len(labels), 0.5), labels)

    monkeypatch.setattr(evaluate, "fit", spy)
    matrix, labels = row_numbers(60, 0.4)
    judged("logistic_regression", matrix, labels, folds=4, repeats=3, importances=True)
    assert len(fits) == 12
    for trained_on, scored in fits:
        assert not trained_on & scored
        assert len(trained_on | scored) == 60


def test_threshold_and_calibration_come_from_the_inner_rows_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Among the inner rows 0.37 parts the kinds; among the rows that judge, only 0.9 would."""
    matrix, labels = row_numbers(60, 0.5)
    matrix = np.where(labels, 0.9, 0.5)[:, None]
    seen: list[tuple[int, set[float]]] = []

    def fit(_: ModelName, train: Matrix, own: Flags, **__: Any) -> Fitted:
        return Fitted(first_column, np.where(own, 0.37, 0.1), own)

    def learn(scores: Vector, own: Flags) -> tuple[float, float]:
        seen.append((len(own), set(scores.tolist())))
        return 1.0, 0.0

    monkeypatch.setattr(evaluate, "fit", fit)
    monkeypatch.setattr(evaluate, "fit_platt", learn)
    found = judged("logistic_regression", matrix, labels)
    assert found.metrics["threshold"] == pytest.approx((0.37, 0.0))
    assert found.metrics["f1"] == pytest.approx((2 / 3, 0.0))
    assert found.metrics["f1_tuned"] == pytest.approx((2 / 3, 0.0))
    assert found.predicted.all()
    assert seen == [(40, {0.1, 0.37})] * 3


def test_each_row_gets_the_score_of_the_fold_that_held_it_out(monkeypatch: pytest.MonkeyPatch) -> None:
    _, labels = row_numbers(50, 0.4)
    matrix = np.random.default_rng(1).uniform(0.05, 0.95, (50, 1))
    monkeypatch.setattr(evaluate, "fit", lambda _, __, own, **___: Fitted(first_column, np.full(len(own), 0.6), own))
    found = judged("logistic_regression", matrix, labels, folds=5, repeats=2)
    # constant inner scores: nothing to calibrate, and 0.6 is the threshold
    np.testing.assert_allclose(found.scores, matrix[:, 0])
    np.testing.assert_array_equal(found.predicted, matrix[:, 0] >= 0.6)


def test_figures_are_mean_and_deviation_over_all_folds(monkeypatch: pytest.MonkeyPatch) -> None:
    _, labels = row_numbers(40, 0.5)
    values = iter([0.2, 0.4, 0.9, 0.7])
    monkeypatch.setattr(
        evaluate, "fit", lambda _, __, own, **___: Fitted(first_column, np.full(len(own), next(values)), own)
    )
    matrix = np.random.default_rng(0).random((40, 1))
    found = judged("logistic_regression", matrix, labels, folds=2, repeats=2)
    assert found.metrics["threshold"] == pytest.approx((0.55, np.std([0.2, 0.4, 0.9, 0.7])))


@pytest.mark.parametrize("name", TRAINED)
def test_the_same_seed_gives_the_same_figures_whatever_the_number_of_processes(name: ModelName) -> None:
    if name == "neural_network":
        pytest.importorskip("torch")
    rows, labels = creators(90)
    matrix = rows[FEATURES].to_numpy()
    runs = [judged(name, matrix, labels, importances=True, processes=processes) for processes in (1, 2)]
    one, other = runs
    assert one.metrics == other.metrics
    assert one.permutation == other.permutation
    np.testing.assert_array_equal(one.scores, other.scores)
    np.testing.assert_array_equal(one.predicted, other.predicted)


def test_another_seed_gives_other_folds() -> None:
    rows, labels = creators(120)
    matrix = rows[FEATURES].to_numpy()
    one, other = (judged("logistic_regression", matrix, labels, random_state=seed) for seed in (1, 2))
    assert one.metrics["average_precision"] != other.metrics["average_precision"]


@pytest.mark.parametrize(("share", "f1"), [(0.3, 0.0), (0.6, 0.75)])
def test_the_floor_is_what_guessing_reaches(share: float, f1: float) -> None:
    matrix, labels = row_numbers(50, share)
    metrics = {name: mean for name, (mean, _) in judged("dummy", matrix, labels, folds=5).metrics.items()}
    assert metrics == pytest.approx(
        {
            # at 0.5: nobody below it, everybody above
            "precision": share if f1 else 0.0,
            "recall": 1.0 if f1 else 0.0,
            "f1": f1,
            "balanced_accuracy": 0.5,
            "roc_auc": 0.5,
            "average_precision": share,
            "brier": share * (1.0 - share),
            # at the threshold of the inner rows, which is the share itself: everybody
            "precision_tuned": share,
            "recall_tuned": 1.0,
            "f1_tuned": 2 * share / (1 + share),
            "balanced_accuracy_tuned": 0.5,
            "threshold": share,
            "brier_calibrated": share * (1.0 - share),
        }
    )


def test_a_feature_that_tells_is_missed_and_one_that_does_not_is_not() -> None:
    _, labels = row_numbers(90, 0.4)
    random = np.random.default_rng(5)
    matrix = np.column_stack([labels + random.normal(0, 0.1, 90) + 1.0, random.random(90)])
    found = judged("logistic_regression", matrix, labels, importances=True)
    assert list(found.permutation) == [0, 1]
    assert [len(losses) for losses in found.permutation.values()] == [3 * SHUFFLES] * 2
    assert np.mean(found.permutation[0]) > 0.3
    assert np.mean(found.permutation[1]) == pytest.approx(0.0, abs=0.02)


def test_importances_are_of_the_first_repeat_and_only_where_asked_for() -> None:
    rows, labels = creators(90)
    matrix = rows[FEATURES].to_numpy()
    found = judged("logistic_regression", matrix, labels, repeats=2, importances=True)
    assert {len(losses) for losses in found.permutation.values()} == {3 * SHUFFLES}
    assert judged("logistic_regression", matrix, labels).permutation == {}


def test_shuffling_what_a_model_does_not_look_at_costs_nothing() -> None:
    labels = np.array([True, False] * 20)
    matrix = np.column_stack([labels.astype(np.float64), np.arange(40.0)])
    before = matrix.copy()
    losses = permutation_losses(first_column, matrix, labels, threshold=0.5, random_state=0)
    assert losses[1] == [0.0] * SHUFFLES
    np.testing.assert_array_equal(matrix, before)
    # shuffled, the first column finds half of a half: F1 falls from 1 to about 0.5
    assert np.mean(losses[0]) == pytest.approx(0.5, abs=0.15)
    assert permutation_losses(first_column, matrix, labels, threshold=0.5, random_state=0) == losses
