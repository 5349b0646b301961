"""The thresholds of the verdict on a segment, and every place that repeats them."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

import tiktok_pipeline
from tiktok_pipeline.personas.verdict import (
    JACCARD_THRESHOLDS,
    MIN_SEGMENT_PROFILES,
    PATTERN_JACCARD,
    STABLE_JACCARD,
    VERDICTS,
    Measured,
    segment_verdict,
)
from tiktok_pipeline.reports.captions import CAPTIONS

CHECKOUT = Path(tiktok_pipeline.__file__).parents[1]


@pytest.mark.parametrize(
    ("jaccard", "error", "profiles", "expected"),
    [
        (1.0, 0.0, 29, "too small"),
        (None, None, 29, "too small"),
        (0.0, 0.0, 0, "too small"),
        (None, None, 30, "not measured"),
        (math.nan, math.nan, 30, "not measured"),
        (0.9, None, 30, "not measured"),  # one draw has no standard error
        (1.0, 0.0, 30, "stable"),
        (0.75, 0.0, 30, "stable"),
        (math.nextafter(0.75, 0.0), 0.0, 30, "pattern"),
        (0.6, 0.0, 30, "pattern"),
        (math.nextafter(0.6, 0.0), 0.0, 30, "unstable"),
        (0.0, 0.5, 1_000_000, "unstable"),
        # 0.8 - 1.645 x 0.03 = 0.75065; 0.8 - 1.645 x 0.031 = 0.749005
        (0.8, 0.03, 30, "stable"),
        (0.8, 0.031, 30, "pattern"),
        # 0.65 - 1.645 x 0.03 = 0.60065; 0.65 - 1.645 x 0.031 = 0.599005
        (0.65, 0.03, 30, "pattern"),
        (0.65, 0.031, 30, "unstable"),
    ],
)
def test_segment_verdict_at_its_thresholds(
    jaccard: float | None, error: float | None, profiles: int, expected: str
) -> None:
    assert segment_verdict(Measured(jaccard, error, profiles)).label == expected


@pytest.mark.parametrize(
    ("jaccard", "error", "bound"), [(0.9, 0.1, 0.7355), (0.1, 0.2, 0.0), (None, 0.1, None), (0.9, math.nan, None)]
)
def test_the_lower_bound(jaccard: float | None, error: float | None, bound: float | None) -> None:
    assert Measured(jaccard, error, 100).lower_bound == (None if bound is None else pytest.approx(bound))


def test_thresholds_are_those_of_hennig_in_ascending_order() -> None:
    assert {threshold: verdict.label for threshold, verdict in JACCARD_THRESHOLDS.items()} == {
        0.6: "pattern",
        0.75: "stable",
    }
    assert list(JACCARD_THRESHOLDS) == sorted(JACCARD_THRESHOLDS)
    assert MIN_SEGMENT_PROFILES == 30


def test_every_verdict_is_keyed_by_its_label_and_described() -> None:
    assert list(VERDICTS) == ["stable", "pattern", "unstable", "too small", "not measured", "no segment"]
    assert all(label == verdict.label for label, verdict in VERDICTS.items())
    assert len({verdict.description for verdict in VERDICTS.values()}) == len(VERDICTS)


def test_the_documentation_and_the_caption_of_the_plot_give_the_same_thresholds() -> None:
    pages = [CHECKOUT / "README.md", *sorted((CHECKOUT / "docs").rglob("*.md"))]
    paragraphs = [part for page in pages for part in page.read_text("utf-8").split("\n\n")]
    words = ("Jaccard", "stable", "pattern", f"{STABLE_JACCARD}", f"{PATTERN_JACCARD}")
    assert [part for part in paragraphs if all(word in part for word in words)]
    assert f"pattern from {PATTERN_JACCARD}, stable from {STABLE_JACCARD}." in CAPTIONS["trust"]
