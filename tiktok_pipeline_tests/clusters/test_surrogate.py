"""Segments as rules: a tree that finds thresholds, and fidelity on creators that it was not fitted on."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tiktok_pipeline.clusters.surrogate import fit_surrogate

FOLLOWERS = np.arange(200, dtype=np.float64)
VALUES = pd.DataFrame({"followers": FOLLOWERS, "videos_count": FOLLOWERS % 7})
SEGMENTS = pd.Series((FOLLOWERS >= 100).astype(int))
MARGINS = pd.Series(np.abs(FOLLOWERS - 99.5) / 100)


def test_a_threshold_is_one_rule_for_each_side() -> None:
    found = fit_surrogate(VALUES, SEGMENTS, MARGINS, random_state=1)
    assert found is not None
    rules = {rule.cluster: (dict(rule.conditions), rule.profiles, rule.share_right) for rule in found.rules}
    assert rules == {0: ({"followers": (None, 99.5)}, 100, 1.0), 1: ({"followers": (99.5, None)}, 100, 1.0)}
    assert found.fidelity >= 0.98


def test_labels_that_no_rule_gives_have_a_fidelity_of_chance() -> None:
    random = np.random.default_rng(3)
    found = fit_surrogate(VALUES, pd.Series(random.integers(0, 2, 200)), MARGINS, random_state=1)
    assert found is not None
    assert found.fidelity == pytest.approx(0.5, abs=0.12)


def test_the_least_certain_quarter_is_measured_apart() -> None:
    """The fifty rows next to the border have labels by chance; all others follow the rule."""
    random = np.random.default_rng(4)
    near = MARGINS.quantile(0.25) >= MARGINS
    mixed = SEGMENTS.where(~near, pd.Series(random.integers(0, 2, 200)))
    found = fit_surrogate(VALUES, mixed, MARGINS, random_state=1)
    assert found is not None
    assert found.fidelity_uncertain < 0.75 < found.fidelity


def test_a_segment_of_a_few_creators_has_no_rule() -> None:
    assert fit_surrogate(VALUES, pd.Series((FOLLOWERS >= 196).astype(int)), MARGINS, random_state=1) is None
    assert fit_surrogate(VALUES, pd.Series((FOLLOWERS >= 195).astype(int)), MARGINS, random_state=1) is not None
    assert fit_surrogate(VALUES[:0], SEGMENTS[:0], MARGINS[:0], random_state=1) is None


def test_creators_without_a_value_are_left_out() -> None:
    holes = VALUES.assign(videos_count=VALUES["videos_count"].where(FOLLOWERS % 2 == 0))
    found = fit_surrogate(holes, SEGMENTS, MARGINS, random_state=1)
    assert found is not None
    assert sum(rule.profiles for rule in found.rules) == 100
