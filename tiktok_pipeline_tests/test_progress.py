"""How far a refresh is, worked out by hand from the weights of its steps."""

from __future__ import annotations

import pytest

from tiktok_pipeline.cli.progress import Estimate

STEPS = ["raw", "validated", "features_profiles", "published"]
MILLION = 1_000_000
# raw 0.05, validated 0.6 + 4.0, features_profiles 0.1 + 1.6, published 0.3 + 2.1
TOTAL = 0.05 + 4.6 + 1.7 + 2.4


def test_nothing_is_done_at_first_and_all_at_the_end() -> None:
    found = Estimate(STEPS, MILLION, started=100.0)
    assert found.share(100.0) == 0.0
    assert found.seconds_left(100.0) is None
    for step in STEPS:
        found.start(step, 100.0)
    found.start("", 120.0)
    assert found.share(120.0) == pytest.approx(1.0)
    assert found.seconds_left(120.0) == pytest.approx(0.0)


def test_a_step_counts_by_its_weight() -> None:
    found = Estimate(STEPS, MILLION, started=0.0)
    found.start("raw", 0.0)
    found.start("validated", 0.05)
    found.start("features_profiles", 10.0)
    assert found.share(10.0) == pytest.approx((0.05 + 4.6) / TOTAL)
    # 10 s for 4.65 of 8.75: the rest takes 10 x 4.1 / 4.65
    assert found.seconds_left(10.0) == pytest.approx(10 * 4.1 / 4.65)


def test_inside_a_step_it_goes_on_at_the_pace_so_far_and_never_to_its_end() -> None:
    found = Estimate(STEPS, MILLION, started=0.0)
    found.start("validated", 0.0)
    found.start("features_profiles", 9.2)  # twice the weight: half the pace
    assert found.share(10.2) == pytest.approx((4.6 + 0.5) / TOTAL)
    assert found.share(1_000.0) == pytest.approx((4.6 + 0.95 * 1.7) / TOTAL)


def test_rows_rate_and_time_left_are_told_for_many_rows_only() -> None:
    found = Estimate(STEPS, MILLION, started=0.0)
    found.start("validated", 0.0)
    found.start("features_profiles", 46.0)
    assert found.told(46.0) == "1,000,000 rows, 11,429 a second, about 42 s left"
    few = Estimate(STEPS, 1_000, started=0.0)
    assert few.told(46.0) == ""


def test_an_unknown_step_does_no_harm() -> None:
    found = Estimate(["a", "b"], MILLION, started=0.0)
    found.start("c", 0.0)
    found.start("a", 1.0)
    found.start("b", 2.0)
    assert found.share(2.0) == pytest.approx(0.5)
    assert Estimate([], 0, started=0.0).share(1.0) == 1.0
