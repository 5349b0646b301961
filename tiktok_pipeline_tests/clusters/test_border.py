"""What would move a creator: the closed form by hand, and nothing where the answer is absurd."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiktok_pipeline.clusters.border import Move, moves_to_runner_up
from tiktok_pipeline.clusters.model import SegmentModel


def a_model(features: tuple[str, ...], centroids: list[list[float]], transform: str = "identity") -> SegmentModel:
    count = len(features)
    points = np.array(centroids)
    return SegmentModel(features, (transform,) * count, (None,) * count, np.zeros(count), np.ones(count), points)


TWO = a_model(("likes", "videos_count"), [[0.0, 10.0], [0.0, 30.0]])


@pytest.mark.parametrize(
    ("videos", "limit", "after"),
    [
        (12.0, 100.0, 20.0),
        (12.0, 20.0, 20.0),
        (12.0, 19.9, None),  # beyond the 99th percentile
        (28.0, 100.0, None),  # nobody unpublishes videos
        (math.nan, 100.0, None),
    ],
)
def test_the_border_by_hand(videos: float, limit: float, after: float | None) -> None:
    found = moves_to_runner_up(TWO, {"likes": 5.0, "videos_count": videos}, {"videos_count": limit})
    assert found == ([] if after is None else [Move("videos_count", videos, after)])


def test_accounts_followed_can_be_lowered_but_not_below_none() -> None:
    model = a_model(("following",), [[10.0], [30.0]])
    assert moves_to_runner_up(model, {"following": 28.0}, {"following": 99.0}) == [Move("following", 28.0, 20.0)]
    low = a_model(("following",), [[-30.0], [10.0]])
    assert moves_to_runner_up(low, {"following": 9.0}, {"following": 99.0}) == []


def test_likes_and_followers_are_nothing_that_a_creator_sets() -> None:
    model = a_model(("likes", "followers"), [[0.0, 0.0], [10.0, 10.0]])
    assert moves_to_runner_up(model, {"likes": 1.0, "followers": 1.0}, {"likes": 99.0, "followers": 99.0}) == []


def test_a_third_segment_in_between_is_no_way_to_the_runner_up() -> None:
    """From (0, 4) straight to the border of the two left centers, the third one is nearer."""
    model = a_model(("likes", "videos_count"), [[0.0, 0.0], [9.0, 2.0], [-10.0, 20.0]])
    values = {"likes": 1.0, "videos_count": 1.0}
    assert moves_to_runner_up(model, values, {"videos_count": 999.0}) == []


@pytest.mark.parametrize("feature", ["log_videos_count", "videos_count"])
@given(st.floats(1.0, 8.0), st.floats(0.0, 4.0))
def test_at_the_border_both_centers_are_equally_near(feature: str, start: float, other: float) -> None:
    is_log = feature.startswith("log_")
    model = a_model((feature, "likes"), [[1.0, 0.0], [8.0, 3.0]], "identity" if is_log else "log1p")
    likes = other if is_log else math.expm1(other)
    value = start if is_log else math.expm1(start)
    for move in moves_to_runner_up(model, {feature: value, "likes": likes}, {"videos_count": 1e9}):
        at = math.log1p(move.after) if is_log else move.after
        point = model.transform(pd.DataFrame([{feature: at, "likes": likes}]))[0]
        near, far = np.linalg.norm(model.centroids - point, axis=1)
        assert near == pytest.approx(far, rel=1e-6)
