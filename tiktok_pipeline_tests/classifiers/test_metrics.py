"""Figures of scores against a label: by hand, and held to scikit-learn, ties included."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import (
    average_precision_score,
    balanced_accuracy_score,
    brier_score_loss,
    f1_score,
    precision_recall_curve,
    precision_score,
    recall_score,
    roc_auc_score,
)

from tiktok_pipeline.classifiers.labels import Flags
from tiktok_pipeline.classifiers.metrics import (
    CURVE_POINTS,
    best_f1,
    curves,
    ranking_metrics,
    threshold_for_precision,
    threshold_metrics,
)
from tiktok_pipeline_tests.hypothesis_profiles import examples

SCORES = np.array([0.9, 0.8, 0.7, 0.6, 0.2, 0.1])
LABELS = np.array([True, True, False, True, False, False])

# A grid makes many ties, which is where a sweep over sorted scores goes wrong.
ROWS = st.lists(
    st.tuples(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 1.0]) | st.floats(0.0, 1.0), st.booleans()),
    min_size=2,
    max_size=40,
).filter(lambda rows: len({label for _, label in rows}) == 2)
Rows = list[tuple[float, bool]]


def apart(rows: Rows) -> tuple[np.ndarray, Flags]:
    return np.array([score for score, _ in rows]), np.array([label for _, label in rows])


def test_figures_at_a_threshold_by_hand() -> None:
    # taken: 0.9, 0.8, 0.7 - two of them right, of three that are positive
    found = threshold_metrics(SCORES, LABELS, 0.7)
    assert found == pytest.approx({"precision": 2 / 3, "recall": 2 / 3, "f1": 2 / 3, "balanced_accuracy": 2 / 3})
    found = threshold_metrics(SCORES, LABELS, 0.15)
    assert found == pytest.approx({"precision": 0.6, "recall": 1.0, "f1": 0.75, "balanced_accuracy": 2 / 3})


def test_a_score_at_the_threshold_counts() -> None:
    assert threshold_metrics(np.array([0.5]), np.array([True]), 0.5)["recall"] == 1.0


def test_a_ratio_over_nothing_is_zero() -> None:
    nobody = threshold_metrics(SCORES, LABELS, 0.95)
    assert nobody == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "balanced_accuracy": 0.5}
    assert threshold_metrics(SCORES, np.zeros(6, dtype=np.bool_), 0.5)["recall"] == 0.0


def test_best_f1_by_hand() -> None:
    # at 0.6 all three positives and one other are taken: 2 * (3/4) / (7/4)
    assert best_f1(SCORES, LABELS) == pytest.approx((0.6, 6 / 7))


def test_of_equal_f1_the_lowest_threshold_is_taken() -> None:
    # 0.9: P 1, R 1/2; 0.6: P 1/2, R 1 - both F1 2/3, and nothing is better
    scores, labels = np.array([0.9, 0.8, 0.7, 0.6]), np.array([True, False, False, True])
    assert best_f1(scores, labels) == pytest.approx((0.6, 2 / 3))


def test_without_a_positive_the_best_f1_is_zero() -> None:
    assert best_f1(SCORES, np.zeros(6, dtype=np.bool_)) == (0.1, 0.0)


def test_threshold_for_a_precision_by_hand() -> None:
    # ascending thresholds have precision 3/6, 3/5, 3/4, 2/3, 1, 1
    assert threshold_for_precision(SCORES, LABELS, 0.7) == 0.6
    assert threshold_for_precision(SCORES, LABELS, 0.76) == 0.8
    assert threshold_for_precision(SCORES, LABELS, 0.0) == 0.1


def test_a_precision_that_none_reaches_gives_the_highest_there_is() -> None:
    scores, labels = np.array([0.9, 0.8, 0.8, 0.1]), np.array([False, True, True, False])
    assert threshold_for_precision(scores, labels, 0.99) == 0.8


@settings(max_examples=examples(60), deadline=None)
@given(rows=ROWS, threshold=st.sampled_from([0.0, 0.25, 0.5, 1.0]))
def test_figures_at_a_threshold_are_those_of_scikit_learn(rows: Rows, threshold: float) -> None:
    scores, labels = apart(rows)
    taken = scores >= threshold
    assert threshold_metrics(scores, labels, threshold) == pytest.approx(
        {
            "precision": precision_score(labels, taken, zero_division=0.0),
            "recall": recall_score(labels, taken),
            "f1": f1_score(labels, taken),
            "balanced_accuracy": balanced_accuracy_score(labels, taken),
        }
    )


@settings(max_examples=examples(60), deadline=None)
@given(rows=ROWS)
def test_no_threshold_of_scikit_learn_has_a_better_f1(rows: Rows) -> None:
    scores, labels = apart(rows)
    threshold, f1 = best_f1(scores, labels)
    all_of_them = {float(one): f1_score(labels, scores >= one) for one in np.unique(scores)}
    assert f1 == pytest.approx(max(all_of_them.values()))
    assert f1_score(labels, scores >= threshold) == pytest.approx(f1)
    assert threshold == min(one for one, other in all_of_them.items() if other == pytest.approx(f1, abs=1e-12))


@settings(max_examples=examples(60), deadline=None)
@given(rows=ROWS, wanted=st.sampled_from([0.0, 0.3, 0.5, 0.88, 1.0]))
def test_the_threshold_for_a_precision_is_the_lowest_of_scikit_learns_curve(rows: Rows, wanted: float) -> None:
    scores, labels = apart(rows)
    precision, _, thresholds = precision_recall_curve(labels, scores)
    precision = precision[:-1]
    reached = thresholds[precision >= wanted]
    found = threshold_for_precision(scores, labels, wanted)
    assert found == (reached[0] if len(reached) else thresholds[precision.argmax()])


@settings(max_examples=examples(50), deadline=None)
@given(rows=ROWS)
def test_figures_over_all_thresholds_are_those_of_scikit_learn(rows: Rows) -> None:
    scores, labels = apart(rows)
    assert ranking_metrics(scores, labels) == pytest.approx(
        {
            "roc_auc": roc_auc_score(labels, scores),
            "average_precision": average_precision_score(labels, scores),
            "brier": brier_score_loss(labels, scores),
        }
    )


@settings(max_examples=examples(50), deadline=None)
@given(rows=ROWS)
def test_the_curve_is_that_of_scikit_learn_at_every_recall_and_sums_to_the_average_precision(rows: Rows) -> None:
    scores, labels = apart(rows)
    found = [point for point in curves(scores, labels) if point[0] == "precision_recall"]
    precision, recall, thresholds = precision_recall_curve(labels, scores, drop_intermediate=False)
    # of the thresholds with one recall the highest is kept: the fewest false alarms
    kept = [place for place in range(len(thresholds)) if recall[place] > recall[place + 1] or not recall[place]]
    kept = [place for place in kept if recall[place] or place == len(thresholds) - 1]
    assert [point[1] for point in found] == thresholds[kept].tolist()
    assert [point[2] for point in found] == pytest.approx(recall[kept].tolist())
    assert [point[3] for point in found] == pytest.approx(precision[kept].tolist())
    steps = -np.diff([point[2] for point in found] + [0.0])
    area = float(steps @ np.array([point[3] for point in found]))
    assert area == pytest.approx(average_precision_score(labels, scores))


@settings(max_examples=examples(60), deadline=None)
@given(seed=st.integers(0, 2**32 - 1), rows=st.integers(2, 400), digits=st.sampled_from([1, 2, 12]))
def test_curves_are_thinned_and_stay_within_zero_and_one(seed: int, rows: int, digits: int) -> None:
    random = np.random.default_rng(seed)
    scores, labels = random.random(rows).round(digits), random.random(rows) < 0.3
    points = curves(scores, labels)
    for _, threshold, x, y in points:
        assert 0.0 <= x <= 1.0
        assert 0.0 <= y <= 1.0
        assert threshold is None or 0.0 <= threshold <= 1.0
    counts = {name: sum(point[0] == name for point in points) for name in {point[0] for point in points}}
    assert 1 <= counts["precision_recall"] <= min(len(np.unique(scores)), CURVE_POINTS)
    assert counts["precision"] == counts["recall"] == counts["f1"] <= 51
    assert 1 <= counts.get("calibration", 1) <= min(rows, 10)


@pytest.mark.parametrize("positives", [1, 7, 40, 300])
def test_thinning_keeps_both_ends_and_steps_evenly_through_the_recall(positives: int) -> None:
    random = np.random.default_rng(1)
    labels = random.permutation(np.arange(2_000) < positives)
    scores = random.random(2_000) * np.where(labels, 1.0, 0.8)
    found = [point for point in curves(scores, labels) if point[0] == "precision_recall"]
    thresholds, recalls = [point[1] for point in found], np.array([point[2] for point in found])
    assert thresholds == sorted(thresholds)  # type: ignore[type-var]
    assert recalls[0] == 1.0
    assert thresholds[-1] == scores.max()
    assert (-np.diff(recalls)).max(initial=0.0) <= 1 / (CURVE_POINTS - 1) + 1 / positives + 1e-9


def test_each_point_of_the_calibration_curve_has_a_tenth_of_the_sum_of_scores() -> None:
    """Ninety scores of 0.01 sum to 0.9 and ten of 0.81 to 8.1: a tenth of 9 is all small ones, or one large one."""
    scores = np.array([0.01] * 90 + [0.81] * 10)
    labels = np.arange(100) >= 92
    found = [point for point in curves(scores[::-1], labels[::-1]) if point[0] == "calibration"]
    assert [point[2] for point in found] == pytest.approx([0.01] + [0.81] * 8 + [0.81])
    assert [point[3] for point in found] == pytest.approx([0.0, 0.0, 0.5, *[1.0] * 7], abs=1.0)
    assert len(found) == 10


def test_scores_that_are_all_zero_have_no_calibration_curve() -> None:
    assert not [point for point in curves(np.zeros(5), np.arange(5) == 0) if point[0] == "calibration"]


def test_thresholds_that_nobody_reaches_have_no_point() -> None:
    points = curves(np.array([0.1, 0.3, 0.3]), np.array([False, True, False]))
    assert max(point[1] for point in points if point[0] == "precision") == pytest.approx(0.3)  # type: ignore[type-var]
