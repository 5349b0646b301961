"""Platt's calibration of scores: by hand, and on scores with a known truth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from tiktok_pipeline.classifiers.calibration import apply_platt, fit_platt, log_odds
from tiktok_pipeline_tests.classifiers.test_metrics import LABELS, ROWS, Rows, apart
from tiktok_pipeline_tests.hypothesis_profiles import examples


def test_log_odds_by_hand() -> None:
    assert log_odds(np.array([0.5, 0.75, 0.0, 1.0])) == pytest.approx([0.0, np.log(3), -13.815510, 13.815510])


def test_calibrated_scores_by_hand() -> None:
    assert apply_platt(np.array([0.5, 0.75]), 1.0, 0.0) == pytest.approx([0.5, 0.75])
    assert apply_platt(np.array([0.75]), 2.0, 0.0) == pytest.approx([0.9])
    assert apply_platt(np.array([0.5]), 1.0, np.log(4)) == pytest.approx([0.8])


def test_platt_leaves_calibrated_scores_as_they_are() -> None:
    random = np.random.default_rng(1)
    scores = random.uniform(0.01, 0.99, 40_000)
    labels = random.random(40_000) < scores
    slope, offset = fit_platt(scores, labels)
    assert slope == pytest.approx(1.0, abs=0.03)
    assert offset == pytest.approx(0.0, abs=0.05)
    np.testing.assert_allclose(apply_platt(scores, slope, offset), scores, atol=0.01)


def test_platt_corrects_overconfident_scores() -> None:
    random = np.random.default_rng(2)
    truth = random.uniform(0.05, 0.95, 40_000)
    labels = random.random(40_000) < truth
    overconfident = apply_platt(truth, 3.0, 1.0)
    slope, offset = fit_platt(overconfident, labels)
    assert slope == pytest.approx(1 / 3, abs=0.02)
    np.testing.assert_allclose(apply_platt(overconfident, slope, offset), truth, atol=0.02)


def test_constant_scores_are_left_as_they_are() -> None:
    assert fit_platt(np.full(6, 0.3), LABELS) == (1.0, 0.0)
    assert apply_platt(np.full(2, 0.3), 1.0, 0.0) == pytest.approx([0.3, 0.3])


@settings(max_examples=examples(25), deadline=None)
@given(rows=ROWS)
def test_calibration_of_any_scores_gives_probabilities_in_their_order(rows: Rows) -> None:
    scores, labels = apart(rows)
    slope, offset = fit_platt(scores, labels)
    found = apply_platt(np.sort(scores), slope, offset)
    assert ((found >= 0.0) & (found <= 1.0)).all()
    assert (np.diff(found) * np.sign(slope) >= 0.0).all()


def test_scores_that_barely_separate_the_classes_do_not_overflow() -> None:
    # The slope is then so steep that a certain score is thousands of log odds away.
    scores = np.where(np.arange(200) % 2, 0.5001, 0.4999)
    slope, offset = fit_platt(scores, np.arange(200) % 2 == 1)
    assert apply_platt(np.array([0.0, 0.5, 1.0]), slope, offset) == pytest.approx([0.0, 0.5, 1.0], abs=1e-6)
    assert apply_platt(np.array([0.0, 1.0]), 1e6, 0.0) == pytest.approx([0.0, 1.0], abs=1e-9)
